/**
 * Makes Snappy blocks: what was seen before is copied from up to 64 KiB back, found through a table of four bytes at a
 * time. Less tight than the original's, which does not matter here: names and labels repeat to the letter. Source:
 * google/snappy, format_description.txt. Reading them is in remote-write.ts.
 */

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
