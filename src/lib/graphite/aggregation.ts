/**
 * Many values become one: the functions that `aggregate`, `summarize`, `highest`, `filterSeries` and others name.
 *
 * NaN is a value that is not known. Most functions pass over it; `multiply` and `avg_zero` do not. Without any known
 * value the answer is NaN, but `count` answers 0. Sums run from left to right, so results agree with Graphite's to the last bit.
 */

/** Makes one value of many; NaN where there is none. */
export type Aggregation = (values: Float64Array) => number;

const none = Number.NaN;

/** The known values, in order. */
export function known(values: Float64Array): Float64Array {
  return values.filter((value) => value === value);
}

/** How many are known. */
export function count(values: Float64Array): number {
  let found = 0;
  for (let index = 0; index < values.length; index++) if (values[index] === values[index]) found++;
  return found;
}

/** The sum of those known. */
export function sum(values: Float64Array): number {
  let total = 0;
  let any = false;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] ?? none;
    if (value !== value) continue;
    total += value;
    any = true;
  }
  return any ? total : none;
}

/** The arithmetic mean of those known. */
export function average(values: Float64Array): number {
  return sum(values) / count(values);
}

/** The largest. */
export function max(values: Float64Array): number {
  let most = none;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] ?? none;
    if (value > most || (most !== most && value === value)) most = value;
  }
  return most;
}

/** The smallest. */
export function min(values: Float64Array): number {
  let least = none;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] ?? none;
    if (value < least || (least !== least && value === value)) least = value;
  }
  return least;
}

/** The last known. */
export function last(values: Float64Array): number {
  for (let index = values.length - 1; index >= 0; index--) {
    const value = values[index] ?? none;
    if (value === value) return value;
  }
  return none;
}

/** The middle one of those known, or the mean of the two in the middle. */
export function median(values: Float64Array): number {
  const sorted = known(values).sort();
  if (sorted.length === 0) return none;
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? none;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? none) + upper) / 2;
}

/** The standard deviation of the whole population. */
export function stddev(values: Float64Array): number {
  const found = known(values);
  if (found.length === 0) return none;
  const mean = sum(found) / found.length;
  let squares = 0;
  for (const value of found) squares += (value - mean) * (value - mean);
  return Math.sqrt(squares / found.length);
}

function diff(values: Float64Array): number {
  const found = known(values);
  if (found.length === 0) return none;
  let result = found[0] ?? none;
  for (let index = 1; index < found.length; index++) result -= found[index] ?? none;
  return result;
}

function multiply(values: Float64Array): number {
  let product = values[0] ?? none;
  for (let index = 1; index < values.length; index++) product *= values[index] ?? none;
  return product;
}

function averageZero(values: Float64Array): number {
  if (values.length === 0) return none;
  let total = 0;
  for (const value of values) if (value === value) total += value;
  return total / values.length;
}

const range: Aggregation = (values) => max(values) - min(values);

/** All by name, the synonyms included. */
export const aggregations: ReadonlyMap<string, Aggregation> = new Map<string, Aggregation>([
  ["average", average],
  ["avg_zero", averageZero],
  ["median", median],
  ["sum", sum],
  ["min", min],
  ["max", max],
  ["diff", diff],
  ["stddev", stddev],
  ["count", count],
  ["range", range],
  ["multiply", multiply],
  ["last", last],
  ["rangeOf", range],
  ["avg", average],
  ["total", sum],
  ["current", last],
]);

/**
 * The n-th percentile: rank n/100·(count + 1), rounded up, or between the two nearest when interpolated.
 * @param n above 0, at most 100
 */
export function percentile(values: Float64Array, n: number, interpolate = false): number {
  const sorted = known(values).sort();
  if (sorted.length === 0) return none;
  const fractional = (n / 100) * (sorted.length + 1);
  let rank = Math.trunc(fractional);
  const fraction = fractional - rank;
  if (!interpolate) rank += Math.ceil(fraction);
  const at = Math.min(Math.max(rank - 1, 0), sorted.length - 1);
  const found = sorted[at] ?? none;
  if (!interpolate || rank >= sorted.length) return found;
  return found + fraction * ((sorted[rank] ?? none) - found);
}
