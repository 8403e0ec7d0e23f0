/** `/render`: targets become series, series an answer in one of Graphite's formats, within bounds of points and time. */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { ParameterError } from "../../lib/graphite/call.ts";
import { evaluateTargets } from "../../lib/graphite/evaluate.ts";
import { type Rendered, renderers } from "../../lib/graphite/render-format.ts";
import type { Series } from "../../lib/graphite/series.ts";
import { allOf, momentOf, numberOf } from "./ask.ts";
import type { EventsStore } from "./events-store.ts";
import { type PictureFormat, pictureOf } from "./picture.ts";
import { storeSource } from "./source.ts";
import type { SeriesStore } from "./store.ts";

/** Bounds of one query. */
export interface QueryBounds {
  maxSeries: number;
  maxPoints: number;
  timeoutMs: number;
}

/** What is rendered from. */
export interface RenderParts {
  store: SeriesStore;
  events: EventsStore;
  clock: Clock;
  bounds: QueryBounds;
}

/** Makes an answer of series. */
type Format = (series: readonly Series[], signal: AbortSignal) => Rendered | Promise<Rendered>;

/** The answer to a render request. Faults: `series/render` with Graphite's words, those of the store. */
export async function render(parameters: URLSearchParams, parts: RenderParts, signal: AbortSignal): Promise<Rendered> {
  const { clock, bounds } = parts;
  const timeZone = parameters.get("tz") || "UTC";
  const nowSeconds = momentOf(parameters, "now", "now", Math.floor(clock.now() / 1000), timeZone);
  let fromSeconds = momentOf(parameters, "from", "-24h", nowSeconds, timeZone);
  let untilSeconds = momentOf(parameters, "until", "now", nowSeconds, timeZone);
  if (fromSeconds > untilSeconds) [fromSeconds, untilSeconds] = [untilSeconds, fromSeconds];
  if (fromSeconds === untilSeconds) throw invalid("from and until are the same time");
  const startedMs = clock.monotonicMs();
  try {
    const format = await formatOf(parameters, timeZone);
    const series = await evaluateTargets(allOf(parameters, "target"), {
      source: storeSource(parts.store, parts.events, nowSeconds),
      fromSeconds,
      untilSeconds,
      nowSeconds,
      timeZone,
      template: templateOf(parameters),
      maxSeries: bounds.maxSeries,
      maxPoints: bounds.maxPoints,
      isOver: () => signal.aborted || clock.monotonicMs() - startedMs > bounds.timeoutMs,
      signal,
      ...optional("xFilesFactor", numberOf(parameters, "xFilesFactor")),
    });
    return await format(series, signal);
  } catch (thrown) {
    // What was asked cannot be answered: its own words say why. Everything else is a bug, or the store's fault.
    if (thrown instanceof SyntaxError || thrown instanceof RangeError || thrown instanceof ParameterError) {
      throw invalid(thrown.message, thrown);
    }
    throw thrown;
  }
}

async function formatOf(parameters: URLSearchParams, timeZone: string): Promise<Format> {
  const name = nameOfFormat(parameters);
  if (name === "png" || name === "svg") return pictureOf(parameters, name satisfies PictureFormat);
  const renderer = renderers.get(name);
  if (renderer === undefined) {
    const wanted = ["png", "svg", ...renderers.keys()].join(", ");
    throw invalid(
      name === "pdf"
        ? `format pdf is not drawn; wanted svg, which prints as well, or one of ${wanted}`
        : `format must be one of ${wanted}`,
    );
  }
  const jsonp = parameters.get("jsonp");
  const isPlain = jsonp === null || /^[\w$.]{1,100}$/.test(jsonp);
  if (!isPlain) throw invalid("jsonp must be the name of a function");
  const options = {
    timeZone,
    ...optional("maxDataPoints", numberOf(parameters, "maxDataPoints")),
    ...(isSet(parameters, "noNullPoints") ? { noNullPoints: true } : {}),
    ...(isSet(parameters, "pretty") ? { pretty: true } : {}),
    ...(jsonp ? { jsonp } : {}),
  };
  return (series) => renderer(series, options);
}

function nameOfFormat(parameters: URLSearchParams): string {
  if (isSet(parameters, "rawData")) return "raw";
  return parameters.get("format") || (parameters.has("jsonp") ? "json" : "png");
}

function templateOf(parameters: URLSearchParams): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [name, value] of parameters) {
    const key = /^template\[(.+)\]$/.exec(name)?.[1];
    if (key !== undefined) values[key] = value;
  }
  return values;
}

function isSet(parameters: URLSearchParams, name: string): boolean {
  const value = parameters.get(name);
  return value !== null && !["false", "0", "no"].includes(value.toLowerCase());
}

function optional<Name extends string>(name: Name, value: number | undefined): Partial<Record<Name, number>> {
  const found: Partial<Record<Name, number>> = {};
  if (value !== undefined) found[name] = value;
  return found;
}

function invalid(reason: string, cause?: unknown): Fault {
  return new Fault("invalid", "series/render", `Invalid parameters (${reason})`, { cause });
}
