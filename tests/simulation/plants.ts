/**
 * Faults built into the nodes on purpose. A simulation that does not find them would not find the same mistake made in
 * earnest. Each is put in from outside, through the ports, so the rules themselves stay untouched.
 */
import { bucketCount, type Key } from "../../src/storage/cask/key.ts";
import type { Ledger } from "../../src/storage/cask/ledger.ts";
import type { Peer } from "../../src/storage/cask/peer.ts";
import type { BlobStore } from "../../src/storage/cask/store.ts";
import type { Plant } from "./cluster.ts";

/** A peer that differs from another in some calls. */
function changed(peer: Peer, changes: Partial<Peer>): Peer {
  return {
    node: peer.node,
    put: peer.put,
    get: peer.get,
    has: peer.has,
    prove: peer.prove,
    digests: peer.digests,
    keys: peer.keys,
    held: peer.held,
    ...changes,
  };
}

/** A ledger that differs from another in some calls. */
function recalling(ledger: Ledger, changes: Partial<Ledger>): Ledger {
  return {
    find: (key) => ledger.find(key),
    put: (record) => ledger.put(record),
    verified: (key, stamp, at) => ledger.verified(key, stamp, at),
    markSurplus: (key, since) => ledger.markSurplus(key, since),
    remove: (key) => ledger.remove(key),
    count: () => ledger.count(),
    totalBytes: () => ledger.totalBytes(),
    inBucket: (bucket) => ledger.inBucket(bucket),
    sizesIn: (bucket, after, limit) => ledger.sizesIn(bucket, after, limit),
    leastRecentlyVerified: (before, limit) => ledger.leastRecentlyVerified(before, limit),
    unverifiedSince: (before) => ledger.unverifiedSince(before),
    owe: (key, nodeId, at) => ledger.owe(key, nodeId, at),
    due: (now, limit) => ledger.due(now, limit),
    postpone: (key, nodeId, notBefore) => ledger.postpone(key, nodeId, notBefore),
    settle: (key, nodeId) => ledger.settle(key, nodeId),
    owed: () => ledger.owed(),
    owes: (key) => ledger.owes(key),
    recall: (name) => ledger.recall(name),
    note: (name, value) => ledger.note(name, value),
    close: () => ledger.close(),
    ...changes,
  };
}

/** A store that differs from another in some calls. */
function storing(store: BlobStore, changes: Partial<BlobStore>): BlobStore {
  return {
    kind: store.kind,
    place: store.place,
    create: (sizeHintBytes) => store.create(sizeHintBytes),
    find: (key) => store.find(key),
    read: (key, range) => store.read(key, range),
    body: (key, stat, range) => store.body(key, stat, range),
    quarantine: (key, reason) => store.quarantine(key, reason),
    remove: (key) => store.remove(key),
    list: (bucket) => store.list(bucket),
    space: () => store.space(),
    sweep: (olderThanMs) => store.sweep(olderThanMs),
    close: () => store.close(),
    ...changes,
  };
}

/** All planted faults, by what was done wrong. */
export const plants: Readonly<Record<string, Plant>> = {
  "a commit that drops its fsync": { disk: { dropFsync: true } },

  "trusting HEAD instead of the challenge": {
    peerFor: (peerFor, from, cluster) => (node) => {
      const peer = peerFor(node);
      return changed(peer, {
        async prove(key, nonce, signal) {
          if (!(await peer.has(key, signal)).held) return undefined;
          // What the asker has itself is taken for what the other would have answered.
          const digest = await from.cask?.holdings.challenge(key, nonce);
          const placement = cluster.node(node.id)?.process?.cask?.placement;
          if (digest === undefined || !placement) return undefined;
          return { digest, owner: placement.owns(node.id, key), fingerprint: placement.fingerprint };
        },
      });
    },
  },

  "no grace time": { settings: { graceMs: 0, stableMs: 0 } },

  "acknowledging one copy short of the quorum": { settings: { quorum: 1 } },

  "forgetting after a start how many nodes there are": { nodesExpected: 1 },

  "trusting for ever what was verified once": {
    ledger: (ledger, clock) =>
      recalling(ledger, {
        find(key) {
          const record = ledger.find(key);
          return record && { ...record, verifiedAt: clock.now() };
        },
        leastRecentlyVerified: () => [],
      }),
  },

  "not noticing that a file has changed": {
    store: (store) => {
      const first = new Map<Key, { stamp: string; storedAt: number; sizeBytes: number }>();
      return storing(store, {
        find(key) {
          const stat = store.find(key);
          if (stat instanceof Promise || !stat) return stat;
          const known = first.get(key);
          if (known?.sizeBytes === stat.sizeBytes) return { ...stat, stamp: known.stamp };
          first.set(key, { ...stat });
          return stat;
        },
      });
    },
    settings: { verifyEveryMs: 86_400_000 * 3650 },
  },

  "taking a silent node for one that has nothing": {
    peerFor: (peerFor) => (node) => {
      const peer = peerFor(node);
      return changed(peer, { get: (key, signal) => peer.get(key, signal).catch(() => undefined) });
    },
  },

  "digests that always agree": {
    peerFor: (peerFor, from) => (node) => {
      const peer = peerFor(node);
      return changed(peer, {
        async digests(nodeId, signal) {
          const theirs = await peer.digests(nodeId, signal);
          const cask = from.cask;
          if (!cask) return theirs;
          return Array.from({ length: bucketCount }, (_, bucket) =>
            cask.holdings.shared.digest(bucket, node.id, cask.placement),
          );
        },
      });
    },
  },

  "a peer's word for what it stored": {
    peerFor: (peerFor) => (node) => {
      const peer = peerFor(node);
      return changed(peer, {
        async put(algorithm, bytes, options) {
          // Whatever arrived there, the sender believes it was what left here.
          const hasher = new Bun.CryptoHasher(algorithm);
          if (!(bytes instanceof Uint8Array)) return peer.put(algorithm, bytes, options);
          const key = `${algorithm}:${hasher.update(bytes).digest("hex")}` as Key;
          await peer.put(algorithm, bytes, options);
          return key;
        },
      });
    },
  },
};
