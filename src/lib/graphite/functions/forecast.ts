/**
 * Functions that look at other times: shifted series, forecasts by Holt and Winters, regression lines, percentiles of a series.
 */
import { count, percentile } from "../aggregation.ts";
import { parseSpan } from "../at-time.ts";
import { integer, type Call, type FunctionDeclaration, type Parameter } from "../call.ts";
import { formatGeneral } from "../number.ts";
import { derived, makeSeries, withTags, type Series } from "../series.ts";
import { isSummerTime } from "../zone.ts";
import { seriesList } from "./combine.ts";
import { areaBetween } from "./drawing.ts";
import { backwards, momentOf } from "./transform.ts";

const none = Number.NaN;
const shiftSuggestions = ["1h", "6h", "12h", "1d", "2d", "7d", "14d", "30d"];

async function timeShift(call: Call): Promise<Series[]> {
  const [first] = call.list();
  const { text, seconds } = backwards(call.text("timeShift"));
  const { fromSeconds, untilSeconds, timeZone } = call.scope;
  let from = fromSeconds + seconds;
  let until = untilSeconds + seconds;
  if (call.flag("alignDst")) {
    const isSummer = [fromSeconds, untilSeconds].map((at) => isSummerTime(at, timeZone));
    const wasSummer = [from, until].map((at) => isSummerTime(at, timeZone));
    const all = (list: boolean[], wanted: boolean) => list.every((value) => value === wanted);
    const change =
      all(isSummer, true) && all(wasSummer, false) ? 3600 : all(isSummer, false) && all(wasSummer, true) ? -3600 : 0;
    from += change;
    until += change;
  }
  if (first === undefined) return [];
  return (await call.evaluation.argumentOver(0, from, until)).map((series) => {
    const shifted = {
      ...series,
      name: `timeShift(${series.name}, "${text}")`,
      startSeconds: first.startSeconds,
      endSeconds: call.flag("resetEnd")
        ? first.endSeconds
        : series.endSeconds - series.startSeconds + first.startSeconds,
    };
    return withTags(shifted, { timeShift: text });
  });
}

async function timeStack(call: Call): Promise<Series[]> {
  const [first] = call.list();
  if (first === undefined) return [];
  const { text, seconds } = backwards(call.text("timeShiftUnit"));
  const { fromSeconds, untilSeconds } = call.scope;
  const start = call.number("timeShiftStart");
  const end = call.number("timeShiftEnd");
  if (end - start > 1000) call.fail("at most 1000 shifts");
  const result: Series[] = [];
  for (let shift = start; shift < end; shift++) {
    const by = seconds * shift;
    for (const series of await call.evaluation.argumentOver(0, fromSeconds + by, untilSeconds + by)) {
      const name = `timeShift(${series.name}, ${text}, ${shift})`;
      const { startSeconds, endSeconds } = first;
      const shifted = { ...series, name, pathExpression: name, startSeconds, endSeconds };
      result.push(withTags(shifted, { timeShiftUnit: text, timeShift: `${shift}` }));
    }
  }
  return result;
}

/** What Holt and Winters expect for each value, and how far values usually are from it. */
interface Analysis {
  readonly predictions: Float64Array;
  readonly deviations: Float64Array;
}

/** Triple exponential smoothing, with Graphite's constants. What is not known interrupts level and prediction. */
function holtWinters(series: Series, seasonSeconds: number): Analysis {
  const { values } = series;
  const alpha = 0.1;
  const gamma = 0.1;
  const beta = 0.0035;
  const season = Math.floor(seasonSeconds / series.stepSeconds);
  const seasonals = new Float64Array(values.length);
  const deviations = new Float64Array(values.length);
  const predictions = new Float64Array(values.length);
  let level = none;
  let slope = 0;
  let next = none;
  values.forEach((actual, index) => {
    if (actual !== actual) {
      predictions[index] = next;
      level = next = none;
      slope = 0;
      return;
    }
    const before = level === level ? level : actual;
    const prediction = index === 0 ? actual : next;
    const lastSeasonal = seasonals[index - season] ?? 0;
    const nextSeasonal = index + 1 - season === index ? 0 : (seasonals[index + 1 - season] ?? 0);
    const lastDeviation = deviations[index - season] ?? 0;
    level = alpha * (actual - lastSeasonal) + (1 - alpha) * (before + slope);
    slope = beta * (level - before) + (1 - beta) * slope;
    seasonals[index] = gamma * (actual - level) + (1 - gamma) * lastSeasonal;
    next = level + slope + nextSeasonal;
    const expected = prediction === prediction ? prediction : 0;
    deviations[index] = gamma * Math.abs(actual - expected) + (1 - gamma) * lastDeviation;
    predictions[index] = prediction;
  });
  return { predictions, deviations };
}

