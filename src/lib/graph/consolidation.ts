/**
 * As many values as there are pixels: those that share one become one, as the series asks (its mean, sum, largest, …).
 * A series is read once for it, whatever its length.
 */
import type { GraphConsolidation, GraphSeries } from "./graph-series.ts";

/** A value that may be absent as a number; not known is NaN. */
function known(value: number | null | undefined): number {
  return value ?? Number.NaN;
}

function joined(values: ArrayLike<number | null>, from: number, to: number, how: GraphConsolidation): [number, number] {
  let count = 0;
  let sum = 0;
  let least = Infinity;
  let most = -Infinity;
  let first = Number.NaN;
  let last = Number.NaN;
  for (let index = from; index < to; index++) {
    const value = known(values[index]);
    if (Number.isNaN(value)) continue;
    if (count++ === 0) first = value;
    last = value;
    sum += value;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  if (count === 0) return [Number.NaN, 0];
  switch (how) {
    case "sum":
      return [sum, count];
    case "max":
      return [most, count];
    case "min":
      return [least, count];
    case "first":
      return [first, count];
    case "last":
      return [last, count];
    case "avg_zero":
      return [sum / (to - from), count];
    default:
      return [sum / count, count];
  }
}

/** The values of a series, `count` made into one. NaN is not known. */
export function consolidated(series: GraphSeries, count: number): Float64Array {
  const { values, consolidation = "average", xFilesFactor = 0 } = series;
  if (count <= 1) return Float64Array.from(values, known);
  const made = new Float64Array(Math.ceil(values.length / count));
  for (let at = 0; at < made.length; at++) {
    const from = at * count;
    const to = Math.min(from + count, values.length);
    const [value, knownCount] = joined(values, from, to, consolidation);
    made[at] = knownCount / (to - from) >= xFilesFactor ? value : Number.NaN;
  }
  return made;
}

/** The least and largest finite value; undefined when there is none. Also whether some are not known. */
export function extent(values: Float64Array): { least: number; most: number; hasGaps: boolean } | undefined {
  let least = Infinity;
  let most = -Infinity;
  let hasGaps = false;
  for (const value of values) {
    if (Number.isNaN(value)) hasGaps = true;
    else if (Number.isFinite(value)) {
      if (value < least) least = value;
      if (value > most) most = value;
    }
  }
  return least > most ? undefined : { least, most, hasGaps };
}
