/**
 * The answers of `/render`: json, jsonp, raw, csv, dygraph, rickshaw and pickle, as graphite-web 1.1 writes them.
 *
 * JSON thins series out to `maxDataPoints` first. Numbers follow Python where the text is Python's (`raw`, `csv`); in JSON a value that
 * is not known is null, and an infinite one 1e9999, which readers take for infinite.
 */
import { formatFloat } from "./number.ts";
import { encodePickleValue, type Picklable } from "./pickle-writer.ts";
import { consolidate, type Series } from "./series.ts";
import { wallAt } from "./zone.ts";

/** What the answer should be like. */
export interface RenderOptions {
  /** Most values a series in JSON; more are consolidated. */
  readonly maxDataPoints?: number;
  /** Leaves out what is not known, and series of which nothing is. */
  readonly noNullPoints?: boolean;
  readonly pretty?: boolean;
  /** Wraps JSON in a call of this function. */
  readonly jsonp?: string;
  /** Of the times in csv. @default "UTC" */
  readonly timeZone?: string;
}

/** A body and its type. */
export interface Rendered {
  readonly body: string | Uint8Array;
  readonly contentType: string;
}

/** One value and its time. NaN is not known. */
export type Datapoint = readonly [number, number];

/** What of a series is shown: `values[0]` to before `length`, each a step after the one before. */
interface Shown {
  readonly values: Float64Array;
  readonly startSeconds: number;
  readonly stepSeconds: number;
  readonly length: number;
}

/** The values of a series, `count` made into one. Graphite shows none after the end. */
function shownOf(series: Series, count = 1): Shown {
  const values = consolidate(series, count);
  const stepSeconds = series.stepSeconds * count;
  const times = Math.floor((series.endSeconds - series.startSeconds) / Math.max(stepSeconds, 1)) + 1;
  const length = Math.max(0, Math.min(values.length, times));
  return { values, startSeconds: series.startSeconds, stepSeconds, length };
}

/** Each value that is shown with its time. */
function datapointsOf(shown: Shown, noNullPoints = false): Datapoint[] {
  const found: Datapoint[] = [];
  for (let index = 0; index < shown.length; index++) {
    const value = shown.values[index] ?? Number.NaN;
    if (value === value || !noNullPoints) found.push([value, shown.startSeconds + index * shown.stepSeconds]);
  }
  return found;
}

/**
 * Thins a series out so that at most `most` values remain of a range. The start is moved so that the buckets of one call fall on those of
 * the next.
 */
function thinned(series: Series, most: number, rangeSeconds: number): Shown {
  if (most === 1) return shownOf(series, Math.max(series.values.length, 1));
  const available = rangeSeconds / series.stepSeconds;
  if (most >= available) return shownOf(series);
  const count = most === 0 ? Math.max(series.values.length, 1) : Math.ceil(available / most);
  const bucketSeconds = Math.trunc(count * series.stepSeconds);
  const { startSeconds, stepSeconds } = series;
  const nudge = bucketSeconds + (startSeconds % stepSeconds) - (startSeconds % bucketSeconds);
  const lost = Math.max(0, Math.trunc(nudge / stepSeconds) - 1);
  return shownOf({ ...series, startSeconds: startSeconds + nudge, values: series.values.subarray(lost) }, count);
}

/** A series as the JSON answer has it. */
export interface RenderedSeries {
  readonly target: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly datapoints: readonly Datapoint[];
}

/** Series with what is shown of each. Those of which nothing is are left out when nothing unknown is wanted. */
function shownSeries(list: readonly Series[], options: RenderOptions): { series: Series; shown: Shown }[] {
  if (!list.some((series) => series.values.length > 0)) return [];
  const start = list.reduce((least, series) => Math.min(least, series.startSeconds), Infinity);
  const end = list.reduce((most, series) => Math.max(most, series.endSeconds), -Infinity);
  const { maxDataPoints } = options;
  const all = list.map((series) => {
    const shown = maxDataPoints === undefined ? shownOf(series) : thinned(series, maxDataPoints, end - start);
    return { series, shown };
  });
  if (!options.noNullPoints) return all;
  return all.filter(({ shown }) => shown.values.subarray(0, shown.length).some((value) => value === value));
}

/** What the JSON answer says, before it is text. */
export function seriesForJson(list: readonly Series[], options: RenderOptions = {}): RenderedSeries[] {
  return shownSeries(list, options).map(({ series, shown }) => ({
    target: series.name,
    tags: series.tags,
    datapoints: datapointsOf(shown, options.noNullPoints),
  }));
}

function numberText(value: number): string {
  if (value !== value) return "null";
  if (value === Infinity) return "1e9999";
  if (value === -Infinity) return "-1e9999";
  // Python writes floats with a point, and clients that are strict about types count on it.
  return formatFloat(value);
}

/** JSON as Python writes it, with a blank after each comma and colon. */
function spaced(value: readonly string[] | Readonly<Record<string, string>>): string {
  if (Array.isArray(value)) return `[${value.map((text) => JSON.stringify(text)).join(", ")}]`;
  return `{${Object.entries(value)
    .map(([key, text]) => `${JSON.stringify(key)}: ${JSON.stringify(text)}`)
    .join(", ")}}`;
}

