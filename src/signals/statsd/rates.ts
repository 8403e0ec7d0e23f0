/** How fast something counts, second by second, for as long as a page shows. */
import type { Clock } from "../../kit/clock.ts";

/** The course of a counter: its rise in each of the last seconds, oldest first. */
export class Rates {
  readonly #read: () => number;
  readonly #rates: number[] = [];
  readonly #keep: number;
  #before: number;
  #beforeMs: number;
  readonly #clock: Clock;

  /** `read` gives the counter; `keep` rates are kept. */
  constructor(read: () => number, clock: Clock, keep: number) {
    this.#read = read;
    this.#clock = clock;
    this.#keep = keep;
    this.#before = read();
    this.#beforeMs = clock.monotonicMs();
  }

  /** Takes the rate since the last call. */
  look(): void {
    const [now, nowMs] = [this.#read(), this.#clock.monotonicMs()];
    const seconds = (nowMs - this.#beforeMs) / 1000;
    if (seconds <= 0) return;
    this.#rates.push((now - this.#before) / seconds);
    if (this.#rates.length > this.#keep) this.#rates.shift();
    this.#before = now;
    this.#beforeMs = nowMs;
  }

  list(): readonly number[] {
    return this.#rates;
  }
}
