/**
 * A node's disk as one process of it uses it: the memory store with its faults, watched so that every change is looked
 * at the moment it happens. A process that was killed gets no more answers from it.
 */
import type { Key, SizedKey } from "../../src/storage/cask/key.ts";
import type { BlobRecord, HandOff, Ledger } from "../../src/storage/cask/ledger.ts";
import { bucketCount, bucketOf } from "../../src/storage/cask/key.ts";
import type { MemoryLedger } from "../../src/storage/cask/ledger-memory.ts";
import type { MemoryStore } from "../../src/storage/cask/store-memory.ts";
import type { Awaitable, BlobStat, BlobStore, BlobWriter, ByteRange } from "../../src/storage/cask/store.ts";

/** Who wants to know what happened on a disk, and whose process it is. */
export interface DiskWatcher {
  changed(key: Key, cause: "stored" | "dropped" | "quarantined"): void;
  dead(): boolean;
}

/** Never settles: what a dead process waits for. */
function never(): Promise<never> {
  return new Promise(() => undefined);
}

/** The blob store of one process. */
export class ProcessDisk implements BlobStore {
  readonly kind = "memory";
  readonly place = "memory";
  readonly #inner: MemoryStore;
  readonly #watcher: DiskWatcher;
  /** Keys by bucket, so that walking empty buckets costs nothing. Faults of the disk only ever take keys away. */
  readonly #buckets: Set<Key>[] = Array.from({ length: bucketCount }, () => new Set<Key>());

  constructor(inner: MemoryStore, watcher: DiskWatcher) {
    this.#inner = inner;
    this.#watcher = watcher;
    for (const key of inner.keys()) this.#bucket(key).add(key);
  }

  #bucket(key: Key): Set<Key> {
    return this.#buckets[bucketOf(key)] as Set<Key>;
  }

  create(sizeHintBytes?: number): Awaitable<BlobWriter> {
    if (this.#watcher.dead()) return never();
    const writer = this.#inner.create(sizeHintBytes);
    return {
      write: (chunk) => writer.write(chunk),
      reread: () => writer.reread(),
      abort: () => writer.abort(),
      commit: async (key, options) => {
        try {
          const stat = await writer.commit(key, options);
          if (this.#watcher.dead()) await never();
          return stat;
        } catch (thrown) {
          if (this.#watcher.dead()) await never();
          throw thrown;
        } finally {
          if (!this.#watcher.dead() && this.#inner.find(key)) {
            this.#bucket(key).add(key);
            this.#watcher.changed(key, "stored");
          }
        }
      },
    };
  }

  find(key: Key): BlobStat | undefined {
    return this.#inner.find(key);
  }

  async *read(key: Key, range?: ByteRange): AsyncGenerator<Uint8Array> {
    try {
      yield* this.#inner.read(key, range);
    } finally {
      if (this.#watcher.dead()) await never();
    }
  }

  body(key: Key, stat: BlobStat, range?: ByteRange): Uint8Array<ArrayBuffer> {
    return this.#inner.body(key, stat, range);
  }

  async quarantine(key: Key, reason: string): Promise<void> {
    if (this.#watcher.dead()) await never();
    await this.#inner.quarantine(key, reason);
    this.#watcher.changed(key, "quarantined");
  }

  async remove(key: Key): Promise<void> {
    if (this.#watcher.dead()) await never();
    await this.#inner.remove(key);
    this.#watcher.changed(key, "dropped");
  }

  async *list(bucket: number): AsyncGenerator<Key[]> {
    const keys = this.#buckets[bucket] as Set<Key>;
    if (keys.size > 0) yield [...keys].filter((key) => this.#inner.find(key));
  }

  space(): { freeBytes: number; totalBytes: number } {
    return this.#inner.space();
  }

  sweep(): Promise<number> {
    return this.#inner.sweep();
  }

  close(): void {}
}

/** The ledger of one process, with its keys sorted into buckets: most are empty, and all are walked again and again. */
export class ProcessLedger implements Ledger {
  readonly #inner: MemoryLedger;
  readonly #dead: () => boolean;
  readonly #buckets: Set<Key>[];

  constructor(inner: MemoryLedger, dead: () => boolean) {
    this.#inner = inner;
    this.#dead = dead;
    this.#buckets = Array.from({ length: bucketCount }, () => new Set<Key>());
    for (const record of inner.leastRecentlyVerified(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)) {
      this.#bucket(record.key).add(record.key);
    }
  }

  #bucket(key: Key): Set<Key> {
    return this.#buckets[bucketOf(key)] as Set<Key>;
  }

  find(key: Key): BlobRecord | undefined {
    return this.#inner.find(key);
  }

  put(record: BlobRecord): void {
    if (this.#dead()) return;
    this.#inner.put(record);
    this.#bucket(record.key).add(record.key);
  }

  verified(key: Key, stamp: string, at: number): void {
    if (!this.#dead()) this.#inner.verified(key, stamp, at);
  }

  markSurplus(key: Key, since: number): void {
    if (!this.#dead()) this.#inner.markSurplus(key, since);
  }

  remove(key: Key): void {
    if (this.#dead()) return;
    this.#inner.remove(key);
    this.#bucket(key).delete(key);
  }

  count(): number {
    return this.#inner.count();
  }

  totalBytes(): number {
    return this.#inner.totalBytes();
  }

  inBucket(bucket: number): BlobRecord[] {
    const keys = this.#buckets[bucket] as Set<Key>;
    if (keys.size === 0) return [];
    return [...keys]
      .sort()
      .map((key) => this.#inner.find(key))
      .filter((record) => record !== undefined);
  }

  sizesIn(bucket: number, after: Key | undefined, limit: number): SizedKey[] {
    return this.inBucket(bucket)
      .filter(({ key }) => after === undefined || key > after)
      .slice(0, limit)
      .map(({ key, sizeBytes }) => ({ key, sizeBytes }));
  }

  leastRecentlyVerified(before: number, limit: number): BlobRecord[] {
    return this.#inner.leastRecentlyVerified(before, limit);
  }

  unverifiedSince(before: number): { count: number; bytes: number } {
    return this.#inner.unverifiedSince(before);
  }

  owe(key: Key, nodeId: string, at: number): void {
    if (!this.#dead()) this.#inner.owe(key, nodeId, at);
  }

  due(now: number, limit: number): HandOff[] {
    return this.#inner.due(now, limit);
  }

  postpone(key: Key, nodeId: string, notBefore: number): void {
    if (!this.#dead()) this.#inner.postpone(key, nodeId, notBefore);
  }

  settle(key: Key, nodeId: string): void {
    if (!this.#dead()) this.#inner.settle(key, nodeId);
  }

  owed(): number {
    return this.#inner.owed();
  }

  owes(key: Key): boolean {
    return this.#inner.owes(key);
  }

  recall(name: string): string | undefined {
    return this.#inner.recall(name);
  }

  note(name: string, value: string): void {
    if (!this.#dead()) this.#inner.note(name, value);
  }

  close(): void {}
}
