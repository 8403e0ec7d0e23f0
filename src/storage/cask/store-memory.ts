/**
 * A blob store in memory for tests and simulated clusters, with a disk's ways of failing: it fills up, an fsync fails,
 * a write is cut short, bits flip at rest, reads lie, a crash drops what was not committed, the whole disk is lost.
 * Faults are drawn from a Random, so a seed replays them. Nothing here waits unless the plan asks for slowness.
 * Left out: any attempt to be economical; blobs are whole arrays.
 */
import { type Clock, sleep } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { below, type Random, systemRandom } from "../../kit/random.ts";
import { bucketOf, type Key } from "./key.ts";
import type { BlobStat, BlobStore, BlobWriter, ByteRange } from "./store.ts";

/** What goes wrong in a {@link MemoryStore}. Chances are from 0 to 1; everything may be changed while the store is in use. */
export interface MemoryFaults {
  /** Chance that an fsync fails: the commit throws `cask/store-failed` and leaves nothing. */
  fsyncFails: number;
  /** Chance that a write is cut short and noticed: the commit throws `cask/store-failed` and leaves nothing. */
  shortWrite: number;
  /** Chance that a write is cut short and only shows in the stat: the commit resolves with the smaller size. */
  tornWrite: number;
  /** Chance that one bit of a blob is wrong on the disk from the start, as a bad cable or memory would have it. */
  flippedWrite: number;
  /** Chance that one bit of a read is wrong while the bytes on the disk are right. */
  lyingRead: number;
  /** Chance that a read throws `cask/store-failed`. */
  readFails: number;
  /** Models a commit that forgot its fsync: a crash within {@link MemoryFaults.writeBackMs} loses blobs whose commit resolved. */
  dropFsync: boolean;
  /** How long the machine takes to write back by itself what nobody synced. */
  writeBackMs: number;
  /** Every commit and read takes a time drawn from 0 to this; needs a clock. */
  slowMs: number;
  /** Bytes that fit; a commit beyond throws `cask/disk-full`. */
  capacityBytes: number;
}

/** A disk on which nothing goes wrong. */
export const noFaults: Readonly<MemoryFaults> = {
  fsyncFails: 0,
  shortWrite: 0,
  tornWrite: 0,
  flippedWrite: 0,
  lyingRead: 0,
  readFails: 0,
  dropFsync: false,
  writeBackMs: 30_000,
  slowMs: 0,
  capacityBytes: Number.POSITIVE_INFINITY,
};

/** How to open a {@link MemoryStore}. */
export interface MemoryStoreOptions {
  /** Time for `storedAt`, write-back and slowness. */
  clock: Clock;
  /** @default systemRandom */
  random?: Random;
  /** Where they differ from {@link noFaults}. */
  faults?: Partial<MemoryFaults>;
  /** @default "memory" */
  place?: string;
}

interface Stored {
  bytes: Uint8Array<ArrayBuffer>;
  stamp: string;
  storedAt: number;
  /** False until an fsync that was dropped is made good by the machine itself. */
  synced: boolean;
}

/** A store in memory. Its contents outlive {@link MemoryStore.crash} as a disk's would. */
export class MemoryStore implements BlobStore {
  readonly kind = "memory";
  readonly place: string;
  /** What goes wrong from now on. */
  readonly faults: MemoryFaults;
  /** What was quarantined, oldest first. */
  readonly quarantined: { key: Key; reason: string; bytes: Uint8Array }[] = [];
  readonly #blobs = new Map<Key, Stored>();
  readonly #clock: Clock;
  readonly #random: Random;
  #usedBytes = 0;
  #stamps = 0;
  #boot = 0;

  constructor(options: MemoryStoreOptions) {
    this.#clock = options.clock;
    this.#random = options.random ?? systemRandom;
    this.place = options.place ?? "memory";
    this.faults = { ...noFaults, ...options.faults };
  }

