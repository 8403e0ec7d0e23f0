/**
 * Dials upstreams for one proxy: opens sockets, with a PROXY header and TLS where they are wanted, and tells how each dial
 * ended. A dial ends once: it is `dialed`, or it `failed`. One that nobody waits for any more still holds its descriptor, so
 * it is counted until the system gives it up. Whom to dial, and what a failure means, is the proxy's to decide.
 */
import type { Clock } from "../../kit/clock.ts";
import type { ClientSocket } from "./client-socket.ts";
import type { Connection, Dial } from "./connection.ts";
import type { ProxyPlan } from "./plan.ts";
import { headerFor } from "./tls/header-out.ts";
import { Origination } from "./tls/origination.ts";
import type { Upstream } from "./upstream.ts";

/** A socket to an upstream. */
export type ServerSocket = Bun.Socket<Dial>;

/** What a dialler needs. */
export interface DiallerParts {
  readonly plan: ProxyPlan;
  readonly clock: Clock;
  /** What happens to a socket once it is dialed. */
  readonly handlers: Required<Pick<Bun.SocketHandler<Dial>, "data" | "drain" | "end" | "close" | "error">>;
  /** Told of a socket that can be used. */
  dialed(socket: ServerSocket): void;
  /** Told of a dial that came to nothing, while somebody still waited for it. */
  failed(dial: Dial, failure: unknown): void;
}

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
    this.#handlers = this.#handle();
  }

  /** Dials that nobody waits for any more and that still hold a descriptor. */
  get abandoned(): number {
    return this.#abandoned;
  }

  /** What is wrong with the files of TLS, in sentences. */
  get problems(): readonly string[] {
    return this.#origination?.problems ?? [];
  }

  /** Dials an upstream for a connection, which holds the dial until it has ended. */
  dial(connection: Connection, upstream: Upstream): void {
    const dial: Dial = { connection, upstream, startedMs: this.#parts.clock.monotonicMs(), isAbandoned: false };
    connection.dial = dial;
    upstream.dials++;
    upstream.active++;
    const hostname = upstream.resolver.next();
    if (hostname === undefined) {
      this.#failed(dial, new Error(upstream.resolver.failure));
      return;
    }
    try {
      this.#connect(dial, hostname);
    } catch (thrown) {
      this.#failed(dial, thrown);
    }
  }

  /** Nobody waits for a dial any more; its descriptor is free when the system gives it up. */
  abandon(dial: Dial): void {
    dial.isAbandoned = true;
    this.#abandoned++;
    dial.connection.dial = undefined;
    // Who takes a connection but never agrees on TLS would keep it for ever.
    dial.shaking?.terminate();
  }

  #handle(): Bun.SocketHandler<Dial> {
    const { close, data, drain, end, error } = this.#parts.handlers;
    return {
      data,
      error,
      open: (socket) => {
        if (this.#origination) socket.data.shaking = socket;
        else this.#dialed(socket);
      },
      handshake: (socket, isDone) => {
        if (!this.#origination) return;
        // One that was refused is closed soon, and only then is the dial over.
        if (!this.#origination.accepts(socket, isDone)) socket.terminate();
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

  #connect(dial: Dial, hostname: string): void {
    const { plan } = this.#parts;
    const { host, port } = dial.upstream.plan.address;
    const at = { hostname, port, allowHalfOpen: true, data: dial };
    const tls = this.#origination?.optionsFor(host, (dial.connection.client as Client | undefined)?.notes);
    if (!tls) void Bun.connect<Dial>({ ...at, socket: this.#handlers });
    else if (!plan.edge.sendHeader) void Bun.connect<Dial>({ ...at, tls, socket: this.#handlers });
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

  #sendHeader(socket: ServerSocket): void {
    const { sendHeader } = this.#parts.plan.edge;
    const client = socket.data.connection.client as Client | undefined;
    // On a socket that is new there is room for it.
    if (sendHeader && client) socket.write(headerFor(client, sendHeader));
  }

  #dialed(socket: ServerSocket): void {
    const { isAbandoned, upstream } = socket.data;
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
    dial.upstream.active--;
    if (dial.isAbandoned) {
      this.#abandoned--;
      return;
    }
    dial.connection.dial = undefined;
    this.#parts.failed(dial, failure);
  }
}

type Client = ClientSocket<Connection>;
