/**
 * Takes over what the predecessor left on a disk: every blob of its layout is read and hashed first; a good one is
 * renamed (or, from another disk or on request, copied) into the store and noted in the ledger; a bad one goes to the
 * quarantine and is reported, never trusted. At any instant each blob is whole in the old place or in the new one, so a
 * run that was cut is simply run again. Links are not followed, files that do not belong are left alone and counted.
 */
import type { Clock } from "../../kit/clock.ts";
import { isSystemError } from "../../kit/disk/atomic.ts";
import { reasonOf } from "../../kit/fault.ts";
import { digestOf, type Key } from "./key.ts";
import type { Ledger } from "./ledger.ts";
import type { BlobStat } from "./store.ts";
import type { DiskStore } from "./store-disk.ts";
import { diskFault } from "./store-disk-fault.ts";
import { findFile } from "./store-disk-read.ts";
import { legacyBlobs, legacyFolder, pruneLegacy, removeLegacy } from "./store-legacy-layout.ts";

/** How to adopt. */
export interface AdoptOptions {
  clock: Clock;
  /** Leave the old folder as it is: good blobs are copied, bad ones only reported. @default false */
  copy?: boolean;
  /** Called after each blob. */
  onProgress?: (report: AdoptReport) => void;
  /** Stops between two blobs. */
  signal?: AbortSignal;
}

/** What became of the old folder so far. */
export interface AdoptReport {
  /** How much of the walk is done, 0 to 1, judged by the keys, which are spread evenly. */
  fraction: number;
  /** Blobs looked at. */
  seen: number;
  adopted: number;
  adoptedBytes: number;
  /** Blobs of which the store had a good copy already. */
  already: number;
  /** Blobs whose bytes do not hash to their key; the first thousand are told one by one. */
  bad: number;
  badBlobs: { key: Key; path: string; reason: string }[];
  /** Blobs that could not be read or taken in, and remain where they were; the first thousand are told one by one. */
  failed: number;
  failedBlobs: { key: Key; path: string; reason: string }[];
  /** Paths that do not belong to the layout; the first hundred by name. */
  stray: number;
  strayPaths: string[];
  /** Whether the walk came to its end. */
  finished: boolean;
}

const atOnce = 8;

/**
 * Adopts the blobs below `folder`, which is a root as the predecessor was given it. Throws `cask/no-legacy-layout` when
 * there are none, and whatever makes going on pointless (a full or failing disk); single bad files are in the report.
 */
export async function adopt(
  folder: string,
  store: DiskStore,
  ledger: Ledger,
  options: AdoptOptions,
): Promise<AdoptReport> {
  const run = new Adoption(legacyFolder(folder), store, ledger, options);
  await run.all();
  return run.report;
}

class Adoption {
  readonly report: AdoptReport = {
    fraction: 0,
    seen: 0,
    adopted: 0,
    adoptedBytes: 0,
    already: 0,
    bad: 0,
    badBlobs: [],
    failed: 0,
    failedBlobs: [],
    stray: 0,
    strayPaths: [],
    finished: false,
  };
  readonly #folder: string;
  readonly #store: DiskStore;
  readonly #ledger: Ledger;
  readonly #options: AdoptOptions;

  constructor(folder: string, store: DiskStore, ledger: Ledger, options: AdoptOptions) {
    this.#folder = folder;
    this.#store = store;
    this.#ledger = ledger;
    this.#options = options;
  }

