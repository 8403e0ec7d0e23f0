/**
 * Which keys two nodes should both hold, as far as this one does, and digests of them by bucket. Equal digests mean
 * equal sets, so that two nodes compare all they share with one short answer. A digest is computed again only after the
 * bucket or the ring has changed.
 */
import { bucketCount, bucketOf, type Key } from "./key.ts";
import type { Ledger } from "./ledger.ts";
import type { BucketDigest } from "./peer.ts";
import type { Placement } from "./placement.ts";

/** Digests of more nodes than this are not kept: enough for some hundred peers, and a bound for invented ids. */
const nodesKept = 512;

/** The keys that this node shares with others. */
export class SharedKeys {
  readonly #ledger: Ledger;
  /** Rises when a bucket's set of keys changes; what was computed from it is stale then. */
  readonly #versions = new Uint32Array(bucketCount);
  /** Digests shared with a node under one ring, by bucket. */
  readonly #digests = new Map<
    string,
    { fingerprint: string; buckets: ({ version: number; digest: BucketDigest } | undefined)[] }
  >();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** Must be called when a key was added to the ledger or removed from it. */
  changed(key: Key): void {
    const bucket = bucketOf(key);
    this.#versions[bucket] = (this.#versions[bucket] as number) + 1;
  }

  /** Digest of the keys of a bucket of which both this node and `nodeId` are owners. */
  digest(bucket: number, nodeId: string, placement: Placement): BucketDigest {
    const version = this.#versions[bucket] as number;
    let known = this.#digests.get(nodeId);
    if (known?.fingerprint !== placement.fingerprint) {
      if (this.#digests.size > nodesKept) this.#digests.clear();
      known = { fingerprint: placement.fingerprint, buckets: [] };
      this.#digests.set(nodeId, known);
    }
    const fresh = known.buckets[bucket];
    if (fresh?.version === version) return fresh.digest;
    let xor = 0n;
    let count = 0;
    for (const key of this.list(bucket, nodeId, placement)) {
      xor ^= BigInt(Bun.hash.xxHash64(key));
      count++;
    }
    const digest = { count, xor: xor.toString(16).padStart(16, "0") };
    known.buckets[bucket] = { version, digest };
    return digest;
  }

  /** The keys of a bucket held here of which both this node and `nodeId` are owners, sorted. */
  list(bucket: number, nodeId: string, placement: Placement): Key[] {
    const keys: Key[] = [];
    for (const record of this.#ledger.inBucket(bucket)) {
      if (placement.owns(nodeId, record.key) && placement.owns(placement.selfId, record.key)) keys.push(record.key);
    }
    return keys;
  }
}
