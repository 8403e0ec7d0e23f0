/**
 * `/render`: targets become series, series an answer in one of Graphite's formats, within bounds of points and time. A large
 * one is made while it is sent, and between its parts others get their turn.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { evaluateTargets } from "../../lib/graphite/evaluate.ts";
import { pieceRenderers, type Rendered, type RenderedPieces } from "../../lib/graphite/render-format.ts";
import type { Series } from "../../lib/graphite/series.ts";
import { allOf, invalidRender, isAboutTarget, numberOf, rangeOf } from "./ask.ts";
import type { EventsStore } from "./events-store.ts";
import { type PictureFormat, pictureOf } from "./picture.ts";
import { storeSource } from "./source.ts";
import type { SeriesStore } from "./store.ts";
import { Turns } from "./turns.ts";

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
  /** Turns given between parts of the work. @default by the clock */
  turns?: Turns;
}

/** An answer, whole or made while it is read. */
export interface RenderAnswer {
  readonly body: string | Uint8Array | AsyncIterable<Uint8Array>;
  readonly contentType: string;
}

/** Makes an answer of series. */
type Format = (series: readonly Series[], signal: AbortSignal) => RenderedPieces | Promise<Rendered>;

/** Answers of up to so many characters or bytes are made whole. */
const wholeMax = 256 * 1024;
const chunkMax = 64 * 1024;

/**
 * The answer to a render request. What it promises while it is read rejects when `signal` aborts. Faults: `series/render`
 * with Graphite's words, those of the store.
 */
export async function render(
  parameters: URLSearchParams,
  parts: RenderParts,
  signal: AbortSignal,
): Promise<RenderAnswer> {
  const { clock, bounds } = parts;
  const range = rangeOf(parameters, clock);
  const { nowSeconds, timeZone } = range;
  const startedMs = clock.monotonicMs();
  const turns = parts.turns ?? new Turns(clock);
  try {
    const format = await formatOf(parameters, timeZone);
    const series = await evaluateTargets(allOf(parameters, "target"), {
      source: storeSource(parts.store, parts.events, nowSeconds, turns),
      ...range,
      template: templateOf(parameters),
      maxSeries: bounds.maxSeries,
      maxPoints: bounds.maxPoints,
      isOver: () => signal.aborted || clock.monotonicMs() - startedMs > bounds.timeoutMs,
      signal,
      turn: () => turns.next(),
      ...optional("xFilesFactor", numberOf(parameters, "xFilesFactor")),
    });
    const rendered = await format(series, signal);
    if ("body" in rendered) return rendered;
    return { contentType: rendered.contentType, body: await bodyOf(rendered.pieces, turns, signal) };
  } catch (thrown) {
    if (signal.aborted) throw left(thrown);
    throw isAboutTarget(thrown) ? invalidRender(thrown.message, thrown) : thrown;
  }
}

/** Pieces as one text or one run of bytes when they are short, or else as chunks. */
async function bodyOf(
  pieces: RenderedPieces["pieces"],
  turns: Turns,
  signal: AbortSignal,
): Promise<RenderAnswer["body"]> {
  const iterator: Iterator<string | Uint8Array> = pieces[Symbol.iterator]();
  const begun: (string | Uint8Array)[] = [];
  let length = 0;
  while (length <= wholeMax) {
    const next = iterator.next();
    if (next.done === true) {
      const texts = begun.filter((piece) => typeof piece === "string");
      return texts.length === begun.length ? texts.join("") : Buffer.concat(begun.map(bytesOf));
    }
    begun.push(next.value);
    length += next.value.length;
    const turn = turns.next();
    if (turn) await turn;
    signal.throwIfAborted();
  }
  return chunksOf(begun, iterator, turns, signal);
}

async function* chunksOf(
  begun: readonly (string | Uint8Array)[],
  rest: Iterator<string | Uint8Array>,
  turns: Turns,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for (const piece of begun) yield bytesOf(piece);
  let text: string[] = [];
  let length = 0;
  for (let next = rest.next(); next.done !== true; next = rest.next()) {
    const turn = turns.next();
    if (turn) await turn;
    signal.throwIfAborted();
    if (typeof next.value !== "string") {
      yield next.value;
      continue;
    }
    text.push(next.value);
    length += next.value.length;
    if (length < chunkMax) continue;
    yield bytesOf(text.join(""));
    text = [];
    length = 0;
  }
  if (length > 0) yield bytesOf(text.join(""));
}

const encoder = new TextEncoder();

function bytesOf(piece: string | Uint8Array): Uint8Array {
  return typeof piece === "string" ? encoder.encode(piece) : piece;
}

async function formatOf(parameters: URLSearchParams, timeZone: string): Promise<Format> {
  const name = nameOfFormat(parameters);
  if (name === "png" || name === "svg") return pictureOf(parameters, name satisfies PictureFormat);
  const renderer = pieceRenderers.get(name);
  if (renderer === undefined) {
    const wanted = ["png", "svg", ...pieceRenderers.keys()].join(", ");
    throw invalidRender(
      name === "pdf"
        ? `format pdf is not drawn; wanted svg, which prints as well, or one of ${wanted}`
        : `format must be one of ${wanted}`,
    );
  }
  const jsonp = parameters.get("jsonp");
  const isPlain = jsonp === null || /^[\w$.]{1,100}$/.test(jsonp);
  if (!isPlain) throw invalidRender("jsonp must be the name of a function");
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

/** Nobody reads it, and the log need not tell of it as of a mistake. */
function left(cause: unknown): Fault {
  return new Fault("invalid", "series/left", "Cannot answer: the connection was closed meanwhile", { cause });
}
