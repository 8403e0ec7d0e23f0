/**
 * Time and chance as values. All rules here run on monotonic time, so setting the machine's clock changes nothing.
 */

/** A source of time and of wake-ups. */
export interface Clock {
  /** Wall time in epoch milliseconds; not used by the rules. */
  now(): number;
  /** Milliseconds since some fixed instant of this process; never decreases. */
  monotonicMs(): number;
  /** Calls `callback` once after at least `delayMs`. The returned function cancels it and may be called twice. */
  schedule(delayMs: number, callback: () => void): () => void;
}

/** Draws a number uniformly from the half-open interval [0, 1). */
export type Random = () => number;

/** The machine's own clock. Its timers do not keep the process alive. */
export const machineClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  schedule(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Calls `callback` again and again, `delayMs()` after the last call ended. The returned function stops it. */
export function repeat(clock: Clock, delayMs: () => number, callback: () => void): () => void {
  let stopped = false;
  let cancel = clock.schedule(delayMs(), run);
  function run(): void {
    callback();
    if (!stopped) cancel = clock.schedule(delayMs(), run);
  }
  return () => {
    stopped = true;
    cancel();
  };
}

/** A new list with the same elements in random order (Fisher-Yates). */
export function shuffled<T>(random: Random, list: readonly T[]): T[] {
  const result = [...list];
  for (let index = result.length - 1; index > 0; index--) {
    const other = Math.floor(random() * (index + 1));
    [result[index], result[other]] = [result[other] as T, result[index] as T];
  }
  return result;
}

/** Up to `count` different elements drawn at random. */
export function sample<T>(random: Random, list: readonly T[], count: number): T[] {
  if (list.length <= count) return shuffled(random, list);
  const chosen = new Set<number>();
  while (chosen.size < count) chosen.add(Math.floor(random() * list.length));
  return Array.from(chosen, (index) => list[index] as T);
}
