/**
 * The answers of `/render`: json, jsonp, raw, csv, dygraph, rickshaw and pickle, as graphite-web 1.1 writes them.
 *
 * JSON thins series out to `maxDataPoints` first. Numbers follow Python where the text is Python's (`raw`, `csv`); in JSON a value that
 * is not known is null, and an infinite one 1e9999, which readers take for infinite.
 *
 * An answer is made in pieces of a few thousand values at most, so that whoever sends a large one can do other things between.
 */
import { formatFloat } from "./number.ts";
import { type Picklable, pickleListPieces } from "./pickle-writer.ts";
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

/** An answer that is made while it is read: texts, or bytes. Some pieces are empty, after much work that made no text. */
export interface RenderedPieces {
  readonly pieces: Iterable<string> | Iterable<Uint8Array>;
  readonly contentType: string;
}

/** Values that become one piece at most. */
const pieceValues = 4096;
/** Texts of times are kept for series of up to so many values. */
const keptTimes = 100_000;

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
function* shownSeries(
  list: readonly Series[],
  options: RenderOptions,
): Generator<{ series: Series; shown: Shown; isLeftOut: boolean }> {
  if (!list.some((series) => series.values.length > 0)) return;
  const start = list.reduce((least, series) => Math.min(least, series.startSeconds), Infinity);
  const end = list.reduce((most, series) => Math.max(most, series.endSeconds), -Infinity);
  const { maxDataPoints } = options;
  for (const series of list) {
    const shown = maxDataPoints === undefined ? shownOf(series) : thinned(series, maxDataPoints, end - start);
    const isKnown = !options.noNullPoints || isAnyKnown(shown);
    yield { series, shown, isLeftOut: !isKnown };
  }
}

function isAnyKnown({ values, length }: Shown): boolean {
  for (let index = 0; index < length; index++) if (values[index] === values[index]) return true;
  return false;
}

