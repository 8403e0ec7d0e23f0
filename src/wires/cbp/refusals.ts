/**
 * Tells clients no, in the way that the configuration wants. A text is followed by a wait: closing while the client still
 * sends would be a reset, which can overtake the answer. How many are waited for, and how long, is bounded.
 */
import type { ClientSocket } from "./client-socket.ts";
import type { ProxyPlan } from "./plan.ts";

/** Clients that were told no in bytes and are waited for until they have read them. */
const lingeringMax = 1000;
const lingerMs = 2000;

/** The refusals of a proxy. */
export class Refusals<Data> {
  readonly #way: ProxyPlan["refusal"];
  readonly #lingering = new Map<ClientSocket<Data>, number>();

  constructor(way: ProxyPlan["refusal"]) {
    this.#way = way;
  }

  /** Whether there are clients that {@link look} has to look at. */
  get isWaiting(): boolean {
    return this.#lingering.size > 0;
  }

  /** Says no to a socket, which belongs to nothing else any more. `hasBegun`: it got bytes of an upstream before. */
  refuse(socket: ClientSocket<Data>, hasBegun: boolean, nowMs: number): void {
    const way = this.#way;
    if (way === "reset" || hasBegun) socket.terminate();
    else if (way === "close" || this.#lingering.size >= lingeringMax) socket.end();
    else {
      this.#lingering.set(socket, nowMs + lingerMs);
      socket.resume();
      socket.write(way === "http-503" ? unavailable : way.bytes);
      socket.shutdown();
    }
  }

  /** A socket that was told no is closed. */
  forget(socket: ClientSocket<Data>): void {
    this.#lingering.delete(socket);
  }

  /** Closes those that had time enough. */
  look(nowMs: number): void {
    for (const [socket, untilMs] of this.#lingering) if (nowMs >= untilMs) socket.terminate();
  }

  /** Closes all. */
  stop(): void {
    for (const socket of this.#lingering.keys()) socket.terminate();
  }
}

const unavailableText = "Service Unavailable: there is no room, or the upstream is not answering\n";
const unavailable = new TextEncoder().encode(
  [
    "HTTP/1.1 503 Service Unavailable",
    "Content-Type: text/plain; charset=utf-8",
    `Content-Length: ${unavailableText.length}`,
    "Retry-After: 1",
    "Cache-Control: no-store",
    "Connection: close",
    "",
    unavailableText,
  ].join("\r\n"),
);
