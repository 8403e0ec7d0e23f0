/**
 * How several points become one, as whisper counts it: which values are known decides by the x-files factor whether
 * there is a coarser point at all, and the method says what it is. Sums run from the oldest to the newest, in doubles.
 */

/** Methods in the order of their numbers in a file, from 1. */
export const aggregations = ["average", "sum", "last", "max", "min", "avg_zero", "absmax", "absmin"] as const;
/** One of {@link aggregations}. */
export type Aggregation = (typeof aggregations)[number];

/**
 * One value of `values`, oldest first, where NaN stands for an unknown one; NaN when none is known or when the known
 * ones are fewer than `xFilesFactor` (0 to 1) of all.
 */
export function aggregate(method: Aggregation, xFilesFactor: number, values: Float64Array): number {
  let known = 0;
  let sum = 0;
  let last = NaN;
  let most = NaN;
  let least = NaN;
  let farthest = NaN;
  let nearest = NaN;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    if (Number.isNaN(value)) continue;
    known++;
    sum += value;
    last = value;
    if (!(value <= most)) most = value;
    if (!(value >= least)) least = value;
    if (!(Math.abs(value) <= Math.abs(farthest))) farthest = value;
    if (!(Math.abs(value) >= Math.abs(nearest))) nearest = value;
  }
  if (known === 0 || known / values.length < xFilesFactor) return NaN;
  switch (method) {
    case "average":
      return sum / known;
    case "sum":
      return sum;
    case "last":
      return last;
    case "max":
      return most;
    case "min":
      return least;
    case "avg_zero":
      return sum / values.length;
    case "absmax":
      return farthest;
    case "absmin":
      return nearest;
  }
}
