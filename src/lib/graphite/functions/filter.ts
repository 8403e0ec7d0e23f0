/**
 * Functions that choose: which series remain, in which order, and which of their values.
 */
import { aggregations, average, count, last, max, min, percentile, sum, type Aggregation } from "../aggregation.ts";
import { integer, type Call, type FunctionDeclaration, type Parameter } from "../call.ts";
import { formatFloat, formatGeneral } from "../number.ts";
import { Pattern } from "../pattern.ts";
import { renamed, withTags, type Series } from "../series.ts";
import { seriesList, seriesLists } from "./combine.ts";

const numberN: Parameter = { name: "n", type: "float", required: true };
const countN: Parameter = { name: "n", type: "integer", required: true };
const pattern: Parameter = { name: "pattern", type: "string", required: true };
const averageByDefault: Parameter = { name: "func", type: "aggFunc", default: "average" };

/** A comparison; `value` may be NaN, which is below everything. */
type Comparison = (value: number, threshold: number) => boolean;

const comparisons: ReadonlyMap<string, Comparison> = new Map<string, Comparison>([
  ["=", (value, threshold) => value === threshold],
  ["!=", (value, threshold) => value !== threshold],
  [">", (value, threshold) => value > threshold],
  [">=", (value, threshold) => value >= threshold],
  ["<", (value, threshold) => !(value >= threshold)],
  ["<=", (value, threshold) => !(value > threshold)],
]);

function filterBy(
  list: readonly Series[],
  measure: Aggregation,
  operator: string,
  threshold: number,
  call: Call,
): readonly Series[] {
  const compare = comparisons.get(operator) ?? call.fail(`unsupported operator "${operator}"`);
  return list.filter((series) => compare(measure(series.values), threshold));
}

function filter(name: string, summary: string, functionName: string, operator: string): FunctionDeclaration {
  const measure = aggregations.get(functionName) ?? average;
  return {
    name,
    group: "Filter Series",
    parameters: [seriesList, numberN],
    summary,
    run: (call) => filterBy(call.list(), measure, operator, call.number("n"), call),
  };
}

/** Sorted by a measure; series without one come first, or last when the largest are first. Equal ones keep their order. */
function sorted(list: readonly Series[], measure: Aggregation, isDescending: boolean): Series[] {
  const keyed = list.map((series) => {
    const value = measure(series.values);
    return { series, key: value === value ? value : -Infinity };
  });
  keyed.sort((left, right) => {
    const order = left.key < right.key ? -1 : left.key > right.key ? 1 : 0;
    return isDescending ? -order : order;
  });
  return keyed.map(({ series }) => series);
}

function extremes(name: string, summary: string, functionName: string, isDescending: boolean): FunctionDeclaration {
  const measure = aggregations.get(functionName) ?? average;
  return {
    name,
    group: "Filter Series",
    parameters: [seriesList, countN],
    summary,
    run: (call) => sorted(call.list(), measure, isDescending).slice(0, call.number("n")),
  };
}

function extremesBy(name: string, summary: string, isDescending: boolean): FunctionDeclaration {
  return {
    name,
    group: "Filter Series",
    parameters: [seriesList, { name: "n", type: "integer", required: true, default: integer(1) }, averageByDefault],
    summary,
    run: (call) => sorted(call.list(), call.aggregation("func"), isDescending).slice(0, call.number("n")),
  };
}

function byName(name: string, summary: string, isKept: (found: boolean) => boolean): FunctionDeclaration {
  return {
    name,
    group: "Filter Series",
    parameters: [seriesList, pattern],
    summary,
    run: (call) => {
      const compiled = patternOf(call, "pattern");
      return call.list().filter((series) => isKept(compiled.occursIn(series.name)));
    },
  };
}

/** The regular expression of an argument. */
export function patternOf(call: Call, name: string): Pattern {
  try {
    return new Pattern(call.text(name));
  } catch (error) {
    if (error instanceof SyntaxError) return call.fail(error.message);
    throw error;
  }
}

