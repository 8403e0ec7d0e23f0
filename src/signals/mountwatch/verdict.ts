/**
 * What a look at a folder means. Pure rules over what the probe said, the mount table, and what was known before: an
 * unmounted folder is told from a mount, a disk that became read-only from one that always was, and a full one from one
 * that only fills. The predecessor's 0 and 1 follow from the same, but capacity never makes its 1.
 */
import { formatShare, formatSize, formatSpan } from "../../kit/pages/quantity.ts";
import type { Mount, Wanted } from "./mount-table.ts";
import type { Watched } from "./watched.ts";

/** What a probe prints. */
export type ProbeAnswer =
  | {
      kind: "seen";
      latencyMs: number;
      /** The folder and the one above it lie on different devices. */
      isOwnDevice: boolean;
      totalBytes: number;
      usedBytes: number;
      availableBytes: number;
      /** 0 where the file system has no fixed number of them. */
      inodes: number;
      freeInodes: number;
      writeMs?: number;
      writeFailure?: string;
    }
  | { kind: "failed"; code: string }
  /** No answer in time. The process may still hang. */
  | { kind: "hung"; afterMs: number };

/** How a folder is. */
export type Condition = "good" | "warn" | "bad";

/** What there is to say about a look. */
export interface Verdict {
  condition: Condition;
  /** Sentences without a final period, worst first; the first of a good one says that all is well. */
  reasons: readonly string[];
  /** The predecessor's metric: 1 when the folder cannot be used as what it is. */
  isBroken: boolean;
  /** A mount of its own, as far as can be told. */
  isMounted: boolean | undefined;
}

/** What was known before a look. */
export interface Known {
  /** It was seen as a mount of its own once. */
  wasMounted: boolean;
  /** It was seen as one that can be written to. */
  wasWritable: boolean;
}

const codes: Readonly<Record<string, string>> = {
  ENOENT: "The folder is not there",
  ENOTDIR: "It is no folder",
  EACCES: "The folder may not be read by this program",
  EPERM: "The folder may not be read by this program",
  EIO: "Reading fails: the disk or its connection is broken",
  ESTALE: "The server no longer knows this mount: mount it again",
  ENOTCONN: "What serves this mount has ended: mount it again",
  EHOSTDOWN: "The server of this mount is away",
  ETIMEDOUT: "The server of this mount does not answer",
};

const writeCodes: Readonly<Record<string, string>> = {
  EEXIST: "The test write found a file of its name that is not its own",
  ENOSPC: "The test write failed: no space or no inode is left",
  EDQUOT: "The test write failed: the quota of this program is used up",
};

/** Judges a look. `mount` is what the kernel has at exactly that place, `wanted` what fstab says of it. */
export function verdictOf(
  watched: Watched,
  answer: ProbeAnswer,
  mount: Mount | undefined,
  wanted: Wanted | undefined,
  known: Known,
): Verdict {
  if (answer.kind === "hung") {
    const reasons = [`No answer within ${formatSpan(answer.afterMs)}: the disk or its server hangs`];
    return { condition: "bad", reasons, isBroken: true, isMounted: mount !== undefined };
  }
  if (answer.kind === "failed" && answer.code === "ENOTDIR" && watched.isFound && mount !== undefined) {
    // Containers get single files mounted, such as /etc/hosts.
    return { condition: "good", reasons: ["A single file that is mounted"], isBroken: false, isMounted: true };
  }
  if (answer.kind === "failed") {
    const reasons = [codes[answer.code] ?? `It cannot be read: ${answer.code}`];
    return { condition: "bad", reasons, isBroken: true, isMounted: mount !== undefined };
  }
  const broken: string[] = [];
  const bad: string[] = [];
  const warn: string[] = [];
  const isMounted = mount !== undefined || answer.isOwnDevice;
  const mustBeMounted = watched.mounted ?? (wanted !== undefined || known.wasMounted);
  if (mustBeMounted && !isMounted) {
    const since = wanted
      ? "fstab says that it should be"
      : watched.mounted
        ? "it is configured to be"
        : "it was before";
    broken.push(`Nothing is mounted here, and ${since}`);
  }
  if (mount?.isReadOnly) {
    if (watched.writable === true) broken.push("It is mounted read-only, and is configured to be writable");
    else if (watched.writable === undefined && known.wasWritable) {
      broken.push("It became read-only: the file system protects itself from a disk that fails");
    } else if (watched.writable === undefined && wanted && !wanted.isReadOnly) {
      broken.push("It is mounted read-only, and fstab says otherwise");
    }
  }
  if (answer.writeFailure !== undefined) {
    broken.push(
      answer.writeFailure === "DIFFERENT"
        ? "What was written reads back differently"
        : (writeCodes[answer.writeFailure] ?? `The test write failed: ${answer.writeFailure}`),
    );
  }
  // As df counts: of what is there for others than root.
  const room = answer.usedBytes + answer.availableBytes;
  judgeShare(
    "Space",
    room === 0 ? undefined : answer.usedBytes / room,
    watched,
    { bad, warn },
    `${formatSize(answer.availableBytes)} left`,
  );
  const inodeShare = answer.inodes === 0 ? undefined : 1 - answer.freeInodes / answer.inodes;
  judgeShare("Inodes", inodeShare, watched, { bad, warn }, `${answer.freeInodes} left`);
  if (answer.latencyMs > watched.slowMs) warn.push(`It answers slowly: ${formatSpan(answer.latencyMs)}`);
  if (answer.writeMs !== undefined && answer.writeMs > watched.slowMs) {
    warn.push(`It writes slowly: ${formatSpan(answer.writeMs)} for a small file`);
  }
  const reasons = [...broken, ...bad, ...warn];
  return {
    condition: broken.length + bad.length > 0 ? "bad" : warn.length > 0 ? "warn" : "good",
    reasons: reasons.length > 0 ? reasons : [isMounted ? "Mounted and answering" : "A folder that answers, no mount"],
    isBroken: broken.length > 0,
    isMounted,
  };
}

function judgeShare(
  what: string,
  share: number | undefined,
  { fullShare, nearlyFullShare }: Watched,
  into: { bad: string[]; warn: string[] },
  left: string,
): void {
  if (share === undefined || share < Math.min(fullShare, nearlyFullShare)) return;
  (share >= fullShare ? into.bad : into.warn).push(`${what}: ${formatShare(share)} used, ${left}`);
}
