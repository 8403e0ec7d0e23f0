/**
 * The part of msgpack that the gossip wire uses: maps with text keys, raws, integers, booleans and nil. Strings and bytes
 * are both written as old-spec "raw" (no str 8, no bin), because the original reads and writes those; both specs are read.
 * Reading is strict about bounds: every length is checked against the buffer and a limit before anything is allocated.
 * Source: msgpack specification, old and new; encoding choices of hashicorp/go-msgpack v2.
 */
import { MSGPACK_DEPTH_MAX, MSGPACK_FIELDS_MAX } from "./limits.ts";
import { ProtocolError, TruncatedError } from "./protocol-error.ts";

const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const NO_BYTES = new Uint8Array(0);

/** Reads msgpack values one after the other from a buffer. Nil reads as zero, false or empty, as Go's zero values do. */
export class MsgpackReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset: number;

  constructor(bytes: Uint8Array, offset = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#offset = offset;
  }

  /** Position of the next unread byte. */
  get offset(): number {
    return this.#offset;
  }

  /**
   * Reads a map, calling `field` with each key; it must read the value and return true, or return false to have it skipped.
   * A key that is not text, or more than 64 fields, is a ProtocolError.
   */
  readMap(field: (key: string) => boolean): void {
    const count = this.#mapLength();
    if (count > MSGPACK_FIELDS_MAX) throw new ProtocolError(`Cannot read map: ${count} fields are too many`);
    for (let index = 0; index < count; index++) {
      if (!field(this.readText(64))) this.#skip(0);
    }
  }

  /** Reads raw bytes as a view on the buffer, at most `maxBytes` long. */
  readRaw(maxBytes: number): Uint8Array {
    const length = this.#rawLength();
    if (length > maxBytes) throw new ProtocolError(`Cannot read bytes: ${length} are more than ${maxBytes}`);
    if (length === 0) return NO_BYTES;
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** Reads UTF-8 text of at most `maxBytes` bytes. */
  readText(maxBytes: number): string {
    const raw = this.readRaw(maxBytes);
    try {
      return utf8Decoder.decode(raw);
    } catch (cause) {
      throw new ProtocolError("Cannot read text: it is not UTF-8", { cause });
    }
  }

  /** Reads a whole number from 0 to `max`. */
  readUint(max: number): number {
    const value = this.#number();
    if (value < 0 || value > max) throw new ProtocolError(`Cannot read number ${value}: must be from 0 to ${max}`);
    return value;
  }

  /** Reads true or false. */
  readBool(): boolean {
    const tag = this.#u8();
    if (tag === 0xc3) return true;
    if (tag === 0xc2 || tag === 0xc0) return false;
    throw unexpected("a boolean", tag);
  }

  #number(): number {
    const tag = this.#u8();
    if (tag <= 0x7f) return tag;
    if (tag >= 0xe0) return tag - 256;
    switch (tag) {
      case 0xc0:
        return 0;
      case 0xcc:
        return this.#u8();
      case 0xcd:
        return this.#u16();
      case 0xce:
        return this.#u32();
      case 0xcf:
        return Number(this.#view.getBigUint64(this.#take(8)));
      case 0xd0:
        return this.#view.getInt8(this.#take(1));
      case 0xd1:
        return this.#view.getInt16(this.#take(2));
      case 0xd2:
        return this.#view.getInt32(this.#take(4));
      case 0xd3:
        return Number(this.#view.getBigInt64(this.#take(8)));
      default:
        throw unexpected("a whole number", tag);
    }
  }

  #mapLength(): number {
    const tag = this.#u8();
    if (tag >= 0x80 && tag <= 0x8f) return tag & 0x0f;
    if (tag === 0xde) return this.#u16();
    if (tag === 0xdf) return this.#u32();
    if (tag === 0xc0) return 0;
    throw unexpected("a map", tag);
  }

  #rawLength(): number {
    const tag = this.#u8();
    if (tag >= 0xa0 && tag <= 0xbf) return tag & 0x1f;
    switch (tag) {
      case 0xc0:
        return 0;
      case 0xc4:
      case 0xd9:
        return this.#u8();
      case 0xc5:
      case 0xda:
        return this.#u16();
      case 0xc6:
      case 0xdb:
        return this.#u32();
      default:
        throw unexpected("bytes", tag);
    }
  }

  #skip(depth: number): void {
    if (depth > MSGPACK_DEPTH_MAX) throw new ProtocolError("Cannot skip field: it is nested too deeply");
    const tag = this.#u8();
    if (tag <= 0x7f || tag >= 0xe0 || tag === 0xc0 || tag === 0xc2 || tag === 0xc3) return;
    if (tag >= 0x80 && tag <= 0x8f) return this.#skipMany((tag & 0x0f) * 2, depth);
    if (tag >= 0x90 && tag <= 0x9f) return this.#skipMany(tag & 0x0f, depth);
    if (tag >= 0xa0 && tag <= 0xbf) return void this.#take(tag & 0x1f);
    switch (tag) {
      case 0xc4:
      case 0xd9:
        return void this.#take(this.#u8());
      case 0xc5:
      case 0xda:
        return void this.#take(this.#u16());
      case 0xc6:
      case 0xdb:
        return void this.#take(this.#u32());
      case 0xc7:
        return void this.#take(this.#u8() + 1);
      case 0xc8:
        return void this.#take(this.#u16() + 1);
      case 0xc9:
        return void this.#take(this.#u32() + 1);
      case 0xcc:
      case 0xd0:
        return void this.#take(1);
      case 0xcd:
      case 0xd1:
        return void this.#take(2);
      case 0xca:
      case 0xce:
      case 0xd2:
        return void this.#take(4);
      case 0xcb:
      case 0xcf:
      case 0xd3:
        return void this.#take(8);
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return void this.#take(1 + (1 << (tag - 0xd4)));
      case 0xdc:
        return this.#skipMany(this.#u16(), depth);
      case 0xdd:
        return this.#skipMany(this.#u32(), depth);
      case 0xde:
        return this.#skipMany(this.#u16() * 2, depth);
      case 0xdf:
        return this.#skipMany(this.#u32() * 2, depth);
      default:
        throw unexpected("a value", tag);
    }
  }

  // Each skipped value takes at least one byte, so the loop ends with the buffer whatever count was claimed.
  #skipMany(count: number, depth: number): void {
    for (let index = 0; index < count; index++) this.#skip(depth + 1);
  }

  #u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  #u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  #u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  #take(length: number): number {
    const start = this.#offset;
    const end = start + length;
    if (end > this.#bytes.length) throw new TruncatedError("Cannot read message: it ends too early", end);
    this.#offset = end;
    return start;
  }
}

