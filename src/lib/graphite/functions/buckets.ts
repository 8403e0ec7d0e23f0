/**
 * Functions that give series another step: `summarize`, `smartSummarize` and `hitcount`.
 *
 * A bucket is known when the part of its values that is known is at least the series' x-files factor, and one at least.
 */
import { parseSpanUnit } from "../at-time.ts";
import type { Aggregation } from "../aggregation.ts";
import type { Call, FunctionDeclaration, Parameter } from "../call.ts";
import { derived, withTags, type Series } from "../series.ts";
import { offsetAt, wallAt, epochOf } from "../zone.ts";
import { seriesList } from "./combine.ts";

const intervalString: Parameter = {
  name: "intervalString",
  type: "interval",
  required: true,
  suggestions: ["10min", "1h", "1d"],
};
const bucketFunction: Parameter = { name: "func", type: "aggFunc", default: "sum" };

const maxBuckets = 10_000_000;

/** Values of buckets of `seconds` from `start` while before `end`, and where the last one ends. */
function bucketValues(
  call: Call,
  series: Series,
  combine: Aggregation,
  seconds: number,
  start: number,
  end: number,
): { values: Float64Array; endSeconds: number } {
  const { values, startSeconds, stepSeconds } = series;
  const length = Math.max(0, Math.ceil((end - start) / seconds));
  if (length > maxBuckets) call.fail(`the interval makes more than ${maxBuckets} values`);
  const points = Math.min(values.length, Math.max(0, Math.ceil((series.endSeconds - startSeconds) / stepSeconds)));
  call.evaluation.budget.spend(0, length);
  const result = new Float64Array(length);
  let at = 0;
  for (let bucket = 0; bucket < length; bucket++) {
    const bucketStart = start + bucket * seconds;
    let from = at;
    let known = 0;
    while (at < points && startSeconds + at * stepSeconds < bucketStart + seconds) {
      const time = startSeconds + at * stepSeconds;
      if (time <= bucketStart) from = at;
      if (time >= bucketStart && values[at] === values[at]) known++;
      at++;
    }
    const enough = known > 0 && known / (seconds / stepSeconds) >= series.xFilesFactor;
    result[bucket] = enough ? combine(values.subarray(from, at)) : Number.NaN;
  }
  return { values: result, endSeconds: start + length * seconds };
}

/** The beginning of the minute, hour or other unit that a moment lies in, on the wall of the call's zone. */
function beginningOf(call: Call, unitText: string): number {
  const { fromSeconds, timeZone } = call.scope;
  const wall = wallAt(fromSeconds, timeZone);
  const offset = offsetAt(fromSeconds, timeZone);
  const cut = (seconds: number) => Math.floor((fromSeconds + offset) / seconds) * seconds - offset;
  const on = (month: number, day: number) =>
    epochOf({ year: wall.year, month, day, hour: 0, minute: 0, second: 0 }, timeZone);
  const unit = parseSpanUnit(unitText);
  if (unit === "years") return on(1, 1);
  if (unit === "months") return on(wall.month, 1);
  if (unit === "weeks") {
    // A digit at the end says which day of the week is the first, 1 for Monday.
    const digit = /\d$/.exec(unitText);
    const firstDay = digit === null ? 1 : Number(digit[0]);
    return cut(86_400) - (((wall.weekday || 7) - firstDay + 7) % 7) * 86_400;
  }
  return cut({ days: 86_400, hours: 3600, minutes: 60, seconds: 1 }[unit]);
}

async function smartSummarize(call: Call): Promise<Series[]> {
  const alignTo = call.value("alignTo");
  let list = call.list();
  if (typeof alignTo === "string" && !/^(true|false)$/i.test(alignTo)) {
    list = await call.evaluation.argumentOver(0, beginningOf(call, alignTo), call.scope.untilSeconds);
  }
  const seconds = call.interval("intervalString");
  const interval = call.text("intervalString");
  const functionName = call.text("func");
  const combine = call.aggregation("func");
  return call.each(list, (series) => {
    const { values, endSeconds } = bucketValues(call, series, combine, seconds, series.startSeconds, series.endSeconds);
    const name = `smartSummarize(${series.name}, "${interval}", "${functionName}")`;
    const made = derived(series, name, values, { endSeconds, stepSeconds: seconds });
    return withTags(made, { smartSummarize: interval, smartSummarizeFunction: functionName });
  });
}

