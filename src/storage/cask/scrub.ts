/**
 * Looking at every byte again within a stated time. The pace is a target (all bytes every `scrubEveryMs`), not a pause:
 * a blob is due when its turn comes, small ones are batched, large ones are followed by a pause in proportion. A bad
 * copy is quarantined and fetched from a peer. Between blobs the store's folders are compared with the ledger, bucket
 * by bucket, so that a blob the ledger does not know is found and one that vanished is missed.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import type { Work, WorkOutcome } from "../../kit/worker.ts";
import type { Holdings } from "./holdings.ts";
import { bucketCount, type Key } from "./key.ts";
import type { Placement } from "./placement.ts";
import { type Fetcher, pullCopy } from "./read.ts";

/** Numbers of the scrub. */
export interface ScrubOptions {
  /** Every byte is read again within this time. */
  scrubEveryMs: number;
  /** No pause between two steps is longer than this. */
  scrubPauseMs: number;
  /** The store's folders are compared with the ledger once in this time. */
  reconcileEveryMs: number;
}

/** What the scrub needs. */
export interface ScrubParts {
  holdings: Holdings;
  fetcher: Fetcher;
  clock: Clock;
  options: ScrubOptions;
  placement(): Placement;
  watcher: {
    repaired(key: Key): void;
    beyondRepair(key: Key): void;
    /** So many blobs that were remembered are not on the store. */
    missed(count: number): void;
  };
}

/** Where the scrub is. */
export interface ScrubState {
  /** Bytes and blobs not looked at within the target time: 0 when the scrub keeps up. */
  lagBlobs: number;
  lagBytes: number;
  /** By how much the blob longest not looked at is late, in ms; 0 when none is. */
  lagMs: number;
  /** Share of bytes looked at in this pass, 0 to 1. */
  progress: number;
  /** Until every byte has been looked at in this pass, in ms, at the target pace. */
  remainingMs: number;
  bytesPerSecond: number;
}

/** Bytes read in one step before it pauses. */
const batchBytes = 8 * 1024 * 1024;
const passStart = "scrub-pass-started-at";

/** The scrub as background work, and its state for pages and metrics. */
export function createScrub(parts: ScrubParts): { work: Work; state(): ScrubState } {
  const { holdings, clock, options } = parts;
  const { ledger } = holdings;

  const passStartedAt = (): number => {
    const noted = Number(ledger.recall(passStart) ?? Number.NaN);
    const now = clock.now();
    // A pass that began in the future was noted by a clock since set back.
    if (noted <= now) return noted;
    ledger.note(passStart, String(now));
    return now;
  };

  const state = (): ScrubState => {
    const totalBytes = ledger.totalBytes();
    const left = ledger.unverifiedSince(passStartedAt());
    const [oldest] = ledger.leastRecentlyVerified(clock.now() - options.scrubEveryMs, 1);
    const late = ledger.unverifiedSince(clock.now() - options.scrubEveryMs);
    return {
      lagBlobs: late.count,
      lagBytes: late.bytes,
      lagMs: oldest === undefined ? 0 : Math.max(0, clock.now() - oldest.verifiedAt - options.scrubEveryMs),
      progress: totalBytes === 0 ? 1 : 1 - left.bytes / totalBytes,
      remainingMs: totalBytes === 0 ? 0 : (left.bytes / totalBytes) * options.scrubEveryMs,
      bytesPerSecond: totalBytes / (options.scrubEveryMs / 1000),
    };
  };

  const work: Work = {
    name: "scrub",
    summary: "Reads every blob again and repairs what has gone bad",
    progress: () => {
      const { progress, lagBlobs } = state();
      return { percent: Math.floor(progress * 100), behind: lagBlobs };
    },
    async step(signal): Promise<WorkOutcome> {
      const startedAt = passStartedAt();
      const due = ledger.leastRecentlyVerified(startedAt, 64);
      if (due.length === 0) {
        ledger.note(passStart, String(clock.now()));
        return { waitMs: Math.min(options.scrubEveryMs, 60_000) };
      }
      let bytes = 0;
      let blobs = 0;
      for (const record of due) {
        if (signal.aborted || bytes >= batchBytes) break;
        bytes += record.sizeBytes;
        blobs++;
        if ((await holdings.verify(record.key)) !== "good") await repair(record.key, parts);
      }
      const totalBytes = Math.max(ledger.totalBytes(), 1);
      const totalBlobs = Math.max(ledger.count(), 1);
      // By bytes, or by number where blobs are so small that bytes say nothing.
      const share = Math.max(bytes / totalBytes, blobs / totalBlobs);
      const behind = clock.now() - startedAt > options.scrubEveryMs * (state().progress + share);
      return { waitMs: behind ? 0 : Math.min(share * options.scrubEveryMs, options.scrubPauseMs) };
    },
  };
  return { work, state };
}

async function repair(key: Key, parts: ScrubParts): Promise<void> {
  const placement = parts.placement();
  if (!placement.owns(placement.selfId, key)) return;
  try {
    if (await pullCopy(key, placement, parts.fetcher, parts.holdings)) {
      parts.watcher.repaired(key);
      return;
    }
  } catch (thrown) {
    // Nobody could be asked now: the exchange of digests will see that it is missing.
    if (!(thrown instanceof Fault)) throw thrown;
  }
  parts.watcher.beyondRepair(key);
}

/** Comparing the store's folders with the ledger, bucket by bucket. */
export function reconcileWork(parts: ScrubParts): Work {
  const { holdings, options } = parts;
  let bucket = 0;
  let found = 0;
  let lost = 0;
  // Right after a start the ledger may lack its last moments, so the first round goes without pauses.
  let firstRound = true;
  return {
    name: "reconcile",
    summary: "Compares what is on disk with what is remembered of it",
    progress: () => ({ bucket, found, lost }),
    async step(signal): Promise<WorkOutcome> {
      const pauseMs = firstRound ? 20 : options.reconcileEveryMs / bucketCount;
      let walked = 0;
      let seen = 0;
      // Buckets that hold nothing take no time: a few of them go in one step.
      do {
        const outcome = await holdings.reconcile(bucket, signal);
        found += outcome.found;
        lost += outcome.lost;
        if (outcome.lost > 0) parts.watcher.missed(outcome.lost);
        seen = outcome.seen;
        bucket = (bucket + 1) % bucketCount;
        walked++;
      } while (walked < 8 && seen === 0 && bucket !== 0 && !signal.aborted);
      if (bucket === 0) firstRound = false;
      return { waitMs: walked * pauseMs };
    },
  };
}