function unexpected(wanted: string, tag: number): ProtocolError {
  return new ProtocolError(`Cannot read message: wanted ${wanted}, found tag 0x${tag.toString(16)}`);
}

/** Writes msgpack values one after the other into a growing buffer. */
export class MsgpackWriter {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** Starts a map of `count` fields, at most 15. */
  map(count: number): this {
    if (count > 15) throw new RangeError(`Cannot write map of ${count} fields: at most 15`);
    return this.byte(0x80 | count);
  }

  /** Writes text as an old-spec raw. */
  text(value: string): this {
    return this.raw(utf8Encoder.encode(value));
  }

  /** Writes bytes as an old-spec raw. */
  raw(value: Uint8Array): this {
    const length = value.length;
    if (length < 32) this.byte(0xa0 | length);
    else if (length <= 0xffff) this.#tagged(0xda, 2, length);
    else this.#tagged(0xdb, 4, length);
    return this.append(value);
  }

  /** Writes an unsigned number of up to 32 bits in its shortest unsigned form. */
  uint(value: number): this {
    if (value <= 0x7f) return this.byte(value);
    if (value <= 0xff) return this.#tagged(0xcc, 1, value);
    if (value <= 0xffff) return this.#tagged(0xcd, 2, value);
    return this.#tagged(0xce, 4, value);
  }

  /** Writes a non-negative number in the shortest signed form, as Go writes its `int`. */
  int(value: number): this {
    if (value <= 0x7f) return this.byte(value);
    if (value <= 0x7fff) return this.#tagged(0xd1, 2, value);
    return this.#tagged(0xd2, 4, value);
  }

  /** Writes true or false. */
  bool(value: boolean): this {
    return this.byte(value ? 0xc3 : 0xc2);
  }

  /** Writes nil. */
  nil(): this {
    return this.byte(0xc0);
  }

  /** Appends one byte as it is. */
  byte(value: number): this {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  /** Appends bytes as they are. */
  append(value: Uint8Array): this {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  /** What was written so far; a view that stays valid until the next write. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #tagged(tag: number, width: 1 | 2 | 4, value: number): this {
    this.byte(tag);
    this.#reserve(width);
    if (width === 1) this.#view.setUint8(this.#length, value);
    else if (width === 2) this.#view.setUint16(this.#length, value);
    else this.#view.setUint32(this.#length, value);
    this.#length += width;
    return this;
  }

  #reserve(extra: number): void {
    const wanted = this.#length + extra;
    if (wanted <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(wanted, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
