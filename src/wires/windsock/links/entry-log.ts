/**
 * What a node said lately, by number, for those who missed some of it. Bounded by count and size; the oldest goes first.
 */
import type { Entry } from "./node-message.ts";

/** How much is kept, and how much goes into one message. */
export interface EntryBounds {
  count: number;
  sizeBytes: number;
  perMessage: number;
  perMessageBytes: number;
}

/** Enough for minutes of an ordinary load. */
export const usualEntryBounds: EntryBounds = {
  count: 20_000,
  sizeBytes: 32 * 1024 * 1024,
  perMessage: 500,
  perMessageBytes: 256 * 1024,
};

/** Numbered entries; the first has the number 1. */
export class EntryLog {
  readonly #bounds: EntryBounds;
  readonly #kept = new Map<number, { entry: Entry; sizeBytes: number }>();
  #sizeBytes = 0;
  #newest = 0;
  #oldest = 1;

  constructor(bounds: EntryBounds) {
    this.#bounds = bounds;
  }

  /** The number of the newest; 0 before the first. */
  get newest(): number {
    return this.#newest;
  }

  /** The number of the oldest that is kept; `newest + 1` when none is. */
  get oldest(): number {
    return this.#oldest;
  }

  add(entry: Entry): void {
    const sizeBytes = sizeOfEntry(entry);
    this.#kept.set(++this.#newest, { entry, sizeBytes });
    this.#sizeBytes += sizeBytes;
    while (this.#kept.size > this.#bounds.count || this.#sizeBytes > this.#bounds.sizeBytes) {
      this.#sizeBytes -= this.#kept.get(this.#oldest)?.sizeBytes ?? 0;
      this.#kept.delete(this.#oldest++);
    }
  }

  /** What comes after a number, as much as one message takes, at least one where there is one. */
  after(number: number): Entry[] {
    const found: Entry[] = [];
    let sizeBytes = 0;
    for (let at = number + 1; at <= this.#newest && found.length < this.#bounds.perMessage; at++) {
      const held = this.#kept.get(at);
      if (!held) break;
      sizeBytes += held.sizeBytes;
      if (found.length > 0 && sizeBytes > this.#bounds.perMessageBytes) break;
      found.push(held.entry);
    }
    return found;
  }
}

function sizeOfEntry(entry: Entry): number {
  return Buffer.byteLength(entry[1]) + Buffer.byteLength(String(entry[2])) + 32;
}
