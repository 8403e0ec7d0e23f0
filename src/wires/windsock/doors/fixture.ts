/**
 * The newer doors on a free port, over a real hub, for tests: tokens are signed by `key`, callers without one have the
 * scopes that a test gives them.
 */
import { type Clock, systemClock } from "../../../kit/clock.ts";
import { socketHandlers, type SocketHandler } from "../../../kit/http/socket.ts";
import { pathOf } from "../../../kit/http/target.ts";
import { silentLog } from "../../../kit/log.ts";
import type { Caller, Scope } from "../../../kit/service.ts";
import { OrderedHub } from "../hub-ordered.ts";
import { Limits } from "../limits.ts";
import { MemoryLog } from "../log-memory.ts";
import { signClaims } from "./jwt.ts";
import type { DoorLimits } from "./limits.ts";
import { NewerDoors, type NewerDoorsOptions } from "./newer-doors.ts";
import { Revocations } from "./revocations.ts";
import { TokenDesk } from "./rights.ts";

/** What tests sign with. */
export const key = { id: "k1", secret: "a secret of the tests" };
/** The secret of tokens of seven fields, and of back ends. */
export const secret = "another secret of the tests";

/** What a test changes. */
export interface FixtureOptions {
  clock?: Clock;
  bounds?: Partial<DoorLimits>;
  webhooks?: NewerDoorsOptions["webhooks"];
  origins?: readonly string[];
  scopes?: readonly Scope[];
  /** Publications that are kept. @default 1000 */
  kept?: number;
  pingMs?: number;
  connectionsPerUser?: number;
  connectionsPerAddress?: number;
  /** Paths that are not let through, as a proxy may do. */
  barred?: Set<string>;
}

/** Doors that are open. */
export interface Fixture extends AsyncDisposable {
  readonly hub: OrderedHub;
  readonly doors: NewerDoors;
  /** Without a trailing slash. */
  readonly url: string;
  /** A token that is good for an hour. */
  token(claims: Record<string, unknown>): string;
  /** Cuts every connection, as a network would. */
  cut(): void;
}

/** Opens them. */
export function openDoors(options: FixtureOptions = {}): Fixture {
  const clock = options.clock ?? systemClock;
  const log = new MemoryLog({ count: options.kept ?? 1000, sizeBytes: 2 ** 26, ageMs: 3_600_000 });
  const hub = new OrderedHub({ clock, log, maxMessageBytes: 1 << 20 });
  const revocations = new Revocations(clock);
  const desk = new TokenDesk({ rules: { secrets: [secret] }, keys: [key], revocations, clock });
  const doors = new NewerDoors({
    hub,
    limits: new Limits({
      connections: 0,
      connectionsPerUser: options.connectionsPerUser ?? 0,
      connectionsPerAddress: options.connectionsPerAddress ?? 0,
    }),
    desk,
    revocations,
    webhooks: options.webhooks,
    ...(options.bounds ? { bounds: options.bounds } : {}),
    apiSecrets: [secret],
    origins: options.origins ?? [],
    deflate: false,
    bodyBytes: 1 << 20,
    ...(options.pingMs === undefined ? {} : { pingMs: options.pingMs }),
    clock,
    log: silentLog,
    addressOf: (_, caller) => caller.address,
    seenOf: (_, caller) => caller.address,
  });
  const streams = new Set<() => void>();
  const sockets = new Set<Bun.ServerWebSocket<SocketHandler>>();
  const handlers = socketHandlers({
    maxMessageBytes: 1 << 21,
    maxWaitingBytes: 1 << 24,
    idleSeconds: 60,
    deflate: false,
  });
  const server = Bun.serve<SocketHandler>({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    websocket: {
      ...handlers,
      open(socket) {
        sockets.add(socket);
        void handlers.open?.(socket);
      },
      close(socket, code, reason) {
        sockets.delete(socket);
        void handlers.close?.(socket, code, reason);
      },
    },
    async fetch(request, server) {
      if (options.barred?.has(pathOf(request.url))) return new Response("barred", { status: 502 });
      const upgraded = new Response();
      const caller: Caller = {
        address: "127.0.0.1",
        requestId: "1",
        name: "anonymous",
        may: (scope) => options.scopes?.includes(scope) ?? false,
        keepOpen: () => request.signal,
        upgrade: (handler) =>
          server.upgrade(request, { data: handler }) ? upgraded : new Response(null, { status: 400 }),
      };
      const response = await doors.handle(request, caller, pathOf(request.url));
      return response === upgraded ? undefined : cuttable(response, streams);
    },
  });
  return {
    hub,
    doors,
    url: `http://127.0.0.1:${server.port}`,
    token: (claims) => signClaims({ exp: clock.now() / 1000 + 3600, ...claims }, key),
    cut() {
      for (const socket of sockets) socket.terminate();
      for (const cut of streams) cut();
    },
    async [Symbol.asyncDispose]() {
      doors.stop();
      await server.stop(true);
      hub.close();
    },
  };
}

/** A stream that can be cut from outside. */
function cuttable(response: Response, streams: Set<() => void>): Response {
  if (!response.headers.get("content-type")?.startsWith("text/event-stream") || !response.body) return response;
  const reader = response.body.getReader();
  let cut = () => {};
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      cut = () => {
        streams.delete(cut);
        controller.close();
        void reader.cancel();
      };
      streams.add(cut);
    },
    async pull(controller) {
      const next = await reader.read();
      if (!streams.has(cut)) return;
      if (next.done) controller.close();
      else controller.enqueue(next.value);
    },
    async cancel() {
      streams.delete(cut);
      await reader.cancel();
    },
  });
  return new Response(body, { status: response.status, headers: response.headers });
}

/** A client of the newer websocket that a test drives by hand. */
export class RawClient {
  readonly #socket: WebSocket;
  readonly heard: Record<string, unknown>[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  #wake: (() => void)[] = [];
  #id = 0;

  constructor(url: string) {
    this.#socket = new WebSocket(url.replace(/^http/, "ws"));
    this.#socket.addEventListener("message", (event) => {
      for (const line of String(event.data).split("\n")) this.heard.push(JSON.parse(line) as Record<string, unknown>);
      this.#stir();
    });
    this.#socket.addEventListener("open", () => this.#stir());
    this.closed = new Promise((resolve) => {
      this.#socket.addEventListener("close", ({ code, reason }) => {
        resolve({ code, reason });
        this.#stir();
      });
    });
  }

  /** What was pushed. */
  get pushes(): { address: string; content: string; position: string }[] {
    return this.heard.flatMap(({ push }) =>
      push ? [push as { address: string; content: string; position: string }] : [],
    );
  }

  async open(): Promise<void> {
    await this.until(() => this.#socket.readyState !== WebSocket.CONNECTING);
  }

  /** Says something as it is. */
  send(text: string): void {
    this.#socket.send(text);
  }

  /** Says a command, and gives its answer. */
  async ask(verb: string, input: object): Promise<Record<string, unknown>> {
    await this.open();
    const id = ++this.#id;
    this.#socket.send(JSON.stringify({ id, [verb]: input }));
    const find = () => this.heard.find((word) => word["id"] === id);
    await this.until(() => find() !== undefined || this.#socket.readyState > 1);
    const answer = find();
    return (answer?.[verb] ?? answer ?? {}) as Record<string, unknown>;
  }

  /** Waits until something is so. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => void this.#wake.push(resolve));
  }

  close(): void {
    this.#socket.close();
  }

  #stir(): void {
    const wake = this.#wake;
    this.#wake = [];
    for (const each of wake) each();
  }
}
