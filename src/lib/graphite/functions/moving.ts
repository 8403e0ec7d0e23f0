/**
 * Functions over a window that moves along: means, medians, sums and others of the values just before, and deviations.
 *
 * They fetch as much earlier data as the window is long, so the first values are as good as the last. A window that is wide for
 * many values is not gone through anew for each: extremes keep a queue, medians a sorted list, and long sums a compensated total.
 */
import { aggregations, average } from "../aggregation.ts";
import { parseSpan } from "../at-time.ts";
import { aggregationOf, float, textOfValue, type Call, type FunctionDeclaration, type Parameter } from "../call.ts";
import { roundTo } from "../number.ts";
import { derived, withTags, type Series } from "../series.ts";
import { seriesList } from "./combine.ts";

const windowSuggestions = [5, 7, 10, "1min", "5min", "10min", "30min", "1hour"];
const windowSize: Parameter = {
  name: "windowSize",
  type: "intOrInterval",
  required: true,
  suggestions: windowSuggestions,
};
const xFilesFactor: Parameter = { name: "xFilesFactor", type: "float" };

/** How wide the window is. `points` is undefined when it was said as a time. */
interface Window {
  readonly previewSeconds: number;
  readonly points: number | undefined;
  /** As names show it. */
  readonly text: string;
  readonly tag: string;
}

function windowOf(call: Call, list: readonly Series[]): Window {
  const value = call.value("windowSize");
  if (typeof value === "string") {
    const previewSeconds = Math.abs(parseSpan(value));
    return { previewSeconds, points: undefined, text: `"${value}"`, tag: value };
  }
  const text = textOfValue(value);
  const points = Math.trunc(call.number("windowSize"));
  if (points < 0) call.fail("windowSize must not be negative");
  const step = list.reduce((most, series) => Math.max(most, series.stepSeconds), 0);
  return { previewSeconds: step * points, points, text, tag: text };
}

/** Values over windows of `width`, one for each index from `width` on. `make` sees only those known, in order. */
type Slide = (values: Float64Array, width: number, isEnough: (known: number) => boolean) => Float64Array;

/** Goes through every window anew. */
function direct(call: Call, make: (window: Float64Array) => number): Slide {
  return (values, width, isEnough) => {
    const result = new Float64Array(Math.max(0, values.length - width));
    const window = new Float64Array(width);
    for (let index = 0; index < result.length; index++) {
      let known = 0;
      for (let at = index; at < index + width; at++) {
        const value = values[at] ?? Number.NaN;
        if (value === value) window[known++] = value;
      }
      result[index] = known > 0 && isEnough(known) ? make(window.subarray(0, known)) : Number.NaN;
      if (((index * width) & 0xfffff) < width) call.evaluation.budget.checkTime();
    }
    return result;
  };
}

/** Adds up every window anew, from left to right. */
function directSum(call: Call, make: (total: number, known: number) => number): Slide {
  return (values, width, isEnough) => {
    const result = new Float64Array(Math.max(0, values.length - width));
    for (let index = 0; index < result.length; index++) {
      let known = 0;
      let total = 0;
      for (let at = index; at < index + width; at++) {
        const value = values[at] ?? Number.NaN;
        if (value !== value) continue;
        total += value;
        known++;
      }
      result[index] = known > 0 && isEnough(known) ? make(total, known) : Number.NaN;
      if ((index & 0xfff) === 0) call.evaluation.budget.checkTime();
    }
    return result;
  };
}

/** Keeps a running total with Neumaier's compensation. */
function runningSum(make: (total: number, known: number) => number): Slide {
  return (values, width, isEnough) => {
    const result = new Float64Array(Math.max(0, values.length - width));
    let total = 0;
    let lost = 0;
    let known = 0;
    const add = (value: number) => {
      const next = total + value;
      lost += Math.abs(total) >= Math.abs(value) ? total - next + value : value - next + total;
      total = next;
    };
    for (let index = 0; index < values.length; index++) {
      if (index >= width) result[index - width] = known > 0 && isEnough(known) ? make(total + lost, known) : Number.NaN;
      const value = values[index] ?? Number.NaN;
      const gone = values[index - width] ?? Number.NaN;
      if (value === value) {
        add(value);
        known++;
      }
      if (gone === gone) {
        add(-gone);
        known--;
      }
      if (known === 0) total = lost = 0;
    }
    return result;
  };
}

