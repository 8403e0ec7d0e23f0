/**
 * The time by which points are too old. A clock that was set far ahead must not make everything look expired: while this
 * runs, it is believed no more than an hour beyond what really passed; at the start, no more than an hour beyond the newest
 * point that is kept, until this has run for a day and whoever looks after the machine had time to see it.
 */
import type { Clock } from "../../kit/clock.ts";

const leapSeconds = 3600;
const trustedAfterSeconds = 86_400;

/** A clock that is not believed everything. */
export class BelievedTime {
  readonly #clock: Clock;
  readonly #startedSeconds: number;
  readonly #startedMs: number;
  #newestSeconds = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedSeconds = clock.now() / 1000;
    this.#startedMs = clock.monotonicMs();
  }

  /** Something from this time was there at the start. */
  saw(seconds: number): void {
    this.#newestSeconds = Math.max(this.#newestSeconds, seconds);
  }

  /** Epoch seconds. */
  nowSeconds(): number {
    const elapsed = (this.#clock.monotonicMs() - this.#startedMs) / 1000;
    const isNew = elapsed < trustedAfterSeconds && this.#newestSeconds > -Infinity;
    const started = isNew ? Math.min(this.#startedSeconds, this.#newestSeconds) : this.#startedSeconds;
    return Math.min(this.#clock.now() / 1000, started + elapsed + leapSeconds);
  }
}
