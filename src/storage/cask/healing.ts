/**
 * Bringing every blob to exactly its owners. Three kinds of work, each in small bounded steps:
 *
 * - hand-off: copies this node promised to an owner that was away are brought when it is back;
 * - exchange: bucket digests are compared with each peer; what this node should hold and the peer has is fetched. No
 *   request per key is made unless a bucket differs. For a read-only owner that lacks a blob, a stand-in gets it;
 * - surplus: what this node holds without being an owner is passed on to the owners, and dropped only once all of them
 *   have had it for `graceMs` (so that whoever looked for it at an owner before it came there has asked here by now), the
 *   ring has been unchanged and complete for `stableMs`, and every owner has proved its copy by a challenge under the same
 *   view of the ring. All of that is measured on the monotonic clock.
 *
 * An original Cask answers neither digests nor challenges: it is asked for each key, and proves by sending its bytes.
 */
import { Fault, reasonOf } from "../../kit/fault.ts";
import { inParallel } from "../../kit/in-parallel.ts";
import type { Work, WorkOutcome } from "../../kit/worker.ts";
import { algorithmOf, bucketCount, type Key } from "./key.ts";
import type { BlobRecord } from "./ledger.ts";
import type { BucketDigest, Peer } from "./peer.ts";
import type { CaskNode, Placement } from "./placement.ts";
import { type Fetcher, peerOf, pullCopy, within } from "./read.ts";
import { pushCopy, type WriteParts } from "./write.ts";

/** Numbers of healing. */
export interface HealingOptions {
  /**
   * How long the ring must have been unchanged, with every node on it alive, before a surplus copy may go. Longer than a
   * proof takes: nobody who proved a copy as its owner can then have come to drop it before the proof is acted upon.
   */
  stableMs: number;
  /** How long all owners must have had a surplus copy's blob before it may go; longer than any read takes. */
  graceMs: number;
  /** Pause between two rounds of comparing digests with all peers. */
  exchangeEveryMs: number;
  /** Time limit for a short question to a peer. */
  askMs: number;
}

/** What healing reports. */
export interface HealingWatcher {
  handedOff(key: Key, nodeId: string): void;
  pulled(key: Key): void;
  pushed(key: Key, nodeId: string): void;
  dropped(key: Key, sizeBytes: number): void;
  /** Digests were compared with a node: they differed in so many buckets, and the node lacked so many blobs held here. */
  compared(nodeId: string, differing: number, lacking: number): void;
}

/** What healing needs. */
export interface HealingParts extends WriteParts {
  fetcher: Fetcher;
  healing: HealingOptions;
  watcher: HealingWatcher;
  /** The current view, and for how long (monotonic) its ring has been unchanged and complete. */
  placement(): { current: Placement; stableForMs: number };
  /** A fresh unguessable text for a challenge. */
  nonce(): string;
}

/** A hand-off that fails again and again is tried at least this often. */
const longestPauseMs = 300_000;

/** Brings promised copies to owners that came back. */
export function handOffWork(parts: HealingParts): Work {
  const { ledger } = parts.holdings;
  return {
    name: "hand-off",
    summary: "Brings copies that were promised to nodes which were away",
    progress: () => ({ waiting: ledger.owed() }),
    async step(signal): Promise<WorkOutcome> {
      const now = parts.clock.now();
      let due = ledger.due(now, 32);
      if (due.length === 0 && ledger.owed() > 0) {
        // No pause is that long: the clock was set back since.
        due = ledger.due(Number.MAX_SAFE_INTEGER, 1000).filter(({ notBefore }) => notBefore > now + 2 * longestPauseMs);
      }
      if (due.length === 0) return ledger.owed() > 0 ? { waitMs: 2000 } : "idle";
      const { current } = parts.placement();
      await inParallel(due, 4, async ({ key, nodeId, attempts }) => {
        if (signal.aborted) return;
        const node = current.nodes.get(nodeId);
        // Healing is in charge of what has become of a node that left, or of a blob it no longer owns.
        // Right after a start, though, the node may only not have been met yet.
        if (node ? !current.owns(nodeId, key) || node.self : current.unmet === 0) {
          ledger.settle(key, nodeId);
          return;
        }
        try {
          if (node?.alive && node.writeable && (await deliver(key, node, parts, current))) {
            ledger.settle(key, nodeId);
            parts.watcher.handedOff(key, nodeId);
            return;
          }
          if (node?.alive && !(await parts.holdings.trusted(key))) {
            ledger.settle(key, nodeId);
            return;
          }
        } catch (thrown) {
          if (!(thrown instanceof Fault) && !(thrown instanceof Error)) throw thrown;
        }
        const waitMs = node?.alive ? Math.min(1000 * 2 ** Math.min(attempts, 9), longestPauseMs) : 5000;
        ledger.postpone(key, nodeId, parts.clock.now() + waitMs);
      });
      return { waitMs: 0 };
    },
  };
}

