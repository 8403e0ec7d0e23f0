/**
 * Points as lines of Graphite's protocol, written piece by piece to where they are sent from. A flush has hundreds of
 * thousands of values; an object and a text for each of them would keep the collector busy and the memory high. The bytes
 * are those of lib/graphite's `encodeLine`, with white space in a path as `_`, which would otherwise break the line.
 */
import type { Batch } from "./spool.ts";

/** Room for a value, a time, what stands between them and the line's end; texts of numbers have 25 characters at most. */
const numbersBytes = 64;
const space = 32;
const newline = 10;
const zero = 48;
/** Whole numbers below this are written without their text being made. */
const plainBelow = 2 ** 31;

/** Gathers lines up to a size; `full` gets each batch of whole lines, in a buffer of its own. */
export class LineBuffer {
  readonly #sizeBytes: number;
  readonly #full: (batch: Batch) => void;
  #bytes: Buffer | undefined;
  #length = 0;
  #points = 0;

  constructor(sizeBytes: number, full: (batch: Batch) => void) {
    this.#sizeBytes = sizeBytes;
    this.#full = full;
  }

  add(path: string, value: number, atSeconds: number): void {
    // A character has at most three bytes of UTF-8 for each of its units.
    const mostBytes = path.length * 3 + numbersBytes;
    if (this.#bytes === undefined || this.#length + mostBytes > this.#bytes.length) {
      this.end();
      if (this.#bytes === undefined || mostBytes > this.#bytes.length)
        this.#bytes = Buffer.allocUnsafeSlow(Math.max(this.#sizeBytes, mostBytes));
    }
    const bytes = this.#bytes;
    let at = afterPath(bytes, path, this.#length);
    bytes[at++] = space;
    at = afterNumber(bytes, value, at);
    bytes[at++] = space;
    at = afterNumber(bytes, atSeconds, at);
    bytes[at++] = newline;
    this.#length = at;
    this.#points++;
  }

  /** Hands over what was gathered, if anything was. */
  end(): void {
    if (this.#bytes === undefined || this.#points === 0) return;
    const batch = { bytes: new Uint8Array(this.#bytes.subarray(0, this.#length)), points: this.#points };
    this.#length = 0;
    this.#points = 0;
    this.#full(batch);
  }
}

/** A path without white space. */
export function withoutBlanks(path: string): string {
  return /\s/.test(path) ? path.replaceAll(/\s/g, "_") : path;
}

function afterPath(bytes: Buffer, path: string, from: number): number {
  let at = from;
  for (let index = 0; index < path.length; index++) {
    const code = path.charCodeAt(index);
    if (code <= space || code > 126) return from + bytes.write(withoutBlanks(path), from);
    bytes[at++] = code;
  }
  return at;
}

function afterNumber(bytes: Buffer, value: number, from: number): number {
  let at = from;
  if (!Number.isInteger(value) || value >= plainBelow || value < 0) {
    const text = textOf(value);
    for (let index = 0; index < text.length; index++) bytes[at++] = text.charCodeAt(index);
    return at;
  }
  let rest = value | 0;
  let end = at + 1;
  for (let left = rest; left >= 10; left = (left / 10) | 0) end++;
  at = end;
  do {
    const tenth = (rest / 10) | 0;
    bytes[--at] = zero + rest - tenth * 10;
    rest = tenth;
  } while (at > from);
  return end;
}

/** So that it reads back the same. */
function textOf(value: number): string {
  if (Number.isFinite(value) || Number.isNaN(value)) return String(value);
  return value > 0 ? "inf" : "-inf";
}