function cutAt(
  name: string,
  summary: string,
  isRemoved: (value: number, bound: number) => boolean,
  isPercentile: boolean,
): FunctionDeclaration {
  return {
    name,
    group: "Filter Data",
    parameters: [seriesList, numberN],
    summary,
    run: (call) => {
      const n = call.number("n");
      if (isPercentile) requirePercent(call, n);
      return call.list().map((series) => {
        const separator = `${name}(${series.name}, ${formatGeneral(n)})`;
        const bound = isPercentile ? percentile(series.values, n) : n;
        const values = series.values.map((value) => (isRemoved(value, bound) ? Number.NaN : value));
        const cut = { ...renamed(series, separator), values };
        return isPercentile && bound === bound ? withTags(cut, { nPercentile: formatFloat(n) }) : cut;
      });
    },
  };
}

function requirePercent(call: Call, n: number): void {
  if (!(n > 0 && n <= 100)) call.fail("n must be above 0 and at most 100");
}

/** n and 100 - n, the larger second. */
function percentPair(call: Call): readonly [number, number] {
  const n = call.number("n");
  const high = n < 50 ? 100 - n : n;
  if (!(high <= 100)) call.fail("n must be from 0 to 100");
  return [100 - high, high];
}

function variance(values: Float64Array): number {
  const mean = average(values);
  let squares = 0;
  for (const value of values) if (value === value) squares += (value - mean) ** 2;
  return squares / count(values);
}

const naturalKey = (name: string) => name.replace(/\d+/g, (digits) => digits.padStart(10, "0"));
const compareTexts = (left: string, right: string) => (left < right ? -1 : left > right ? 1 : 0);

