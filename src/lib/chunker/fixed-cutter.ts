/**
 * Cutting every so many bytes, rule `fixed-1`: for content that is never edited in the middle (video, images of disks), and
 * to cut as the predecessor of the large-file store did. One byte put in at the front moves every cut behind it.
 */
import { checkSize, type Cutter, maxChunkBytes } from "./cutter.ts";

/** Cuts into chunks of one length; the last of an input may be shorter. */
export class FixedCutter implements Cutter {
  readonly rule = "fixed-1";
  readonly maxBytes: number;
  #chunkBytes = 0;

  /** @throws {RangeError} unless `sizeBytes` is a whole number from 1 to 1 GiB */
  constructor(sizeBytes: number) {
    checkSize("sizeBytes", sizeBytes, 1, maxChunkBytes);
    this.maxBytes = sizeBytes;
  }

  push(bytes: Uint8Array): number[] {
    const cuts: number[] = [];
    for (let end = this.maxBytes - this.#chunkBytes; end <= bytes.length; end += this.maxBytes) cuts.push(end);
    this.#chunkBytes = (this.#chunkBytes + bytes.length) % this.maxBytes;
    return cuts;
  }

  finish(): number {
    const lastBytes = this.#chunkBytes;
    this.#chunkBytes = 0;
    return lastBytes;
  }
}
