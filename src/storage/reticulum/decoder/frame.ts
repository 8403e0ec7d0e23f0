/**
 * How the engine and its decoders speak over a pipe: frames of a head (JSON, small) and a body (bytes as they are).
 *
 *     4 bytes  "WRD1"
 *     4 bytes  length of the head, little-endian
 *     4 bytes  length of the body, little-endian
 *     head, body
 *
 * A decoder may have been taken over by what it decoded, so whoever reads its frames trusts no length: what is beyond the
 * given bounds is refused before memory is set aside for it.
 */

const magic = 0x31445257;
/** Bytes before the head. */
export const prefixSizeBytes = 12;
/** The longest head that is read. */
export const headSizeBytesMax = 64 * 1024;

/** A head and its body. */
export interface Frame {
  /** JSON, parsed and not looked at further. */
  readonly head: unknown;
  readonly body: Uint8Array;
}

/** The prefix and head of a frame; the body of `bodySizeBytes` is to be written right behind. */
export function encodeHead(head: object, bodySizeBytes: number): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(head));
  if (text.byteLength > headSizeBytesMax)
    throw new RangeError(`Cannot send a head of ${text.byteLength} bytes: at most ${headSizeBytesMax} are read`);
  const bytes = new Uint8Array(prefixSizeBytes + text.byteLength);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magic, true);
  view.setUint32(4, text.byteLength, true);
  view.setUint32(8, bodySizeBytes, true);
  bytes.set(text, prefixSizeBytes);
  return bytes;
}

/**
 * The lengths that a prefix of {@link prefixSizeBytes} bytes tells.
 *
 * @throws RangeError when it is no prefix, or a length is beyond its bound.
 */
export function parsePrefix(
  prefix: Uint8Array,
  bodySizeBytesMax: number,
): { headSizeBytes: number; bodySizeBytes: number } {
  const view = new DataView(prefix.buffer, prefix.byteOffset, prefixSizeBytes);
  if (view.getUint32(0, true) !== magic) throw new RangeError("Cannot read a frame: it begins with other bytes");
  const headSizeBytes = view.getUint32(4, true);
  const bodySizeBytes = view.getUint32(8, true);
  if (headSizeBytes > headSizeBytesMax || bodySizeBytes > bodySizeBytesMax)
    throw new RangeError(
      `Cannot read a frame of ${headSizeBytes} and ${bodySizeBytes} bytes: at most ${headSizeBytesMax} and ${bodySizeBytesMax} are taken`,
    );
  return { headSizeBytes, bodySizeBytes };
}

/** Puts frames together from pieces as they come. */
export class FrameReader {
  readonly #bodySizeBytesMax: number;
  /** The length of what comes next, which is a prefix, a head or a body; and what of it came so far. */
  #partSizeBytes = prefixSizeBytes;
  #part: Uint8Array | undefined;
  #filled = 0;
  #state: "prefix" | "head" | "body" = "prefix";
  #bodySizeBytes = 0;
  #head: unknown;

  constructor(bodySizeBytesMax: number) {
    this.#bodySizeBytesMax = bodySizeBytesMax;
  }

  /**
   * The frames that are whole with `piece`.
   *
   * @throws RangeError or SyntaxError when this can be no frame; nothing that comes afterwards can be understood then.
   */
  push(piece: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    let at = 0;
    for (;;) {
      const sizeBytes = this.#partSizeBytes;
      let part = this.#part;
      if (part === undefined && piece.byteLength - at >= sizeBytes) {
        // It is here whole: most answers come in one piece.
        part = piece.slice(at, at + sizeBytes);
        at += sizeBytes;
      } else {
        part ??= this.#part = new Uint8Array(sizeBytes);
        const taken = Math.min(sizeBytes - this.#filled, piece.byteLength - at);
        part.set(piece.subarray(at, at + taken), this.#filled);
        this.#filled += taken;
        at += taken;
        if (this.#filled < sizeBytes) return frames;
      }
      const frame = this.#finishPart(part);
      if (frame) frames.push(frame);
    }
  }

  #finishPart(part: Uint8Array): Frame | undefined {
    this.#part = undefined;
    this.#filled = 0;
    if (this.#state === "prefix") {
      const { headSizeBytes, bodySizeBytes } = parsePrefix(part, this.#bodySizeBytesMax);
      this.#bodySizeBytes = bodySizeBytes;
      this.#state = "head";
      this.#partSizeBytes = headSizeBytes;
      return undefined;
    }
    if (this.#state === "head") {
      this.#head = JSON.parse(new TextDecoder().decode(part));
      this.#state = "body";
      this.#partSizeBytes = this.#bodySizeBytes;
      return undefined;
    }
    const frame = { head: this.#head, body: part };
    this.#head = undefined;
    this.#state = "prefix";
    this.#partSizeBytes = prefixSizeBytes;
    return frame;
  }
}
