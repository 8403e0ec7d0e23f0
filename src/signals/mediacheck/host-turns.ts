/**
 * Who may ask now: so many requests at a time, so many of them to one host, a pause between two to the same, and silence
 * towards a host that asked for it. First come, first served, except that a host that has to wait holds up no other.
 */
import type { Clock } from "../../kit/clock.ts";

/** The bounds. */
export interface TurnLimits {
  clock: Clock;
  parallel: number;
  parallelPerHost: number;
  delayMs: number;
}

interface Host {
  active: number;
  /** Nothing is begun before this, in monotonic ms. */
  notBeforeMs: number;
}

interface Waiting {
  host: string;
  begin(): void;
}

/** The turns of one run. */
export class HostTurns {
  readonly #limits: TurnLimits;
  readonly #hosts = new Map<string, Host>();
  readonly #waiting = new Set<Waiting>();
  #active = 0;
  #cancelWake: (() => void) | undefined;

  constructor(limits: TurnLimits) {
    this.#limits = limits;
  }

  /** Resolves when a request to `host` may begin, with what is called at its end. Rejects with the signal's reason. */
  take(host: string, signal: AbortSignal): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting.delete(waiting);
        reject(signal.reason);
      };
      const waiting: Waiting = {
        host,
        begin: () => {
          signal.removeEventListener("abort", leave);
          resolve(this.#begun(host));
        },
      };
      if (signal.aborted) {
        leave();
        return;
      }
      signal.addEventListener("abort", leave, { once: true });
      this.#waiting.add(waiting);
      this.#pump();
    });
  }

  /** Leaves a host alone for a while. */
  pause(host: string, forMs: number): void {
    const own = this.#host(host);
    own.notBeforeMs = Math.max(own.notBeforeMs, this.#limits.clock.monotonicMs() + forMs);
  }

  #begun(name: string): () => void {
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#active--;
      this.#host(name).active--;
      this.#pump();
    };
  }

  #host(name: string): Host {
    const known = this.#hosts.get(name);
    if (known) return known;
    const host = { active: 0, notBeforeMs: 0 };
    this.#hosts.set(name, host);
    return host;
  }

  #pump(): void {
    const { clock, delayMs, parallel, parallelPerHost } = this.#limits;
    const nowMs = clock.monotonicMs();
    let earliestMs = Infinity;
    for (const waiting of this.#waiting) {
      if (this.#active >= parallel) break;
      const host = this.#host(waiting.host);
      if (host.active >= parallelPerHost) continue;
      if (host.notBeforeMs > nowMs) {
        earliestMs = Math.min(earliestMs, host.notBeforeMs);
        continue;
      }
      this.#waiting.delete(waiting);
      this.#active++;
      host.active++;
      if (delayMs > 0) host.notBeforeMs = nowMs + delayMs;
      waiting.begin();
    }
    this.#cancelWake?.();
    this.#cancelWake = earliestMs === Infinity ? undefined : clock.schedule(earliestMs - nowMs, () => this.#pump());
  }
}
