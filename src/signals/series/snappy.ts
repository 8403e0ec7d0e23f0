/**
 * Snappy blocks, as remote write sends them. Making one: what was seen before is copied from up to 64 KiB back, found
 * through a table of four bytes at a time; less tight than the original's, which does not matter here: names and labels
 * repeat to the letter. Reading one: every step takes at least a byte of the block, so it ends, and memory is taken only
 * for a size that the block can have. The package at hand did not end on some damaged blocks.
 * Source: google/snappy, format_description.txt.
 */

/** What a block may hold. */
const uncompressedMax = 128 << 20;
/** A copy makes at most 64 bytes of 3: memory is not taken for a size that cannot be true. */
const ratioMax = 22;
const tableBits = 14;
const farthest = 65_535;
/** A copy element holds so many bytes. */
const copyMax = 64;

/** The block of some bytes. */
export function snappyBlock(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(10 + bytes.length + Math.ceil(bytes.length / 60) * 2 + 8);
  let end = 0;
  for (let length = bytes.length; ; length = Math.floor(length / 128)) {
    out[end++] = length < 128 ? length : (length & 127) | 128;
    if (length < 128) break;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const table = new Int32Array(1 << tableBits).fill(-1);
  const literal = (from: number, until: number) => {
    for (let at = from; at < until;) {
      const length = Math.min(until - at, 65_536);
      if (length <= 60) out[end++] = (length - 1) << 2;
      else if (length <= 256) {
        out[end++] = 60 << 2;
        out[end++] = length - 1;
      } else {
        out[end++] = 61 << 2;
        out[end++] = (length - 1) & 255;
        out[end++] = (length - 1) >> 8;
      }
      out.set(bytes.subarray(at, at + length), end);
      end += length;
      at += length;
    }
  };
  let waiting = 0;
  let at = 0;
  while (at + 4 <= bytes.length) {
    const four = view.getInt32(at, true);
    const slot = Math.imul(four, 0x1e35a7bd) >>> (32 - tableBits);
    const seen = table[slot] as number;
    table[slot] = at;
    if (seen < 0 || at - seen > farthest || view.getInt32(seen, true) !== four) {
      at++;
      continue;
    }
    literal(waiting, at);
    let length = 4;
    while (at + length < bytes.length && bytes[seen + length] === bytes[at + length]) length++;
    const offset = at - seen;
    for (let left = length; left > 0;) {
      const part = Math.min(left, copyMax);
      out[end++] = ((part - 1) << 2) | 2;
      out[end++] = offset & 255;
      out[end++] = offset >> 8;
      left -= part;
    }
    at += length;
    waiting = at;
  }
  literal(waiting, bytes.length);
  return out.subarray(0, end);
}

/** The bytes of a block. Throws RangeError for what is none. */
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
    // A copy may reach into what it makes itself: then it repeats, and goes byte by byte.
    if (offset >= length) out.copyWithin(end, end - offset, end - offset + length);
    else for (let copied = 0; copied < length; copied++) out[end + copied] = out[end + copied - offset] as number;
    end += length;
  }
  if (end !== size) throw new RangeError("it is shorter than it says");
  return out;
}
