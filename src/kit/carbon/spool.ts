/**
 * What could not be delivered, on disk, oldest first. Batches are appended to a segment until it is full; segments are
 * read whole and removed when delivered. Over the bound the oldest segment goes, because the newest figures are worth more.
 * Written without waiting for the disk: a kill loses nothing, a crash of the machine may lose the last seconds.
 * Left out: what is in a batch. Several writers on one folder are not meant.
 */
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

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
}

const segmentBytes = 256 * 1024;
const ending = ".spool";

/** A bounded spool in a folder of its own. Methods throw the system's errors. */
export class Spool {
  readonly #folder: string;
  readonly #maxBytes: number;
  readonly #entries: Entry[] = [];
  #next = 1;
  /** The last entry takes no more, since it is being delivered. */
  #isSealed = true;
  #droppedPoints = 0;
  #droppedBytes = 0;

  /** Makes the folder, mode 0700, and finds what an earlier process left. */
  constructor(folder: string, maxBytes: number) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(folder).sort()) {
      const match = /^(\d{12})\.spool$/.exec(name);
      if (!match) continue;
      const number = Number(match[1]);
      this.#entries.push({ number, sizeBytes: statSync(join(folder, name)).size, points: 0 });
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
      last = { number: this.#next++, sizeBytes: 0, points: 0 };
      this.#entries.push(last);
      this.#isSealed = false;
    }
    appendFileSync(this.#pathOf(last), batch.bytes, { mode: 0o600 });
    last.sizeBytes += batch.bytes.length;
    last.points += batch.points;
    this.#shrink();
  }

  /** The oldest segment, or undefined when nothing waits. */
  first(): Segment | undefined {
    const entry = this.#entries[0];
    if (!entry) return undefined;
    if (this.#entries.length === 1) this.#isSealed = true;
    return {
      bytes: readFileSync(this.#pathOf(entry)),
      points: entry.points,
      remove: () => {
        const at = this.#entries.indexOf(entry);
        if (at >= 0) this.#entries.splice(at, 1);
        rmSync(this.#pathOf(entry), { force: true });
      },
    };
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
