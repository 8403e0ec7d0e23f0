/**
 * Functions that make one series of many: sums, averages, quotients and the rest, over rows of a common step.
 */
import { aggregations, percentile, sum } from "../aggregation.ts";
import { aggregationOf, type Call, type FunctionDeclaration, type Parameter } from "../call.ts";
import { formatGeneral } from "../number.ts";
import { makeSeries, normalize, pathExpressionsOf, type Normalized, type Series } from "../series.ts";

/** The parameter that nearly all functions begin with. */
export const seriesList: Parameter = { name: "seriesList", type: "seriesList", required: true };
/** A parameter that takes any number of lists. */
export const seriesLists: Parameter = { name: "seriesLists", type: "seriesList", required: true, multiple: true };

const firstList: Parameter = { name: "seriesListFirstPos", type: "seriesList", required: true };
const secondList: Parameter = { name: "seriesListSecondPos", type: "seriesList", required: true };
const aggregateFunction: Parameter = { name: "func", type: "aggFunc", required: true };
const xFilesFactor: Parameter = { name: "xFilesFactor", type: "float" };

/** Values that are read before others may have their turn. */
const valuesAtOnce = 262_144;

/** One value for each row. `row` is used again for the next one. */
export function mapRows(rows: Normalized, make: (row: Float64Array) => number): Float64Array {
  const steps = rowSteps(rows, make);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** The same in steps. */
function* rowSteps(rows: Normalized, make: (row: Float64Array) => number): Generator<void, Float64Array> {
  const row = new Float64Array(rows.columns.length);
  const result = new Float64Array(rows.length);
  const rowsAtOnce = Math.ceil(valuesAtOnce / Math.max(1, row.length));
  for (let from = 0; from < rows.length; from += rowsAtOnce) {
    const to = Math.min(rows.length, from + rowsAtOnce);
    for (let index = from; index < to; index++) {
      for (let column = 0; column < row.length; column++) row[column] = rows.columns[column]?.[index] ?? Number.NaN;
      result[index] = make(row);
    }
    if (to < rows.length) yield;
  }
  return result;
}

/** The tags that all series have in common. */
function commonTags(list: readonly Series[]): Record<string, string> {
  const [first, ...rest] = list;
  return Object.fromEntries(
    Object.entries(first?.tags ?? {}).filter(([tag, value]) => rest.every((series) => series.tags[tag] === value)),
  );
}

/** What `aggregate` gives: one series of all, by the function of a name; none of no series. */
export function aggregate(call: Call, list: readonly Series[], functionName: string, factor?: number): Series[] {
  const steps = aggregateSteps(call, list, functionName, factor);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** The same, with turns for others in between. */
async function aggregateInTurns(
  call: Call,
  list: readonly Series[],
  functionName: string,
  factor?: number,
): Promise<Series[]> {
  const steps = aggregateSteps(call, list, functionName, factor);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    const turn = call.evaluation.turn();
    if (turn) await turn;
  }
}

function* aggregateSteps(
  call: Call,
  list: readonly Series[],
  functionName: string,
  factor?: number,
): Generator<void, Series[]> {
  const short = functionName.endsWith("Series") ? functionName.slice(0, -"Series".length) : functionName;
  const combine = aggregationOf(call, functionName);
  if (list.length === 0) return [];
  const rows = normalize(list);
  const needed = factor ?? call.scope.xFilesFactor;
  const values = yield* rowSteps(rows, (row) => {
    let known = 0;
    for (const value of row) if (value === value) known++;
    return known > 0 && known / row.length >= needed ? combine(row) : Number.NaN;
  });
  const name = `${short}Series(${pathExpressionsOf(list)})`;
  const tags = { name, ...commonTags(list), aggregatedBy: short };
  return [makeSeries({ name, ...timesOf(rows), values, tags, xFilesFactor: needed })];
}

/** The times of rows, for the series made of them. */
export function timesOf(rows: Normalized): Pick<Series, "startSeconds" | "endSeconds" | "stepSeconds"> {
  return { startSeconds: rows.startSeconds, endSeconds: rows.endSeconds, stepSeconds: rows.stepSeconds };
}

function aggregator(name: string, functionName: string, summary: string): FunctionDeclaration {
  return {
    name,
    group: "Combine",
    parameters: [seriesLists],
    summary,
    aggregator: true,
    run: (call) => aggregateInTurns(call, call.list("seriesLists"), functionName),
  };
}

/** Series of two lists, pair by pair. */
function aggregateLists(call: Call, functionName: string): Series[] {
  const firsts = call.list("seriesListFirstPos");
  const seconds = call.list("seriesListSecondPos");
  if (firsts.length !== seconds.length) call.fail("both lists must have equally many series");
  return firsts.flatMap((first, index) => {
    const second = seconds[index] ?? first;
    return aggregate(call, [first, second], functionName, call.optionalNumber("xFilesFactor")).map((series) => ({
      ...series,
      name: `${series.name.slice(0, series.name.indexOf("Series("))}Series(${first.name},${second.name})`,
    }));
  });
}

function listAggregator(name: string, functionName: string): FunctionDeclaration {
  return {
    name,
    group: "Combine",
    parameters: [firstList, secondList],
    summary: `Combines the first series of both lists by ${functionName}, then the second ones, and so on.`,
    aggregator: true,
    run: (call) => aggregateLists(call, functionName),
  };
}

function wildcardAggregate(call: Call, functionName: string): Series[] {
  const positions = new Set(call.texts("position").map(Number));
  const groups = new Map<string, Series[]>();
  for (const series of call.list()) {
    const key = series.name
      .split(".")
      .filter((_, index) => !positions.has(index))
      .join(".");
    groups.set(key, [...(groups.get(key) ?? []), series]);
  }
  return [...groups].flatMap(([key, list]) =>
    aggregate(call, list, functionName).map((series) => ({ ...series, name: key })),
  );
}

const position: Parameter = { name: "position", type: "node", multiple: true };

function wildcardAggregator(name: string, functionName: string): FunctionDeclaration {
  return {
    name,
    group: "Combine",
    parameters: [seriesList, position],
    summary: `Combines by ${functionName} the series whose names differ only in the nodes given.`,
    aggregator: true,
    run: (call) => wildcardAggregate(call, functionName),
  };
}

/** The quotient of each row of two series; no quotient by 0. */
export function quotient(call: Call, dividend: Series, divisor: Series): Series {
  const rows = normalize([dividend, divisor]);
  return makeSeries({
    name: `divideSeries(${dividend.name},${divisor.name})`,
    ...timesOf(rows),
    values: mapRows(rows, (row) => (row[1] === 0 ? Number.NaN : (row[0] ?? Number.NaN) / (row[1] ?? Number.NaN))),
    xFilesFactor: call.scope.xFilesFactor,
  });
}

function divide(call: Call): Series[] {
  const dividends = call.list("dividendSeriesList");
  const divisors = call.list("divisorSeries");
  const [divisor] = divisors;
  if (divisor === undefined) {
    return dividends.map((series) => {
      const name = `divideSeries(${series.name},MISSING)`;
      return { ...series, name, pathExpression: name, values: new Float64Array(series.values.length).fill(Number.NaN) };
    });
  }
  if (divisors.length > 1) call.fail(`the second argument must be exactly 1 series, not ${divisors.length}`);
  return dividends.map((dividend) => quotient(call, dividend, divisor));
}

/** Python's power, which knows no answer where it would raise. */
export function power(value: number, exponent: number): number {
  // JavaScript's unknown to the power of 0 would be 1.
  if (value !== value || (value === 0 && exponent < 0)) return Number.NaN;
  const result = value ** exponent;
  return Number.isFinite(value) && Number.isFinite(exponent) && !Number.isFinite(result) ? Number.NaN : result;
}

/** The functions of this file. */
export const combineFunctions: readonly FunctionDeclaration[] = [
  aggregator("sumSeries", "sum", "Adds series up."),
  aggregator("averageSeries", "average", "The mean of series at each time."),
  aggregator("minSeries", "min", "The smallest value at each time."),
  aggregator("maxSeries", "max", "The largest value at each time."),
  aggregator("diffSeries", "diff", "The first series minus all others."),
  aggregator("stddevSeries", "stddev", "The standard deviation of series at each time."),
  aggregator("rangeOfSeries", "rangeOf", "The largest minus the smallest value at each time."),
  {
    name: "multiplySeries",
    group: "Combine",
    parameters: [seriesLists],
    summary: "The product of series at each time; unknown where one is.",
    aggregator: true,
    run: (call) => {
      const list = call.list("seriesLists");
      return call.all("seriesLists").length === 1 && list.length === 1
        ? list
        : aggregateInTurns(call, list, "multiply");
    },
  },
  {
    name: "countSeries",
    group: "Combine",
    parameters: [{ name: "seriesLists", type: "seriesList", multiple: true }],
    summary: "How many series there are.",
    aggregator: true,
    run: (call) => {
      const { fromSeconds, untilSeconds, xFilesFactor: factor } = call.scope;
      if (call.all("seriesLists").length === 0) {
        const stepSeconds = Math.trunc((untilSeconds - fromSeconds) / 2);
        const times = { startSeconds: fromSeconds, endSeconds: untilSeconds, stepSeconds };
        return [makeSeries({ name: "0", pathExpression: "countSeries()", ...times, values: Float64Array.of(0, 0, 0) })];
      }
      const list = call.list("seriesLists");
      if (list.length === 0) return [];
      const rows = normalize(list);
      const name = `countSeries(${pathExpressionsOf(list)})`;
      const values = new Float64Array(rows.length).fill(list.length);
      return [makeSeries({ name, ...timesOf(rows), values, xFilesFactor: factor })];
    },
  },
  {
    name: "percentileOfSeries",
    group: "Combine",
    parameters: [
      seriesList,
      { name: "n", type: "float", required: true },
      { name: "interpolate", type: "boolean", default: false },
    ],
    summary: "The n-th percentile of series at each time.",
    aggregator: true,
    run: (call) => {
      const n = call.number("n");
      if (!(n > 0 && n <= 100)) call.fail("n must be above 0 and at most 100");
      const list = call.list();
      const [first] = list;
      if (first === undefined) return [];
      const rows = normalize(list);
      const interpolate = call.flag("interpolate");
      return [
        makeSeries({
          name: `percentileOfSeries(${first.pathExpression},${formatGeneral(n)})`,
          ...timesOf(rows),
          values: mapRows(rows, (row) => percentile(row, n, interpolate)),
          xFilesFactor: call.scope.xFilesFactor,
        }),
      ];
    },
  },
  {
    name: "powSeries",
    group: "Combine",
    parameters: [{ ...seriesList, multiple: true }],
    summary: "The first series to the power of the next ones.",
    aggregator: true,
    run: (call) => {
      const list = call.list();
      if (list.length === 0) return [];
      const rows = normalize(list);
      return [
        makeSeries({
          name: `powSeries(${list.map((series) => series.name).join(",")})`,
          ...timesOf(rows),
          values: mapRows(rows, (row) =>
            row.reduce((value, exponent) => (exponent === exponent ? power(value, exponent) : Number.NaN)),
          ),
          xFilesFactor: call.scope.xFilesFactor,
        }),
      ];
    },
  },
  {
    name: "aggregate",
    group: "Combine",
    parameters: [seriesList, aggregateFunction, xFilesFactor],
    summary: "Combines series by the function named.",
    run: (call) => aggregateInTurns(call, call.list(), call.text("func"), call.optionalNumber("xFilesFactor")),
  },
  {
    name: "aggregateSeriesLists",
    group: "Combine",
    parameters: [firstList, secondList, aggregateFunction, xFilesFactor],
    summary: "Combines the series of two lists pair by pair.",
    run: (call) => aggregateLists(call, call.text("func")),
  },
  listAggregator("sumSeriesLists", "sum"),
  listAggregator("diffSeriesLists", "diff"),
  listAggregator("multiplySeriesLists", "multiply"),
  {
    name: "aggregateWithWildcards",
    group: "Combine",
    parameters: [seriesList, aggregateFunction, position],
    summary: "Combines the series whose names differ only in the nodes given.",
    run: (call) => wildcardAggregate(call, call.text("func")),
  },
  wildcardAggregator("sumSeriesWithWildcards", "sum"),
  wildcardAggregator("averageSeriesWithWildcards", "average"),
  wildcardAggregator("multiplySeriesWithWildcards", "multiply"),
  {
    name: "divideSeries",
    group: "Combine",
    parameters: [
      { name: "dividendSeriesList", type: "seriesList", required: true },
      { name: "divisorSeries", type: "seriesList", required: true },
    ],
    summary: "Divides each series by one other.",
    run: divide,
  },
  {
    name: "divideSeriesLists",
    group: "Combine",
    parameters: [
      { name: "dividendSeriesList", type: "seriesList", required: true },
      { name: "divisorSeriesList", type: "seriesList", required: true },
    ],
    summary: "Divides the series of two lists pair by pair.",
    run: (call) => {
      const dividends = call.list("dividendSeriesList");
      const divisors = call.list("divisorSeriesList");
      if (dividends.length !== divisors.length) call.fail("both lists must have equally many series");
      return dividends.map((dividend, index) => quotient(call, dividend, divisors[index] ?? dividend));
    },
  },
  {
    name: "group",
    group: "Combine",
    parameters: [{ name: "seriesLists", type: "seriesList", multiple: true }],
    summary: "Several lists as one.",
    run: (call) => call.list("seriesLists"),
  },
];

/** Names that `aggregate` and its kin accept, with and without "Series". */
export const aggregationNames: readonly string[] = [...aggregations.keys()];

/** Adds rows up, for totals that have no series of their own. */
export function sumRows(rows: Normalized): Float64Array {
  return mapRows(rows, sum);
}
