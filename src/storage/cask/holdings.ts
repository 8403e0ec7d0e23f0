/**
 * What this node itself holds: bytes come in hashed, go out verified, and are looked at again before trust in them
 * runs out. Everything that leaves the node passes {@link Holdings.trusted}: a blob whose bytes were hashed to its key
 * within the verification interval and whose stamp has not changed since.
 *
 * A blob that fails is quarantined, never overwritten; who wants it back asks peers. A SHA-1 key also carries the
 * SHA-256 of its bytes, so a second content with the same SHA-1 is refused instead of taking the first one's place.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { HeldKeys } from "./held-keys.ts";
import { Incoming, tooLarge, wrongDigest } from "./incoming.ts";
import { type Algorithm, algorithmOf, bucketOf, digestOf, type Key } from "./key.ts";
import type { BlobRecord, Ledger } from "./ledger.ts";
import type { BlobBytes, Proof } from "./peer.ts";
import type { Placement } from "./placement.ts";
import { SharedKeys } from "./shared-keys.ts";
import type { BlobStat, BlobStore } from "./store.ts";

/** What Holdings reports to whoever counts and shows it. */
export interface HoldingsWatcher {
  /** A copy was found bad and put aside. */
  quarantined(key: Key, reason: string): void;
  /** Bytes were hashed to check a copy. */
  verified(sizeBytes: number): void;
  /** The store refused: full, or the device failed. */
  troubled(fault: Fault): void;
}

/** Numbers that Holdings needs. */
export interface HoldingsOptions {
  /** A copy verified longer ago than this is verified again before it leaves the node. */
  verifyEveryMs: number;
  /** Largest blob taken. */
  maxBlobBytes: number;
}

/** A verification so far in the future is drift of the clock; more is not to be trusted. */
const driftMs = 60_000;

/** Faults that say something about the store as a whole. */
const troubles: ReadonlySet<string> = new Set([
  "cask/disk-full",
  "cask/store-failed",
  "cask/store-gone",
  "cask/store-forbidden",
]);

/** The outcome of looking at a copy's bytes. Of an unreadable copy nobody knows whether it is good. */
export type Verdict = "good" | "bad" | "absent" | "unreadable";

/** What reading a copy from end to end came to. */
type Reading =
  | { verdict: "right"; stat: BlobStat; sha256: string }
  | { verdict: "wrong"; problem: string }
  | { verdict: "absent" | "unreadable" };

/** A promise that may be left alone: its failure then concerns nobody. */
function unhurried<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

/** What this node holds. */
export class Holdings {
  readonly store: BlobStore;
  readonly ledger: Ledger;
  readonly #clock: Clock;
  readonly #options: HoldingsOptions;
  readonly #watcher: HoldingsWatcher;
  /** One change at a time for each key. */
  readonly #locks = new Map<Key, Promise<unknown>>();
  readonly #verifying = new Map<Key, Promise<Verdict>>();
  /** What is shared with other nodes. */
  readonly shared: SharedKeys;
  /** What is here, as a list. */
  readonly held: HeldKeys;

  constructor(parts: {
    store: BlobStore;
    ledger: Ledger;
    clock: Clock;
    options: HoldingsOptions;
    watcher: HoldingsWatcher;
  }) {
    this.store = parts.store;
    this.ledger = parts.ledger;
    this.shared = new SharedKeys(parts.ledger);
    this.held = new HeldKeys(parts.store, parts.ledger, parts.clock);
    this.#clock = parts.clock;
    this.#options = parts.options;
    this.#watcher = parts.watcher;
  }

