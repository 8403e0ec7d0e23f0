/**
 * Whole numbers that are mostly near zero, in few bits: 64 at a time, each group with the Rice parameter that is
 * cheapest for it. A group may be all zeros (7 bits), or sparse (a bit says whether there is anything but zero). Signed
 * numbers are folded (0, -1, 1, -2 …). An outlier beyond 20 quotient bits is written out with 54.
 */
import type { BitReader, BitWriter } from "./bits.ts";

const groupSize = 64;
const longestQuotient = 20;
const escapeBits = longestQuotient + 1 + 54;
const allZero = 63;
const sparseFlag = 64;
/** The largest magnitude that folds into 54 bits. */
export const largestResidual = 2 ** 52;

/** Powers of two up to 2^53, because shifts end at 32 bits. */
const powers = Float64Array.from({ length: 54 }, (_, exponent) => 2 ** exponent);

function fold(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}

/** Bits that `count` folded numbers of a group take with parameter `k`. */
function cost(folded: Float64Array, count: number, k: number, sparse: boolean): number {
  const divisor = powers[k] as number;
  let bits = 0;
  for (let index = 0; index < count; index++) {
    let value = folded[index] as number;
    if (sparse) {
      bits++;
      if (value === 0) continue;
      value--;
    }
    const quotient = Math.floor(value / divisor);
    bits += quotient < longestQuotient ? quotient + 1 + k : escapeBits;
  }
  return bits;
}

const scratch = new Float64Array(groupSize);

/** Appends `count` whole numbers of magnitude up to {@link largestResidual}. */
export function writeResiduals(writer: BitWriter, residuals: Float64Array, count: number): void {
  for (let start = 0; start < count; start += groupSize) {
    const size = Math.min(groupSize, count - start);
    let sum = 0;
    let filled = 0;
    for (let index = 0; index < size; index++) {
      const value = fold(residuals[start + index] as number);
      scratch[index] = value;
      sum += Math.min(value, 2 ** 40);
      if (value !== 0) filled++;
    }
    writeGroup(writer, size, sum, filled);
  }
}

function guess(mean: number): number {
  return Math.min(48, Math.max(0, Math.round(Math.log2(mean * 0.69 + 1e-9))));
}

function writeGroup(writer: BitWriter, size: number, sum: number, filled: number): void {
  if (filled === 0) {
    writer.write(allZero, 7);
    return;
  }
  let bestK = 0;
  let bestCost = Infinity;
  let sparse = false;
  const middle = guess(sum / size);
  // Outliers pull the mean up; the search goes further down than up.
  for (let k = Math.max(0, middle - 4); k <= Math.min(48, middle + 1); k++) {
    const bits = cost(scratch, size, k, false);
    if (bits < bestCost) [bestCost, bestK] = [bits, k];
  }
  if (filled * 2 < size) {
    const among = guess(sum / filled);
    for (let k = Math.max(0, among - 3); k <= Math.min(48, among + 1); k++) {
      const bits = cost(scratch, size, k, true);
      if (bits < bestCost) [bestCost, bestK, sparse] = [bits, k, true];
    }
  }
  writer.write(sparse ? sparseFlag | bestK : bestK, 7);
  const divisor = powers[bestK] as number;
  for (let index = 0; index < size; index++) {
    let value = scratch[index] as number;
    if (sparse) {
      writer.write(value === 0 ? 0 : 1, 1);
      if (value === 0) continue;
      value--;
    }
    const quotient = Math.floor(value / divisor);
    if (quotient < longestQuotient) {
      writer.writeUnary(quotient);
      writer.writeWide(value - quotient * divisor, bestK);
    } else {
      writer.writeUnary(longestQuotient);
      writer.writeWide(value, 54);
    }
  }
}

/** Fills `target` up to `count` with what {@link writeResiduals} wrote. Throws RangeError when it cannot be that. */
export function readResiduals(reader: BitReader, target: Float64Array, count: number): void {
  for (let start = 0; start < count; start += groupSize) {
    const end = Math.min(start + groupSize, count);
    const head = reader.read(7);
    if (head === allZero) {
      target.fill(0, start, end);
      continue;
    }
    const sparse = head >= sparseFlag;
    const k = head & 63;
    if (k > 48) throw new RangeError(`Cannot read numbers: parameter ${k} is above 48`);
    const divisor = powers[k] as number;
    for (let index = start; index < end; index++) {
      if (sparse && reader.read(1) === 0) {
        target[index] = 0;
        continue;
      }
      const quotient = reader.readUnary();
      if (quotient > longestQuotient) throw new RangeError("Cannot read numbers: a quotient is too long");
      let value =
        quotient === longestQuotient
          ? reader.readWide(54)
          : quotient * divisor + (k <= 24 ? reader.read(k) : reader.readWide(k));
      if (sparse) value++;
      target[index] = value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
  }
}
