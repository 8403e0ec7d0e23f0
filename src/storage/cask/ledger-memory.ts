/**
 * A ledger in memory for tests and simulated clusters. It keeps the port's promises about a crash and no more:
 * hand-offs survive {@link MemoryLedger.crash}, everything else falls back to what it was at the last flush, which
 * happens by itself at the first change after the flush interval has passed.
 * Left out: speed with many records; each list is sorted afresh.
 */
import type { Clock } from "../../kit/clock.ts";
import { bucketOf, type Key, type SizedKey } from "./key.ts";
import type { BlobRecord, HandOff, Ledger } from "./ledger.ts";

/** How to open a {@link MemoryLedger}. */
export interface MemoryLedgerOptions {
  clock: Clock;
  /** How much a crash may lose. @default 50 */
  flushMs?: number;
}

/** A ledger in memory. */
export class MemoryLedger implements Ledger {
  readonly #clock: Clock;
  readonly #flushMs: number;
  readonly #records = new Map<Key, BlobRecord>();
  readonly #handOffs = new Map<string, HandOff>();
  readonly #notes = new Map<string, string>();
  /** How to undo what is not flushed yet: what stood there before. */
  readonly #recordsBefore = new Map<Key, BlobRecord | undefined>();
  readonly #notesBefore = new Map<string, string | undefined>();
  #flushedMs: number;

  constructor(options: MemoryLedgerOptions) {
    this.#clock = options.clock;
    this.#flushMs = options.flushMs ?? 50;
    this.#flushedMs = options.clock.monotonicMs();
  }

  find(key: Key): BlobRecord | undefined {
    const record = this.#records.get(key);
    return record && { ...record };
  }

  put(record: BlobRecord): void {
    this.#set(record.key, { ...record });
  }

  verified(key: Key, stamp: string, at: number): void {
    const record = this.#records.get(key);
    if (record) this.#set(key, { ...record, stamp, verifiedAt: at });
  }

  markSurplus(key: Key, since: number): void {
    const record = this.#records.get(key);
    if (record) this.#set(key, { ...record, surplusSince: since });
  }

  remove(key: Key): void {
    if (this.#records.has(key)) this.#set(key, undefined);
  }

  count(): number {
    return this.#records.size;
  }

  totalBytes(): number {
    let bytes = 0;
    for (const record of this.#records.values()) bytes += record.sizeBytes;
    return bytes;
  }

  inBucket(bucket: number): BlobRecord[] {
    return [...this.#records.values()]
      .filter((record) => bucketOf(record.key) === bucket)
      .sort((left, right) => (left.key < right.key ? -1 : 1))
      .map((record) => ({ ...record }));
  }

  sizesIn(bucket: number, after: Key | undefined, limit: number): SizedKey[] {
    return this.inBucket(bucket)
      .filter(({ key }) => after === undefined || key > after)
      .slice(0, limit)
      .map(({ key, sizeBytes }) => ({ key, sizeBytes }));
  }

  leastRecentlyVerified(before: number, limit: number): BlobRecord[] {
    return [...this.#records.values()]
      .filter((record) => record.verifiedAt < before)
      .sort((left, right) => left.verifiedAt - right.verifiedAt || (left.key < right.key ? -1 : 1))
      .slice(0, limit)
      .map((record) => ({ ...record }));
  }

  unverifiedSince(before: number): { count: number; bytes: number } {
    let count = 0;
    let bytes = 0;
    for (const record of this.#records.values()) {
      if (record.verifiedAt >= before) continue;
      count++;
      bytes += record.sizeBytes;
    }
    return { count, bytes };
  }

  owe(key: Key, nodeId: string, at: number): void {
    const id = handOffId(key, nodeId);
    if (!this.#handOffs.has(id)) this.#handOffs.set(id, { key, nodeId, since: at, attempts: 0, notBefore: 0 });
  }

  due(now: number, limit: number): HandOff[] {
    return [...this.#handOffs.values()]
      .filter((handOff) => handOff.notBefore <= now)
      .sort((left, right) => left.since - right.since || (handOffIdOf(left) < handOffIdOf(right) ? -1 : 1))
      .slice(0, limit)
      .map((handOff) => ({ ...handOff }));
  }

  postpone(key: Key, nodeId: string, notBefore: number): void {
    const handOff = this.#handOffs.get(handOffId(key, nodeId));
    if (!handOff) return;
    handOff.attempts++;
    handOff.notBefore = notBefore;
  }

  settle(key: Key, nodeId: string): void {
    this.#handOffs.delete(handOffId(key, nodeId));
  }

  owed(): number {
    return this.#handOffs.size;
  }

  owes(key: Key): boolean {
    for (const handOff of this.#handOffs.values()) if (handOff.key === key) return true;
    return false;
  }

  recall(name: string): string | undefined {
    return this.#notes.get(name);
  }

  note(name: string, value: string): void {
    this.#flushWhenDue();
    if (!this.#notesBefore.has(name)) this.#notesBefore.set(name, this.#notes.get(name));
    this.#notes.set(name, value);
  }

  close(): void {
    this.flush();
  }

  /** Makes all changes so far survive a crash. */
  flush(): void {
    this.#recordsBefore.clear();
    this.#notesBefore.clear();
    this.#flushedMs = this.#clock.monotonicMs();
  }

  /** The machine stops: what was not flushed is lost, hand-offs are not. */
  crash(): void {
    for (const [key, record] of this.#recordsBefore) {
      if (record) this.#records.set(key, record);
      else this.#records.delete(key);
    }
    for (const [name, value] of this.#notesBefore) {
      if (value === undefined) this.#notes.delete(name);
      else this.#notes.set(name, value);
    }
    this.flush();
  }

  /** The disk under it is lost with everything. */
  wipe(): void {
    this.#records.clear();
    this.#handOffs.clear();
    this.#notes.clear();
    this.flush();
  }

  #set(key: Key, record: BlobRecord | undefined): void {
    this.#flushWhenDue();
    if (!this.#recordsBefore.has(key)) this.#recordsBefore.set(key, this.#records.get(key));
    if (record) this.#records.set(key, record);
    else this.#records.delete(key);
  }

  #flushWhenDue(): void {
    if (this.#clock.monotonicMs() - this.#flushedMs >= this.#flushMs) this.flush();
  }
}

function handOffId(key: Key, nodeId: string): string {
  return `${key} ${nodeId}`;
}

function handOffIdOf(handOff: HandOff): string {
  return handOffId(handOff.key, handOff.nodeId);
}
