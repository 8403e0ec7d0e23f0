/**
 * One of the runtime's streams with the manners of its bare sockets, so that a proxy need not know the difference. Streams
 * cost more time and memory; they are for what bare sockets cannot do.
 */
import type { Socket as NodeSocket } from "node:net";

import type { Socket } from "./flow.ts";

/** What happens to a socket that is open. */
export interface StreamHandlers<Self> {
  data(socket: Self, chunk: Uint8Array): void;
  drain(socket: Self): void;
  end(socket: Self): void;
  close(socket: Self, failure?: Error): void;
}

/** A stream as a socket. */
export class StreamSocket<Data> implements Socket {
  data: Data;
  /** Node's sockets queue what they are given. */
  readonly retains = true;
  readonly #socket: NodeSocket;
  readonly #raw: NodeSocket;

  /** Takes a socket over; `raw` is the one it stands on. */
  constructor(data: Data, socket: NodeSocket, raw: NodeSocket = socket) {
    this.data = data;
    this.#socket = socket;
    this.#raw = raw;
  }

  /** Tells of all that happens from now on. */
  tell(handlers: StreamHandlers<this>): void {
    let failure: Error | undefined;
    this.#socket.on("data", (chunk: Buffer) => handlers.data(this, chunk));
    this.#socket.on("drain", () => handlers.drain(this));
    this.#socket.on("end", () => handlers.end(this));
    this.#socket.on("error", (thrown) => (failure = thrown));
    this.#socket.on("close", () => handlers.close(this, failure));
  }

  write(bytes: Uint8Array): number {
    if (this.#socket.writableNeedDrain) return 0;
    this.#socket.write(bytes);
    return bytes.length;
  }

  shutdown(): void {
    this.#socket.end();
  }

  terminate(): void {
    this.#raw.resetAndDestroy();
    this.#socket.destroy();
  }

  end(): void {
    this.#socket.destroySoon();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  setKeepAlive(isWanted: boolean, delayMs: number): boolean {
    this.#socket.setKeepAlive(isWanted, delayMs);
    return true;
  }
}
