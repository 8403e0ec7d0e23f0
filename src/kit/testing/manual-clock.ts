/**
 * A clock for tests: time stands still until the test moves it. Moving it fires timers in order of their instant (and
 * of their making, where two share one), and lets everything that became runnable run before the next one fires, so a
 * test needs no sleeps. Wall time can be set apart from monotonic time.
 */
import { drainMicrotasks } from "bun:jsc";

import type { Clock } from "../clock.ts";

interface Timer {
  atMs: number;
  order: number;
  callback: () => void;
}

/** A Clock that only {@link ManualClock.advance} moves. */
export class ManualClock implements Clock {
  #nowMs = 0;
  #wallOffsetMs: number;
  #made = 0;
  readonly #timers = new Set<Timer>();

  /** `startsAt` is the wall time at monotonic 0, epoch ms. */
  constructor(startsAt = Date.UTC(2030, 0, 1)) {
    this.#wallOffsetMs = startsAt;
  }

  now(): number {
    return this.#wallOffsetMs + this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  schedule(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#made++, callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Timers that wait. */
  get waiting(): number {
    return this.#timers.size;
  }

  /** Sets the wall clock forth or back; monotonic time and timers do not notice. */
  jump(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  /** Moves time, firing what falls due on the way. Promises that need nothing but time have settled afterwards. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    drainMicrotasks();
    for (let next = this.#next(untilMs); next; next = this.#next(untilMs)) {
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
      drainMicrotasks();
    }
    this.#nowMs = untilMs;
  }

  /** Moves time until `promise` settles, at most `limitMs`; gives what it gives. Throws RangeError when it is late. */
  async until<T>(promise: Promise<T>, limitMs = 3_600_000): Promise<T> {
    const state = { settled: false };
    const note = () => {
      state.settled = true;
    };
    promise.then(note, note);
    const untilMs = this.#nowMs + limitMs;
    drainMicrotasks();
    while (!state.settled) {
      const next = this.#next(untilMs);
      if (!next) throw new RangeError(`Cannot wait longer: nothing settled the promise within ${limitMs} ms`);
      this.advance(Math.max(0, next.atMs - this.#nowMs));
    }
    return promise;
  }

  #next(untilMs: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.atMs > untilMs) continue;
      if (!first || timer.atMs < first.atMs || (timer.atMs === first.atMs && timer.order < first.order)) first = timer;
    }
    return first;
  }
}
