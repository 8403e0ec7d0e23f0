/**
 * Graphite's pickle protocol: a length of 4 bytes (big-endian), then a pickled list of `(path, (seconds, value))`.
 *
 * Read are pickles of data alone (see pickle-value.ts). Seconds and values may be numbers or their texts, as Etsy's statsd
 * sends them. An item that is no point is reported and those around it count; a body that is no pickle throws. A frame longer
 * than the bound cannot be skipped safely, so it throws and the connection has to be closed, as carbon does.
 */
import type { BadLine, DecodedLines } from "./line.ts";
import { parseFloatText } from "./number.ts";
import { canonicalPath, type Point } from "./path.ts";
import { decodePickleValue, type PickleLimits, type PickleValue } from "./pickle-value.ts";
import { encodePointTuples } from "./pickle-writer.ts";

/** Bounds and the meaning of "now". */
export interface PickleOptions extends PickleLimits {
  /** Epoch seconds for a timestamp of -1. */
  readonly nowSeconds: number;
}

/** The body of one frame, without its length. */
export function encodePickle(points: Iterable<Point>): Uint8Array {
  return encodePointTuples(points);
}

/** One whole frame: 4 bytes of length, then the pickle. Carbon takes at most 1 MiB, about 10,000 points. */
export function encodePickleFrame(points: Iterable<Point>): Uint8Array {
  const body = encodePickle(points);
  const frame = new Uint8Array(body.length + 4);
  new DataView(frame.buffer).setUint32(0, body.length);
  frame.set(body, 4);
  return frame;
}

function numberOf(value: PickleValue | undefined): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "string") return parseFloatText(value);
  return undefined;
}

function pointOf(item: PickleValue, nowSeconds: number): Point | string {
  if (!Array.isArray(item) || item.length !== 2) return "expected (path, (timestamp, value))";
  const [name, pair] = item;
  if (!Array.isArray(pair) || pair.length !== 2) return "expected (path, (timestamp, value))";
  // One text may be referred to a hundred thousand times, so its length is looked at first.
  if ((name instanceof Uint8Array || typeof name === "string") && name.length > 4096)
    return "the path has more than 4096 characters";
  const path = name instanceof Uint8Array ? new TextDecoder().decode(name) : name;
  if (typeof path !== "string") return "the path is not a string";
  // Blanks and control characters could not be said in a line.
  for (let at = 0; at < path.length; at++)
    if (path.charCodeAt(at) <= 32) return "the path has a blank or control character";
  const value = numberOf(pair[1]);
  if (value === undefined) return "the value is not a number";
  if (value !== value) return "the value is NaN";
  const stated = numberOf(pair[0]);
  if (stated === undefined || !Number.isFinite(stated)) return "the timestamp is not a number";
  if (stated !== -1 && (stated < 0 || stated > Number.MAX_SAFE_INTEGER)) return "the timestamp is out of range";
  try {
    return { path: canonicalPath(path), value, atSeconds: Math.floor(stated === -1 ? nowSeconds : stated) };
  } catch (error) {
    if (error instanceof SyntaxError) return error.message;
    throw error;
  }
}

function describe(item: PickleValue): string {
  const path = Array.isArray(item) ? item[0] : item;
  return typeof path === "string" ? path.slice(0, 200) : typeof path;
}

/**
 * The points of one frame's body.
 * @throws SyntaxError for what is no pickle of a list of data, RangeError past a bound.
 */
export function decodePickle(body: Uint8Array, options: PickleOptions): DecodedLines {
  const value = decodePickleValue(body, options);
  if (!Array.isArray(value)) throw new SyntaxError("Cannot read pickle: expected a list of points");
  const points: Point[] = [];
  const bad: BadLine[] = [];
  let badCount = 0;
  for (const item of value) {
    const found = pointOf(item, options.nowSeconds);
    if (typeof found !== "string") points.push(found);
    else {
      badCount++;
      if (bad.length < 100) bad.push({ line: describe(item), reason: found });
    }
  }
  return { points, bad, badCount };
}

/** Cuts a stream into frames. Holds at most one frame up to the bound. */
export class PickleFrames {
  #rest: Uint8Array = new Uint8Array(0);
  readonly #maxBytes: number;

  /** @param maxBytes longest body. @default 1048576 */
  constructor(maxBytes = 1_048_576) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes of the frame that is not complete yet. */
  get heldBytes(): number {
    return this.#rest.length;
  }

  /**
   * The bodies that `chunk` completes.
   * @throws RangeError when a frame is longer than the bound; the stream is of no more use then.
   */
  push(chunk: Uint8Array): Uint8Array[] {
    let whole = chunk;
    if (this.#rest.length > 0) {
      whole = new Uint8Array(this.#rest.length + chunk.length);
      whole.set(this.#rest);
      whole.set(chunk, this.#rest.length);
    }
    const view = new DataView(whole.buffer, whole.byteOffset, whole.byteLength);
    const bodies: Uint8Array[] = [];
    let at = 0;
    while (at + 4 <= whole.length) {
      const size = view.getUint32(at);
      if (size > this.#maxBytes) throw new RangeError(`Cannot read pickle: more than ${this.#maxBytes} bytes`);
      if (at + 4 + size > whole.length) break;
      bodies.push(whole.slice(at + 4, at + 4 + size));
      at += 4 + size;
    }
    this.#rest = whole.slice(at);
    return bodies;
  }
}