  /** Begins to take in a blob of yet unknown key. */
  async receive(algorithm: Algorithm, sizeHintBytes?: number, known?: Key): Promise<Incoming> {
    if (sizeHintBytes !== undefined && sizeHintBytes > this.#options.maxBlobBytes) {
      throw tooLarge(this.#options.maxBlobBytes);
    }
    try {
      return new Incoming(await this.store.create(sizeHintBytes), algorithm, this.#options.maxBlobBytes, known);
    } catch (thrown) {
      throw this.#noteTrouble(thrown);
    }
  }

  /** Takes in a whole blob, not to be changed before this resolves, which is when it is durable. Aborts the write on any failure. */
  async keep(algorithm: Algorithm, bytes: BlobBytes, sizeHintBytes?: number, expected?: Key): Promise<BlobRecord> {
    const incoming = await this.receive(algorithm, bytes instanceof Uint8Array ? bytes.byteLength : sizeHintBytes);
    try {
      if (bytes instanceof Uint8Array) await incoming.write(bytes, true);
      else for await (const chunk of bytes) await incoming.write(chunk);
    } catch (thrown) {
      await incoming.abort();
      throw this.#noteTrouble(thrown);
    }
    const { key, sha256 } = incoming.finish();
    if (expected !== undefined && key !== expected) {
      await incoming.abort();
      throw wrongDigest(expected, key);
    }
    return this.admit(incoming, key, sha256);
  }

  /**
   * Takes in a whole blob whose sha256 key the caller has computed from these very bytes, which must not change before
   * this resolves. Durable then. Writes nothing when a good copy is there already.
   */
  async keepHashed(key: Key, bytes: Uint8Array): Promise<BlobRecord> {
    const kept = await this.#exclusively(key, async () => {
      const stat = await this.store.find(key);
      return stat && this.#trusts(key, stat) ? this.ledger.find(key) : undefined;
    });
    if (kept) return kept;
    const incoming = await this.receive("sha256", bytes.byteLength, key);
    try {
      await incoming.write(bytes, true);
    } catch (thrown) {
      await incoming.abort();
      throw this.#noteTrouble(thrown);
    }
    return this.admit(incoming, key, digestOf(key));
  }

