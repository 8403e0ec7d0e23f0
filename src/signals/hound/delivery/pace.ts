/**
 * How often a channel may be used: a bucket that holds a minute's share at most and fills steadily. A storm of notices
 * leaves at the pace that the other side bears instead of getting us shut out.
 */
import type { Clock } from "../../../kit/clock.ts";

/** The pace of one channel. */
export class Pace {
  readonly #clock: Clock;
  readonly #perMinute: number;
  readonly #burst: number;
  #left: number;
  #filledAtMs: number;

  constructor(clock: Clock, perMinute: number) {
    this.#clock = clock;
    this.#perMinute = perMinute;
    this.#burst = Math.max(1, Math.ceil(perMinute / 4));
    this.#left = this.#burst;
    this.#filledAtMs = clock.monotonicMs();
  }

  /** Takes one turn and returns 0, or returns how long to wait for the next. */
  take(): number {
    const nowMs = this.#clock.monotonicMs();
    const perMs = this.#perMinute / 60_000;
    this.#left = Math.min(this.#burst, this.#left + (nowMs - this.#filledAtMs) * perMs);
    this.#filledAtMs = nowMs;
    if (this.#left >= 1) {
      this.#left--;
      return 0;
    }
    return Math.ceil((1 - this.#left) / perMs);
  }
}
