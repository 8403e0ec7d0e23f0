/**
 * Protobuf messages read field by field, without a schema: whoever reads knows the numbers. A budget bounds how many
 * fields a whole request may have, as one of two bytes each would keep a reader busy for long.
 * Source: protobuf.dev, "Encoding".
 */

/** One field. */
export interface Field {
  readonly number: number;
  /** Of fields with a length; empty otherwise. */
  readonly bytes: Uint8Array;
  /** Of numbers; 0 otherwise. */
  readonly value: number;
  /** Whether it has a length: a message, a text, or numbers in a row. */
  readonly hasLength: boolean;
}

/** How many fields may still be read. */
export interface FieldBudget {
  left: number;
}

const none = new Uint8Array();

/** The fields of a message in order. Throws RangeError for bytes that are none, and when the budget is used up. */
export function* fieldsOf(bytes: Uint8Array, budget: FieldBudget): Generator<Field> {
  const reader = new VarintReader(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const take = (length: number) => {
    if (length < 0 || reader.at + length > bytes.length) throw new RangeError("a field is longer than the message");
    reader.at += length;
    return reader.at - length;
  };
  while (reader.at < bytes.length) {
    spend(budget);
    const key = reader.next();
    const number = Math.floor(key / 8);
    switch (key & 7) {
      case 0:
        yield { number, bytes: none, value: reader.next(), hasLength: false };
        break;
      case 1:
        yield { number, bytes: none, value: view.getFloat64(take(8), true), hasLength: false };
        break;
      case 2: {
        const length = reader.next();
        const start = take(length);
        yield { number, bytes: bytes.subarray(start, start + length), value: 0, hasLength: true };
        break;
      }
      case 5:
        take(4);
        break;
      default:
        throw new RangeError(`a field has the unknown kind ${key & 7}`);
    }
  }
}

/** The numbers of a field that has them in a row. Throws as {@link fieldsOf}. */
export function* packedNumbers(bytes: Uint8Array, budget: FieldBudget): Generator<number> {
  const reader = new VarintReader(bytes);
  while (reader.at < bytes.length) {
    spend(budget);
    yield reader.next();
  }
}

function spend(budget: FieldBudget): void {
  if (budget.left-- <= 0) throw new RangeError("it has too many fields");
}

class VarintReader {
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The next number as an int64. */
  next(): number {
    const bytes = this.#bytes;
    let value = 0;
    for (let weight = 1; weight <= 2 ** 42; weight *= 128) {
      const byte = bytes[this.at++];
      if (byte === undefined) throw new RangeError("it ends in the middle of a number");
      value += (byte & 127) * weight;
      if (byte < 128) return value;
    }
    // Beyond 49 bits, which only negative numbers have in practice.
    let large = BigInt(value);
    for (let shift = 49n; shift < 70n; shift += 7n) {
      const byte = bytes[this.at++];
      if (byte === undefined) throw new RangeError("it ends in the middle of a number");
      large |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(BigInt.asIntN(64, large));
    }
    throw new RangeError("a number has more than 64 bits");
  }
}