  /** Makes what came findable under its key, durably, or drops it because a good copy is there already. */
  admit(incoming: Incoming, key: Key, sha256: string): Promise<BlobRecord> {
    return this.#exclusively(key, async () => {
      try {
        return await this.#admitLocked(incoming, key, sha256);
      } catch (thrown) {
        await incoming.abort();
        throw this.#noteTrouble(thrown);
      }
    });
  }

  async #admitLocked(incoming: Incoming, key: Key, sha256: string): Promise<BlobRecord> {
    let existing = await this.store.find(key);
    if (existing) {
      // Under SHA-1 the bytes at rest may be another content of the same name: they must be known before one of the two is dropped.
      if (!this.#trusts(key, existing) && algorithmOf(key) === "sha1") {
        await this.#examine(key);
        existing = await this.store.find(key);
      }
      const record = this.ledger.find(key);
      if (existing && record && this.#trusts(key, existing)) {
        if (record.sha256 !== sha256) {
          throw new Fault(
            "conflict",
            "cask/collision",
            `Cannot store the blob as "${key}": a different content with the same SHA-1 is stored already`,
            { details: { key, storedSha256: record.sha256, offeredSha256: sha256 } },
          );
        }
        await incoming.abort();
        return record;
      }
    }
    const stat = await incoming.commit(key, existing !== undefined);
    if (stat.sizeBytes !== incoming.sizeBytes) {
      // The store says that it kept something else than it was given: that is no copy of the blob.
      const problem = `${stat.sizeBytes} of ${incoming.sizeBytes} bytes were stored`;
      await this.store.quarantine(key, problem);
      this.#forget(key);
      this.#watcher.quarantined(key, problem);
      throw new Fault("unavailable", "cask/store-failed", `Cannot store "${key}": ${problem}`);
    }
    const record: BlobRecord = {
      key,
      sizeBytes: stat.sizeBytes,
      stamp: stat.stamp,
      sha256,
      storedAt: stat.storedAt,
      verifiedAt: this.#clock.now(),
      surplusSince: 0,
    };
    this.ledger.put(record);
    this.shared.changed(key);
    return record;
  }

  /**
   * The stat of a copy whose bytes may leave the node, at once where that is known already. Otherwise verifies it
   * first; undefined when there is no good copy (a bad one has then been quarantined). Rejects with `cask/unreadable`
   * when there is a copy that cannot be read: that is not the same as having none.
   */
  trusted(key: Key): BlobStat | undefined | Promise<BlobStat | undefined> {
    const found = this.store.find(key);
    if (!(found instanceof Promise)) return this.#trustedStat(key, found);
    return unhurried(found.then((stat) => this.#trustedStat(key, stat)));
  }

  #trustedStat(key: Key, stat: BlobStat | undefined): BlobStat | undefined | Promise<BlobStat | undefined> {
    if (!stat) {
      if (this.ledger.find(key)) this.#forget(key);
      return undefined;
    }
    if (this.#trusts(key, stat)) return stat;
    const verified = this.verify(key).then((verdict) => {
      if (verdict !== "unreadable") return verdict === "good" ? this.store.find(key) : undefined;
      throw new Fault("unavailable", "cask/unreadable", `Cannot read the copy of "${key}" that this node holds`);
    });
    return unhurried(verified);
  }

  /** Whether a good copy is here, as far as is known without reading it. */
  async holds(key: Key): Promise<BlobRecord | undefined> {
    return (await this.trusted(key)) ? this.ledger.find(key) : undefined;
  }

  /** Reads and hashes a copy now. A bad one is quarantined. Calls at the same time share one reading. */
  verify(key: Key): Promise<Verdict> {
    const running = this.#verifying.get(key);
    if (running) return running;
    const run = this.#exclusively(key, () => this.#examine(key)).finally(() => this.#verifying.delete(key));
    this.#verifying.set(key, run);
    return run;
  }

  async #examine(key: Key): Promise<Verdict> {
    let reading = await this.#readThrough(key);
    // A disk, a cable or a memory may err in reading what is stored right: only what is wrong twice is put aside.
    if (reading.verdict === "wrong" || reading.verdict === "unreadable") reading = await this.#readThrough(key);
    switch (reading.verdict) {
      case "absent":
        this.#forget(key);
        return "absent";
      case "unreadable":
        // The bytes may be good and the failure may pass, so they stay where they are; until then they are not a copy.
        this.#forget(key);
        this.held.doubt(bucketOf(key));
        return "unreadable";
      case "wrong":
        await this.store.quarantine(key, reading.problem);
        this.#forget(key);
        this.#watcher.quarantined(key, reading.problem);
        return "bad";
      case "right":
        this.#noteVerified(key, reading.stat, reading.sha256);
        return "good";
    }
  }

  async #readThrough(key: Key): Promise<Reading> {
    const before = await this.store.find(key);
    if (!before) return { verdict: "absent" };
    const sha256 = new Bun.CryptoHasher("sha256");
    const sha1 = algorithmOf(key) === "sha1" ? new Bun.CryptoHasher("sha1") : undefined;
    try {
      for await (const chunk of this.store.read(key)) {
        sha256.update(chunk);
        sha1?.update(chunk);
      }
    } catch (thrown) {
      if (thrown instanceof Fault && thrown.code === "cask/blob-missing") return { verdict: "absent" };
      return { verdict: "unreadable" };
    }
    const after = await this.store.find(key);
    if (!after) return { verdict: "absent" };
    const strong = sha256.digest("hex");
    const digest = sha1 ? sha1.digest("hex") : strong;
    const known = this.ledger.find(key)?.sha256;
    let problem = "";
    if (digest !== digestOf(key)) problem = `its bytes hash to ${algorithmOf(key)}:${digest}`;
    else if (known !== undefined && known !== strong) problem = `its SHA-256 was ${known} and is ${strong}`;
    else if (after.stamp !== before.stamp) problem = "it changed while it was read";
    return problem ? { verdict: "wrong", problem } : { verdict: "right", stat: after, sha256: strong };
  }

  #noteVerified(key: Key, stat: BlobStat, sha256: string): void {
    this.#watcher.verified(stat.sizeBytes);
    const record = this.ledger.find(key);
    if (record && record.sizeBytes === stat.sizeBytes) {
      this.ledger.verified(key, stat.stamp, this.#clock.now());
      return;
    }
    this.ledger.put({
      key,
      sizeBytes: stat.sizeBytes,
      stamp: stat.stamp,
      sha256,
      storedAt: stat.storedAt,
      verifiedAt: this.#clock.now(),
      surplusSince: record?.surplusSince ?? 0,
    });
    this.shared.changed(key);
  }

  /**
   * Answers a challenge: SHA-256 over the nonce and the bytes as they are on the store now, read for this purpose.
   * Undefined when there is no copy, or a bad one (which is quarantined).
   */
  async challenge(key: Key, nonce: string): Promise<string | undefined> {
    const answer = new Bun.CryptoHasher("sha256").update(nonce);
    const own = new Bun.CryptoHasher(algorithmOf(key));
    let readable = true;
    try {
      for await (const chunk of this.store.read(key)) {
        answer.update(chunk);
        own.update(chunk);
      }
    } catch (thrown) {
      if (thrown instanceof Fault && thrown.code === "cask/blob-missing") return undefined;
      readable = false;
    }
    if (readable && own.digest("hex") === digestOf(key)) return answer.digest("hex");
    await this.verify(key);
    return undefined;
  }

  /** Answers another node's challenge, saying also how this node sees its own part. */
  async prove(key: Key, nonce: string, placement: Placement): Promise<Proof | undefined> {
    const digest = await this.challenge(key, nonce);
    if (digest === undefined) return undefined;
    return { digest, owner: placement.owns(placement.selfId, key), fingerprint: placement.fingerprint };
  }

  /**
   * Removes a copy that is no longer this node's to keep. Whether that is safe is the caller's to know: `still` is asked
   * once nothing else is done with the copy any more. True when it was removed.
   */
  drop(key: Key, still: () => boolean): Promise<boolean> {
    return this.#exclusively(key, async () => {
      if (!still()) return false;
      await this.store.remove(key);
      this.#forget(key);
      return true;
    });
  }

  /**
   * Compares a bucket of the store with the ledger: unknown blobs are verified, records without a blob forgotten.
   * What was verified at a time yet to come (by a clock since set back) is verified anew, or the scrub would pass it over
   * until that time.
   */
  async reconcile(bucket: number, signal: AbortSignal): Promise<{ seen: number; found: number; lost: number }> {
    const records = this.ledger.inBucket(bucket);
    const recorded = new Set(records.map((record) => record.key));
    let seen = records.length;
    let found = 0;
    let unreadable = false;
    for (const record of records) {
      if (signal.aborted) return { seen, found, lost: 0 };
      if (record.verifiedAt > this.#clock.now() + driftMs) await this.verify(record.key);
    }
    for await (const page of this.store.list(bucket)) {
      for (const key of page) {
        if (signal.aborted) return { seen, found, lost: 0 };
        if (recorded.delete(key)) continue;
        seen++;
        if (this.ledger.find(key)) continue;
        const verdict = await this.verify(key);
        if (verdict === "good") found++;
        unreadable ||= verdict === "unreadable";
      }
    }
    let lost = 0;
    for (const key of recorded) {
      // A blob may have come or gone since the listing: only what is truly not there is forgotten.
      if (await this.store.find(key)) continue;
      this.#forget(key);
      lost++;
    }
    if (!unreadable) this.held.settled(bucket);
    return { seen, found, lost };
  }

  #trusts(key: Key, stat: BlobStat): boolean {
    const record = this.ledger.find(key);
    if (!record || record.stamp !== stat.stamp || record.sizeBytes !== stat.sizeBytes) return false;
    const ageMs = this.#clock.now() - record.verifiedAt;
    // A clock set back makes the past look like the future.
    return ageMs < this.#options.verifyEveryMs && ageMs > -driftMs;
  }

  #forget(key: Key): void {
    this.ledger.remove(key);
    this.shared.changed(key);
  }

  #noteTrouble(thrown: unknown): unknown {
    if (thrown instanceof Fault && troubles.has(thrown.code)) {
      this.#watcher.troubled(thrown);
    }
    return thrown;
  }

  /** Runs `action` when nothing else runs for the same key. */
  async #exclusively<T>(key: Key, action: () => Promise<T>): Promise<T> {
    const previous = this.#locks.get(key);
    const run = previous ? previous.then(action, action) : action();
    const settled = run.then(
      () => undefined,
      () => undefined,
    );
    this.#locks.set(key, settled);
    try {
      return await run;
    } finally {
      if (this.#locks.get(key) === settled) this.#locks.delete(key);
    }
  }
}
