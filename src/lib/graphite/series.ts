/**
 * A series: values at equal steps with a name, and how several are brought to one step.
 *
 * Series are never changed; functions make new ones. A value that is not known is NaN, which never means a number here.
 * `values[i]` belongs to `startSeconds + i × stepSeconds`; `endSeconds` is where the values stop, but may say less or more than
 * their number, as Graphite's shifted series do. What a function calls its result matters to clients, so the rules of names
 * (`name`, `pathExpression`, `tags`) are Graphite's.
 */
import { tagsOf } from "./path.ts";

/** How values that fall together become one. */
export type Consolidation = "sum" | "average" | "avg" | "avg_zero" | "max" | "min" | "first" | "last";

/** How a series wants to be drawn. */
export interface DrawOptions {
  readonly color?: string;
  readonly alpha?: number;
  readonly lineWidth?: number;
  readonly dashed?: number;
  readonly stacked?: boolean;
  readonly invisible?: boolean;
  readonly drawAsInfinite?: boolean;
  readonly secondYAxis?: boolean;
}

/** One series of an answer or between two functions. */
export interface Series {
  readonly name: string;
  /** The part of the target it came from, which names of combined series list. */
  readonly pathExpression: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly startSeconds: number;
  readonly endSeconds: number;
  readonly stepSeconds: number;
  readonly values: Float64Array;
  readonly consolidation: Consolidation;
  /** The part of values that has to be known for a consolidated one to be, 0 to 1. */
  readonly xFilesFactor: number;
  readonly draw: DrawOptions;
}

/** What {@link makeSeries} needs. */
export interface SeriesParts {
  readonly name: string;
  readonly startSeconds: number;
  readonly endSeconds: number;
  readonly stepSeconds: number;
  readonly values: Float64Array;
  readonly pathExpression?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly consolidation?: Consolidation;
  readonly xFilesFactor?: number;
}

/** A new series. Its tags come from its name unless given; its path expression is its name unless given. */
export function makeSeries(parts: SeriesParts): Series {
  const { name } = parts;
  return {
    name,
    pathExpression: parts.pathExpression ?? name,
    tags: parts.tags ?? (/^[a-z]+\(.+\)$/is.test(name) ? { name } : tagsOf(name)),
    startSeconds: parts.startSeconds,
    endSeconds: parts.endSeconds,
    stepSeconds: parts.stepSeconds,
    values: parts.values,
    consolidation: parts.consolidation ?? "average",
    xFilesFactor: parts.xFilesFactor ?? 0,
    draw: {},
  };
}

/** The same series with tags added. */
export function withTags(series: Series, tags: Readonly<Record<string, string>>): Series {
  return { ...series, tags: { ...series.tags, ...tags } };
}

/** The same series under another name, which is also what later names call it. */
export function renamed(series: Series, name: string): Series {
  return { ...series, name, pathExpression: name };
}

/** A series made of another's, named `name`, with other values (and times when given). */
export function derived(
  series: Series,
  name: string,
  values: Float64Array,
  times: { startSeconds?: number; endSeconds?: number; stepSeconds?: number } = {},
): Series {
  return { ...series, name, pathExpression: name, values, ...times };
}

function consolidateBucket(values: Float64Array, from: number, to: number, how: Consolidation): number {
  let count = 0;
  let sum = 0;
  let least = Infinity;
  let most = -Infinity;
  let first = Number.NaN;
  let last = Number.NaN;
  for (let index = from; index < to; index++) {
    const value = values[index] ?? Number.NaN;
    if (value !== value) continue;
    if (count++ === 0) first = value;
    last = value;
    sum += value;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  if (count === 0) return Number.NaN;
  switch (how) {
    case "sum":
      return sum;
    case "average":
    case "avg":
      return sum / count;
    case "avg_zero":
      return sum / (to - from);
    case "max":
      return most;
    case "min":
      return least;
    case "first":
      return first;
    case "last":
      return last;
  }
}

/** The values of a series, `count` of them made into one at a time by its own way of consolidation. */
export function consolidate(series: Series, count: number): Float64Array {
  const { values, consolidation, xFilesFactor } = series;
  if (count <= 1) return values;
  const length = Math.ceil(values.length / count);
  const result = new Float64Array(length);
  for (let bucket = 0; bucket < length; bucket++) {
    const from = bucket * count;
    const to = Math.min(values.length, from + count);
    let known = 0;
    for (let index = from; index < to; index++) if (values[index] === values[index]) known++;
    // The last bucket may be short, and is still measured by the full count.
    const enough = known > 0 && known / count >= xFilesFactor;
    result[bucket] = enough ? consolidateBucket(values, from, to, consolidation) : Number.NaN;
  }
  return result;
}

function greatestDivisor(left: number, right: number): number {
  return right === 0 ? left : greatestDivisor(right, left % right);
}

/** The least step that all steps divide. */
export function commonStep(steps: readonly number[]): number {
  return steps.reduce((left, right) => (left === right ? left : (left / greatestDivisor(left, right)) * right));
}

/** Several series brought to one step. `columns[i]` are the values of the i-th; the longest says how many rows there are. */
export interface Normalized {
  readonly columns: readonly Float64Array[];
  readonly startSeconds: number;
  readonly endSeconds: number;
  readonly stepSeconds: number;
  readonly length: number;
}

/** Brings series to their common step. Rows are by number, from each series' own start. There must be one series at least. */
export function normalize(list: readonly Series[]): Normalized {
  const stepSeconds = commonStep(list.map((series) => series.stepSeconds));
  const columns = list.map((series) => consolidate(series, Math.floor(stepSeconds / series.stepSeconds)));
  const startSeconds = list.reduce((least, series) => Math.min(least, series.startSeconds), Infinity);
  const end = list.reduce((most, series) => Math.max(most, series.endSeconds), -Infinity);
  return {
    columns,
    startSeconds,
    endSeconds: end - ((end - startSeconds) % stepSeconds),
    stepSeconds,
    length: columns.reduce((most, column) => Math.max(most, column.length), 0),
  };
}

/** The path expressions of series, each once, in order. */
export function pathExpressionsOf(list: readonly Series[]): string {
  return [...new Set(list.map((series) => series.pathExpression))].join(",");
}