/** The functions of this file. */
export const filterFunctions: readonly FunctionDeclaration[] = [
  filter("averageAbove", "Series whose mean is above n.", "average", ">"),
  filter("averageBelow", "Series whose mean is n or below.", "average", "<="),
  filter("currentAbove", "Series whose last value is above n.", "last", ">"),
  filter("currentBelow", "Series whose last value is n or below.", "last", "<="),
  filter("maximumAbove", "Series that go above n.", "max", ">"),
  filter("maximumBelow", "Series that never go above n.", "max", "<="),
  filter("minimumAbove", "Series that stay above n.", "min", ">"),
  filter("minimumBelow", "Series that go to n or below.", "min", "<="),
  {
    name: "filterSeries",
    group: "Filter Series",
    parameters: [
      seriesList,
      { name: "func", type: "aggFunc", required: true },
      { name: "operator", type: "string", required: true, options: ["!=", "<", "<=", "=", ">", ">="] },
      { name: "threshold", type: "float", required: true },
    ],
    summary: "Series that a function and a comparison choose.",
    run: (call) =>
      filterBy(call.list(), call.aggregation("func"), call.text("operator"), call.number("threshold"), call),
  },
  extremesBy("highest", "The n series that are highest by a function.", true),
  extremesBy("lowest", "The n series that are lowest by a function.", false),
  extremes("highestAverage", "The n series with the highest mean.", "average", true),
  extremes("highestCurrent", "The n series with the highest last value.", "last", true),
  extremes("highestMax", "The n series with the highest maximum.", "max", true),
  extremes("lowestAverage", "The n series with the lowest mean.", "average", false),
  extremes("lowestCurrent", "The n series with the lowest last value.", "last", false),
  {
    name: "mostDeviant",
    group: "Filter Series",
    parameters: [seriesList, countN],
    summary: "The n series with the largest standard deviation.",
    run: (call) =>
      sorted(
        call.list().filter((series) => count(series.values) > 0),
        variance,
        true,
      ).slice(0, call.number("n")),
  },
  {
    name: "limit",
    group: "Filter Series",
    parameters: [seriesList, countN],
    summary: "The first n series.",
    run: (call) => call.list().slice(0, call.number("n")),
  },
  byName("grep", "Series whose name the regular expression is found in.", (found) => found),
  byName("exclude", "Series whose name the regular expression is not found in.", (found) => !found),
  {
    name: "averageOutsidePercentile",
    group: "Filter Series",
    parameters: [seriesList, numberN],
    summary: "Series whose mean is not between the n-th percentile of means and its opposite.",
    run: (call) => {
      const [low, high] = percentPair(call);
      const list = call.list();
      const averages = Float64Array.from(list, (series) => average(series.values));
      const least = percentile(averages, low);
      const most = percentile(averages, high);
      return list.filter((_, index) => {
        const mean = averages[index] ?? Number.NaN;
        return !(least < mean && mean < most);
      });
    },
  },
  {
    name: "removeBetweenPercentile",
    group: "Filter Series",
    parameters: [seriesList, numberN],
    summary: "Series that are outside the n-th percentile and its opposite at some time.",
    run: (call) => {
      const [low, high] = percentPair(call);
      const list = call.list();
      if (list.length === 0) return [];
      const length = list.reduce((least, series) => Math.min(least, series.values.length), Infinity);
      const isOutside = list.map(() => false);
      for (let index = 0; index < length; index++) {
        const row = Float64Array.from(list, (series) => series.values[index] ?? Number.NaN);
        const least = percentile(row, low);
        const most = percentile(row, high);
        row.forEach((value, at) => {
          if (value <= least || value >= most) isOutside[at] = true;
        });
      }
      return list.filter((_, index) => isOutside[index]);
    },
  },
  {
    name: "removeEmptySeries",
    group: "Filter Series",
    parameters: [seriesList, { name: "xFilesFactor", type: "float" }],
    summary: "Series of which something is known, or the part given.",
    run: (call) => {
      const needed = call.optionalNumber("xFilesFactor") ?? 0;
      return call.list().filter(({ values }) => count(values) > 0 && count(values) / values.length >= needed);
    },
  },
  {
    name: "unique",
    group: "Filter Series",
    parameters: [seriesLists],
    summary: "Series without those whose name came before.",
    run: (call) =>
      [...new Map([...call.list("seriesLists")].reverse().map((series) => [series.name, series])).values()].reverse(),
  },
  {
    name: "useSeriesAbove",
    group: "Filter Series",
    parameters: [
      seriesList,
      { name: "value", type: "float", required: true },
      { name: "search", type: "string", required: true },
      { name: "replace", type: "string", required: true },
    ],
    summary: "Other series instead of those that go above a value, by changing their names.",
    run: async (call) => {
      const search = patternOf(call, "search");
      const names = call
        .list()
        .filter((series) => max(series.values) > call.number("value"))
        .map((series) => search.replaceAll(series.name, call.text("replace")));
      if (names.length === 0) return [];
      return (await call.evaluation.target(`group(${names.join(",")})`)).filter((series) => series.values.length > 0);
    },
  },
  cutAt("removeAboveValue", "Removes values above n.", (value, bound) => value > bound, false),
  cutAt("removeBelowValue", "Removes values below n.", (value, bound) => value < bound, false),
  cutAt("removeAbovePercentile", "Removes values above the n-th percentile.", (value, bound) => value > bound, true),
  cutAt("removeBelowPercentile", "Removes values below the n-th percentile.", (value, bound) => value < bound, true),
  {
    name: "sortBy",
    group: "Sorting",
    parameters: [seriesList, averageByDefault, { name: "reverse", type: "boolean", default: false }],
    summary: "Sorts by a function, the lowest first.",
    run: (call) => sorted(call.list(), call.aggregation("func"), call.flag("reverse")),
  },
  {
    name: "sortByName",
    group: "Sorting",
    parameters: [
      seriesList,
      { name: "natural", type: "boolean", default: false },
      { name: "reverse", type: "boolean", default: false },
    ],
    summary: "Sorts by name; naturally, web2 comes before web10.",
    run: (call) => {
      const key = call.flag("natural") ? naturalKey : (name: string) => name;
      const sign = call.flag("reverse") ? -1 : 1;
      return [...call.list()].sort((left, right) => sign * compareTexts(key(left.name), key(right.name)));
    },
  },
  {
    name: "sortByTotal",
    group: "Sorting",
    parameters: [seriesList],
    summary: "Sorts by the sum of values, the highest first.",
    run: (call) => sorted(call.list(), sum, true),
  },
  {
    name: "sortByMaxima",
    group: "Sorting",
    parameters: [seriesList],
    summary: "Sorts by the largest value, the highest first.",
    run: (call) => sorted(call.list(), max, true),
  },
  {
    name: "sortByMinima",
    group: "Sorting",
    parameters: [seriesList],
    summary: "Sorts by the smallest value, the lowest first, those that never go above 0 left out.",
    run: (call) =>
      sorted(
        call.list().filter((series) => max(series.values) > 0),
        min,
        false,
      ),
  },
];

/** The last known value of a series, as legends show it. */
export const lastOf = (series: Series) => last(series.values);
