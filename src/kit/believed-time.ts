/**
 * The time by which entries are too old to be kept. A clock that was set far ahead (a wrong answer of a time server, a
 * battery that died) must not make everything look expired: while this runs, it is believed no more than an hour beyond
 * what really passed; at the start, no more than an hour beyond the newest entry that is kept, until this has run for a day
 * and whoever looks after the machine had time to see it. Only for what is deleted for good: what is shown or recorded is
 * the wall clock's.
 */
import type { Clock } from "./clock.ts";

const leapMs = 3_600_000;
const trustedAfterMs = 86_400_000;

/** A clock that is not believed everything. */
export class BelievedTime {
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #startedMs: number;
  #newestAt = -Infinity;

  /** `newestAt` is the instant of the newest entry that is kept, epoch ms; undefined where nothing is. */
  constructor(clock: Clock, newestAt?: number) {
    this.#clock = clock;
    this.#startedAt = clock.now();
    this.#startedMs = clock.monotonicMs();
    if (newestAt !== undefined) this.saw(newestAt);
  }

  /** An entry from this instant, epoch ms, was there at the start. */
  saw(at: number): void {
    this.#newestAt = Math.max(this.#newestAt, at);
  }

  /** Epoch ms; never later than the wall clock. */
  now(): number {
    const elapsedMs = this.#clock.monotonicMs() - this.#startedMs;
    const isNew = elapsedMs < trustedAfterMs && this.#newestAt > -Infinity;
    const startedAt = isNew ? Math.min(this.#startedAt, this.#newestAt) : this.#startedAt;
    return Math.min(this.#clock.now(), startedAt + elapsedMs + leapMs);
  }
}
