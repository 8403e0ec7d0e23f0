/**
 * Time in a simulation: one queue of timers for the whole cluster. Nothing waits for real: after each timer every
 * promise that can go on does so (microtasks are drained), then time jumps to the next timer. Two runs with the same
 * calls fire the same timers in the same order.
 *
 * A {@link NodeClock} is what one process on one machine sees of it: its own wall clock, which may be set, and its own
 * monotonic clock from an arbitrary start. It dies with the process, and stands still while the process is paused.
 */
import { drainMicrotasks } from "bun:jsc";

import type { Clock } from "../../src/kit/clock.ts";

interface Timer {
  atMs: number;
  order: number;
  callback: (() => void) | undefined;
}

/** The queue of timers of a simulated world. */
export class VirtualTime {
  nowMs = 0;
  /** Timers fired so far. */
  fired = 0;
  /** Set to end {@link VirtualTime.run} before its time. */
  stopped = false;
  #made = 0;
  /** A binary heap by instant, then by order of making. */
  readonly #heap: Timer[] = [];

  /** Calls `callback` after `delayMs`; the returned function cancels. */
  schedule(delayMs: number, callback: () => void): () => void {
    const timer: Timer = { atMs: this.nowMs + Math.max(0, delayMs), order: this.#made++, callback };
    this.#push(timer);
    return () => {
      timer.callback = undefined;
    };
  }

  /** Lets time pass until `untilMs`, or until stopped. */
  run(untilMs: number): void {
    drainMicrotasks();
    while (!this.stopped) {
      const first = this.#heap[0];
      if (!first || first.atMs > untilMs) break;
      this.#pop();
      if (!first.callback) continue;
      this.nowMs = first.atMs;
      this.fired++;
      first.callback();
      drainMicrotasks();
    }
    if (!this.stopped) this.nowMs = Math.max(this.nowMs, untilMs);
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(timer);
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt] as Timer;
      if (!before(timer, parent)) break;
      heap[at] = parent;
      at = parentAt;
    }
    heap[at] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Timer;
    if (heap.length === 0) return;
    let at = 0;
    while (true) {
      let childAt = 2 * at + 1;
      if (childAt >= heap.length) break;
      if (childAt + 1 < heap.length && before(heap[childAt + 1] as Timer, heap[childAt] as Timer)) childAt++;
      const child = heap[childAt] as Timer;
      if (!before(child, last)) break;
      heap[at] = child;
      at = childAt;
    }
    heap[at] = last;
  }
}

function before(left: Timer, right: Timer): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order);
}

/** Wall time at the simulated world's instant 0, epoch ms. */
export const worldBegins = Date.UTC(2030, 0, 1);

/** The wall clock of a machine: survives its processes. */
export interface WallClock {
  /** How far it is off, ms. */
  offsetMs: number;
}

/** Time as one process sees it. */
export class NodeClock implements Clock {
  readonly #time: VirtualTime;
  readonly #wall: WallClock;
  readonly #startedMs: number;
  #dead = false;
  #pausedUntilMs = 0;

  constructor(time: VirtualTime, wall: WallClock) {
    this.#time = time;
    this.#wall = wall;
    this.#startedMs = time.nowMs;
  }

  now(): number {
    return worldBegins + this.#time.nowMs + this.#wall.offsetMs;
  }

  monotonicMs(): number {
    return this.#time.nowMs - this.#startedMs;
  }

  schedule(delayMs: number, callback: () => void): () => void {
    let cancelled = false;
    const fire = () => {
      if (!cancelled) this.deliver(callback);
    };
    const cancel = this.#time.schedule(delayMs, fire);
    return () => {
      cancelled = true;
      cancel();
    };
  }

  /** Runs `callback` in this process: at once, when its pause ends, or never when it is dead. */
  deliver(callback: () => void): void {
    if (this.#dead) return;
    const waitMs = this.#pausedUntilMs - this.#time.nowMs;
    if (waitMs > 0) this.#time.schedule(waitMs, () => this.deliver(callback));
    else callback();
  }

  get paused(): boolean {
    return this.#pausedUntilMs > this.#time.nowMs;
  }

  /** The process gets no time at all for so long, as in a stopped virtual machine. */
  pause(forMs: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#time.nowMs + forMs);
  }

  /** Nothing that waits on this clock will ever go on. */
  kill(): void {
    this.#dead = true;
  }
}
