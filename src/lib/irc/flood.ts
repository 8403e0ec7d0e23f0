/**
 * How fast lines may go out: the algorithm of the server Hybrid, as the predecessor's library had it. Each line costs a
 * fixed time and a little for each byte; what is owed shrinks as time passes; past a limit each line waits as long as it
 * costs. Time is given, nothing waits here.
 */

/** What lines cost. */
export interface FloodOptions {
  /** For each line. @default 2000 */
  lineMs?: number;
  /** Bytes that cost one second more. @default 120; 0: they cost nothing */
  bytesPerSecond?: number;
  /** So much may be owed before lines wait. @default 10_000 */
  burstMs?: number;
}

/** What is owed to one server. */
export class Flood {
  readonly #lineMs: number;
  readonly #bytesPerSecond: number;
  readonly #burstMs: number;
  #owedMs = 0;
  #lastMs: number | undefined;

  constructor(options: FloodOptions = {}) {
    this.#lineMs = options.lineMs ?? 2000;
    this.#bytesPerSecond = options.bytesPerSecond ?? 120;
    this.#burstMs = options.burstMs ?? 10_000;
  }

  /** Notes a line of so many bytes, and gives for how long it has to wait before it goes out. */
  charge(bytes: number, nowMs: number): number {
    const costMs = this.#lineMs + (this.#bytesPerSecond > 0 ? (bytes * 1000) / this.#bytesPerSecond : 0);
    const elapsedMs = nowMs - (this.#lastMs ?? nowMs);
    this.#owedMs = Math.max(0, this.#owedMs + costMs - elapsedMs);
    this.#lastMs = nowMs;
    return this.#owedMs > this.#burstMs ? costMs : 0;
  }
}
