/**
 * How long something took, as percentiles over the last minutes in constant memory: counts in buckets that grow by a
 * fifth, so a percentile is right within a tenth of itself. Two halves take turns, and what is asked is answered from both,
 * so it covers between one and two spans.
 */

const growth = 1.2;
/** The upper end of the first bucket, in ms. */
const firstMs = 0.01;
/** Up to about ten minutes. */
const buckets = 100;
/** The upper ends of the buckets, in ms: looking one up costs less than a logarithm. */
const ends = Float64Array.from({ length: buckets - 1 }, (_, bucket) => firstMs * growth ** bucket);

/** Durations and their percentiles. */
export class Latency {
  readonly #spanMs: number;
  #recent = new Uint32Array(buckets);
  #before = new Uint32Array(buckets);
  #turnedAtMs: number;
  #isEmpty = true;

  /** Covers at least `spanMs` and at most twice as much. */
  constructor(nowMs: number, spanMs = 60_000) {
    this.#spanMs = spanMs;
    this.#turnedAtMs = nowMs;
  }

  /** Counts one duration. */
  add(nowMs: number, tookMs: number): void {
    this.#turn(nowMs);
    const bucket = bucketOf(tookMs);
    this.#recent[bucket] = (this.#recent[bucket] ?? 0) + 1;
    this.#isEmpty = false;
  }

  /** The durations below which `shares` of all lie, in ms; undefined when there was none. */
  percentiles(nowMs: number, shares: readonly number[]): number[] | undefined {
    this.#turn(nowMs);
    if (this.#isEmpty) return undefined;
    let all = 0;
    for (let bucket = 0; bucket < buckets; bucket++) all += this.#at(bucket);
    if (all === 0) return undefined;
    return shares.map((share) => {
      let seen = 0;
      for (let bucket = 0; bucket < buckets; bucket++) {
        seen += this.#at(bucket);
        if (seen >= share * all) return firstMs * growth ** (bucket - 0.5);
      }
      return firstMs * growth ** buckets;
    });
  }

  #at(bucket: number): number {
    return (this.#recent[bucket] ?? 0) + (this.#before[bucket] ?? 0);
  }

  #turn(nowMs: number): void {
    const passedMs = nowMs - this.#turnedAtMs;
    if (passedMs < this.#spanMs) return;
    [this.#before, this.#recent] = [this.#recent, this.#before];
    this.#recent.fill(0);
    if (passedMs >= 2 * this.#spanMs) this.#before.fill(0);
    this.#turnedAtMs = nowMs;
  }
}

/** The first bucket that a duration is not beyond; the last has no end. */
function bucketOf(tookMs: number): number {
  let from = 0;
  let to = buckets - 1;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (tookMs <= (ends[middle] ?? 0)) to = middle;
    else from = middle + 1;
  }
  return from;
}
