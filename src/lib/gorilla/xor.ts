/**
 * Doubles as Gorilla keeps them (Pelkonen et al., VLDB 2015, section 4.1.2): each is XORed with the one before; the
 * meaningful bits between leading and trailing zeros are written, in the window of the one before where they fit.
 * For values that are no short decimals. Any bit pattern comes back as it was.
 */
import type { BitReader, BitWriter } from "./bits.ts";

const cell = new Float64Array(1);
const halves = new Uint32Array(cell.buffer);
const [highAt, lowAt] = (() => {
  cell[0] = 1;
  return halves[1] === 0 ? [0, 1] : [1, 0];
})() as [number, number];

function write32(writer: BitWriter, value: number, bits: number): void {
  if (bits > 16) {
    writer.write((value >>> 16) & ((1 << (bits - 16)) - 1), bits - 16);
    writer.write(value & 0xffff, 16);
  } else writer.write(value & ((1 << bits) - 1), bits);
}

function read32(reader: BitReader, bits: number): number {
  if (bits <= 16) return reader.read(bits);
  const high = reader.read(bits - 16);
  return ((high << 16) | reader.read(16)) >>> 0;
}

/** The 64 bits `high:low` shifted right by `by` (0 to 63), as two words. */
function shiftedRight(high: number, low: number, by: number): [number, number] {
  if (by === 0) return [high, low];
  if (by >= 32) return [0, high >>> (by - 32)];
  return [high >>> by, ((low >>> by) | (high << (32 - by))) >>> 0];
}

function shiftedLeft(high: number, low: number, by: number): [number, number] {
  if (by === 0) return [high, low];
  if (by >= 32) return [(low << (by - 32)) >>> 0, 0];
  return [((high << by) | (low >>> (32 - by))) >>> 0, (low << by) >>> 0];
}

/** Appends `count` doubles. */
export function writeXor(writer: BitWriter, values: Float64Array, count: number): void {
  let beforeHigh = 0;
  let beforeLow = 0;
  let leading = -1;
  let trailing = 0;
  for (let index = 0; index < count; index++) {
    cell[0] = values[index] as number;
    const valueHigh = halves[highAt] as number;
    const valueLow = halves[lowAt] as number;
    const high = (valueHigh ^ beforeHigh) >>> 0;
    const low = (valueLow ^ beforeLow) >>> 0;
    beforeHigh = valueHigh;
    beforeLow = valueLow;
    if (high === 0 && low === 0) {
      writer.write(0, 1);
      continue;
    }
    const zerosBefore = Math.min(31, high === 0 ? 32 + Math.clz32(low) : Math.clz32(high));
    const zerosAfter = low === 0 ? 32 + trailingZeros(high) : trailingZeros(low);
    if (leading >= 0 && zerosBefore >= leading && zerosAfter >= trailing) {
      writer.write(0b10, 2);
    } else {
      leading = zerosBefore;
      trailing = zerosAfter;
      writer.write(0b11, 2);
      writer.write(leading, 5);
      writer.write(64 - leading - trailing - 1, 6);
    }
    const bits = 64 - leading - trailing;
    const [partHigh, partLow] = shiftedRight(high, low, trailing);
    if (bits > 32) write32(writer, partHigh, bits - 32);
    write32(writer, partLow, Math.min(32, bits));
  }
}

function trailingZeros(word: number): number {
  return 31 - Math.clz32(word & -word);
}

/** Fills `target` up to `count` with what {@link writeXor} wrote. Throws RangeError when it cannot be that. */
export function readXor(reader: BitReader, target: Float64Array, count: number): void {
  let beforeHigh = 0;
  let beforeLow = 0;
  let leading = 0;
  let bits = 0;
  for (let index = 0; index < count; index++) {
    if (reader.read(1) === 1) {
      if (reader.read(1) === 1) {
        leading = reader.read(5);
        bits = reader.read(6) + 1;
        if (leading + bits > 64) throw new RangeError("Cannot read doubles: a window is wider than 64 bits");
      } else if (bits === 0) throw new RangeError("Cannot read doubles: no window is open");
      const partHigh = bits > 32 ? read32(reader, bits - 32) : 0;
      const partLow = read32(reader, Math.min(32, bits));
      const [high, low] = shiftedLeft(partHigh, partLow, 64 - leading - bits);
      beforeHigh = (beforeHigh ^ high) >>> 0;
      beforeLow = (beforeLow ^ low) >>> 0;
    }
    halves[highAt] = beforeHigh;
    halves[lowAt] = beforeLow;
    target[index] = cell[0] as number;
  }
}
