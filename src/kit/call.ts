/**
 * One request's caller as services see it: who it is and what it may do, found out when it is asked for; the streams it
 * keeps open, and the websocket it may become.
 */
import { type Gate, requireScope, type Visitor } from "./auth/gate.ts";
import type { Clock } from "./clock.ts";
import { Fault } from "./fault.ts";
import type { SocketHandler } from "./http/socket.ts";
import type { Caller, Scope } from "./service.ts";

/** The runtime's server, as far as callers are concerned. */
export type BunServer = Bun.Server<SocketHandler>;

/** Stands for the answer of a request that became a websocket: the runtime has answered it already. */
export const upgraded = new Response(null, { status: 200 });

/** Whether someone may still read a stream that stays open is asked this often. */
const lookAgainMs = 2000;

/** What the calls of a listener stand on. */
export interface CallParts {
  clock: Clock;
  /** A stream was opened, or is over. */
  opened(): void;
  closed(): void;
  /** Whether any service here takes websockets. */
  takesSockets: boolean;
}

/** One request's caller. What costs time is found out when it is asked for. */
export class Call implements Caller {
  readonly #request: Request;
  readonly #server: BunServer;
  readonly #parts: CallParts;
  #address: string | undefined;
  #requestId: string | undefined;
  #visitor: Visitor | undefined;
  #service = "node";

  constructor(request: Request, server: BunServer, parts: CallParts) {
    this.#request = request;
    this.#server = server;
    this.#parts = parts;
  }

  get address(): string {
    this.#address ??= this.#server.requestIP(this.#request)?.address ?? "";
    return this.#address;
  }

  get requestId(): string {
    if (this.#requestId === undefined) {
      const given = this.#request.headers.get("x-request-id") ?? "";
      this.#requestId = /^[\w.-]{1,64}$/.test(given) ? given : crypto.randomUUID();
    }
    return this.#requestId;
  }

  get name(): string {
    return this.#visitor?.name ?? "anonymous";
  }

  get visitor(): Visitor | undefined {
    return this.#visitor;
  }

  enter(gate: Gate, service: string, fromElsewhere?: boolean, ownTokens?: boolean): void {
    this.#service = service;
    this.#visitor = gate.admit(this.#request, this.address, fromElsewhere, ownTokens);
  }

  require(scope: Scope): void {
    if (this.#visitor) requireScope(this.#visitor, this.#service, scope);
  }

  may(scope: Scope): boolean {
    return this.#visitor?.may(this.#service, scope) ?? false;
  }

  keepOpen(scope?: Scope): AbortSignal {
    const { method, signal } = this.#request;
    // Nobody will read the body of an answer to HEAD, so nobody would ever say that it is over.
    if (method === "HEAD" || signal.aborted) return AbortSignal.abort();
    this.#server.timeout(this.#request, 0);
    this.#parts.opened();
    const over = new AbortController();
    let cancelLook = () => {};
    const look = () => {
      if (scope === undefined || this.may(scope)) cancelLook = this.#parts.clock.schedule(lookAgainMs, look);
      else end();
    };
    const end = () => {
      if (over.signal.aborted) return;
      cancelLook();
      this.#parts.closed();
      over.abort();
    };
    signal.addEventListener("abort", end, { once: true });
    if (scope !== undefined) cancelLook = this.#parts.clock.schedule(lookAgainMs, look);
    return over.signal;
  }

  upgrade(handler: SocketHandler, headers?: Headers): Response {
    if (!this.#parts.takesSockets)
      throw new Fault("internal", "http/no-websocket", "No service here declared websockets");
    const isUp = this.#server.upgrade(this.#request, { data: handler, ...(headers ? { headers } : {}) });
    if (isUp) return upgraded;
    throw new Fault(
      "invalid",
      "http/no-websocket",
      "Cannot open a websocket: the request is no right handshake for one",
    );
  }
}
