/**
 * Prometheus remote write 1.0: a Snappy block with a protobuf WriteRequest in it becomes points. Labels become tags, the
 * name the name. What a path cannot hold in a label's value (blanks, `;`, a leading `~`) becomes `_`; samples that say
 * "stale" (NaN) are left out. The few fields of the message are read here; unknown ones are passed over.
 *
 * WriteRequest{ timeseries=1 { labels=1 { name=1, value=2 }, samples=2 { value=1 double, timestamp=2 int64 ms } } }
 */
import { Fault } from "../../kit/fault.ts";
import { formatPath, type Point } from "../../lib/graphite/path.ts";

const uncompressedMax = 256 << 20;
/** A copy of Snappy's makes at most 64 bytes of 3: memory is not taken for a size that cannot be true. */
const ratioMax = 22;
const seriesMax = 1_000_000;

/** What a write request holds. */
export interface RemoteWrite {
  points: Point[];
  /** Samples that are no points: stale marks, and those of series without a name. */
  left: number;
}

/** Reads a body. Fault `series/remote-write` for bytes that are no write request. */
export function decodeRemoteWrite(body: Uint8Array): RemoteWrite {
  try {
    return decodeRequest(uncompressed(body));
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new Fault("invalid", "series/remote-write", `Cannot read the write request: ${reason}`, { cause: thrown });
  }
}

/**
 * The bytes of a Snappy block (google/snappy, format_description.txt). Every step takes at least a byte of the block, so it ends; memory
 * is taken only for a size that the block can have. Read here because the package at hand did not end on some damaged blocks. Throws RangeError for what is none.
 */
export function uncompressed(block: Uint8Array): Uint8Array {
  const byteAt = (at: number) => {
    const byte = block[at];
    if (byte === undefined) throw new RangeError("the block ends too early");
    return byte;
  };
  let at = 0;
  let size = 0;
  for (let weight = 1; ; weight *= 128) {
    const byte = byteAt(at++);
    size += (byte & 127) * weight;
    if (byte < 128) break;
    if (at >= 5) throw new RangeError("its size is no 32-bit number");
  }
  if (size > Math.min(uncompressedMax, block.length * ratioMax + 64)) throw new RangeError("its size cannot be true");
  const out = new Uint8Array(size);
  let end = 0;
  while (at < block.length) {
    const tag = byteAt(at++);
    const kind = tag & 3;
    if (kind === 0) {
      let length = (tag >> 2) + 1;
      if (length > 60) {
        const extra = length - 60;
        length = 1;
        for (let byte = 0; byte < extra; byte++) length += byteAt(at++) * 256 ** byte;
      }
      if (at + length > block.length || end + length > size) throw new RangeError("a literal is too long");
      out.set(block.subarray(at, at + length), end);
      at += length;
      end += length;
      continue;
    }
    const length = kind === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    let offset = kind === 1 ? (tag >> 5) * 256 + byteAt(at++) : 0;
    if (kind > 1) for (let byte = 0; byte < (kind === 2 ? 2 : 4); byte++) offset += byteAt(at++) * 256 ** byte;
    if (offset < 1 || offset > end || end + length > size) throw new RangeError("a copy is out of bounds");
    for (let copied = 0; copied < length; copied++, end++) out[end] = out[end - offset] as number;
  }
  if (end !== size) throw new RangeError("it is shorter than it says");
  return out;
}

interface Field {
  number: number;
  /** Of fields with a length. */
  bytes: Uint8Array;
  /** Of numbers. */
  value: number;
}

/** The fields of a message. Throws RangeError for bytes that are none. */
function* fieldsOf(bytes: Uint8Array): Generator<Field> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw new RangeError("it ends in the middle of a number");
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asIntN(64, value);
    }
    throw new RangeError("a number has more than 64 bits");
  };
  const take = (length: number) => {
    if (length < 0 || at + length > bytes.length) throw new RangeError("a field is longer than the message");
    at += length;
    return at - length;
  };
  const none = new Uint8Array();
  while (at < bytes.length) {
    const key = Number(varint());
    const number = key >>> 3;
    switch (key & 7) {
      case 0:
        yield { number, bytes: none, value: Number(varint()) };
        break;
      case 1:
        yield { number, bytes: none, value: view.getFloat64(take(8), true) };
        break;
      case 2: {
        const length = Number(varint());
        const start = take(length);
        yield { number, bytes: bytes.subarray(start, start + length), value: 0 };
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

const text = new TextDecoder();

function decodeRequest(bytes: Uint8Array): RemoteWrite {
  const found: RemoteWrite = { points: [], left: 0 };
  let series = 0;
  for (const { number, bytes: each } of fieldsOf(bytes)) {
    if (number !== 1) continue;
    if (++series > seriesMax) throw new RangeError(`it has more than ${seriesMax} series`);
    decodeSeries(each, found);
  }
  return found;
}

function decodeSeries(bytes: Uint8Array, found: RemoteWrite): void {
  const tags = new Map<string, string>();
  const samples: { value: number; atSeconds: number }[] = [];
  for (const field of fieldsOf(bytes)) {
    if (field.number === 1) {
      const [name, value] = labelOf(field.bytes);
      if (name !== "" && value !== "") tags.set(name, value);
    } else if (field.number === 2) samples.push(sampleOf(field.bytes));
  }
  const name = tags.get("__name__");
  tags.delete("__name__");
  // A tag called "name" would be taken for the name itself.
  const own = tags.get("name");
  if (own !== undefined) {
    tags.delete("name");
    tags.set("label_name", own);
  }
  const path = name === undefined ? undefined : formatPath({ name, tags });
  for (const { value, atSeconds } of samples) {
    if (path === undefined || Number.isNaN(value)) found.left++;
    else found.points.push({ path, value, atSeconds });
  }
}

function labelOf(bytes: Uint8Array): [string, string] {
  let name = "";
  let value = "";
  for (const field of fieldsOf(bytes)) {
    if (field.number === 1) name = text.decode(field.bytes).replace(/[;!^=\s~]/g, "_");
    if (field.number === 2) value = cleaned(text.decode(field.bytes));
  }
  return [name, value];
}

function cleaned(value: string): string {
  let clean = "";
  for (const char of value) clean += char <= " " || char === ";" || char === "\u007f" ? "_" : char;
  return clean.replace(/^~/, "_");
}

function sampleOf(bytes: Uint8Array): { value: number; atSeconds: number } {
  let value = 0;
  let atMs = 0;
  for (const field of fieldsOf(bytes)) {
    if (field.number === 1) value = field.value;
    if (field.number === 2) atMs = field.value;
  }
  return { value, atSeconds: Math.floor(atMs / 1000) };
}