/** Keeps the values that can still become the extreme, the best first. */
function runningExtreme(isBetter: (left: number, right: number) => boolean): Slide {
  return (values, width, isEnough) => {
    const result = new Float64Array(Math.max(0, values.length - width));
    const queue: number[] = [];
    let head = 0;
    let known = 0;
    for (let index = 0; index < values.length; index++) {
      if (index >= width) {
        while ((queue[head] ?? Infinity) < index - width) head++;
        result[index - width] = known > 0 && isEnough(known) ? (values[queue[head] ?? -1] ?? Number.NaN) : Number.NaN;
      }
      const value = values[index] ?? Number.NaN;
      if (values[index - width] === values[index - width] && index >= width) known--;
      if (value !== value) continue;
      known++;
      while (queue.length > head && !isBetter(values[queue.at(-1) ?? 0] ?? 0, value)) queue.pop();
      queue.push(index);
    }
    return result;
  };
}

/** Keeps the window's known values sorted. */
function runningMedian(call: Call): Slide {
  return (values, width, isEnough) => {
    const result = new Float64Array(Math.max(0, values.length - width));
    const sorted: number[] = [];
    const place = (value: number) => {
      let low = 0;
      let high = sorted.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if ((sorted[middle] ?? 0) < value) low = middle + 1;
        else high = middle;
      }
      return low;
    };
    for (let index = 0; index < values.length; index++) {
      if (index >= width) {
        const middle = sorted.length >> 1;
        const upper = sorted[middle] ?? Number.NaN;
        const found = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
        result[index - width] = sorted.length > 0 && isEnough(sorted.length) ? found : Number.NaN;
        const gone = values[index - width] ?? Number.NaN;
        if (gone === gone) sorted.splice(place(gone), 1);
      }
      const value = values[index] ?? Number.NaN;
      if (value === value) sorted.splice(place(value), 0, value);
      if ((index & 0xfff) === 0) call.evaluation.budget.checkTime();
    }
    return result;
  };
}

/** Beyond this many steps of work a running total takes the place of adding anew, which agrees with Graphite to the last bit. */
const directWork = 20_000_000;

function slideOf(call: Call, functionName: string, work: number): Slide {
  const add =
    work > directWork ? runningSum : (make: (total: number, known: number) => number) => directSum(call, make);
  switch (functionName) {
    case "average":
    case "avg":
    case "avg_zero":
      return add((total, known) => total / known);
    case "sum":
    case "total":
      return add((total) => total);
    case "count":
      return runningSum((_, known) => known);
    case "max":
      return runningExtreme((left, right) => left > right);
    case "min":
      return runningExtreme((left, right) => left < right);
    case "median":
      return runningMedian(call);
    default:
      return direct(call, aggregationOf(call, functionName));
  }
}

/** The series of the call with as much before as the window needs. */
function withPreview(call: Call, window: Window): Promise<readonly Series[]> {
  const { fromSeconds, untilSeconds } = call.scope;
  return call.evaluation.argumentOver(0, fromSeconds - window.previewSeconds, untilSeconds);
}

async function movingWindow(call: Call, functionName: string): Promise<Series[]> {
  const list = call.list();
  if (list.length === 0) return [];
  if (!aggregations.has(functionName)) call.fail(`unsupported aggregation function "${functionName}"`);
  const window = windowOf(call, list);
  const tagName = `moving${functionName.charAt(0).toUpperCase()}${functionName.slice(1).toLowerCase()}`;
  return call.each(await withPreview(call, window), (series) => {
    const width = window.points ?? Math.floor(window.previewSeconds / series.stepSeconds);
    const needed = call.optionalNumber("xFilesFactor") ?? series.xFilesFactor;
    const slide = slideOf(call, functionName, width * series.values.length);
    const values = slide(series.values, width, (known) => known / width >= needed);
    const times = { startSeconds: series.startSeconds + window.previewSeconds };
    return withTags(derived(series, `${tagName}(${series.name},${window.text})`, values, times), {
      [tagName]: window.tag,
    });
  });
}

