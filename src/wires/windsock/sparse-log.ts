/**
 * Warnings that others can cause as often as they like: so many a minute are logged, the rest is counted, and the count goes
 * along with the next. Otherwise whoever sends nonsense fast enough fills the disk with it.
 */
import type { Clock } from "../../kit/clock.ts";
import type { LogFields, Logger } from "../../kit/log.ts";

const spanMs = 60_000;
const mostInSpan = 20;

/** See the file's head. */
export class SparseLog {
  readonly #log: Logger;
  readonly #clock: Clock;
  #sinceMs = Number.NEGATIVE_INFINITY;
  #told = 0;
  #untold = 0;

  constructor(log: Logger, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** Logs it, with how many were not (`untold`) since the last that was; or counts it. */
  warn(message: string, fields: LogFields): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#sinceMs >= spanMs) {
      this.#sinceMs = nowMs;
      this.#told = 0;
    }
    if (this.#told >= mostInSpan) {
      this.#untold++;
      return;
    }
    this.#told++;
    this.#log.warn(message, this.#untold === 0 ? fields : { ...fields, untold: this.#untold });
    this.#untold = 0;
  }
}
