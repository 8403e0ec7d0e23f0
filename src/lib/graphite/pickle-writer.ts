/**
 * Writes values as pickles of protocol 2, which every Python since 2.3 reads: lists, dicts with texts as keys, tuples of points,
 * numbers, texts, booleans and none.
 */

const encoder = new TextEncoder();

/** What can be written. Numbers that are whole become int, others float; a Float64Array a list of floats, NaN as None. */
export type Picklable =
  null | boolean | number | string | Float64Array | readonly Picklable[] | ReadonlyMap<string, Picklable>;

/** Grows as bytes are added. */
class Output {
  #buffer = new Uint8Array(1024);
  #view = new DataView(this.#buffer.buffer);
  #size = 0;

  #room(count: number): number {
    const at = this.#size;
    this.#size += count;
    if (this.#size > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(this.#size, this.#buffer.length * 2));
      larger.set(this.#buffer.subarray(0, at));
      this.#buffer = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }

  byte(value: number): void {
    const at = this.#room(1);
    this.#buffer[at] = value;
  }

  int32(opcode: number, value: number): void {
    const at = this.#room(5);
    this.#buffer[at] = opcode;
    this.#view.setInt32(at + 1, value, true);
  }

  float(value: number): void {
    const at = this.#room(9);
    this.#buffer[at] = 0x47;
    this.#view.setFloat64(at + 1, value);
  }

  text(value: string): void {
    const bytes = encoder.encode(value);
    this.int32(0x58, bytes.length);
    const at = this.#room(bytes.length);
    this.#buffer.set(bytes, at);
  }

  long(value: bigint): void {
    const at = this.#room(10);
    this.#buffer[at] = 0x8a;
    this.#buffer[at + 1] = 8;
    this.#view.setBigInt64(at + 2, value, true);
  }

  bytes(): Uint8Array {
    return this.#buffer.slice(0, this.#size);
  }
}

function write(output: Output, value: Picklable): void {
  if (value === null) output.byte(0x4e);
  else if (typeof value === "boolean") output.byte(value ? 0x88 : 0x89);
  else if (typeof value === "string") output.text(value);
  else if (typeof value === "number") {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) output.float(value);
    else if (value >= -2147483648 && value <= 2147483647) output.int32(0x4a, value);
    else output.long(BigInt(value));
  } else if (value instanceof Map) {
    output.byte(0x7d);
    output.byte(0x28);
    for (const [key, item] of value) {
      output.text(key);
      write(output, item);
    }
    output.byte(0x75);
  } else if (value instanceof Float64Array) {
    output.byte(0x5d);
    output.byte(0x28);
    for (const item of value) {
      if (item !== item) output.byte(0x4e);
      else output.float(item);
    }
    output.byte(0x65);
  } else if (Array.isArray(value)) {
    output.byte(0x5d);
    output.byte(0x28);
    for (const item of value as readonly Picklable[]) write(output, item);
    output.byte(0x65);
  }
}

/** A pickle of protocol 2, which every Python since 2.3 reads. */
export function encodePickleValue(value: Picklable): Uint8Array {
  const output = new Output();
  output.byte(0x80);
  output.byte(2);
  write(output, value);
  output.byte(0x2e);
  return output.bytes();
}

/** The pickle of a list in pieces, one for each item and one at each end. Together they are {@link encodePickleValue}'s. */
export function* pickleListPieces(items: Iterable<Picklable>): Generator<Uint8Array> {
  yield Uint8Array.of(0x80, 2, 0x5d, 0x28);
  for (const item of items) {
    const output = new Output();
    write(output, item);
    yield output.bytes();
  }
  yield Uint8Array.of(0x65, 0x2e);
}

/** A pickle of `[(path, (seconds, value)), …]`, protocol 2. */
export function encodePointTuples(points: Iterable<{ path: string; value: number; atSeconds: number }>): Uint8Array {
  const output = new Output();
  for (const byte of [0x80, 2, 0x5d, 0x28]) output.byte(byte);
  for (const point of points) {
    output.text(point.path);
    write(output, point.atSeconds);
    output.float(point.value);
    output.byte(0x86);
    output.byte(0x86);
  }
  output.byte(0x65);
  output.byte(0x2e);
  return output.bytes();
}
