/**
 * Dials upstreams for one proxy: opens sockets, with a PROXY header and TLS where they are wanted, and tells how each dial
 * ended. A dial ends once: it is `dialed`, or it `failed`. Whom to dial, and what a failure means, is the proxy's to decide.
 *
 * The runtime's bare sockets cost least, and cannot be closed before they are open: a dial of theirs that nobody waits for
 * any more holds its descriptor, and is counted, until the system gives it up. So an upstream that is silent is dialed by
 * way of streams, which can; where TLS is wanted, a stream only finds out whether it answers again, and is followed by a
 * dial as ever, so that both are agreed upon alike.
 */
import { Socket as NodeSocket } from "node:net";

import type { Clock } from "../../kit/clock.ts";
import type { ClientSocket } from "./client-socket.ts";
import type { Connection, Dial } from "./connection.ts";
import type { Socket } from "./flow.ts";
import type { ProxyPlan } from "./plan.ts";
import { type StreamHandlers, StreamSocket } from "./stream-socket.ts";
import { headerFor } from "./tls/header-out.ts";
import { Origination } from "./tls/origination.ts";
import type { Upstream } from "./upstream.ts";

/** A socket to an upstream. */
export interface ServerSocket extends Socket {
  readonly data: Dial;
  setKeepAlive(isWanted: boolean, delayMs: number): boolean;
}

/** What happens to sockets to upstreams once they are dialed. */
export interface ServerHandlers extends StreamHandlers<ServerSocket> {
  error(socket: ServerSocket, failure: Error): void;
}

/** What a dialler needs. */
export interface DiallerParts {
  readonly plan: ProxyPlan;
  readonly clock: Clock;
  readonly handlers: ServerHandlers;
  /** Told of a socket that can be used. */
  dialed(socket: ServerSocket): void;
  /** Told of a dial that came to nothing, while somebody still waited for it. */
  failed(dial: Dial, failure: unknown): void;
}

/** An upstream that has answered no dial for so long is silent. */
const silentMs = 100;

/** So many addresses of an upstream are tried by a dial, at most. */
export const addressesMax = 3;

/** A dialler. */
export class Dialler {
  readonly #parts: DiallerParts;
  readonly #handlers: Bun.SocketHandler<Dial>;
  /** Where upstreams are spoken to with TLS. */
  readonly #origination: Origination | undefined;
  #abandoned = 0;

  /** Reads the files of TLS. Faults: `tls/unreadable` (invalid). */
  constructor(parts: DiallerParts) {
    this.#parts = parts;
    const { upstreamTls } = parts.plan.edge;
    this.#origination = upstreamTls && new Origination(upstreamTls, parts.clock);
    this.#handlers = this.#origination ? this.#handleTls(this.#origination) : this.#handleBare();
  }

  /** Dials that nobody waits for any more and that still hold a descriptor. */
  get abandoned(): number {
    return this.#abandoned;
  }

  /** What is wrong with the files of TLS, in sentences. */
  get problems(): readonly string[] {
    return this.#origination?.problems ?? [];
  }

  /** Dials an upstream for a connection from now, `startedMs`, on. The connection holds the dial until it has ended. */
  dial(connection: Connection, upstream: Upstream, startedMs: number): void {
    const dial: Dial = {
      connection,
      upstream,
      startedMs,
      hostname: "",
      triedBefore: 0,
      isAbandoned: false,
      revoke: undefined,
      shaking: undefined,
    };
    connection.dial = dial;
    upstream.dials++;
    upstream.active++;
    if (upstream.silentSinceMs === 0) upstream.silentSinceMs = startedMs;
    this.#try(dial, startedMs);
  }

  /** Nobody waits for a dial any more. Its descriptor is free at once, or when the system gives it up. */
  abandon(dial: Dial): void {
    dial.connection.dial = undefined;
    if (dial.revoke) {
      dial.upstream.active--;
      dial.revoke();
      return;
    }
    dial.isAbandoned = true;
    // Another of its addresses may have answered meanwhile; this one has not.
    if (dial.upstream.silentSinceMs === 0) dial.upstream.silentSinceMs = dial.startedMs;
    this.#abandoned++;
    // Who takes a connection but never agrees on TLS would keep it for ever.
    dial.shaking?.terminate();
  }