function wrap(text: string, options: RenderOptions): Rendered {
  if (options.jsonp === undefined) return { body: text, contentType: "application/json" };
  return { body: `${options.jsonp}(${text})`, contentType: "text/javascript" };
}

/** `[{"target", "tags", "datapoints": [[value, seconds], …]}, …]` */
export function renderJson(list: readonly Series[], options: RenderOptions = {}): Rendered {
  const between = options.pretty ? ", \n" : ", ";
  // Series of one answer mostly share their times, whose texts are therefore made once.
  const known = new Map<string, readonly string[]>();
  const texts = shownSeries(list, options).map(({ series, shown }) => {
    const { values, length, startSeconds, stepSeconds } = shown;
    const key = `${startSeconds}/${stepSeconds}/${length}`;
    const times = known.get(key) ?? Array.from({ length }, (_, index) => `, ${startSeconds + index * stepSeconds}]`);
    known.set(key, times);
    const points: string[] = [];
    for (let index = 0; index < length; index++) {
      const value = values[index] ?? Number.NaN;
      if (options.noNullPoints && value !== value) continue;
      points.push(points.length === 0 ? "[" : `${between}[`, numberText(value), times[index] ?? "");
    }
    const tags = spaced(series.tags);
    return `{"target": ${JSON.stringify(series.name)}, "tags": ${tags}, "datapoints": [${points.join("")}]}`;
  });
  return wrap(`[${texts.join(between)}]`, options);
}

/** One line a series: `name,start,end,step|1.0,2.0,None`. */
export function renderRaw(list: readonly Series[]): Rendered {
  const lines = list.map((series) => {
    const values = Array.from(series.values, (value) => (value === value ? formatFloat(value) : "None")).join(",");
    const times = [series.startSeconds, series.endSeconds, series.stepSeconds].map(Math.trunc).join(",");
    return `${series.name},${times}|${values}\n`;
  });
  return { body: lines.join(""), contentType: "text/plain" };
}

const pad = (value: number, width = 2) => String(value).padStart(width, "0");

/** One line a value: `name,2026-11-21 21:44:30,58.0`. */
export function renderCsv(list: readonly Series[], options: RenderOptions = {}): Rendered {
  const lines: string[] = [];
  for (const series of list) {
    const name = /[",\r\n]/.test(series.name) ? `"${series.name.replaceAll('"', '""')}"` : series.name;
    series.values.forEach((value, index) => {
      const at = wallAt(series.startSeconds + index * series.stepSeconds, options.timeZone ?? "UTC");
      const day = `${pad(at.year, 4)}-${pad(at.month)}-${pad(at.day)}`;
      const time = `${pad(at.hour)}:${pad(at.minute)}:${pad(at.second)}`;
      lines.push(`${name},${day} ${time},${value === value ? formatFloat(value) : ""}\r\n`);
    });
  }
  return { body: lines.join(""), contentType: "text/csv" };
}

/** `{"labels": ["Time", …], "data": [[milliseconds, value, …], …]}`, by the times of the first series. */
export function renderDygraph(list: readonly Series[], options: RenderOptions = {}): Rendered {
  const [first] = list;
  if (first === undefined) return wrap("{}", options);
  const rows = Array.from({ length: first.values.length }, (_, index) => {
    const at = (first.startSeconds + index * first.stepSeconds) * 1000;
    const values = list.map((series) => {
      const value = series.values[index] ?? Number.NaN;
      return value === Infinity ? "Infinity" : value === -Infinity ? "-Infinity" : numberText(value);
    });
    return `[${[at, ...values].join(", ")}]`;
  });
  const labels = spaced(["Time", ...list.map((series) => series.name)]);
  return wrap(`{"labels" : ${labels}, "data" : [${rows.join(", ")}]}`, options);
}

/** `[{"target", "datapoints": [{"x": seconds, "y": value}, …]}, …]` */
export function renderRickshaw(list: readonly Series[], options: RenderOptions = {}): Rendered {
  const texts = list.map((series) => {
    const points = Array.from(series.values, (value, index) => {
      return `{"x": ${series.startSeconds + index * series.stepSeconds}, "y": ${numberText(value)}}`;
    });
    return `{"target": ${JSON.stringify(series.name)}, "datapoints": [${points.join(", ")}]}`;
  });
  return wrap(`[${texts.join(", ")}]`, options);
}

/** A pickled list of dicts, which other Graphites read. */
export function renderPickle(list: readonly Series[]): Rendered {
  const value = list.map(
    (series) =>
      new Map<string, Picklable>([
        ["name", series.name],
        ["start", series.startSeconds],
        ["end", series.endSeconds],
        ["step", series.stepSeconds],
        ["values", series.values],
        ["pathExpression", series.pathExpression],
        ["valuesPerPoint", 1],
        ["consolidationFunc", series.consolidation],
        ["xFilesFactor", series.xFilesFactor],
      ]),
  );
  return { body: encodePickleValue(value), contentType: "application/pickle" };
}

/** The formats that are not pictures. */
export const renderers: ReadonlyMap<string, (list: readonly Series[], options?: RenderOptions) => Rendered> = new Map([
  ["json", renderJson],
  ["raw", renderRaw],
  ["csv", renderCsv],
  ["dygraph", renderDygraph],
  ["rickshaw", renderRickshaw],
  ["pickle", renderPickle],
]);