/** Compares what is held with each peer and fetches what is missing here. */
export function exchangeWork(parts: HealingParts): Work {
  let queue: string[] = [];
  let compared = 0;
  let differing = 0;
  let pulledInRound = 0;
  return {
    name: "exchange",
    summary: "Compares digests with the other nodes and fetches what is missing here",
    progress: () => ({ nodesLeft: queue.length, compared, differing, fetched: pulledInRound }),
    async step(signal): Promise<WorkOutcome> {
      const { current } = parts.placement();
      const nodeId = queue.shift();
      if (nodeId === undefined) {
        queue = current.peers().map((node) => node.id);
        const waitMs = pulledInRound > 0 ? 0 : parts.healing.exchangeEveryMs;
        pulledInRound = 0;
        return queue.length === 0 ? "idle" : { waitMs };
      }
      const peer = peerOf(current, nodeId, parts.peerFor);
      if (!peer || !current.ring.nodeIds.includes(nodeId)) return { waitMs: 0 };
      if (peer.node.speaksDigests) {
        const outcome = await compareWith(peer, current, parts, signal);
        compared++;
        differing = outcome.differing;
        pulledInRound += outcome.pulled;
        parts.watcher.compared(nodeId, outcome.differing, outcome.lacking);
      } else {
        await pushMissing(peer, current, parts, signal);
      }
      return { waitMs: 0 };
    },
  };
}

/** A peer that lists so many blobs which nobody then has is not listened to any longer in this round. */
const vainMax = 256;

async function compareWith(
  peer: Peer,
  placement: Placement,
  parts: HealingParts,
  signal: AbortSignal,
): Promise<{ differing: number; pulled: number; lacking: number }> {
  const { askMs } = parts.healing;
  const theirs = await within(parts.clock, askMs, (limit) => peer.digests(placement.selfId, limit));
  let differing = 0;
  let pulled = 0;
  let lacking = 0;
  let vain = 0;
  for (let bucket = 0; bucket < bucketCount && !signal.aborted; bucket++) {
    const mine = parts.holdings.shared.digest(bucket, peer.node.id, placement);
    if (sameDigest(mine, theirs[bucket])) continue;
    differing++;
    const held = new Set(parts.holdings.shared.list(bucket, peer.node.id, placement));
    const listed = await within(parts.clock, askMs, (limit) => peer.keys(placement.selfId, bucket, limit));
    const missing = listed.filter((key) => !held.delete(key) && placement.owns(placement.selfId, key));
    lacking += held.size;
    if (placement.nodes.get(placement.selfId)?.writeable) {
      await inParallel(missing, 4, async (key) => {
        if (signal.aborted || vain >= vainMax) return;
        try {
          if (await parts.holdings.holds(key)) return;
        } catch (thrown) {
          // A copy is here but cannot be read: one from a peer may take its place.
          if (!(thrown instanceof Fault)) throw thrown;
        }
        try {
          if (!(await pullCopy(key, placement, parts.fetcher, parts.holdings))) {
            vain++;
            return;
          }
        } catch (thrown) {
          // What cannot be had now must not keep the rest from coming.
          if (!(thrown instanceof Fault)) throw thrown;
          vain++;
          return;
        }
        pulled++;
        parts.watcher.pulled(key);
      });
    }
    if (!peer.node.writeable) {
      for (const key of held) {
        if (!signal.aborted) await supplyStandIn(key, placement, parts);
      }
    }
  }
  return { differing, pulled, lacking };
}

function sameDigest(mine: BucketDigest, theirs: BucketDigest | undefined): boolean {
  return theirs !== undefined && mine.count === theirs.count && mine.xor === theirs.xor;
}

