/**
 * Frames of ZMTP 1.0, 2.0 and 3.x: bytes in, frames out, and back. A reader keeps what is not whole yet, never more
 * than one frame's limit. What frames mean is not known here.
 *
 *   1.0   length (1, or FF and 8; counts the flags octet), flags (bit 0 MORE), body
 *   2.0+  flags (bit 0 MORE, bit 1 LONG, bit 2 COMMAND), size (1 or 8), body
 */
import { ZmtpError } from "./protocol-error.ts";

/** How frames are written: `v1` by ZMTP 1.0, `v2` by all later ones. */
export type Framing = "v1" | "v2";

/** Bits of the flags octet. */
export const frameFlags = { more: 1, long: 2, command: 4 } as const;

/** Takes one frame; `body` is valid only during the call. */
export type TakeFrame = (body: Buffer, isMore: boolean, isCommand: boolean) => void;

const empty = Buffer.alloc(0);
/** The longest head of a frame: FF, 8 octets of length, flags. */
const headMax = 10;

/** Bytes of a frame with a body of `sizeBytes`. */
export function frameBytes(framing: Framing, sizeBytes: number): number {
  if (framing === "v1") return sizeBytes + (sizeBytes + 1 < 255 ? 2 : 10);
  return sizeBytes + (sizeBytes < 256 ? 2 : 9);
}

/** Writes a frame at `at` and gives the place after it. The target must have room. */
export function writeFrame(
  target: Buffer,
  at: number,
  framing: Framing,
  body: Uint8Array,
  isMore: boolean,
  isCommand = false,
): number {
  const { length } = body;
  let next = at;
  if (framing === "v1") {
    if (length + 1 < 255) target[next++] = length + 1;
    else {
      target[next++] = 0xff;
      next = writeLength(target, next, length + 1);
    }
    target[next++] = isMore ? 1 : 0;
  } else {
    const isLong = length > 255;
    target[next++] =
      (isMore ? frameFlags.more : 0) | (isLong ? frameFlags.long : 0) | (isCommand ? frameFlags.command : 0);
    if (isLong) next = writeLength(target, next, length);
    else target[next++] = length;
  }
  target.set(body, next);
  return next + length;
}

/** One frame by itself. */
export function frameOf(framing: Framing, body: Uint8Array, isMore: boolean, isCommand = false): Buffer {
  const bytes = Buffer.allocUnsafe(frameBytes(framing, body.length));
  writeFrame(bytes, 0, framing, body, isMore, isCommand);
  return bytes;
}

/** All frames of a message, in one piece. */
export function messageBytes(framing: Framing, frames: readonly Uint8Array[]): Buffer {
  let size = 0;
  for (const frame of frames) size += frameBytes(framing, frame.length);
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (let index = 0; index < frames.length; index++) {
    at = writeFrame(bytes, at, framing, frames[index] ?? empty, index < frames.length - 1);
  }
  return bytes;
}

/** Takes bytes as they come and gives frames. */
export class FrameReader {
  readonly #framing: Framing;
  #maxBytes: number;
  /** The beginning of a frame that is not whole. */
  #kept: Buffer = empty;
  /** How many bytes of `#kept` count; it may have room for the rest. */
  #keptBytes = 0;

  /** Frames longer than `maxBytes` are refused as soon as their size is read. */
  constructor(framing: Framing, maxBytes: number) {
    this.#framing = framing;
    this.#maxBytes = maxBytes;
  }

  /** The bound for frames from the next one on. */
  set maxBytes(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Hands every whole frame on. Throws {@link ZmtpError}; the reader is of no use afterwards. */
  read(chunk: Uint8Array, take: TakeFrame): void {
    let bytes = asBuffer(chunk);
    while (this.#keptBytes > 0) {
      const wanted = this.#wholeBytes(this.#kept, this.#keptBytes);
      // Not even the size is known: a few bytes more, until it is.
      const missing = wanted === undefined ? 1 : wanted - this.#keptBytes;
      const used = Math.min(missing, bytes.length);
      this.#keep(bytes.subarray(0, used), wanted ?? headMax);
      bytes = bytes.subarray(used);
      const whole = this.#wholeBytes(this.#kept, this.#keptBytes);
      if (whole !== undefined && whole === this.#keptBytes) {
        const frame = this.#kept.subarray(0, whole);
        this.#kept = empty;
        this.#keptBytes = 0;
        this.#hand(frame, 0, whole, take);
      } else if (bytes.length === 0) return;
    }
    let at = 0;
    while (at < bytes.length) {
      const rest = bytes.length - at;
      const whole = this.#wholeBytes(at === 0 ? bytes : bytes.subarray(at), rest);
      if (whole === undefined || whole > rest) {
        this.#keep(bytes.subarray(at), whole ?? headMax);
        return;
      }
      this.#hand(bytes, at, whole, take);
      at += whole;
    }
  }

  #keep(more: Buffer, roomBytes: number): void {
    const needed = this.#keptBytes + more.length;
    if (this.#kept.length < needed) {
      // A size that is only claimed gets no memory: it grows with what arrives.
      const room = Buffer.allocUnsafe(Math.max(needed, Math.min(roomBytes, needed * 2)));
      this.#kept.copy(room, 0, 0, this.#keptBytes);
      this.#kept = room;
    }
    more.copy(this.#kept, this.#keptBytes);
    this.#keptBytes = needed;
  }

  /** The whole length of the frame that begins here, or undefined when its head is not whole. */
  #wholeBytes(bytes: Buffer, length: number): number | undefined {
    if (length < 2) return undefined;
    const first = bytes[0] ?? 0;
    if (this.#framing === "v1") {
      if (first !== 0xff) {
        if (first === 0) throw new ZmtpError("A frame has the length 0, which does not even hold its flags");
        return this.#bounded(first - 1) + 2;
      }
      if (length < 9) return undefined;
      const claimed = readLength(bytes, 1);
      if (claimed === 0) throw new ZmtpError("A frame has the length 0, which does not even hold its flags");
      return this.#bounded(claimed - 1) + 10;
    }
    if ((first & frameFlags.long) === 0) return this.#bounded(bytes[1] ?? 0) + 2;
    if (length < 9) return undefined;
    return this.#bounded(readLength(bytes, 1)) + 9;
  }

  #bounded(sizeBytes: number): number {
    if (sizeBytes <= this.#maxBytes) return sizeBytes;
    throw new ZmtpError(`A frame of ${sizeBytes} bytes is longer than ${this.#maxBytes}`);
  }

  #hand(bytes: Buffer, at: number, whole: number, take: TakeFrame): void {
    const first = bytes[at] ?? 0;
    if (this.#framing === "v1") {
      const head = first === 0xff ? 10 : 2;
      take(bytes.subarray(at + head, at + whole), ((bytes[at + head - 1] ?? 0) & 1) === 1, false);
      return;
    }
    const isMore = (first & frameFlags.more) !== 0;
    const isCommand = (first & frameFlags.command) !== 0;
    if (isMore && isCommand) throw new ZmtpError("A command says that more follows");
    take(bytes.subarray(at + ((first & frameFlags.long) === 0 ? 2 : 9), at + whole), isMore, isCommand);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function writeLength(target: Buffer, at: number, length: number): number {
  target.writeUInt32BE(Math.floor(length / 0x1_0000_0000), at);
  return target.writeUInt32BE(length >>> 0, at + 4);
}

/** Eight octets as a number; beyond 2⁵³ it is not exact, and beyond every limit. */
function readLength(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4);
}
