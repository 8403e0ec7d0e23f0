/**
 * What could not be delivered, on disk, oldest first. Batches are appended to a segment until it is full; segments are
 * read whole and removed when delivered. Over the bound the oldest segment goes, because the newest figures are worth more.
 * Written without waiting for the disk: a kill loses nothing, a crash of the machine may lose the last seconds. What a
 * refused or interrupted write left of a batch is cut off, so that it cannot spoil what follows.
 * Left out: what is in a batch. Several writers on one folder are not meant.
 */
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

import { isSystemError } from "../disk/atomic.ts";

/** Bytes for delivery, and how many points they hold. */
export interface Batch {
  readonly bytes: Uint8Array;
  readonly points: number;
}

/** A segment to deliver. */
export interface Segment extends Batch {
  /** Forgets it, once it was delivered. */
  remove(): void;
}

interface Entry {
  readonly number: number;
  sizeBytes: number;
  /** 0 for what an earlier process left. */
  points: number;
  /** An earlier process left it, perhaps in the middle of a write. */
  readonly isInherited: boolean;
}

const segmentBytes = 256 * 1024;
const ending = ".spool";

/** A bounded spool in a folder of its own. Methods throw the system's errors. */
export class Spool {
  readonly #folder: string;
  readonly #maxBytes: number;
  readonly #wholeLength: (bytes: Uint8Array) => number;
  readonly #entries: Entry[] = [];
  #next = 1;
  /** The last entry takes no more, since it is being delivered. */
  #isSealed = true;
  #droppedPoints = 0;
  #droppedBytes = 0;

  /**
   * Makes the folder, mode 0700, and finds what an earlier process left. `wholeLength` tells how many bytes of such a
   * segment are whole batches.
   */
  constructor(folder: string, maxBytes: number, wholeLength: (bytes: Uint8Array) => number = ({ length }) => length) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
    this.#wholeLength = wholeLength;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(folder).sort()) {
      const match = /^(\d{12})\.spool$/.exec(name);
      if (!match) continue;
      const number = Number(match[1]);
      this.#entries.push({ number, sizeBytes: statSync(join(folder, name)).size, points: 0, isInherited: true });
      this.#next = number + 1;
    }
    this.#shrink();
  }

  /** Bytes that wait. */
  get sizeBytes(): number {
    return this.#entries.reduce((sum, entry) => sum + entry.sizeBytes, 0);
  }

  /** What went because there was no room. Points that an earlier process had spooled count as bytes only. */
  get dropped(): { points: number; bytes: number } {
    return { points: this.#droppedPoints, bytes: this.#droppedBytes };
  }

  append(batch: Batch): void {
    let last = this.#entries.at(-1);
    if (!last || this.#isSealed || last.sizeBytes + batch.bytes.length > segmentBytes) {
      last = { number: this.#next++, sizeBytes: 0, points: 0, isInherited: false };
      this.#write(last, batch.bytes);
      this.#entries.push(last);
      this.#isSealed = false;
    } else this.#write(last, batch.bytes);
    last.sizeBytes += batch.bytes.length;
    last.points += batch.points;
    this.#shrink();
  }

  /** The oldest segment, or undefined when nothing waits. */
  first(): Segment | undefined {
    for (let entry = this.#entries[0]; entry; entry = this.#entries[0]) {
      if (this.#entries.length === 1) this.#isSealed = true;
      const bytes = this.#read(entry);
      const own = entry;
      const remove = () => {
        const at = this.#entries.indexOf(own);
        if (at >= 0) this.#entries.splice(at, 1);
        rmSync(this.#pathOf(own), { force: true });
      };
      if (bytes.length > 0) return { bytes, points: own.points, remove };
      remove();
    }
    return undefined;
  }

  /** Adds to a segment's end; of what cannot be written whole nothing stays. */
  #write(entry: Entry, bytes: Uint8Array): void {
    const handle = openSync(this.#pathOf(entry), "a", 0o600);
    try {
      ftruncateSync(handle, entry.sizeBytes);
      for (let written = 0; written < bytes.length;) written += writeSync(handle, bytes, written);
    } catch (thrown) {
      // A disk that stays full would gather an empty file for each batch.
      if (entry.sizeBytes === 0) rmSync(this.#pathOf(entry), { force: true });
      else ftruncateSync(handle, entry.sizeBytes);
      throw thrown;
    } finally {
      closeSync(handle);
    }
  }

  #read(entry: Entry): Uint8Array {
    try {
      const bytes = readFileSync(this.#pathOf(entry));
      return entry.isInherited ? bytes.subarray(0, this.#wholeLength(bytes)) : bytes;
    } catch (thrown) {
      if (!isSystemError(thrown, "ENOENT")) throw thrown;
      return new Uint8Array();
    }
  }

  #shrink(): void {
    while (this.#entries.length > 1 && this.sizeBytes > this.#maxBytes) {
      const entry = this.#entries.shift() as Entry;
      this.#droppedPoints += entry.points;
      this.#droppedBytes += entry.sizeBytes;
      rmSync(this.#pathOf(entry), { force: true });
    }
  }

  #pathOf(entry: Entry): string {
    return join(this.#folder, `${String(entry.number).padStart(12, "0")}${ending}`);
  }
}
