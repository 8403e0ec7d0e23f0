/**
 * The part of `warren doctor` that looks at the data folder: whose it is, whether it can be written, how much room is
 * left, what was left behind, and who may read the secrets.
 */
import { existsSync, readdirSync, rmSync, statfsSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { join, resolve } from "node:path";

import { tokensPath } from "../auth/tokens.ts";
import type { Clock } from "../clock.ts";
import { isSystemError, replaceFile } from "../disk/atomic.ts";
import { reasonOf } from "../fault.ts";
import { formatCount, formatShare, formatSize } from "../pages/quantity.ts";
import type { DoctorFinding } from "./doctor-finding.ts";
import { runningNode } from "./doctor-machine.ts";

/** Room on a file system; inodes are 0 of 0 where it has no fixed number. */
export interface Room {
  freeBytes: number;
  totalBytes: number;
  freeInodes: number;
  totalInodes: number;
}

/** Kinds of file system on which data is less safe than it seems, by the magic number of statfs. */
const doubtfulKinds: Record<number, string> = {
  0x01021994: "in memory (tmpfs), it is gone after a restart",
  0x858458f6: "in memory (ramfs), it is gone after a restart",
  0x794c7630: "in a container's own layer, it is gone when the container is removed",
  0x6969: "on NFS, where locks and fsync may not hold what they promise",
  0xff534d42: "on CIFS, where locks and fsync may not hold what they promise",
  0xfe534d42: "on SMB, where locks and fsync may not hold what they promise",
};

/** Whether the folder is there, ours, and closed to others, and what it lies on. */
export function examineFolder(folder: string, proc: string): DoctorFinding[] {
  const name = "data folder";
  const path = resolve(folder);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) return [{ name, state: "ok", sentence: `${path} does not exist yet; the first start makes it` }];
  if (!stat.isDirectory()) {
    return [
      { name, state: "bad", sentence: `${path} is no folder`, advice: "move that file away or name another folder" },
    ];
  }
  const findings: DoctorFinding[] = [];
  const node = runningNode(path, proc);
  const used = node === undefined ? "no node runs on it" : `a node runs on it (process ${node})`;
  const uid = process.getuid?.() ?? stat.uid;
  if ((stat.mode & 0o077) !== 0) {
    findings.push({
      name,
      state: "warn",
      sentence: `${path} can be entered by other users of this machine (mode ${(stat.mode & 0o777).toString(8)}); ${used}`,
      advice: `chmod 700 ${path}`,
    });
  } else if (uid !== 0 && stat.uid !== uid) {
    findings.push({
      name,
      state: "bad",
      sentence: `${path} belongs to user ${stat.uid}, and you are ${userInfo().username} (${uid})`,
      advice: `run this as that user, or: chown -R ${uid} ${path}`,
    });
  } else findings.push({ name, state: "ok", sentence: `${path} is closed to others; ${used}` });
  const doubt = doubtfulKinds[statfsSync(path).type >>> 0];
  if (doubt !== undefined) {
    findings.push({
      name: "file system",
      state: "warn",
      sentence: `the data folder is ${doubt}`,
      advice: "use a local disk",
    });
  }
  return findings;
}

/** Writes, syncs and removes a small file, and says how long the disk took. */
export async function examineWriting(folder: string, clock: Clock): Promise<DoctorFinding[]> {
  const name = "disk writing";
  if (!existsSync(folder)) return [];
  const path = join(folder, `doctor-${process.pid}.probe`);
  const startedMs = clock.monotonicMs();
  try {
    await replaceFile(path, "a file that warren doctor wrote and removes again\n");
    const tookMs = clock.monotonicMs() - startedMs;
    const sentence = `a small file is safe on disk after ${tookMs.toFixed(tookMs < 10 ? 1 : 0)} ms`;
    if (tookMs <= 100) return [{ name, state: "ok", sentence }];
    return [
      { name, state: "warn", sentence, advice: "each upload waits about that long: look for a busy or failing disk" },
    ];
  } catch (thrown) {
    const advice = isSystemError(thrown, "ENOSPC") ? "make room" : "look at permissions, mount options and dmesg";
    return [{ name, state: "bad", sentence: `cannot write: ${reasonOf(thrown)}`, advice }];
  } finally {
    rmSync(path, { force: true });
  }
}

