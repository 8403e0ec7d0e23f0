/**
 * Cutting by content, rule `fastcdc-1`: a chunk ends where the last 32 bytes say so, hence bytes put in or taken out move the
 * cuts near them only. Before the average length a cut is four times rarer, after it four times more frequent, so
 * lengths lie close together (normalized chunking). The exact rule stands in README.md; `testdata` fixes it.
 * Source: Xia et al., "FastCDC", USENIX ATC 2016, section 3.
 */
import { checkSize, type Cutter, maxChunkBytes } from "./cutter.ts";
import { GearSearch, never, windowBytes } from "./gear.ts";

/** Lengths of chunks in bytes; only the last chunk of an input may be shorter than `minBytes`. */
export interface ContentSizes {
  /** From 32. */
  readonly minBytes: number;
  /** Where cuts become frequent, from 64; random bytes give chunks of about 1.14 times as much when it is 4 times `minBytes`. */
  readonly averageBytes: number;
  /** Up to 1 GiB. */
  readonly maxBytes: number;
}

/** A stretch of a chunk: up to which length of the chunk, and below which hash it ends there. */
interface Phase {
  readonly untilBytes: number;
  readonly limit: number;
}

/** Cuts by content. */
export class ContentCutter implements Cutter {
  readonly rule = "fastcdc-1";
  readonly maxBytes: number;
  readonly #unhashedBytes: number;
  readonly #phases: readonly Phase[];
  readonly #search = new GearSearch();
  #chunkBytes = 0;

  /** @throws {RangeError} when a size is out of bounds, or they are not in order */
  constructor({ minBytes, averageBytes, maxBytes }: ContentSizes) {
    checkSize("maxBytes", maxBytes, 2 * windowBytes, maxChunkBytes);
    checkSize("averageBytes", averageBytes, 2 * windowBytes, maxBytes);
    checkSize("minBytes", minBytes, windowBytes, averageBytes);
    this.maxBytes = maxBytes;
    // Of the bytes up to the minimum only the last window counts; it also pushes out what was hashed in the chunk before.
    this.#unhashedBytes = minBytes - windowBytes;
    this.#phases = [
      { untilBytes: minBytes - 1, limit: never },
      { untilBytes: averageBytes - 1, limit: never + Math.floor(2 ** 30 / averageBytes) },
      { untilBytes: maxBytes, limit: never + Math.floor(2 ** 34 / averageBytes) },
    ];
  }

  push(bytes: Uint8Array): number[] {
    const cuts: number[] = [];
    let at = 0;
    while (at < bytes.length) {
      if (this.#chunkBytes < this.#unhashedBytes) {
        at += this.#advance(Math.min(this.#unhashedBytes - this.#chunkBytes, bytes.length - at));
        continue;
      }
      for (const { untilBytes, limit } of this.#phases) {
        const end = Math.min(at + untilBytes - this.#chunkBytes, bytes.length);
        if (end <= at) continue;
        const found = this.#search.find(bytes, at, end, limit);
        at += this.#advance((found < 0 ? end : found) - at);
        if (found < 0 && this.#chunkBytes < this.maxBytes) continue;
        cuts.push(at);
        this.finish();
        break;
      }
    }
    return cuts;
  }

  finish(): number {
    const lastBytes = this.#chunkBytes;
    this.#chunkBytes = 0;
    return lastBytes;
  }

  #advance(bytes: number): number {
    this.#chunkBytes += bytes;
    return bytes;
  }
}
