/**
 * Records in a row, each with its length and checksum: how the log and the catalog are written. A reader finds the next
 * whole record behind a damaged one, and says how many bytes it had to pass over.
 *
 * Frame: mark `WSf1`, u32 length, u32 CRC-32 of the payload, payload; little-endian.
 */

const mark = 0x31665357;
/** Bytes before each payload. */
export const frameHeadBytes = 12;

/** One frame around a payload. */
export function frame(payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(frameHeadBytes + payload.length);
  bytes.set(payload, frameHeadBytes);
  sealFrame(bytes);
  return bytes;
}

/** Fills in the head of a frame whose payload is in place. */
export function sealFrame(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setUint32(0, mark, true);
  view.setUint32(4, bytes.length - frameHeadBytes, true);
  view.setUint32(8, Bun.hash.crc32(bytes.subarray(frameHeadBytes)), true);
}

/** What lies in a file of frames. */
export interface FramesRead {
  payloads: Uint8Array[];
  /** Bytes that were no whole frame. */
  damagedBytes: number;
  /** Bytes after the last whole frame: a write that was cut off, or damage at the end. */
  tornBytes: number;
}

/** All whole frames in order. */
export function readFrames(bytes: Uint8Array): FramesRead {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const payloads: Uint8Array[] = [];
  let damagedBytes = 0;
  let skipped = 0;
  let at = 0;
  while (at + frameHeadBytes <= bytes.length) {
    const end = at + frameHeadBytes + view.getUint32(at + 4, true);
    const whole =
      view.getUint32(at, true) === mark &&
      end <= bytes.length &&
      Bun.hash.crc32(bytes.subarray(at + frameHeadBytes, end)) === view.getUint32(at + 8, true);
    if (whole) {
      damagedBytes += skipped;
      skipped = 0;
      payloads.push(bytes.subarray(at + frameHeadBytes, end));
      at = end;
      continue;
    }
    const next = nextMark(bytes, at + 1);
    skipped += next - at;
    at = next;
  }
  return { payloads, damagedBytes, tornBytes: skipped + Math.max(0, bytes.length - at) };
}

function nextMark(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(mark & 255, from); at >= 0; at = bytes.indexOf(mark & 255, at + 1)) {
    if (bytes[at + 1] === ((mark >>> 8) & 255) && bytes[at + 2] === ((mark >>> 16) & 255)) return at;
  }
  return bytes.length;
}