/** Bytes and inodes left where the data folder is, or will be. */
export function examineSpace(folder: string): DoctorFinding[] {
  let path = resolve(folder);
  while (!existsSync(path)) path = resolve(path, "..");
  const { bsize, bavail, blocks, bfree, ffree, files } = statfsSync(path);
  // What is kept back for root counts as used, as in df.
  return judgeRoom({
    freeBytes: bavail * bsize,
    totalBytes: (blocks - bfree + bavail) * bsize,
    freeInodes: ffree,
    totalInodes: files,
  });
}

/** What to say about that much room. Bad below 1 % or 256 MiB, a warning below 10 % unless 100 GiB are left. */
export function judgeRoom(room: Room): DoctorFinding[] {
  const { freeBytes, totalBytes, freeInodes, totalInodes } = room;
  const space: DoctorFinding = {
    name: "disk space",
    state: "ok",
    sentence: `${formatSize(freeBytes)} of ${formatSize(totalBytes)} free (${formatShare(freeBytes / totalBytes)})`,
  };
  if (freeBytes < 2 ** 28 || freeBytes < totalBytes / 100) {
    Object.assign(space, { state: "bad", advice: "free or add space now: uploads will be refused" });
  } else if (freeBytes < totalBytes / 10 && freeBytes < 100 * 2 ** 30) {
    Object.assign(space, { state: "warn", advice: "plan for more space, or drain this node" });
  }
  if (totalInodes === 0) return [space];
  const inodes: DoctorFinding = {
    name: "disk inodes",
    state: "ok",
    sentence: `room for ${formatCount(freeInodes)} more files (${formatShare(freeInodes / totalInodes)})`,
  };
  if (freeInodes < 1000 || freeInodes < totalInodes / 100) {
    Object.assign(inodes, { state: "bad", advice: "remove files, or move the data to a file system with more inodes" });
  } else if (freeInodes < totalInodes / 10) {
    Object.assign(inodes, {
      state: "warn",
      advice: "this file system will run out of inodes before it runs out of space",
    });
  }
  return [space, inodes];
}

/** Drafts that a crash left beside the files they were to replace, in the data folder and one level below. */
export function examineLeftovers(folder: string, proc: string): DoctorFinding[] {
  if (!existsSync(folder)) return [];
  const found: string[] = [];
  const look = (path: string, deeper: boolean) => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const writer = /^\..+\.(\d+)-\d+\.new$/.exec(entry.name)?.[1];
      if (writer !== undefined && !existsSync(join(proc, writer))) found.push(join(path, entry.name));
      if (deeper && entry.isDirectory()) look(join(path, entry.name), false);
    }
  };
  look(folder, true);
  const [first] = found;
  if (first === undefined) return [{ name: "leftovers", state: "ok", sentence: "no unfinished files" }];
  const more = found.length > 1 ? ` and ${found.length - 1} more` : "";
  return [
    {
      name: "leftovers",
      state: "warn",
      sentence: `a crash left ${first}${more}`,
      advice: `they are of no use: rm ${found.map((path) => `'${path}'`).join(" ")}`,
    },
  ];
}

/** Who may read the files with secrets in them. */
export function examineSecrets(folder: string, files: readonly string[]): DoctorFinding[] {
  const findings: DoctorFinding[] = [];
  let looked = 0;
  for (const path of new Set([tokensPath(folder), ...files])) {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat) continue;
    looked++;
    if ((stat.mode & 0o007) !== 0) {
      const sentence = `every user of this machine may read or change ${path} (mode ${(stat.mode & 0o777).toString(8)})`;
      findings.push({ name: "secrets", state: "bad", sentence, advice: `chmod o= ${path}` });
    }
  }
  if (findings.length > 0 || looked === 0) return findings;
  return [
    {
      name: "secrets",
      state: "ok",
      sentence: `${looked === 1 ? "1 file is" : `${looked} files are`} closed to others`,
    },
  ];
}
