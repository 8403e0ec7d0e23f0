/**
 * One process on one data folder. The lock is a write transaction that is never finished on an empty SQLite file: the
 * kernel drops it when the process dies, however it dies, so there is nothing stale to clean up. The holder's pid lies
 * beside it for the message only; it decides nothing.
 * The file must not be opened by other code of the same process: POSIX locks go when any handle on the file is closed.
 */
import { Database } from "bun:sqlite";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { Fault, reasonOf } from "../fault.ts";

/** A folder that is ours until released. */
export interface FolderLock {
  readonly folder: string;
  /** Gives the folder free. May be called twice. */
  release(): void;
  [Symbol.dispose](): void;
}

// Held here as well, so that a lock whose owner forgot it is not collected as garbage and thereby released.
const held = new Set<Database>();

/**
 * Takes the folder (which must exist) for this process, at once or not at all.
 * Faults: `disk/folder-in-use` (conflict, names the folder and the holder's pid when known), `disk/folder-unusable`
 * (internal: missing, not writable, or on a file system without locks).
 */
export function lockFolder(path: string): FolderLock {
  const folder = resolve(path);
  const pidPath = join(folder, "lock.pid");
  let database: Database | undefined;
  try {
    database = new Database(join(folder, "lock.sqlite"), { create: true, readwrite: true });
    database.run("PRAGMA busy_timeout = 0");
    database.run("BEGIN EXCLUSIVE");
    // Made anew, so that nothing is written through a link that lies in its place.
    rmSync(pidPath, { force: true });
    writeFileSync(pidPath, `${process.pid}\n`, { mode: 0o600, flag: "wx" });
  } catch (thrown) {
    database?.close();
    if (thrown instanceof Error && "code" in thrown && String(thrown.code).startsWith("SQLITE_BUSY")) {
      throw inUse(folder, pidPath);
    }
    throw new Fault("internal", "disk/folder-unusable", `Cannot use data folder "${folder}": ${reasonOf(thrown)}`, {
      cause: thrown,
    });
  }
  const lock = database;
  held.add(lock);
  const release = () => {
    if (held.delete(lock)) lock.close();
  };
  return { folder, release, [Symbol.dispose]: release };
}

function inUse(folder: string, pidPath: string): Fault {
  let pid = "";
  try {
    pid = readFileSync(pidPath, "utf8").trim();
  } catch {
    pid = "";
  }
  const holder = /^\d+$/.test(pid) ? `process ${pid}` : "another process";
  return new Fault(
    "conflict",
    "disk/folder-in-use",
    `Cannot use data folder "${folder}": ${holder} has it; stop that one first, or give this one a folder of its own`,
    { details: { folder, ...(/^\d+$/.test(pid) ? { pid: Number(pid) } : {}) } },
  );
}