/** A series with its analysis, both without the time before the range. */
interface Forecast extends Analysis {
  /** As fetched, with the time before. */
  readonly series: Series;
  readonly startSeconds: number;
}

async function forecasts(call: Call): Promise<Forecast[]> {
  const previewSeconds = Math.abs(parseSpan(call.text("bootstrapInterval")));
  const seasonSeconds = call.interval("seasonality");
  const { fromSeconds, untilSeconds } = call.scope;
  const list = await call.evaluation.argumentOver(0, fromSeconds - previewSeconds, untilSeconds);
  return call.each(list, (series) => {
    const { predictions, deviations } = holtWinters(series, seasonSeconds);
    const skipped = Math.floor(previewSeconds / series.stepSeconds);
    call.evaluation.budget.checkTime();
    return {
      series,
      startSeconds: series.startSeconds + previewSeconds,
      predictions: predictions.subarray(skipped),
      deviations: deviations.subarray(skipped),
    };
  });
}

interface Band {
  readonly lower: Series;
  readonly upper: Series;
}

async function bands(call: Call): Promise<Band[]> {
  const delta = call.number("delta");
  return (await forecasts(call)).map(({ series, startSeconds, predictions, deviations }) => {
    const tags = {
      ...series.tags,
      holtWintersForecast: "1",
      holtWintersDeviation: "1",
      holtWintersConfidenceUpper: "1",
      holtWintersConfidenceLower: "1",
    };
    const band = (side: "Lower" | "Upper", sign: number) =>
      makeSeries({
        name: `holtWintersConfidence${side}(${series.name})`,
        pathExpression: series.pathExpression,
        startSeconds,
        endSeconds: series.endSeconds,
        stepSeconds: series.stepSeconds,
        values: predictions.map((value, index) => value + sign * delta * (deviations[index] ?? none)),
        tags,
        xFilesFactor: series.xFilesFactor,
      });
    return { lower: band("Lower", -1), upper: band("Upper", 1) };
  });
}

async function aberration(call: Call): Promise<Series[]> {
  const found = await bands(call);
  return call.each(call.list(), (series) => {
    const band = found.find(({ lower }) => lower.name === `holtWintersConfidenceLower(${series.name})`);
    const values = series.values.map((value, index) => {
      const high = band?.upper.values[index] ?? none;
      const low = band?.lower.values[index] ?? none;
      if (value > high) return value - high;
      return value < low ? value - low : 0;
    });
    const name = `holtWintersAberration(${series.name})`;
    return withTags(derived(series, name, values), { holtWintersAberration: "1" });
  });
}

/** Factor and offset of the line with the least squares; undefined when there are fewer than two values. */
function regression(series: Series): readonly [number, number] | undefined {
  let known = 0;
  let sumI = 0;
  let sumV = 0;
  let sumII = 0;
  let sumIV = 0;
  series.values.forEach((value, index) => {
    if (value !== value) return;
    known++;
    sumI += index;
    sumV += value;
    sumII += index * index;
    sumIV += index * value;
  });
  const denominator = known * sumII - sumI * sumI;
  if (denominator === 0) return undefined;
  const factor = (known * sumIV - sumI * sumV) / denominator / series.stepSeconds;
  return [factor, (sumII * sumV - sumIV * sumI) / denominator - factor * series.startSeconds];
}

async function linearRegression(call: Call): Promise<Series[]> {
  const from = call.has("startSourceAt") ? momentOf(call, "startSourceAt") : call.scope.fromSeconds;
  const until = call.has("endSourceAt") ? momentOf(call, "endSourceAt") : call.scope.untilSeconds;
  const sources = await call.evaluation.argumentOver(0, from, until);
  return call.list().flatMap((series, index) => {
    const source = sources[index];
    const line = source === undefined ? undefined : regression(source);
    if (line === undefined) return [];
    const [factor, offset] = line;
    const values = series.values.map((_, at) => offset + (series.startSeconds + at * series.stepSeconds) * factor);
    const name = `linearRegression(${series.name}, ${from}, ${until})`;
    return [withTags(derived(series, name, values), { linearRegressions: `${from}, ${until}` })];
  });
}

