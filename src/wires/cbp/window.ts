/**
 * What succeeded and failed within the last while: a ring of buckets that time itself moves, whether anything is written or
 * not. A bucket covers [n·width, (n+1)·width) of monotonic time, so the window reaches back between (buckets - 1) and
 * buckets widths. Counts only; what follows from them is the breaker's.
 */

/** Successes and failures of a span of time. */
export interface WindowCounts {
  readonly successes: number;
  readonly failures: number;
}

/** A sliding window. */
export class SlidingWindow {
  readonly #widthMs: number;
  readonly #successes: number[];
  readonly #failures: number[];
  /** The number of the newest bucket, counted from monotonic 0. */
  #newest = 0;

  /** Throws RangeError unless there is time and at least one bucket. */
  constructor(spanMs: number, buckets: number) {
    if (!(spanMs > 0) || !Number.isInteger(buckets) || buckets < 1)
      throw new RangeError(`Cannot make a window of ${spanMs} ms in ${buckets} buckets: wanted time and a bucket`);
    this.#widthMs = spanMs / buckets;
    this.#successes = Array.from({ length: buckets }, () => 0);
    this.#failures = Array.from({ length: buckets }, () => 0);
  }

  /** Counts one. `nowMs` must not go back. */
  add(nowMs: number, isSuccess: boolean): void {
    const slot = this.#turnTo(nowMs);
    const counts = isSuccess ? this.#successes : this.#failures;
    counts[slot] = (counts[slot] ?? 0) + 1;
  }

  /** What is in the window at an instant. */
  counts(nowMs: number): WindowCounts {
    this.#turnTo(nowMs);
    let successes = 0;
    let failures = 0;
    for (const count of this.#successes) successes += count;
    for (const count of this.#failures) failures += count;
    return { successes, failures };
  }

  /** Forgets everything. */
  clear(): void {
    this.#successes.fill(0);
    this.#failures.fill(0);
  }

  #turnTo(nowMs: number): number {
    const size = this.#successes.length;
    const wanted = Math.max(this.#newest, Math.floor(nowMs / this.#widthMs));
    if (wanted !== this.#newest) {
      for (let step = Math.min(size, wanted - this.#newest); step > 0; step--) {
        const slot = (wanted - step + 1) % size;
        this.#successes[slot] = 0;
        this.#failures[slot] = 0;
      }
      this.#newest = wanted;
    }
    return wanted % size;
  }
}
