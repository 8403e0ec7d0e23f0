/**
 * Where a proxy takes its clients: a listener of the runtime's bare sockets, or a front where clients meet more than TCP. It can
 * be closed and opened again, and keeps its port where it was free to choose one.
 */
import type { Clock } from "../../kit/clock.ts";
import { formatAddress } from "../../kit/config/address.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import { expiryWarning } from "../../kit/tls.ts";
import type { ClientHandlers } from "./client-socket.ts";
import type { Connection } from "./connection.ts";
import type { ProxyPlan } from "./plan.ts";
import { Front } from "./tls/front.ts";

/** What a door needs. */
export interface DoorParts {
  readonly plan: ProxyPlan;
  readonly clock: Clock;
  readonly log: Logger;
  readonly handlers: ClientHandlers<Connection>;
}

/** A door. */
export class Door {
  /** Why it is not open; empty when it is, or should not be. */
  failure = "";
  readonly #parts: DoorParts;
  readonly #front: Front | undefined;
  #listener: { stop(): void } | undefined;
  #port = 0;

  /** Reads the certificates, where there are any. Faults as {@link Front}. */
  constructor(parts: DoorParts) {
    this.#parts = parts;
    const { edge } = parts.plan;
    this.#front = edge.tls || edge.headersFrom ? new Front({ ...parts, edge }) : undefined;
  }

  /** Where it really is. */
  get address(): string {
    const { host, port } = this.#parts.plan.listen;
    return formatAddress({ host, port: this.#port || port });
  }

  /** The port it is really on. */
  get port(): number {
    return this.#port;
  }

  get isOpen(): boolean {
    return this.#listener !== undefined;
  }

  /** Clients that did not get past header and handshake, by reason; undefined where there is neither. */
  get turnedAway(): Front["refused"] | undefined {
    return this.#front?.refused;
  }

  /** What is wrong with the certificates, or soon will be, in sentences. */
  get warnings(): readonly string[] {
    const certificates = this.#front?.certificates;
    const nowAt = this.#parts.clock.now();
    return [
      ...(certificates?.problems ?? []),
      ...(certificates?.all ?? []).flatMap((certificate) => expiryWarning(certificate, nowAt) ?? []),
    ];
  }

  /** Takes clients from now on. Faults: `cbp/listen` (unavailable). */
  open(): void {
    if (this.#listener) return;
    const { listen } = this.#parts.plan;
    try {
      this.#listener = this.#listen(listen.host, this.#port || listen.port);
    } catch (thrown) {
      const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
      const reason = `${formatAddress(listen)}: ${code || reasonOf(thrown)}`;
      this.failure = `Cannot listen on ${reason}`;
      // In the words of the predecessor, which scripts may look for.
      throw new Fault("unavailable", "cbp/listen", `cannot bind to local port: ${reason}`, { cause: thrown });
    }
    this.failure = "";
  }

  /** Takes no more clients. */
  close(): void {
    this.#listener?.stop();
    this.#listener = undefined;
  }

  /** Closes for good. */
  stop(): void {
    this.close();
    this.#front?.stop();
  }

  #listen(hostname: string, port: number): { stop(): void } {
    const front = this.#front;
    if (front) {
      this.#port = front.listen(hostname, port);
      return { stop: () => front.close() };
    }
    const { handlers: socket } = this.#parts;
    const listener = Bun.listen<Connection | undefined>({ hostname, port, allowHalfOpen: true, socket });
    this.#port = listener.port;
    return { stop: () => listener.stop(false) };
  }
}
