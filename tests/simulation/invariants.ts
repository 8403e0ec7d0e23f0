/**
 * What must hold at every step, checked against the true content of all disks, which no node can see.
 *
 * Words: a copy is *intact* when the bytes on the disk are those of the key, whether or not its node is up. A *hit* on a
 * blob is a fault of the world that made an intact copy bad or gone: a disk lost, a bit turned, a write that reached the
 * disk wrong, a read that lied so that the node put a good copy aside. A crash is no hit: what was committed must
 * survive it. Hits are counted by node and forgotten once the blob has been *whole* (as many intact copies as wanted) for
 * the length of a proof (`proofMs`); until then a decision may rest on a copy that was hit since it was proved.
 *
 * 1. acknowledged: from the moment a write is acknowledged, `intact + hits >= quorum`. So with fewer than quorum nodes
 *    hit within the time healing takes there is an intact copy somewhere, and a write acknowledged too early is seen
 *    at once and not only when something breaks.
 * 2. true bytes: a find gives the bytes of its key. Excepted is only what the interface excepts: a copy held by the node
 *    itself that went bad without a trace in its stat less than the verification interval ago (a wall clock set back
 *    lengthens the interval by as much), or a disk whose reads lie at this moment.
 * 3. drop: when a node removes a copy as surplus, at least the wanted number of other nodes have it intact, counting
 *    those hit within the length of a proof; and a quorum of nodes have had it intact for as long as a read may take
 *    (`readMs`), again counting those hit, or a reader who asked them before they got it would find nothing anywhere.
 *    A node puts no intact copy aside unless its reads lie.
 * 4. presence: a find never says "absent" of a blob acknowledged before it began, unless nodes hit and nodes that could
 *    not be reached are together at least the quorum (and some node was hit: silence alone must show as an error). Nodes
 *    that joined while the asked one was away and that nobody has told it of count as hit.
 */
import type { Key } from "../../src/storage/cask/key.ts";
import { algorithmOf, digestOf } from "../../src/storage/cask/key.ts";

/** A rule that was broken. */
export interface Violation {
  rule: string;
  atMs: number;
  sentence: string;
}

/** Why the look of a copy may have changed. */
export type Cause = "stored" | "dropped" | "quarantined" | "fault" | "crash";

interface BlobTruth {
  /** Nodes whose copy is intact, and since when. */
  readonly intact: Map<string, number>;
  /** Since when a node's copy is there but bad. */
  readonly bad: Map<string, number>;
  readonly hits: Map<string, number>;
  wholeAtMs: number;
  acknowledged: boolean;
}

/** What a find came to. */
export interface FindOutcome {
  nodeId: string;
  key: Key;
  acknowledgedBefore: boolean;
  /** Undefined: said to be absent. */
  bytes: Uint8Array | undefined;
  source: string;
  /** Nodes that this one could not reach, or took for dead, at some time of the find. */
  unreachable: ReadonlySet<string>;
  /** Nodes that joined and that it cannot know of: it met nobody who would tell. */
  unknown: ReadonlySet<string>;
  /** Nodes that had been hit when it began. */
  hitBefore: readonly string[];
}

/** The true state of all disks, and the rules over it. */
export class Invariants {
  readonly #copies: number;
  readonly #quorum: number;
  readonly #proofMs: number;
  readonly #readMs: number;
  readonly #verifyEveryMs: number;
  readonly #now: () => number;
  readonly #fail: (violation: Violation) => void;
  readonly #contents = new Map<Key, Uint8Array>();
  readonly #blobs = new Map<Key, BlobTruth>();
  /** How far a node's wall clock was set back in all, ms. */
  readonly #setBackMs = new Map<string, number>();
  /** Checks made, by rule: a rule that is never put to the test proves nothing. */
  readonly checks = { acknowledged: 0, bytes: 0, drop: 0, absent: 0, listed: 0 };

