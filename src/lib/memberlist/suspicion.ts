/**
 * The time a suspected member is given to object (Lifeguard's dynamic suspicion). It starts long and shrinks with each
 * independent confirmation: remaining = max − log(n+1)/log(k+1) × (max − min) − elapsed, where n of k confirmations came.
 * A wake-up that comes late says that this process was asleep, not that the member is gone; it waits once more then.
 * Source: "Lifeguard: Local Health Awareness for More Accurate Failure Detection", section IV-B.
 */
import type { Clock } from "./clock.ts";

/** Bounds of one suspicion. */
export interface SuspicionOptions {
  readonly clock: Clock;
  /** Who raised it; this name does not count as a confirmation. */
  readonly accuser: string;
  /** Confirmations that bring the time down to `minMs`; with 0 it is `minMs` from the start. */
  readonly confirmationsWanted: number;
  readonly minMs: number;
  readonly maxMs: number;
  /** A wake-up later than this is given one grace period of the same length. */
  readonly graceMs: number;
  readonly expired: () => void;
}

/** A running suspicion against one member. */
export class Suspicion {
  readonly #options: SuspicionOptions;
  readonly #startedMs: number;
  readonly #confirmers: Set<string>;
  #confirmations = 0;
  #cancel: () => void = () => undefined;

  constructor(options: SuspicionOptions) {
    this.#options = options;
    this.#startedMs = options.clock.monotonicMs();
    this.#confirmers = new Set([options.accuser]);
    this.#schedule();
  }

  /** Counts a confirmation. Returns whether it was news, and therefore worth telling others. */
  confirm(from: string): boolean {
    if (this.#confirmations >= this.#options.confirmationsWanted || this.#confirmers.has(from)) return false;
    this.#confirmers.add(from);
    this.#confirmations++;
    this.#schedule();
    return true;
  }

  /** Ends it without a verdict. */
  cancel(): void {
    this.#cancel();
  }

  #schedule(): void {
    this.#cancel();
    const { clock, confirmationsWanted, minMs, maxMs } = this.#options;
    const share = confirmationsWanted < 1 ? 1 : Math.log(this.#confirmations + 1) / Math.log(confirmationsWanted + 1);
    const dueMs = this.#startedMs + Math.max(minMs, maxMs - share * (maxMs - minMs));
    // A confirmation may make it due in the past; then it is due now, which is not lateness of the timer.
    const wakeMs = Math.max(dueMs, clock.monotonicMs());
    this.#cancel = clock.schedule(wakeMs - clock.monotonicMs(), () => this.#wake(wakeMs));
  }

  #wake(wakeMs: number): void {
    const { clock, graceMs, expired } = this.#options;
    if (clock.monotonicMs() - wakeMs > graceMs) this.#cancel = clock.schedule(graceMs, expired);
    else expired();
  }
}