  create(sizeHintBytes = 0): BlobWriter {
    if (this.#usedBytes + sizeHintBytes > this.faults.capacityBytes) throw this.#full(sizeHintBytes);
    const boot = this.#boot;
    let chunks: Uint8Array[] | undefined = [];
    const open = () => {
      if (boot !== this.#boot) throw failed("the machine crashed in mid-write");
      if (chunks === undefined) throw new TypeError("Cannot write a blob: it was committed or aborted before");
      return chunks;
    };
    return {
      write(chunk) {
        open().push(chunk.slice());
      },
      async *reread() {
        const written = [...open()];
        for (const chunk of written) yield chunk;
      },
      commit: async (key, options) => {
        const whole = joined(open());
        chunks = undefined;
        if (this.faults.slowMs > 0) {
          await this.#dawdle();
          if (boot !== this.#boot) throw failed("the machine crashed in mid-write");
        }
        return this.#commit(key, whole, options?.replace === true);
      },
      abort: async () => {
        chunks = undefined;
      },
    };
  }

  find(key: Key): BlobStat | undefined {
    const stored = this.#blobs.get(key);
    return stored && statOf(stored);
  }

  async *read(key: Key, range?: ByteRange): AsyncGenerator<Uint8Array> {
    if (this.faults.slowMs > 0) await this.#dawdle();
    const bytes = this.#bytes(key, range);
    for (let start = 0; start < bytes.length; start += 1 << 20) yield bytes.subarray(start, start + (1 << 20));
  }

  body(key: Key, stat: BlobStat, range?: ByteRange): Uint8Array<ArrayBuffer> {
    if (this.#blobs.get(key)?.stamp !== stat.stamp) throw missing(key);
    return this.#bytes(key, range);
  }

  async quarantine(key: Key, reason: string): Promise<void> {
    const stored = this.#take(key);
    if (stored) this.quarantined.push({ key, reason, bytes: stored.bytes });
  }

  async remove(key: Key): Promise<void> {
    this.#take(key);
  }

  async *list(bucket: number): AsyncGenerator<Key[]> {
    const keys = this.keys().filter((key) => bucketOf(key) === bucket);
    for (let start = 0; start < keys.length; start += 1000) yield keys.slice(start, start + 1000);
  }

  space(): { freeBytes: number; totalBytes: number } {
    const { capacityBytes } = this.faults;
    return { freeBytes: Math.max(0, capacityBytes - this.#usedBytes), totalBytes: capacityBytes };
  }

  async sweep(): Promise<number> {
    return 0;
  }

  close(): void {}

  /** All keys held. */
  keys(): Key[] {
    return [...this.#blobs.keys()];
  }

  /** The bytes of a blob as the disk has them, past all faults; for invariants. Not to be changed. */
  peek(key: Key): Uint8Array | undefined {
    return this.#blobs.get(key)?.bytes;
  }

  /** The machine stops: writes under way are lost, and commits without an fsync that were not written back yet. */
  crash(): void {
    this.#boot++;
    const safeBefore = this.#clock.now() - this.faults.writeBackMs;
    for (const [key, stored] of this.#blobs) if (!stored.synced && stored.storedAt > safeBefore) this.#take(key);
  }

  /** The disk is lost with all that is on it, and an empty one takes its place. */
  wipe(): void {
    this.#boot++;
    this.#blobs.clear();
    this.#usedBytes = 0;
  }

  /** Turns one bit of a held blob over. Its modification time stays unless `touched`, as with real decay. */
  flipBit(key: Key, touched = false): boolean {
    const stored = this.#blobs.get(key);
    if (!stored || stored.bytes.length === 0) return false;
    stored.bytes = this.#flipped(stored.bytes);
    if (touched) stored.stamp = this.#nextStamp();
    return true;
  }

  /** Cuts a held blob to a random shorter length, as a file system check may after a crash. */
  truncate(key: Key): boolean {
    const stored = this.#blobs.get(key);
    if (!stored || stored.bytes.length === 0) return false;
    const sizeBytes = below(this.#random, stored.bytes.length);
    this.#usedBytes -= stored.bytes.length - sizeBytes;
    stored.bytes = stored.bytes.slice(0, sizeBytes);
    stored.stamp = this.#nextStamp();
    return true;
  }

  #commit(key: Key, whole: Uint8Array<ArrayBuffer>, replace: boolean): BlobStat {
    const { faults } = this;
    const before = this.#blobs.get(key);
    if (before && !replace && before.bytes.length === whole.length) return statOf(before);
    if (this.#usedBytes + whole.length > faults.capacityBytes) throw this.#full(whole.length);
    if (this.#happens(faults.shortWrite)) throw failed("a write was cut short");
    if (this.#happens(faults.fsyncFails)) throw failed("fsync failed");
    let bytes = whole;
    if (bytes.length > 0 && this.#happens(faults.tornWrite)) bytes = bytes.slice(0, below(this.#random, bytes.length));
    if (bytes.length > 0 && this.#happens(faults.flippedWrite)) bytes = this.#flipped(bytes);
    this.#take(key);
    const stored = { bytes, stamp: this.#nextStamp(), storedAt: this.#clock.now(), synced: !faults.dropFsync };
    this.#blobs.set(key, stored);
    this.#usedBytes += bytes.length;
    return statOf(stored);
  }

  #bytes(key: Key, range: ByteRange | undefined): Uint8Array<ArrayBuffer> {
    const stored = this.#blobs.get(key);
    if (!stored) throw missing(key);
    if (this.#happens(this.faults.readFails)) throw failed("the device could not read");
    const bytes =
      stored.bytes.length > 0 && this.#happens(this.faults.lyingRead) ? this.#flipped(stored.bytes) : stored.bytes;
    return range ? bytes.subarray(range.start, range.end) : bytes;
  }

  #take(key: Key): Stored | undefined {
    const stored = this.#blobs.get(key);
    if (stored) {
      this.#blobs.delete(key);
      this.#usedBytes -= stored.bytes.length;
    }
    return stored;
  }

  #flipped(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    const copy = bytes.slice();
    const at = below(this.#random, copy.length);
    copy[at] = (copy[at] ?? 0) ^ (1 << below(this.#random, 8));
    return copy;
  }

  #happens(chance: number): boolean {
    return chance > 0 && this.#random() < chance;
  }

  #nextStamp(): string {
    return `m${++this.#stamps}`;
  }

  #dawdle(): Promise<void> {
    return sleep(this.#clock, below(this.#random, this.faults.slowMs + 1));
  }

  #full(sizeBytes: number): Fault {
    return new Fault("unavailable", "cask/disk-full", `Cannot store ${sizeBytes} bytes: the store is full`, {
      status: 507,
    });
  }
}

function statOf(stored: Stored): BlobStat {
  return { sizeBytes: stored.bytes.length, stamp: stored.stamp, storedAt: stored.storedAt };
}

function joined(chunks: Uint8Array[]): Uint8Array<ArrayBuffer> {
  let sizeBytes = 0;
  for (const chunk of chunks) sizeBytes += chunk.length;
  const whole = new Uint8Array(sizeBytes);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

function failed(reason: string): Fault {
  return new Fault("unavailable", "cask/store-failed", `Cannot use the store: ${reason}`);
}

function missing(key: Key): Fault {
  return new Fault("missing", "cask/blob-missing", `Cannot read "${key}": this store does not hold it`);
}