  constructor(parts: {
    copies: number;
    proofMs: number;
    readMs: number;
    verifyEveryMs: number;
    now: () => number;
    fail: (violation: Violation) => void;
  }) {
    this.#copies = parts.copies;
    this.#quorum = Math.floor(parts.copies / 2) + 1;
    this.#proofMs = parts.proofMs;
    this.#readMs = parts.readMs;
    this.#verifyEveryMs = parts.verifyEveryMs;
    this.#now = parts.now;
    this.#fail = parts.fail;
  }

  /** Says what the bytes of a key are, so that they need not be hashed. */
  expect(key: Key, bytes: Uint8Array): void {
    this.#contents.set(key, bytes);
  }

  /** Whether `bytes` are those of `key`. */
  right(key: Key, bytes: Uint8Array): boolean {
    const expected = this.#contents.get(key);
    if (expected) return expected.length === bytes.length && Buffer.compare(expected, bytes) === 0;
    const algorithm = algorithmOf(key);
    if (new Bun.CryptoHasher(algorithm).update(bytes).digest("hex") !== digestOf(key)) return false;
    this.#contents.set(key, bytes.slice());
    return true;
  }

  /** Looks at a node's copy after something was done to it. `lying`: the node's reads lie at this moment. */
  look(nodeId: string, key: Key, bytes: Uint8Array | undefined, cause: Cause, lying = false): void {
    const blob = this.#blob(key);
    const now = this.#now();
    const before = blob.intact.has(nodeId);
    const after = bytes !== undefined && this.right(key, bytes);
    if (blob.intact.size >= this.#copies) blob.wholeAtMs = now;
    if (after) {
      if (!before) blob.intact.set(nodeId, now);
      blob.bad.delete(nodeId);
    } else {
      blob.intact.delete(nodeId);
      if (bytes === undefined) blob.bad.delete(nodeId);
      else if (!blob.bad.has(nodeId)) blob.bad.set(nodeId, now);
    }
    // Stored and yet not intact: a write that reached the disk wrong.
    if (!after && ((before && cause === "fault") || cause === "stored")) blob.hits.set(nodeId, now);
    // A bad copy is missed from the moment it is found out.
    if (!before && cause === "quarantined") blob.hits.set(nodeId, now);
    if (before && !after && cause === "quarantined") {
      if (lying) blob.hits.set(nodeId, now);
      else this.#broken("drop", `${nodeId} put its intact copy of ${key} aside`);
    }
    if (before && cause === "dropped") this.#dropped(nodeId, key, blob, now);
    if (blob.acknowledged && before && !after) this.#enough(key, blob, `after ${cause} at ${nodeId}`);
  }

  /** A write of `key` was acknowledged. */
  acknowledged(key: Key): void {
    const blob = this.#blob(key);
    blob.acknowledged = true;
    this.#enough(key, blob, "when it was acknowledged");
  }

  isAcknowledged(key: Key): boolean {
    return this.#blobs.get(key)?.acknowledged === true;
  }

  /** Nodes whose hits on a blob count now. */
  hitOn(key: Key): readonly string[] {
    return this.#recentHits(this.#blob(key));
  }

  /** A node's wall clock was set. */
  clockSet(nodeId: string, byMs: number): void {
    if (byMs < 0) this.#setBackMs.set(nodeId, (this.#setBackMs.get(nodeId) ?? 0) - byMs);
  }

  /** A find ended without an error. */
  found(outcome: FindOutcome, lying: boolean): void {
    const { key, nodeId, bytes } = outcome;
    const blob = this.#blob(key);
    if (bytes) {
      this.checks.bytes++;
      if (this.right(key, bytes)) return;
      const badSinceMs = blob.bad.get(nodeId);
      const excusedMs = this.#verifyEveryMs + (this.#setBackMs.get(nodeId) ?? 0);
      // What was fetched and kept is given from the disk, too.
      const ownDisk = outcome.source === "here" || blob.intact.has(nodeId) || badSinceMs !== undefined;
      const excused = ownDisk && (lying || (badSinceMs !== undefined && this.#now() - badSinceMs < excusedMs));
      if (!excused) this.#broken("bytes", `${nodeId} gave wrong bytes for ${key} (source ${outcome.source})`);
      return;
    }
    if (!outcome.acknowledgedBefore) return;
    this.checks.absent++;
    const hits = [...new Set([...outcome.hitBefore, ...this.#recentHits(blob)])];
    const missing = new Set([...hits, ...outcome.unknown, ...outcome.unreachable]);
    if (hits.length + outcome.unknown.size === 0 || missing.size < this.#quorum) {
      this.#broken(
        "absent",
        `${nodeId} said that ${key} is absent; intact on [${[...blob.intact.keys()].join(" ")}], hit [${hits.join(" ")}], unreachable [${[...outcome.unreachable].join(" ")}]`,
      );
    }
  }

  /** Keys of which any node has a copy, good or bad. */
  keys(): Key[] {
    const keys: Key[] = [];
    for (const [key, blob] of this.#blobs) if (blob.intact.size > 0 || blob.bad.size > 0) keys.push(key);
    return keys;
  }

  /** Nodes with an intact copy. */
  intactOn(key: Key): string[] {
    return [...this.#blob(key).intact.keys()];
  }

  badOn(key: Key): ReadonlyMap<string, number> {
    return this.#blob(key).bad;
  }

  /** Keys that were acknowledged. */
  acknowledgedKeys(): Key[] {
    return [...this.#blobs].filter(([, blob]) => blob.acknowledged).map(([key]) => key);
  }

  #dropped(nodeId: string, key: Key, blob: BlobTruth, now: number): void {
    this.checks.drop++;
    const counted = new Set(blob.intact.keys());
    const settled = new Set<string>();
    for (const [holderId, sinceMs] of blob.intact) if (now - sinceMs >= this.#readMs) settled.add(holderId);
    for (const [hitId, atMs] of blob.hits) {
      if (now - atMs > this.#proofMs) continue;
      counted.add(hitId);
      settled.add(hitId);
    }
    counted.delete(nodeId);
    settled.delete(nodeId);
    if (counted.size >= this.#copies && settled.size >= this.#quorum) return;
    this.#broken(
      "drop",
      `${nodeId} dropped ${key} with intact copies only on [${[...blob.intact.keys()].join(" ")}], for long on [${[...settled].join(" ")}]; wanted ${this.#copies}`,
    );
  }

  #enough(key: Key, blob: BlobTruth, when: string): void {
    this.checks.acknowledged++;
    const hits = this.#recentHits(blob);
    if (blob.intact.size + hits.length >= this.#quorum) return;
    this.#broken(
      "acknowledged",
      `${key} is intact only on [${[...blob.intact.keys()].join(" ")}] ${when}, hit [${hits.join(" ")}]; the quorum is ${this.#quorum}`,
    );
  }

  #recentHits(blob: BlobTruth): string[] {
    if (blob.intact.size >= this.#copies) blob.wholeAtMs = this.#now();
    const hits: string[] = [];
    for (const [nodeId, atMs] of blob.hits) {
      if (atMs > blob.wholeAtMs - this.#proofMs) hits.push(nodeId);
      else blob.hits.delete(nodeId);
    }
    return hits;
  }

  #blob(key: Key): BlobTruth {
    let blob = this.#blobs.get(key);
    if (!blob) {
      blob = {
        intact: new Map(),
        bad: new Map(),
        hits: new Map(),
        wholeAtMs: Number.NEGATIVE_INFINITY,
        acknowledged: false,
      };
      this.#blobs.set(key, blob);
    }
    return blob;
  }

  #broken(rule: string, sentence: string): void {
    this.#fail({ rule, atMs: this.#now(), sentence });
  }
}