function summarize(call: Call): Promise<Series[]> {
  const seconds = call.interval("intervalString");
  const interval = call.text("intervalString");
  const functionName = call.text("func");
  const combine = call.aggregation("func");
  const isFromStart = call.flag("alignToFrom");
  return call.each(call.list(), (series) => {
    const start = isFromStart ? series.startSeconds : series.startSeconds - (series.startSeconds % seconds);
    const end = isFromStart ? series.endSeconds : series.endSeconds - (series.endSeconds % seconds) + seconds;
    const made = bucketValues(call, series, combine, seconds, start, end);
    const name = `summarize(${series.name}, "${interval}", "${functionName}"${isFromStart ? ", true" : ""})`;
    const times = { startSeconds: start, endSeconds: isFromStart ? made.endSeconds : end, stepSeconds: seconds };
    return withTags(derived(series, name, made.values, times), {
      summarize: interval,
      summarizeFunction: functionName,
    });
  });
}

/** Sums of value × seconds in each bucket; a value that lies in several counts in each by its part. */
function hits(call: Call, series: Series, seconds: number): { values: Float64Array; startSeconds: number } {
  const length = Math.ceil((series.endSeconds - series.startSeconds) / seconds);
  if (length > maxBuckets) call.fail(`the interval makes more than ${maxBuckets} values`);
  call.evaluation.budget.spend(0, length);
  const startSeconds = series.endSeconds - length * seconds;
  const values = new Float64Array(length).fill(Number.NaN);
  const add = (bucket: number, amount: number) => {
    if (bucket < 0) return;
    const before = values[bucket] ?? Number.NaN;
    values[bucket] = before === before ? before + amount : amount;
  };
  series.values.forEach((value, index) => {
    if (value !== value) return;
    const from = series.startSeconds + index * series.stepSeconds - startSeconds;
    const to = from + series.stepSeconds;
    const first = Math.floor(from / seconds);
    let final = Math.floor(to / seconds);
    let rest = to - final * seconds;
    if (final >= length) {
      final = length - 1;
      rest = seconds;
    }
    if (first === final) add(first, value * (rest - (from - first * seconds)));
    else {
      add(first, value * (seconds - (from - first * seconds)));
      for (let bucket = first + 1; bucket < final; bucket++) add(bucket, value * seconds);
      if (rest > 0) add(final, value * rest);
    }
  });
  return { values, startSeconds };
}

async function hitcount(call: Call): Promise<Series[]> {
  const seconds = call.interval("intervalString");
  const interval = call.text("intervalString");
  const isAligned = call.flag("alignToInterval");
  let list = call.list();
  if (isAligned) {
    const unit = seconds >= 86_400 ? "days" : seconds >= 3600 ? "hours" : seconds >= 60 ? "minutes" : "seconds";
    const from = unit === "seconds" ? call.scope.fromSeconds : beginningOf(call, unit);
    list = (await call.evaluation.argumentOver(0, from, call.scope.untilSeconds)).map((series) => {
      const whole = Math.floor((series.endSeconds - series.startSeconds) / seconds);
      return { ...series, endSeconds: series.startSeconds + whole * seconds + seconds };
    });
  }
  return call.each(list, (series) => {
    const name = `hitcount(${series.name}, "${interval}"${isAligned ? ", true" : ""})`;
    const { values, startSeconds } = hits(call, series, seconds);
    return withTags(derived(series, name, values, { startSeconds, stepSeconds: seconds }), { hitcount: interval });
  });
}

/** The functions of this file. */
export const bucketFunctions: readonly FunctionDeclaration[] = [
  {
    name: "summarize",
    group: "Transform",
    parameters: [seriesList, intervalString, bucketFunction, { name: "alignToFrom", type: "boolean", default: false }],
    summary: "One value for each interval, at multiples of it or from the beginning.",
    run: summarize,
  },
  {
    name: "smartSummarize",
    group: "Transform",
    parameters: [
      seriesList,
      intervalString,
      bucketFunction,
      {
        name: "alignTo",
        type: "string",
        options: ["years", "months", "weeks", "days", "hours", "minutes", "seconds"],
      },
    ],
    summary: "One value for each interval from the beginning, or from that of an hour, day or other unit.",
    run: smartSummarize,
  },
  {
    name: "hitcount",
    group: "Transform",
    parameters: [seriesList, intervalString, { name: "alignToInterval", type: "boolean", default: false }],
    summary: "How often something happened in each interval, from a series of rates a second.",
    run: hitcount,
  },
];
