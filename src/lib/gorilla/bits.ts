/**
 * Bits in and out of bytes, most significant first. Both sides take up to 24 bits a call, which keeps the pending bits
 * within a 32-bit word; wider numbers (up to 53 bits) go in pieces. The reader never reads past its bytes: it throws.
 */

const low24 = 2 ** 24;

/** Gathers bits; grows by itself. */
export class BitWriter {
  #bytes: Uint8Array;
  #size = 0;
  #pending = 0;
  #pendingBits = 0;

  constructor(capacityBytes = 256) {
    this.#bytes = new Uint8Array(Math.max(16, capacityBytes));
  }

  /** Appends the lowest `bits` (0 to 24) of `value`, which must not have more. */
  write(value: number, bits: number): void {
    let pending = (this.#pending << bits) | value;
    let left = this.#pendingBits + bits;
    if (this.#size + 4 > this.#bytes.length) this.#grow();
    while (left >= 8) {
      left -= 8;
      this.#bytes[this.#size++] = pending >>> left;
    }
    this.#pending = pending & ((1 << left) - 1);
    this.#pendingBits = left;
  }

  /** Appends a whole number from 0 below 2^bits, with up to 54 bits. */
  writeWide(value: number, bits: number): void {
    if (bits <= 24) {
      this.write(value, bits);
      return;
    }
    this.writeWide(Math.floor(value / low24), bits - 24);
    this.write(value % low24, 24);
  }

  /** Appends `count` ones and a zero. */
  writeUnary(count: number): void {
    let left = count;
    while (left >= 23) {
      this.write(0x7fffff, 23);
      left -= 23;
    }
    this.write((1 << (left + 1)) - 2, left + 1);
  }

  /** Appends a whole number from 0 below 2^53 in groups of seven bits, as eight. */
  writeVarint(value: number): void {
    let left = value;
    while (left >= 128) {
      this.write((left % 128) | 128, 8);
      left = Math.floor(left / 128);
    }
    this.write(left, 8);
  }

  /** The bytes so far, the last one filled up with zeros. A copy. */
  finish(): Uint8Array {
    if (this.#pendingBits > 0) this.write(0, 8 - this.#pendingBits);
    return this.#bytes.slice(0, this.#size);
  }

  #grow(): void {
    const larger = new Uint8Array(this.#bytes.length * 2);
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}

/** Reads what {@link BitWriter} wrote. Every method throws RangeError at the end of the bytes. */
export class BitReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #pending = 0;
  #pendingBits = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The next `bits` (0 to 24) as a number. */
  read(bits: number): number {
    let have = this.#pendingBits;
    let pending = this.#pending;
    const bytes = this.#bytes;
    while (have < bits) {
      if (this.#at >= bytes.length) throw new RangeError("Cannot read bits: the block ends too early");
      pending = (pending << 8) | (bytes[this.#at++] as number);
      have += 8;
    }
    have -= bits;
    this.#pendingBits = have;
    this.#pending = pending & ((1 << have) - 1);
    return pending >>> have;
  }

  /** The next `bits` (up to 54) as a number. */
  readWide(bits: number): number {
    if (bits <= 24) return this.read(bits);
    const high = this.readWide(bits - 24);
    return high * low24 + this.read(24);
  }

  /** How many ones stand before the next zero; both are consumed. */
  readUnary(): number {
    let count = 0;
    for (;;) {
      if (this.#pendingBits === 0) {
        if (this.#at >= this.#bytes.length) throw new RangeError("Cannot read bits: the block ends too early");
        this.#pending = this.#bytes[this.#at++] as number;
        this.#pendingBits = 8;
      }
      const have = this.#pendingBits;
      const ones = Math.clz32(~(this.#pending << (32 - have)));
      if (ones < have) {
        this.#pendingBits = have - ones - 1;
        this.#pending &= (1 << this.#pendingBits) - 1;
        return count + ones;
      }
      count += have;
      this.#pendingBits = 0;
      this.#pending = 0;
    }
  }

  /** What {@link BitWriter.writeVarint} wrote. Throws RangeError also above 2^53. */
  readVarint(): number {
    let value = 0;
    let weight = 1;
    for (let group = 0; group < 8; group++) {
      const byte = this.read(8);
      value += (byte & 127) * weight;
      if (byte < 128) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      weight *= 128;
    }
    throw new RangeError("Cannot read number: it has more than 53 bits");
  }
}