/** Gives a blob that read-only owners lack to as many writeable nodes behind the owners. Only the first holder in order does so. */
async function supplyStandIn(key: Key, placement: Placement, parts: HealingParts): Promise<void> {
  const order = placement.readOrder(key);
  let lacking = 0;
  for (const node of order.slice(0, placement.copies)) {
    if (node.self) continue;
    const held = node.alive ? await ask(node, key, parts) : undefined;
    if (held && order.indexOf(node) < order.findIndex((other) => other.self)) return;
    if (held === false && !node.writeable) lacking++;
  }
  for (const node of order.slice(placement.copies)) {
    if (lacking === 0) return;
    if (!node.alive || !node.writeable || node.self) continue;
    if ((await ask(node, key, parts)) === false) {
      if (!(await pushed(key, node, parts))) continue;
    }
    lacking--;
  }
}

/** Whether a node says that it holds a key; undefined when it does not answer. */
async function ask(node: CaskNode, key: Key, parts: HealingParts): Promise<boolean | undefined> {
  try {
    return (await within(parts.clock, parts.healing.askMs, (limit) => parts.peerFor(node).has(key, limit))).held;
  } catch (thrown) {
    if (thrown instanceof Error) return undefined;
    throw thrown;
  }
}

/** Gives a node that knows no digests what it should hold and says it does not. */
async function pushMissing(peer: Peer, placement: Placement, parts: HealingParts, signal: AbortSignal): Promise<void> {
  for (let bucket = 0; bucket < bucketCount; bucket++) {
    for (const key of parts.holdings.shared.list(bucket, peer.node.id, placement)) {
      if (signal.aborted || !peer.node.writeable) return;
      if (algorithmOf(key) !== "sha1" || (await ask(peer.node, key, parts)) !== false) continue;
      await pushed(key, peer.node, parts);
    }
  }
}

/** Passes on and drops what this node holds without being an owner. */
export function surplusWork(parts: HealingParts): Work {
  /** Since when all owners are known to have what is surplus here, under the ring's fingerprint, on the monotonic clock. */
  const completeSince = new Map<Key, number>();
  let fingerprint = "";
  let bucket = 0;
  let surplus = 0;
  let counting = 0;
  const look = async ({ key, sizeBytes, surplusSince }: BlobRecord, placement: Placement) => {
    const { ledger } = parts.holdings;
    if (placement.owns(placement.selfId, key)) {
      if (surplusSince !== 0) ledger.markSurplus(key, 0);
      completeSince.delete(key);
      return;
    }
    counting++;
    if (surplusSince === 0) ledger.markSurplus(key, parts.clock.now());
    const { lacked, complete } = await bringToOwners(key, placement, parts);
    const nowMs = parts.clock.monotonicMs();
    if (lacked) completeSince.delete(key);
    if (!complete) return;
    const sinceMs = completeSince.get(key) ?? nowMs;
    completeSince.set(key, sinceMs);
    if (nowMs - sinceMs < parts.healing.graceMs) return;
    if (!(await dropProved(key, sizeBytes, placement, parts))) return;
    completeSince.delete(key);
    counting--;
  };
  return {
    name: "surplus",
    summary: "Passes on what belongs to other nodes and drops it once they have proved their copies",
    progress: () => ({ surplus, bucket }),
    async step(signal): Promise<WorkOutcome> {
      const { current } = parts.placement();
      if (current.fingerprint !== fingerprint) {
        // Another ring, other owners: every copy waits its grace time anew.
        fingerprint = current.fingerprint;
        completeSince.clear();
      }
      // Most buckets of a small store are empty: a step walks over them to the next that is not.
      for (let walked = 0; walked < 32; walked++) {
        const records = parts.holdings.ledger.inBucket(bucket);
        for (const record of records) {
          if (signal.aborted) return "idle";
          await look(record, current);
        }
        bucket = (bucket + 1) % bucketCount;
        if (bucket === 0 || records.length > 0) break;
      }
      if (bucket !== 0) return { waitMs: 0 };
      surplus = counting;
      counting = 0;
      return { waitMs: Math.max(50, Math.min(parts.healing.graceMs, parts.healing.exchangeEveryMs) / 4) };
    },
  };
}

/**
 * Asks the owners of a surplus copy for theirs and passes it to those who lack it. `lacked`: at least one said that it had
 * none; `complete`: there are as many owners as copies wanted, and all of them have it now, as they say.
 */
