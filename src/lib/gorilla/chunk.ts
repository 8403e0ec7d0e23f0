/**
 * A chunk: the points of one series on a grid of steps, in few bytes. A point is a slot (its time divided by the step)
 * and a double. Runs of slots without a gap cost nothing a point. Values that are short decimals, as nearly all that
 * servers measure, become whole numbers (ALP, Afroozeh and Boncz, SIGMOD 2024), which are written as they are, as
 * differences or as differences of differences, whichever is smallest; others go through Gorilla's XOR.
 * What was encoded comes back bit for bit. Checksums are the caller's.
 */
import { BitReader, BitWriter } from "./bits.ts";
import { largestResidual, readResiduals, writeResiduals } from "./residuals.ts";
import { readXor, writeXor } from "./xor.ts";

/** The most points of a chunk. */
export const chunkPointsMax = 1 << 20;

const modeConstant = 0;
const modeXor = 1;
/** Plus the order of differences, 0 to 2. */
const modeDecimal = 2;
const decimalsMax = 9;
const wholeMax = 2 ** 50;

/** Slots (whole, ascending, each once) and the value of each. */
export interface ChunkPoints {
  slots: Float64Array;
  values: Float64Array;
}

/**
 * The bytes of the first `count` points. Slots are whole numbers from 0 below 2^53, strictly ascending. Throws RangeError for others,
 * for none, and for more than {@link chunkPointsMax}.
 */
export function encodeChunk(slots: Float64Array, values: Float64Array, count = slots.length): Uint8Array {
  if (count < 1 || count > chunkPointsMax || values.length < count) {
    throw new RangeError(`Cannot encode chunk of ${count} points: wanted 1 to ${chunkPointsMax}`);
  }
  const writer = new BitWriter(count * 2 + 64);
  writer.writeVarint(count);
  writeSlots(writer, slots, count);
  writeValues(writer, values, count);
  return writer.finish();
}

/** The points of a chunk. Throws RangeError for bytes that no chunk has. */
export function decodeChunk(bytes: Uint8Array): ChunkPoints {
  const reader = new BitReader(bytes);
  const count = countOf(reader);
  const runs = readRuns(reader, count);
  const slots = new Float64Array(count);
  let at = 0;
  for (const { first, length } of runs) for (let offset = 0; offset < length; offset++) slots[at++] = first + offset;
  const values = new Float64Array(count);
  readValues(reader, values, count);
  return { slots, values };
}

/**
 * Writes those values of a chunk whose slots lie in `[firstSlot, firstSlot + target.length)` to their places in
 * `target`; the other places stay as they are. Throws RangeError for bytes that no chunk has.
 */
export function decodeChunkInto(bytes: Uint8Array, firstSlot: number, target: Float64Array): void {
  const reader = new BitReader(bytes);
  const count = countOf(reader);
  const runs = readRuns(reader, count);
  const values = new Float64Array(count);
  readValues(reader, values, count);
  let at = 0;
  for (const { first, length } of runs) {
    const from = Math.max(first, firstSlot);
    const until = Math.min(first + length, firstSlot + target.length);
    if (from < until) {
      target.set(values.subarray(at + from - first, at + until - first), from - firstSlot);
    }
    at += length;
  }
}

function countOf(reader: BitReader): number {
  const count = reader.readVarint();
  if (count < 1 || count > chunkPointsMax) throw new RangeError(`Cannot decode chunk: it says ${count} points`);
  return count;
}

function writeSlots(writer: BitWriter, slots: Float64Array, count: number): void {
  const lengths: number[] = [];
  const gaps: number[] = [];
  let runStart = 0;
  for (let index = 0; index < count; index++) {
    const slot = slots[index] as number;
    const before = index === 0 ? -1 : (slots[index - 1] as number);
    if (!Number.isSafeInteger(slot) || slot <= before) {
      throw new RangeError(`Cannot encode slot ${slot}: wanted whole ascending numbers`);
    }
    if (index > 0 && slot !== before + 1) {
      lengths.push(index - runStart);
      gaps.push(slot - before - 1);
      runStart = index;
    }
  }
  writer.writeVarint(slots[0] as number);
  writer.writeVarint(lengths.length);
  for (const [at, length] of lengths.entries()) {
    writer.writeVarint(length);
    writer.writeVarint(gaps[at] as number);
  }
}

function readRuns(reader: BitReader, count: number): { first: number; length: number }[] {
  let first = reader.readVarint();
  const cuts = reader.readVarint();
  if (cuts >= count) throw new RangeError("Cannot decode chunk: it has more runs than points");
  const runs: { first: number; length: number }[] = [];
  let left = count;
  for (let cut = 0; cut < cuts; cut++) {
    const length = reader.readVarint();
    const gap = reader.readVarint();
    if (length < 1 || length >= left || gap < 1)
      throw new RangeError("Cannot decode chunk: its runs are not those of its points");
    runs.push({ first, length });
    left -= length;
    first += length + gap;
  }
  runs.push({ first, length: left });
  if (!Number.isSafeInteger(first + left)) throw new RangeError("Cannot decode chunk: a slot has more than 53 bits");
  return runs;
}

function writeValues(writer: BitWriter, values: Float64Array, count: number): void {
  const first = values[0] as number;
  let constant = true;
  for (let index = 1; constant && index < count; index++) constant = Object.is(values[index], first);
  const decimals = decimalsOf(values, count);
  if (constant && decimals === undefined) {
    writer.write(modeConstant, 3);
    writeXor(writer, values, 1);
    return;
  }
  if (decimals === undefined) {
    writer.write(modeXor, 3);
    writeXor(writer, values, count);
    return;
  }
  writeDecimals(writer, values, count, decimals);
}

