/**
 * The list of what this node holds, bucket by bucket. The ledger knows it, once it has been compared with the store since
 * the start: before that it may lack its last moments, or all, so the store is listed beside it. A bucket in which a copy
 * could not be read, or whose record may be lost, is doubted again until the next comparison.
 */
import { type Clock, sleep } from "../../kit/clock.ts";
import { bucketCount, type Key, type SizedKey } from "./key.ts";
import type { Ledger } from "./ledger.ts";
import type { HeldPage } from "./peer.ts";
import type { BlobStore } from "./store.ts";

/** Keys in one page of a list: below a megabyte of JSON, and a few milliseconds of work. */
export const heldPageKeys = 8192;
/** Pages of other versions may be larger, up to this. */
export const heldPageMax = 65_536;

/** Blobs that are looked at together, and before others get their turn. */
const looksAtOnce = 64;

/** What this node holds, as a list. */
export class HeldKeys {
  readonly #store: BlobStore;
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  /** Buckets of which the ledger is known to have every blob. */
  readonly #settled = new Set<number>();

  constructor(store: BlobStore, ledger: Ledger, clock: Clock) {
    this.#store = store;
    this.#ledger = ledger;
    this.#clock = clock;
  }

  /** The ledger has every blob that the store has in a bucket. */
  settled(bucket: number): void {
    this.#settled.add(bucket);
  }

  /** The ledger may lack a blob of a bucket; without one, of any. */
  doubt(bucket?: number): void {
    if (bucket === undefined) this.#settled.clear();
    else this.#settled.delete(bucket);
  }

  /** At most `limit` keys of a bucket, from behind `after` on. Rejects with the store's Faults. */
  async page(bucket: number, after: Key | undefined, limit = heldPageKeys): Promise<HeldPage> {
    if (!Number.isInteger(bucket) || bucket < 0 || bucket >= bucketCount) {
      throw new RangeError(`Cannot list bucket ${bucket}: wanted a whole number from 0 to ${bucketCount - 1}`);
    }
    let keys = this.#ledger.sizesIn(bucket, after, limit + 1);
    if (!this.#settled.has(bucket)) {
      const last = keys.length > limit ? keys.at(-1)?.key : undefined;
      const known = new Set(keys.map(({ key }) => key));
      const { found, end } = await this.#unknown(bucket, after, last, known, limit);
      if (found.length > 0) keys = [...keys, ...found].sort((left, right) => (left.key < right.key ? -1 : 1));
      if (end !== undefined) {
        const some = keys.filter(({ key }) => key <= end).slice(0, limit);
        // All of them may have gone meanwhile, and a page that promises more must lead on.
        return some.length > 0 ? { keys: some, more: true } : this.page(bucket, end, limit);
      }
    }
    return { keys: keys.slice(0, limit), more: keys.length > limit };
  }

  /** What the store has behind `after`, up to `last`, that is not among `known`; up to `end` only, where there is more. */
  async #unknown(
    bucket: number,
    after: Key | undefined,
    last: Key | undefined,
    known: ReadonlySet<Key>,
    limit: number,
  ): Promise<{ found: SizedKey[]; end: Key | undefined }> {
    const names: Key[] = [];
    for await (const listed of this.#store.list(bucket)) {
      for (const key of listed) {
        if ((after === undefined || key > after) && (last === undefined || key < last) && !known.has(key))
          names.push(key);
      }
    }
    const end = names.sort()[limit];
    names.length = Math.min(names.length, limit + 1);
    const found: SizedKey[] = [];
    for (let at = 0; at < names.length; at += looksAtOnce) {
      if (at > 0) await sleep(this.#clock, 0);
      const some = names.slice(at, at + looksAtOnce);
      const stats = await Promise.all(some.map((key) => this.#store.find(key)));
      some.forEach((key, place) => {
        const stat = stats[place];
        if (stat) found.push({ key, sizeBytes: stat.sizeBytes });
      });
    }
    return { found, end };
  }
}