const bootstrapInterval: Parameter = {
  name: "bootstrapInterval",
  type: "interval",
  default: "7d",
  suggestions: ["7d", "30d"],
};
const seasonality: Parameter = { name: "seasonality", type: "interval", default: "1d", suggestions: ["1d", "7d"] };
const delta: Parameter = { name: "delta", type: "integer", default: integer(3) };
const bandParameters = [seriesList, delta, bootstrapInterval, seasonality];

/** The functions of this file. */
export const forecastFunctions: readonly FunctionDeclaration[] = [
  {
    name: "timeShift",
    group: "Transform",
    parameters: [
      seriesList,
      { name: "timeShift", type: "interval", required: true, suggestions: shiftSuggestions },
      { name: "resetEnd", type: "boolean", default: true },
      { name: "alignDst", type: "boolean", default: false },
    ],
    summary: "The series of another time, drawn over this one.",
    run: timeShift,
  },
  {
    name: "timeStack",
    group: "Transform",
    parameters: [
      seriesList,
      { name: "timeShiftUnit", type: "interval", default: "1d", suggestions: shiftSuggestions },
      { name: "timeShiftStart", type: "integer", default: integer(0) },
      { name: "timeShiftEnd", type: "integer", default: integer(7) },
    ],
    summary: "The series of several other times.",
    run: timeStack,
  },
  {
    name: "holtWintersForecast",
    group: "Calculate",
    parameters: [seriesList, bootstrapInterval, seasonality],
    summary: "What the values before lead to expect.",
    run: async (call) =>
      (await forecasts(call)).map(({ series, startSeconds, predictions }) =>
        withTags(
          {
            ...derived(series, `holtWintersForecast(${series.name})`, predictions, { startSeconds }),
            consolidation: "average",
          },
          { holtWintersForecast: "1", holtWintersDeviation: "1" },
        ),
      ),
  },
  {
    name: "holtWintersConfidenceBands",
    group: "Calculate",
    parameters: bandParameters,
    summary: "Between what values are expected to be.",
    run: async (call) => (await bands(call)).flatMap(({ lower, upper }) => [lower, upper]),
  },
  {
    name: "holtWintersConfidenceArea",
    group: "Calculate",
    parameters: bandParameters,
    summary: "The area in which values are expected to be.",
    run: async (call) => {
      const found = (await bands(call)).flatMap(({ lower, upper }) => [lower, upper]);
      return areaBetween(call, found).map((series) => {
        const { areaBetween: _, ...tags } = series.tags;
        const name = series.name.replace("areaBetween", "holtWintersConfidenceArea");
        return { ...series, name, pathExpression: name, tags: { ...tags, holtWintersConfidenceArea: "1" } };
      });
    },
  },
  {
    name: "holtWintersAberration",
    group: "Calculate",
    parameters: bandParameters,
    summary: "How far values are outside of what is expected.",
    run: aberration,
  },
  {
    name: "linearRegression",
    group: "Calculate",
    parameters: [seriesList, { name: "startSourceAt", type: "date" }, { name: "endSourceAt", type: "date" }],
    summary: "The straight line nearest to the values, of this time or another.",
    run: linearRegression,
  },
  {
    name: "nPercentile",
    group: "Calculate",
    parameters: [seriesList, { name: "n", type: "float", required: true }],
    summary: "A level line at the n-th percentile of each series.",
    run: (call) => {
      const n = call.number("n");
      if (!(n > 0 && n <= 100)) call.fail("n must be above 0 and at most 100");
      return call.list().flatMap((series) => {
        if (count(series.values) === 0) return [];
        const length = Math.trunc((series.endSeconds - series.startSeconds) / series.stepSeconds);
        call.evaluation.budget.spend(0, length);
        const values = new Float64Array(length).fill(percentile(series.values, n));
        const name = `nPercentile(${series.name}, ${formatGeneral(n)})`;
        return [withTags(derived(series, name, values), { nPercentile: call.shown("n") })];
      });
    },
  },
];
