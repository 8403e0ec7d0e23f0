/**
 * The times of a proxy's connections: whatever takes too long is found here, and told. All connections are looked at together
 * a few times a second, so that a chunk on its way costs nothing but its write; without connections nothing is looked at.
 */
import type { Clock } from "../../kit/clock.ts";
import type { ClientSocket } from "./client-socket.ts";
import type { Connection, Dial } from "./connection.ts";
import type { ServerSocket } from "./dialler.ts";
import type { ProxyPlan } from "./plan.ts";

/** What a watch needs. */
export interface WatchParts {
  readonly plan: ProxyPlan;
  readonly clock: Clock;
  readonly connections: { readonly size: number } & Iterable<Connection>;
  /** Clients beside them that were told no, and wait. */
  readonly refusals: { readonly isWaiting: boolean; look(nowMs: number): void };
  /** A dial took longer than it may. */
  dialIsLate(connection: Connection, dial: Dial): void;
  /** A connection waits for a place longer than it may. */
  placeIsLate(connection: Connection): void;
  firstByteIsLate(connection: Connection): void;
  /** Told after each look. */
  looked(): void;
}

/** After a reset of the upstream, so long may the client's system still deliver what came before. */
const lastBytesMs = 200;
/** And so long may the side that is left take to read what waits here, and to say its end. */
const restMs = 30_000;

/** A watch. */
export class Watch {
  readonly #parts: WatchParts;
  readonly #everyMs: number;
  #isRunning = false;
  #cancel: () => void = () => undefined;

  constructor(parts: WatchParts) {
    const { dialMs, firstByteMs, healthyMs, idleMs, queueMs } = parts.plan;
    const waits = [dialMs, firstByteMs, idleMs, healthyMs, queueMs].filter((ms) => ms > 0);
    this.#parts = parts;
    this.#everyMs = Math.min(500, Math.max(20, Math.min(...waits) / 8));
  }

  /** There is something to look at: looks from now on, as long as there is. */
  begin(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    const { clock, connections, refusals } = this.#parts;
    this.#cancel = clock.schedule(this.#everyMs, () => {
      this.#isRunning = false;
      this.#look(clock.monotonicMs());
      if (connections.size > 0 || refusals.isWaiting) this.begin();
    });
  }

  /** Looks no more. */
  stop(): void {
    this.#cancel();
    this.#isRunning = false;
  }

  #look(nowMs: number): void {
    const { connections, looked, plan, refusals } = this.#parts;
    refusals.look(nowMs);
    for (const connection of connections) {
      const { dial } = connection;
      if (connection.goneMs > 0) lookAtRest(connection, nowMs);
      else if (connection.server !== undefined) this.#lookAt(connection, nowMs);
      else if (dial !== undefined) {
        if (nowMs - dial.startedMs >= plan.dialMs) this.#parts.dialIsLate(connection, dial);
      } else if (nowMs - connection.startedMs >= plan.queueMs) this.#parts.placeIsLate(connection);
    }
    looked();
  }

  #lookAt(connection: Connection, nowMs: number): void {
    const { firstByteMs, healthyMs, idleMs, keepAliveMs } = this.#parts.plan;
    const { down, up } = connection;
    if (connection.firstByteMs === 0 && firstByteMs > 0 && up.bytes > 0) {
      if (connection.askedMs === 0) connection.askedMs = nowMs;
      else if (nowMs - connection.askedMs >= firstByteMs) {
        this.#parts.firstByteIsLate(connection);
        return;
      }
    } else if (connection.isUnjudged && nowMs - connection.connectedMs >= healthyMs) connection.judge("success");
    const bytes = up.bytes + down.bytes;
    if (bytes !== connection.movedBytes) {
      connection.movedBytes = bytes;
      connection.movedMs = nowMs;
    } else if (idleMs > 0 && nowMs - connection.movedMs >= idleMs) {
      connection.ending = "idle";
      for (const socket of [connection.client, connection.server]) {
        if (up.isWaiting || down.isWaiting) socket?.terminate();
        else socket?.end();
      }
      return;
    }
    // Short connections do not need it, so they do not pay for it.
    if (keepAliveMs > 0 && !connection.isKeptAlive && nowMs - connection.connectedMs >= keepAliveMs) {
      connection.isKeptAlive = true;
      (connection.client as ClientSocket<Connection> | undefined)?.setKeepAlive(true, keepAliveMs);
      (connection.server as ServerSocket | undefined)?.setKeepAlive(true, keepAliveMs);
    }
  }
}

/** One side is gone. Bytes that are on their way to the other come before its reset, and its own end may take a while. */
function lookAtRest({ client, down, goneMs, server }: Connection, nowMs: number): void {
  const isBroken = client !== undefined && !down.isEnded && !down.isWaiting;
  if (nowMs - goneMs >= (isBroken ? lastBytesMs : restMs)) (client ?? server)?.terminate();
}
