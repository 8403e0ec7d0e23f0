/**
 * Chance as a value. Rules draw from a Random they were given, so that a seed replays a run exactly.
 * Not for secrets: those come from `crypto.getRandomValues`.
 */

/** Draws a number uniformly from the half-open interval [0, 1). */
export type Random = () => number;

/** The runtime's own generator. */
export const systemRandom: Random = Math.random;

/** A generator that gives the same sequence for the same seed (mulberry32; a seed is taken modulo 2^32). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** A whole number drawn uniformly from [0, bound). */
export function below(random: Random, bound: number): number {
  return Math.floor(random() * bound);
}

/** One element of a list, each as likely. Throws RangeError when the list is empty. */
export function pick<T>(random: Random, list: readonly T[]): T {
  if (list.length === 0) throw new RangeError("Cannot pick from an empty list");
  return list[below(random, list.length)] as T;
}

/** A new list with the same elements in random order (Fisher–Yates). */
export function shuffled<T>(random: Random, list: readonly T[]): T[] {
  const result = [...list];
  for (let index = result.length - 1; index > 0; index--) {
    const other = below(random, index + 1);
    [result[index], result[other]] = [result[other] as T, result[index] as T];
  }
  return result;
}