  #handleBare(): Bun.SocketHandler<Dial> {
    const { close, data, drain, end, error } = this.#parts.handlers;
    return {
      data,
      drain,
      end,
      error,
      open: (socket) => this.#dialed(socket),
      close: (socket, failure) => {
        if (!socket.data.isAbandoned) void close(socket, failure);
      },
      connectError: (socket, failure) => this.#failed(socket.data, failure),
    };
  }

  #handleTls(origination: Origination): Bun.SocketHandler<Dial> {
    const { close, data, drain, end, error } = this.#parts.handlers;
    return {
      data,
      error,
      open(socket) {
        socket.data.shaking = socket;
      },
      handshake: (socket, isDone) => {
        // One that was refused is closed soon, and only then is the dial over.
        if (!origination.accepts(socket, isDone)) socket.terminate();
        else {
          socket.data.shaking = undefined;
          this.#dialed(socket);
        }
      },
      drain(socket) {
        if (!socket.data.shaking) void drain(socket);
      },
      end(socket) {
        if (socket.data.shaking) socket.terminate();
        else void end(socket);
      },
      close: (socket, failure) => {
        const dial = socket.data;
        if (dial.shaking) {
          dial.shaking = undefined;
          this.#failed(dial, failure);
        } else if (!dial.isAbandoned) void close(socket, failure);
      },
      connectError: (socket, failure) => this.#failed(socket.data, failure),
    };
  }

  /** Tries the upstream's next address. */
  #try(dial: Dial, nowMs: number): void {
    const { upstream } = dial;
    const hostname = upstream.resolver.next();
    if (hostname === undefined) {
      this.#over(dial, new Error(upstream.resolver.failure));
      return;
    }
    dial.hostname = hostname;
    const isSilent = nowMs - upstream.silentSinceMs >= silentMs;
    try {
      if (isSilent) this.#connectStream(dial);
      else this.#connect(dial);
    } catch (thrown) {
      this.#failed(dial, thrown);
    }
  }

  #connect(dial: Dial): void {
    const { hostname } = dial;
    const { host, port } = dial.upstream.plan.address;
    if (!this.#origination) {
      void Bun.connect<Dial>({ hostname, port, allowHalfOpen: true, data: dial, socket: this.#handlers });
      return;
    }
    const at = { hostname, port, allowHalfOpen: true, data: dial };
    const tls = this.#origination.optionsFor(host, (dial.connection.client as Client | undefined)?.notes);
    if (!this.#parts.plan.edge.sendHeader) void Bun.connect<Dial>({ ...at, tls, socket: this.#handlers });
    else {
      // The header comes before the handshake. What the bare socket tells afterwards is told by the other one, too.
      const socket: Bun.SocketHandler<Dial> = {
        open: (bare) => {
          this.#sendHeader(bare);
          bare.upgradeTLS({ data: dial, tls, socket: this.#handlers });
        },
        data: () => undefined,
        connectError: (_, failure) => this.#failed(dial, failure),
      };
      void Bun.connect<Dial>({ ...at, socket });
    }
  }

  #connectStream(dial: Dial): void {
    const stream = new NodeSocket({ allowHalfOpen: true });
    const fail = (failure: Error) => {
      dial.revoke = undefined;
      this.#failed(dial, failure);
    };
    stream.once("error", fail);
    stream.connect({ host: dial.hostname, port: dial.upstream.plan.address.port }, () => {
      stream.off("error", fail);
      dial.revoke = undefined;
      if (this.#origination) {
        stream.on("error", () => undefined);
        stream.resetAndDestroy();
        try {
          this.#connect(dial);
        } catch (thrown) {
          this.#failed(dial, thrown);
        }
        return;
      }
      const socket = new StreamSocket(dial, stream);
      socket.tell(this.#parts.handlers);
      this.#dialed(socket);
    });
    dial.revoke = () => {
      dial.revoke = undefined;
      stream.off("error", fail);
      // What it may still have to tell nobody waits for.
      stream.on("error", () => undefined);
      stream.destroy();
    };
  }

  #sendHeader(socket: ServerSocket): void {
    const { sendHeader } = this.#parts.plan.edge;
    const client = socket.data.connection.client as Client | undefined;
    // On a socket that is new there is room for it.
    if (sendHeader && client) socket.write(headerFor(client, sendHeader));
  }

  #dialed(socket: ServerSocket): void {
    const { hostname, isAbandoned, upstream } = socket.data;
    upstream.silentSinceMs = 0;
    upstream.resolver.worked(hostname);
    if (isAbandoned) {
      this.#abandoned--;
      upstream.active--;
      socket.terminate();
      return;
    }
    if (!this.#origination) this.#sendHeader(socket);
    this.#parts.dialed(socket);
  }

  #failed(dial: Dial, failure: unknown): void {
    const { isAbandoned, upstream } = dial;
    const { resolver } = upstream;
    if (!isOwnFailure(failure)) resolver.failed(dial.hostname);
    if (!isAbandoned) upstream.silentSinceMs = 0;
    dial.triedBefore++;
    // A machine without IPv6 lacks an address of its own for some of the upstream's, and has one for others.
    if (isAbandoned || dial.triedBefore >= Math.min(resolver.addresses.length, addressesMax)) this.#over(dial, failure);
    else this.#try(dial, this.#parts.clock.monotonicMs());
  }

  #over(dial: Dial, failure: unknown): void {
    const { upstream } = dial;
    upstream.active--;
    if (dial.isAbandoned) {
      this.#abandoned--;
      return;
    }
    dial.connection.dial = undefined;
    this.#parts.failed(dial, failure);
  }
}

/** Errors of a dial that are about this machine and say nothing of the upstream. */
const ownErrors = new Set(["EMFILE", "ENFILE", "EADDRNOTAVAIL", "ENOBUFS", "ENOMEM", "EAGAIN"]);

/** Whether a dial failed because this machine had no more to give. */
export function isOwnFailure(failure: unknown): boolean {
  return failure instanceof Error && "code" in failure && ownErrors.has(String(failure.code));
}

type Client = ClientSocket<Connection>;
