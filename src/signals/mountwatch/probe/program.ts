/**
 * The inner program that looks at one folder and prints what it found as one line of JSON. It runs in a process of its
 * own because every call in it may hang for ever on a file system that is away: then only this process hangs, and
 * whoever started it goes on. It reads one entry of the folder, never all of them.
 * The test write makes one small file under a fixed name, syncs it, reads it back and removes it.
 */
import {
  closeSync,
  constants,
  fsyncSync,
  fstatSync,
  lstatSync,
  opendirSync,
  openSync,
  readSync,
  statfsSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";

import type { ProbeAnswer } from "../verdict.ts";

/** The file that the test write makes. */
export const testFileName = ".warren-mountwatch";
const mark = "Written by mountwatch to see whether it can; may be removed.\n";

/** Looks at the folder that the first word names; `write` as the second asks for a test write. */
export async function runMountProbe(words: readonly string[]): Promise<void> {
  const [path = "", write] = words;
  process.stdout.write(`${JSON.stringify(look(path, write === "write"))}\n`);
}

/** What a look at a folder gave. */
export function look(path: string, write: boolean): ProbeAnswer {
  const startedMs = performance.now();
  try {
    const own = statSync(path);
    if (!own.isDirectory()) return { kind: "failed", code: "ENOTDIR" };
    const above = statSync(path === "/" ? "/" : dirname(path));
    const folder = opendirSync(path);
    try {
      folder.readSync();
    } finally {
      folder.closeSync();
    }
    const space = statfsSync(path);
    const latencyMs = performance.now() - startedMs;
    const written = write ? testWrite(path) : undefined;
    return {
      kind: "seen",
      latencyMs,
      isOwnDevice: own.dev !== above.dev || path === "/",
      totalBytes: space.blocks * space.bsize,
      // What others than root can still write; the difference to "free" is kept by the file system for itself.
      usedBytes: (space.blocks - space.bfree) * space.bsize,
      availableBytes: space.bavail * space.bsize,
      inodes: space.files,
      freeInodes: space.ffree,
      ...written,
    };
  } catch (thrown) {
    return { kind: "failed", code: codeOf(thrown) };
  }
}

function testWrite(path: string): { writeMs: number; writeFailure?: string } {
  const startedMs = performance.now();
  const file = join(path, testFileName);
  const took = () => performance.now() - startedMs;
  try {
    removeOwn(file);
    const text = Buffer.from(`${mark}${crypto.randomUUID()}\n`);
    const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = constants;
    const handle = openSync(file, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      writeSync(handle, text);
      fsyncSync(handle);
      const back = Buffer.alloc(text.length);
      const length = readSync(handle, back, 0, back.length, 0);
      if (length !== text.length || !back.equals(text)) return { writeMs: took(), writeFailure: "DIFFERENT" };
    } finally {
      closeSync(handle);
      unlinkSync(file);
    }
    return { writeMs: took() };
  } catch (thrown) {
    return { writeMs: took(), writeFailure: codeOf(thrown) };
  }
}

/** Removes what an earlier look left when it was ended in the middle; a file that is not ours stays, and is told. */
function removeOwn(file: string): void {
  try {
    if (!lstatSync(file).isFile()) return;
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return;
    throw thrown;
  }
  const handle = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const start = Buffer.alloc(mark.length);
    const { nlink, size } = fstatSync(handle);
    const length = readSync(handle, start, 0, start.length, 0);
    const isOurs = nlink === 1 && (size === 0 || mark.startsWith(start.toString("utf8", 0, length)));
    if (isOurs) unlinkSync(file);
  } finally {
    closeSync(handle);
  }
}

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && "code" in thrown ? String(thrown.code) : "UNKNOWN";
}