/** The fewest decimal places with which every value is a whole number that gives back exactly the same double. */
function decimalsOf(values: Float64Array, count: number): number | undefined {
  let decimals = 0;
  let scale = 1;
  for (let index = 0; index < count; index++) {
    const value = values[index] as number;
    if (Object.is(value, -0)) return undefined;
    for (;;) {
      const whole = Math.round(value * scale);
      if (!(Math.abs(whole) <= wholeMax)) return undefined;
      if (whole / scale === value) break;
      if (++decimals > decimalsMax) return undefined;
      scale = 10 ** decimals;
      // More places may take what went well so far out of range, or, rarely, out of exactness.
      index = 0;
      if (!(Math.abs(Math.round((values[0] as number) * scale)) <= wholeMax)) return undefined;
      if (Math.round((values[0] as number) * scale) / scale !== values[0]) {
        index = -1;
        break;
      }
    }
  }
  return decimals;
}

function writeDecimals(writer: BitWriter, values: Float64Array, count: number, decimals: number): void {
  const scale = 10 ** decimals;
  const wholes = new Float64Array(count);
  const start = Math.round((values[0] as number) * scale);
  let divisor = 0;
  for (let index = 0; index < count; index++) {
    const whole = Math.round((values[index] as number) * scale) - start;
    wholes[index] = whole;
    if (divisor !== 1) divisor = greatestDivisor(divisor, Math.abs(whole));
  }
  if (divisor > 1) for (let index = 0; index < count; index++) wholes[index] = (wholes[index] as number) / divisor;
  const differences = new Float64Array(count);
  const second = new Float64Array(count);
  let ofLevels = 0;
  let ofDifferences = 0;
  let ofSecond = 0;
  // A part tells which kind of difference is smallest; an odd stride falls on every place of a pattern.
  const stride = count > 1024 ? 7 : 1;
  const middle = medianOf(wholes, count);
  const levels = new Float64Array(count);
  for (let index = 0; index < count; index++) {
    const whole = wholes[index] as number;
    const difference = index === 0 ? 0 : whole - (wholes[index - 1] as number);
    differences[index] = difference;
    second[index] = index < 2 ? difference : difference - (differences[index - 1] as number);
    levels[index] = whole - middle;
    if (index % stride !== 0) continue;
    ofLevels += Math.log2(1 + Math.abs(levels[index] as number));
    ofDifferences += Math.log2(1 + Math.abs(difference));
    ofSecond += Math.log2(1 + Math.abs(second[index] as number));
  }
  let order = 1;
  if (ofSecond < ofDifferences) order = 2;
  if (ofLevels < Math.min(ofDifferences, ofSecond)) order = 0;
  const residuals = [levels, differences, second][order] as Float64Array;
  for (let index = 0; index < count; index++) {
    if (Math.abs(residuals[index] as number) >= largestResidual) {
      writer.write(modeXor, 3);
      writeXor(writer, values, count);
      return;
    }
  }
  writer.write(modeDecimal + order, 3);
  writer.write(decimals, 4);
  writer.write(start < 0 ? 1 : 0, 1);
  writer.writeVarint(Math.abs(start));
  writer.writeVarint(divisor);
  if (order === 0) {
    writer.write(middle < 0 ? 1 : 0, 1);
    writer.writeVarint(Math.abs(middle));
  }
  writeResiduals(writer, residuals, count);
}

function greatestDivisor(left: number, right: number): number {
  let [larger, smaller] = [left, right];
  while (smaller !== 0) [larger, smaller] = [smaller, larger % smaller];
  return larger;
}

/** About the middle value: of up to 255 taken evenly, which is enough to centre the rest. */
function medianOf(wholes: Float64Array, count: number): number {
  const stride = Math.max(1, Math.floor(count / 255));
  const some: number[] = [];
  for (let index = 0; index < count; index += stride) some.push(wholes[index] as number);
  some.sort((left, right) => left - right);
  return some[some.length >> 1] as number;
}

function readValues(reader: BitReader, target: Float64Array, count: number): void {
  const mode = reader.read(3);
  if (mode === modeConstant) {
    readXor(reader, target, 1);
    target.fill(target[0] as number);
    return;
  }
  if (mode === modeXor) {
    readXor(reader, target, count);
    return;
  }
  const order = mode - modeDecimal;
  if (order > 2) throw new RangeError(`Cannot decode chunk: unknown mode ${mode}`);
  const scale = 10 ** reader.read(4);
  const sign = reader.read(1) === 1 ? -1 : 1;
  const start = sign * reader.readVarint();
  const divisor = Math.max(1, reader.readVarint());
  const middleSign = order === 0 && reader.read(1) === 1 ? -1 : 1;
  const middle = order === 0 ? middleSign * reader.readVarint() : 0;
  readResiduals(reader, target, count);
  let whole = 0;
  let difference = 0;
  for (let index = 0; index < count; index++) {
    const residual = target[index] as number;
    if (order === 0) whole = middle + residual;
    else if (order === 1) whole += residual;
    else {
      difference += residual;
      whole += difference;
      // The first difference stands for itself, so that a level does not become a slope.
      if (index === 0) difference = 0;
    }
    target[index] = (start + whole * divisor) / scale;
  }
}
