/**
 * A client's connection through the proxy: two directions between two sockets, how far it has come, and what it tells the
 * breaker. It reports once: success as soon as the upstream is healthy enough, not when the connection ends.
 *
 * A close that both sides had said beforehand ends nothing early: what waits for the other side is still delivered. A
 * reset is passed on as a reset.
 */
import type { Result, Ticket } from "./breaker.ts";
import { Flow, type Socket } from "./flow.ts";
import type { Upstream } from "./upstream.ts";

/** One attempt to reach an upstream. It outlives its connection when that gives up first. */
export interface Dial {
  readonly connection: Connection;
  readonly upstream: Upstream;
  readonly startedMs: number;
  /** The address that is tried now, and how many were before it. */
  hostname: string;
  triedBefore: number;
  /** Nobody waits for it any more: when it succeeds, it is closed. */
  isAbandoned: boolean;
  /** Set while it waits in a way that can be given up at once, descriptor and all: does so. */
  revoke?: (() => void) | undefined;
  /** Set while TLS is being agreed upon: until then it has not succeeded. */
  shaking?: Socket | undefined;
}

/** Why a connection ended, for the access log and the counts. */
export type Ending =
  | "done"
  | "client-reset"
  | "upstream-reset"
  | "idle"
  | "first-byte-timeout"
  | "dial-failed"
  | "open"
  | "full"
  | "rate"
  | "client-rate"
  | "client-connections"
  | "own-limit"
  | "toxic"
  | "stopped";

/** A connection. */
export class Connection {
  readonly up = new Flow();
  readonly down = new Flow();
  /** Of the client; empty where nobody needs it. */
  readonly address: string;
  /** When it was taken, monotonic ms. */
  readonly startedMs: number;
  client: Socket | undefined;
  server: Socket | undefined;
  upstream: Upstream | undefined;
  dial: Dial | undefined;
  /** Upstreams that failed already. */
  tried: Upstream[] | undefined;
  /** When the upstream took it, and when its first byte came; 0 until then. */
  connectedMs = 0;
  firstByteMs = 0;
  /** When the client had sent its first bytes, as far as was looked. */
  askedMs = 0;
  /** When bytes moved last, as far as was looked, and how many there had been. */
  movedMs: number;
  movedBytes = 0;
  /** When one of its sides was gone while the other may still take bytes and say its end; 0 before. */
  goneMs = 0;
  /** Among the open ones. */
  place = -1;
  /** Whether it counts among those that are served; not while it waits in the queue. */
  isServed = false;
  isKeptAlive = false;
  ending: Ending | undefined;
  #ticket: Ticket | undefined;

  constructor(client: Socket, address: string, nowMs: number) {
    this.client = client;
    this.address = address;
    this.startedMs = nowMs;
    this.movedMs = nowMs;
    this.up.from = client;
    this.up.reverse = this.down;
    this.down.reverse = this.up;
    this.down.connect(client);
  }

  /** Whether the breaker still waits for a word. */
  get isUnjudged(): boolean {
    return this.#ticket !== undefined;
  }

  /** Is tried at an upstream with a right that has to be reported. */
  assign(upstream: Upstream, ticket: Ticket): void {
    this.upstream = upstream;
    this.#ticket = ticket;
  }

  /** Tells the breaker, the first time. */
  judge(result: Result): void {
    const ticket = this.#ticket;
    if (ticket === undefined) return;
    this.#ticket = undefined;
    this.upstream?.report(ticket, result);
  }

  /** The upstream took it. */
  connect(server: Socket, nowMs: number): void {
    this.dial = undefined;
    this.server = server;
    this.connectedMs = nowMs;
    this.movedMs = nowMs;
    this.down.from = server;
    this.up.connect(server);
  }

  /** Lets go of stages once nothing can flow. */
  stopStages(): void {
    this.up.stage?.stop();
    this.down.stage?.stop();
  }
}