async function exponentialMovingAverage(call: Call): Promise<Series[]> {
  const list = call.list();
  if (list.length === 0) return [];
  const window = windowOf(call, list);
  const constant = 2 / ((window.points ?? window.previewSeconds) + 1);
  return call.each(await withPreview(call, window), (series) => {
    const width = window.points ?? Math.floor(window.previewSeconds / series.stepSeconds);
    const start = average(series.values.subarray(0, width));
    let mean = start === start ? start : 0;
    const values = new Float64Array(Math.max(0, series.values.length - width) + 1);
    values[0] = roundTo(mean, 6);
    for (let index = width; index < series.values.length; index++) {
      const value = series.values[index] ?? Number.NaN;
      if (value === value) mean = constant * value + (1 - constant) * mean;
      values[index - width + 1] = value === value ? roundTo(mean, 6) : Number.NaN;
    }
    const name = `exponentialMovingAverage(${series.name},${window.text})`;
    const times = { startSeconds: series.startSeconds + window.previewSeconds };
    return withTags(derived(series, name, values, times), { exponentialMovingAverage: window.tag });
  });
}

function deviations(call: Call, values: Float64Array): Float64Array {
  const points = call.number("points");
  const tolerance = call.number("windowTolerance");
  if (points < 1) call.fail("points must be at least 1");
  let valid = 0;
  let total = 0;
  let squares = 0;
  return values.map((value, index) => {
    const dropped = values[index - points] ?? Number.NaN;
    if (dropped === dropped) valid--;
    if (value === value) valid++;
    if (dropped === dropped) {
      total -= dropped;
      squares -= dropped ** 2;
    }
    if (value === value) {
      total += value;
      squares += value ** 2;
    }
    return valid > 0 && valid / points >= tolerance ? Math.sqrt(valid * squares - total ** 2) / valid : Number.NaN;
  });
}

function moving(name: string, functionName: string, summary: string): FunctionDeclaration {
  return {
    name,
    group: "Calculate",
    parameters: [seriesList, windowSize, xFilesFactor],
    summary,
    run: (call) => movingWindow(call, functionName),
  };
}

/** The functions of this file. */
export const movingFunctions: readonly FunctionDeclaration[] = [
  {
    name: "movingWindow",
    group: "Calculate",
    parameters: [seriesList, windowSize, { name: "func", type: "aggFunc", default: "average" }, xFilesFactor],
    summary: "A function over the values of the window before each time.",
    run: (call) => movingWindow(call, call.text("func")),
  },
  moving("movingAverage", "average", "The mean of the window before each time."),
  moving("movingMedian", "median", "The median of the window before each time."),
  moving("movingSum", "sum", "The sum of the window before each time."),
  moving("movingMin", "min", "The smallest value of the window before each time."),
  moving("movingMax", "max", "The largest value of the window before each time."),
  {
    name: "exponentialMovingAverage",
    group: "Calculate",
    parameters: [seriesList, windowSize],
    summary: "A mean in which later values weigh more.",
    run: exponentialMovingAverage,
  },
  {
    name: "stdev",
    group: "Calculate",
    parameters: [
      seriesList,
      { name: "points", type: "integer", required: true },
      { name: "windowTolerance", type: "float", default: float(0.1) },
    ],
    summary: "The standard deviation of the last values.",
    run: (call) =>
      call.list().map((series) => {
        const name = `stdev(${series.name},${call.number("points")})`;
        return withTags(derived(series, name, deviations(call, series.values)), { stdev: call.shown("points") });
      }),
  },
];
