/**
 * Graphite's line protocol: `<path> <value> <seconds>\n`, the language of every carbon client.
 *
 * Fields are separated by blanks or tabs. A timestamp of -1, or none at all, means now; fractions of a second are cut. A
 * value may be any float of Python, infinite ones included; NaN is refused. A bad line is reported and never thrown, and the
 * lines around it count. A line longer than the bound is skipped to its end without being kept.
 * Source: https://graphite.readthedocs.io/en/latest/feeding-carbon.html and carbon's receivers.
 */
import { parseFloatText } from "./number.ts";
import { canonicalPath, type Point } from "./path.ts";

/** A line that is no point: its beginning (at most 200 characters) and why. */
export interface BadLine {
  readonly line: string;
  readonly reason: string;
}

/** The points of some text and what in it was none. */
export interface DecodedLines {
  readonly points: Point[];
  readonly bad: BadLine[];
  /** All bad lines; `bad` holds the first 100 at most. */
  badCount: number;
}

/** Bounds and the meaning of "now". */
export interface LineOptions {
  /** Epoch seconds for a timestamp of -1 or none. */
  readonly nowSeconds: number;
  /** Longest line in characters without its end. @default 16384 */
  readonly maxLineLength?: number;
  /** Longest path in characters. @default 4096 */
  readonly maxPathLength?: number;
}

const badKept = 100;
const defaultLineLength = 16_384;
const defaultPathLength = 4096;

/** One line with its `\n`. The value is written so that it reads back the same. */
export function encodeLine(point: Point): string {
  const { value } = point;
  const text = value === Infinity ? "inf" : value === -Infinity ? "-inf" : String(value);
  return `${point.path} ${text} ${point.atSeconds}\n`;
}

/** Many lines. */
export function encodeLines(points: Iterable<Point>): string {
  let text = "";
  for (const point of points) text += encodeLine(point);
  return text;
}

const blank = (code: number) => code === 32 || code === 9;

function fieldEnd(text: string, from: number, end: number): number {
  let at = from;
  while (at < end && !blank(text.charCodeAt(at))) at++;
  return at;
}

function skipBlank(text: string, from: number, end: number): number {
  let at = from;
  while (at < end && blank(text.charCodeAt(at))) at++;
  return at;
}

function hasControl(text: string, end: number, from: number): boolean {
  for (let at = from; at < end; at++) if (text.charCodeAt(at) < 32 || text.charCodeAt(at) === 127) return true;
  return false;
}

/** Decodes text[from, end) or gives the reason. */
function decodeSpan(text: string, from: number, end: number, options: LineOptions): Point | string {
  const pathStart = skipBlank(text, from, end);
  const pathEnd = fieldEnd(text, pathStart, end);
  if (pathEnd - pathStart > (options.maxPathLength ?? defaultPathLength)) {
    return `the path has more than ${options.maxPathLength ?? defaultPathLength} characters`;
  }
  const valueStart = skipBlank(text, pathEnd, end);
  const valueEnd = fieldEnd(text, valueStart, end);
  if (valueEnd === valueStart) return "expected a path, a value and a timestamp";
  const timeStart = skipBlank(text, valueEnd, end);
  const timeEnd = fieldEnd(text, timeStart, end);
  if (skipBlank(text, timeEnd, end) < end) return "more than three fields";
  if (hasControl(text, pathEnd, pathStart)) return "the path has a control character";
  const value = parseFloatText(text.slice(valueStart, valueEnd));
  if (value === undefined) return "the value is not a number";
  if (value !== value) return "the value is NaN";
  let atSeconds = Math.floor(options.nowSeconds);
  if (timeEnd > timeStart) {
    const stated = parseFloatText(text.slice(timeStart, timeEnd));
    if (stated === undefined || !Number.isFinite(stated)) return "the timestamp is not a number";
    if (stated !== -1) {
      if (stated < 0 || stated > Number.MAX_SAFE_INTEGER) return "the timestamp is out of range";
      atSeconds = Math.floor(stated);
    }
  }
  const path = text.slice(pathStart, pathEnd);
  try {
    return { path: canonicalPath(path), value, atSeconds };
  } catch (error) {
    if (error instanceof SyntaxError) return error.message;
    throw error;
  }
}

/** Decodes one line without its end. */
export function decodeLine(line: string, options: LineOptions): Point | BadLine {
  const found = decodeSpan(line, 0, line.length, options);
  return typeof found === "string" ? { line: line.slice(0, 200), reason: found } : found;
}

function decodeInto(into: DecodedLines, text: string, from: number, end: number, options: LineOptions): void {
  let last = end;
  if (last > from && text.charCodeAt(last - 1) === 13) last--;
  if (skipBlank(text, from, last) === last) return;
  const longest = options.maxLineLength ?? defaultLineLength;
  const found =
    last - from > longest ? `the line has more than ${longest} characters` : decodeSpan(text, from, last, options);
  if (typeof found !== "string") {
    into.points.push(found);
    return;
  }
  into.badCount++;
  if (into.bad.length < badKept) into.bad.push({ line: text.slice(from, Math.min(last, from + 200)), reason: found });
}

/** Decodes a whole text, such as a datagram or the body of a request. Empty lines are nothing. */
export function decodeLines(text: string, options: LineOptions): DecodedLines {
  const into: DecodedLines = { points: [], bad: [], badCount: 0 };
  let from = 0;
  while (from < text.length) {
    const newline = text.indexOf("\n", from);
    const end = newline < 0 ? text.length : newline;
    decodeInto(into, text, from, end, options);
    from = end + 1;
  }
  return into;
}

/** Decodes a stream cut anywhere. Holds at most one unfinished line up to the bound. */
export class LineDecoder {
  #rest = "";
  #skipping = false;
  readonly #text = new TextDecoder("utf-8");

  /** The points of the lines that `chunk` (UTF-8) completes. */
  push(chunk: Uint8Array, options: LineOptions): DecodedLines {
    return this.#take(this.#text.decode(chunk, { stream: true }), options);
  }

  /** What the last line is when the stream ends without its `\n`. */
  end(options: LineOptions): DecodedLines {
    return this.#take(`${this.#text.decode()}\n`, options);
  }

  #take(text: string, options: LineOptions): DecodedLines {
    const into: DecodedLines = { points: [], bad: [], badCount: 0 };
    const longest = options.maxLineLength ?? defaultLineLength;
    const whole = this.#rest === "" ? text : this.#rest + text;
    let from = 0;
    for (;;) {
      const newline = whole.indexOf("\n", from);
      if (newline < 0) break;
      if (this.#skipping) this.#skipping = false;
      else decodeInto(into, whole, from, newline, options);
      from = newline + 1;
    }
    this.#rest = this.#skipping ? "" : whole.slice(from);
    if (this.#rest.length > longest) {
      into.badCount++;
      into.bad.push({ line: this.#rest.slice(0, 200), reason: `the line has more than ${longest} characters` });
      this.#rest = "";
      this.#skipping = true;
    }
    return into;
  }
}