  async all(): Promise<void> {
    const { report } = this;
    const blobs = legacyBlobs(this.#folder, { stray: (path) => this.#stray(path) });
    const halt = new AbortController();
    const stop = AbortSignal.any([halt.signal, ...(this.#options.signal ? [this.#options.signal] : [])]);
    // Each worker takes the next blob when it is done with one; a generator queues concurrent calls.
    const work = async () => {
      while (!stop.aborted) {
        const next = await blobs.next();
        if (next.done) return;
        await this.#one(next.value.key, next.value.path);
        report.seen++;
        const digest = digestOf(next.value.key);
        report.fraction = Math.max(report.fraction, Number.parseInt(digest.slice(0, 6), 16) / 0x1000000);
        this.#options.onProgress?.(report);
      }
    };
    const outcomes = await Promise.allSettled(
      Array.from({ length: atOnce }, () =>
        work().catch((thrown: unknown) => {
          halt.abort();
          throw thrown;
        }),
      ),
    );
    await blobs.return(undefined);
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
    report.finished = !stop.aborted;
    if (report.finished) report.fraction = 1;
  }

  async #one(key: Key, path: string): Promise<void> {
    const { report } = this;
    const before = findFile(path);
    if (!before) return;
    const held = await this.#held(key);
    if (held) {
      report.already++;
      if (!this.#options.copy) removeLegacy(this.#folder, path);
      return;
    }
    let hashes: Hashes;
    try {
      hashes = await hashesOf(this.#store.reader.chunks(key, path));
    } catch (thrown) {
      report.failed++;
      if (report.failedBlobs.length < 1000) report.failedBlobs.push({ key, path, reason: reasonOf(thrown) });
      return;
    }
    if (hashes.sha1 !== digestOf(key)) {
      await this.#bad(key, path, `its bytes hash to sha1:${hashes.sha1}`);
      return;
    }
    const stat = await this.#take(key, path, before);
    if (!stat) {
      report.failed++;
      if (report.failedBlobs.length < 1000) {
        report.failedBlobs.push({ key, path, reason: "it changed while it was read: run again" });
      }
      return;
    }
    this.#note(key, stat, hashes.sha256);
    report.adopted++;
    report.adoptedBytes += stat.sizeBytes;
    if (!this.#options.copy) pruneLegacy(this.#folder, path);
  }

  /** Whether the store holds a good copy; a bad one is put into quarantine. */
  async #held(key: Key): Promise<boolean> {
    const stat = this.#store.find(key);
    if (!stat) return false;
    const record = this.#ledger.find(key);
    if (record && record.stamp === stat.stamp) return true;
    const hashes = await hashesOf(this.#store.read(key));
    if (hashes.sha1 === digestOf(key)) {
      this.#note(key, stat, hashes.sha256);
      return true;
    }
    await this.#store.quarantine(key, `its bytes hash to sha1:${hashes.sha1}`);
    this.#ledger.remove(key);
    return false;
  }

  async #take(key: Key, path: string, before: BlobStat): Promise<BlobStat | undefined> {
    if (this.#options.copy) return this.#copy(key, path);
    try {
      return await this.#store.adopt(key, path, before.stamp);
    } catch (thrown) {
      if (!isSystemError(thrown, "EXDEV")) throw diskFault(thrown, `adopt "${key}"`, this.#store.place);
      const stat = await this.#copy(key, path);
      if (stat) removeLegacy(this.#folder, path);
      return stat;
    }
  }

  /** Hashes what it copies: the file may have changed since it was hashed. */
  async #copy(key: Key, path: string): Promise<BlobStat | undefined> {
    const writer = await this.#store.create();
    try {
      const hasher = new Bun.CryptoHasher("sha1");
      for await (const chunk of this.#store.reader.chunks(key, path)) {
        hasher.update(chunk);
        await writer.write(chunk);
      }
      if (hasher.digest("hex") !== digestOf(key)) {
        await writer.abort();
        return undefined;
      }
    } catch (thrown) {
      await writer.abort();
      throw thrown;
    }
    return writer.commit(key);
  }

  async #bad(key: Key, path: string, reason: string): Promise<void> {
    const { report } = this;
    report.bad++;
    if (report.badBlobs.length < 1000) report.badBlobs.push({ key, path, reason });
    if (this.#options.copy) return;
    await this.#store.setAside(key, path, reason);
    pruneLegacy(this.#folder, path);
  }

  #note(key: Key, stat: BlobStat, sha256: string): void {
    this.#ledger.put({
      key,
      sizeBytes: stat.sizeBytes,
      stamp: stat.stamp,
      sha256,
      storedAt: stat.storedAt,
      verifiedAt: this.#options.clock.now(),
      surplusSince: 0,
    });
  }

  #stray(path: string): void {
    this.report.stray++;
    if (this.report.strayPaths.length < 100) this.report.strayPaths.push(path);
  }
}

interface Hashes {
  sha1: string;
  sha256: string;
}

async function hashesOf(chunks: AsyncIterable<Uint8Array>): Promise<Hashes> {
  const sha1 = new Bun.CryptoHasher("sha1");
  const sha256 = new Bun.CryptoHasher("sha256");
  for await (const chunk of chunks) {
    sha1.update(chunk);
    sha256.update(chunk);
  }
  return { sha1: sha1.digest("hex"), sha256: sha256.digest("hex") };
}
