/**
 * A clock that stands still until it is told to go on. Wake-ups happen in the order of their time, those of the same time in
 * the order in which they were asked for, so a run over it is exact. For tests, simulations and benchmarks.
 */
import type { Clock } from "./clock.ts";

interface Wakeup {
  readonly dueMs: number;
  readonly order: number;
  callback: (() => void) | undefined;
}

/** Time in the hands of its owner. Wall time and monotonic time start at `startMs`; the wall may be set on its own. */
export class ManualClock implements Clock {
  // A binary heap by time and order; cancelled wake-ups stay in it until their time.
  readonly #heap: Wakeup[] = [];
  #nowMs = 0;
  #order = 0;
  /** Added to monotonic time to give wall time; may be changed at will. */
  wallOffsetMs: number;

  constructor(startMs = 0) {
    this.wallOffsetMs = startMs;
  }

  now(): number {
    return this.#nowMs + this.wallOffsetMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  schedule(delayMs: number, callback: () => void): () => void {
    const wakeup: Wakeup = { dueMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, callback };
    this.#push(wakeup);
    return () => {
      wakeup.callback = undefined;
    };
  }

  /** Lets `durationMs` pass, with everything that falls due in it. */
  advance(durationMs: number): void {
    const endMs = this.#nowMs + durationMs;
    for (let next = this.#heap[0]; next !== undefined && next.dueMs <= endMs; next = this.#heap[0]) {
      this.#pop();
      this.#nowMs = next.dueMs;
      next.callback?.();
    }
    this.#nowMs = endMs;
  }

  /** Lets time pass in steps until `condition` holds. Returns the milliseconds it took, or undefined after `limitMs`. */
  advanceUntil(condition: () => boolean, limitMs: number, stepMs = 10): number | undefined {
    const startMs = this.#nowMs;
    while (!condition()) {
      if (this.#nowMs - startMs >= limitMs) return undefined;
      this.advance(stepMs);
    }
    return this.#nowMs - startMs;
  }

  #push(wakeup: Wakeup): void {
    const heap = this.#heap;
    let place = heap.push(wakeup) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!earlier(wakeup, heap[parent] as Wakeup)) break;
      heap[place] = heap[parent] as Wakeup;
      place = parent;
    }
    heap[place] = wakeup;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let place = 0;
    for (;;) {
      let child = place * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && earlier(heap[child + 1] as Wakeup, heap[child] as Wakeup)) child++;
      if (!earlier(heap[child] as Wakeup, last)) break;
      heap[place] = heap[child] as Wakeup;
      place = child;
    }
    heap[place] = last;
  }
}

function earlier(left: Wakeup, right: Wakeup): boolean {
  return left.dueMs < right.dueMs || (left.dueMs === right.dueMs && left.order < right.order);
}