/** What the JSON answer says, before it is text. */
export function seriesForJson(list: readonly Series[], options: RenderOptions = {}): RenderedSeries[] {
  return [...shownSeries(list, options)]
    .filter(({ isLeftOut }) => !isLeftOut)
    .map(({ series, shown }) => ({
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

/** JSON, as it is or in a call of a function. */
function wrap(pieces: Iterable<string>, { jsonp }: RenderOptions): RenderedPieces {
  if (jsonp === undefined) return { pieces, contentType: "application/json" };
  const called = function* () {
    yield `${jsonp}(`;
    yield* pieces;
    yield ")";
  };
  return { pieces: called(), contentType: "text/javascript" };
}

/** The whole of a text in pieces. */
function whole({ pieces, contentType }: RenderedPieces): Rendered {
  const all = [...(pieces as Iterable<string>)];
  return { body: all.join(""), contentType };
}

/** `[{"target", "tags", "datapoints": [[value, seconds], …]}, …]` */
export function renderJson(list: readonly Series[], options: RenderOptions = {}): Rendered {
  return whole(wrap(jsonPieces(list, options), options));
}

/** The text of {@link renderJson} without the call of a function, in pieces. */
export function* jsonPieces(list: readonly Series[], options: RenderOptions): Generator<string> {
  const between = options.pretty ? ", \n" : ", ";
  // Series of one answer mostly share their times, whose texts are therefore made once.
  const known = new Map<string, string[]>();
  let isFirst = true;
  yield "[";
  for (const { series, shown, isLeftOut } of shownSeries(list, options)) {
    if (isLeftOut) {
      yield "";
      continue;
    }
    const { values, length, startSeconds, stepSeconds } = shown;
    const key = `${startSeconds}/${stepSeconds}`;
    const isKept = length <= keptTimes;
    const kept = (isKept ? known.get(key) : undefined) ?? [];
    if (isKept) known.set(key, kept);
    const head = `${isFirst ? "" : between}{"target": ${JSON.stringify(series.name)}, "tags": ${spaced(series.tags)}, "datapoints": [`;
    isFirst = false;
    let piece: string[] = [head];
    let isFirstPoint = true;
    for (let from = 0; from < length; from += pieceValues) {
      const to = Math.min(length, from + pieceValues);
      const keptUntil = isKept ? to : 0;
      for (let at = kept.length; at < keptUntil; at++) kept.push(`, ${startSeconds + at * stepSeconds}]`);
      for (let index = from; index < to; index++) {
        const value = values[index] ?? Number.NaN;
        if (options.noNullPoints && value !== value) continue;
        const time = kept[index] ?? `, ${startSeconds + index * stepSeconds}]`;
        piece.push(isFirstPoint ? "[" : `${between}[`, numberText(value), time);
        isFirstPoint = false;
      }
      if (to === length) break;
      yield piece.join("");
      piece = [];
    }
    piece.push("]}");
    yield piece.join("");
  }
  yield "]";
}

/** One line a series: `name,start,end,step|1.0,2.0,None`. */
export function renderRaw(list: readonly Series[]): Rendered {
  return whole(rawPieces(list));
}

function rawPieces(list: readonly Series[]): RenderedPieces {
  const lines = function* () {
    for (const { name, startSeconds, endSeconds, stepSeconds, values } of list) {
      let start = `${name},${[startSeconds, endSeconds, stepSeconds].map(Math.trunc).join(",")}|`;
      for (let from = 0; from < values.length; from += pieceValues) {
        const part = values.subarray(from, from + pieceValues);
        yield start + Array.from(part, (value) => (value === value ? formatFloat(value) : "None")).join(",");
        start = ",";
      }
      yield values.length === 0 ? `${start}\n` : "\n";
    }
  };
  return { pieces: lines(), contentType: "text/plain" };
}

const pad = (value: number, width = 2) => String(value).padStart(width, "0");

/** One line a value: `name,2026-11-21 21:44:30,58.0`. */
export function renderCsv(list: readonly Series[], options: RenderOptions = {}): Rendered {
  return whole({ pieces: csvLines(list, options), contentType: "text/csv" });
}

function* csvLines(list: readonly Series[], options: RenderOptions): Generator<string> {
  for (const series of list) {
    const name = /[",\r\n]/.test(series.name) ? `"${series.name.replaceAll('"', '""')}"` : series.name;
    for (let index = 0; index < series.values.length; index++) {
      const value = series.values[index] ?? Number.NaN;
      const at = wallAt(series.startSeconds + index * series.stepSeconds, options.timeZone ?? "UTC");
      const day = `${pad(at.year, 4)}-${pad(at.month)}-${pad(at.day)}`;
      const time = `${pad(at.hour)}:${pad(at.minute)}:${pad(at.second)}`;
      yield `${name},${day} ${time},${value === value ? formatFloat(value) : ""}\r\n`;
    }
  }
}

/** `{"labels": ["Time", …], "data": [[milliseconds, value, …], …]}`, by the times of the first series. */
export function renderDygraph(list: readonly Series[], options: RenderOptions = {}): Rendered {
  return whole(wrap(dygraphPieces(list), options));
}

function* dygraphPieces(list: readonly Series[]): Generator<string> {
  const [first] = list;
  if (first === undefined) {
    yield "{}";
    return;
  }
  yield `{"labels" : ${spaced(["Time", ...list.map((series) => series.name)])}, "data" : [`;
  for (let index = 0; index < first.values.length; index++) {
    const at = (first.startSeconds + index * first.stepSeconds) * 1000;
    const values = list.map((series) => {
      const value = series.values[index] ?? Number.NaN;
      return value === Infinity ? "Infinity" : value === -Infinity ? "-Infinity" : numberText(value);
    });
    yield `${index === 0 ? "" : ", "}[${[at, ...values].join(", ")}]`;
  }
  yield "]}";
}

/** `[{"target", "datapoints": [{"x": seconds, "y": value}, …]}, …]` */
export function renderRickshaw(list: readonly Series[], options: RenderOptions = {}): Rendered {
  return whole(wrap(rickshawPieces(list), options));
}

function* rickshawPieces(list: readonly Series[]): Generator<string> {
  yield "[";
  for (const [which, series] of list.entries()) {
    yield `${which === 0 ? "" : ", "}{"target": ${JSON.stringify(series.name)}, "datapoints": [`;
    for (let from = 0; from < series.values.length; from += pieceValues) {
      const points = Array.from(series.values.subarray(from, from + pieceValues), (value, index) => {
        const at = series.startSeconds + (from + index) * series.stepSeconds;
        return `{"x": ${at}, "y": ${numberText(value)}}`;
      });
      yield (from === 0 ? "" : ", ") + points.join(", ");
    }
    yield "]}";
  }
  yield "]";
}

/** A pickled list of dicts, which other Graphites read. */
export function renderPickle(list: readonly Series[]): Rendered {
  return { body: new Uint8Array(Buffer.concat([...picklePieces(list)])), contentType: "application/pickle" };
}

function picklePieces(list: readonly Series[]): Generator<Uint8Array> {
  const dicts = function* () {
    for (const series of list) {
      yield new Map<string, Picklable>([
        ["name", series.name],
        ["start", series.startSeconds],
        ["end", series.endSeconds],
        ["step", series.stepSeconds],
        ["values", series.values],
        ["pathExpression", series.pathExpression],
        ["valuesPerPoint", 1],
        ["consolidationFunc", series.consolidation],
        ["xFilesFactor", series.xFilesFactor],
      ]);
    }
  };
  return pickleListPieces(dicts());
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

/** The same in pieces. */
export const pieceRenderers: ReadonlyMap<string, (list: readonly Series[], options: RenderOptions) => RenderedPieces> =
  new Map<string, (list: readonly Series[], options: RenderOptions) => RenderedPieces>([
    ["json", (list, options) => wrap(jsonPieces(list, options), options)],
    ["raw", (list) => rawPieces(list)],
    ["csv", (list, options) => ({ pieces: csvLines(list, options), contentType: "text/csv" })],
    ["dygraph", (list, options) => wrap(dygraphPieces(list), options)],
    ["rickshaw", (list, options) => wrap(rickshawPieces(list), options)],
    ["pickle", (list) => ({ pieces: picklePieces(list), contentType: "application/pickle" })],
  ]);