async function bringToOwners(
  key: Key,
  placement: Placement,
  parts: HealingParts,
): Promise<{ lacked: boolean; complete: boolean }> {
  const owners = placement.owners(key);
  let lacked = false;
  let complete = owners.length >= placement.copies;
  for (const owner of owners) {
    const held = owner.alive ? await ask(owner, key, parts) : undefined;
    if (held === true) continue;
    if (held === undefined) {
      complete = false;
      continue;
    }
    lacked = true;
    if (!owner.writeable || !takes(owner, key) || !(await pushed(key, owner, parts))) complete = false;
  }
  return { lacked, complete };
}

/** Gives a node a copy; true when it has it on disk. */
async function pushed(key: Key, owner: CaskNode, parts: HealingParts): Promise<boolean> {
  try {
    if (!(await pushCopy(key, algorithmOf(key), owner, parts))) return false;
    parts.watcher.pushed(key, owner.id);
    return true;
  } catch (thrown) {
    if (thrown instanceof Error) return false;
    throw thrown;
  }
}

/** Drops a surplus copy when every owner proves its own, now. True when it was dropped. */
async function dropProved(key: Key, sizeBytes: number, placement: Placement, parts: HealingParts): Promise<boolean> {
  if (parts.holdings.ledger.owes(key)) return false;
  const neededMs = Math.max(parts.healing.stableMs, 2 * proofLimitMs(sizeBytes, parts));
  const stable = () => {
    const { current, stableForMs } = parts.placement();
    return current.fingerprint === placement.fingerprint && stableForMs >= neededMs;
  };
  if (!stable()) return false;
  const owners = placement.owners(key);
  const proved = await Promise.all(owners.map((owner) => provedBy(owner, key, placement, parts)));
  if (!proved.every(Boolean)) return false;
  // The world may have changed while the owners were reading, or while this copy was in use.
  if (!(await parts.holdings.drop(key, stable))) return false;
  parts.watcher.dropped(key, sizeBytes);
  return true;
}

/** How long a proof may take: the question, and the reading of the blob at 20 MB/s. */
function proofLimitMs(sizeBytes: number, parts: HealingParts): number {
  return parts.healing.askMs + sizeBytes / 20_000;
}

/** Whether a node can hold a key at all: an original knows SHA-1 only. */
function takes(node: CaskNode, key: Key): boolean {
  return node.speaksDigests || algorithmOf(key) === "sha1";
}

async function provedBy(owner: CaskNode, key: Key, placement: Placement, parts: HealingParts): Promise<boolean> {
  const peer = parts.peerFor(owner);
  const limitMs = proofLimitMs(parts.holdings.ledger.find(key)?.sizeBytes ?? 0, parts);
  try {
    if (!owner.speaksDigests) return await provedByBytes(peer, key, limitMs, parts);
    const nonce = parts.nonce();
    const [mine, theirs] = await Promise.all([
      parts.holdings.challenge(key, nonce),
      within(parts.clock, limitMs, (limit) => peer.prove(key, nonce, limit)),
    ]);
    return (
      mine !== undefined && theirs?.digest === mine && theirs.owner && theirs.fingerprint === placement.fingerprint
    );
  } catch (thrown) {
    if (thrown instanceof Error) return false;
    throw new Error(reasonOf(thrown), { cause: thrown });
  }
}

async function provedByBytes(peer: Peer, key: Key, limitMs: number, parts: HealingParts): Promise<boolean> {
  return within(parts.clock, limitMs, async (limit) => {
    const bytes = await peer.get(key, limit);
    if (bytes === undefined) return false;
    const hasher = new Bun.CryptoHasher(algorithmOf(key));
    if (bytes instanceof Uint8Array) hasher.update(bytes);
    else for await (const chunk of bytes) hasher.update(chunk);
    return `${algorithmOf(key)}:${hasher.digest("hex")}` === key;
  });
}

/** Sends a copy to a node unless it proves to have it already. */
async function deliver(key: Key, node: CaskNode, parts: HealingParts, placement: Placement): Promise<boolean> {
  if ((await ask(node, key, parts)) === true && (await provedBy(node, key, placement, parts))) return true;
  return pushCopy(key, algorithmOf(key), node, parts);
}
