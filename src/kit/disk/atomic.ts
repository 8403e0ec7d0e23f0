/**
 * Small files that are whole or absent, whatever happens: a replacement is written beside the old file, synced, renamed
 * over it, and the rename itself is synced through the folder. New folders are synced into their parents, because a
 * folder that a crash forgets takes its files along.
 * Not for blobs or databases: those have their own writers.
 */
import { constants } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";

/** Settings of {@link replaceFile}. */
export interface ReplaceOptions {
  /** Permission bits of the new file, independent of the umask. @default 0o600 */
  mode?: number;
}

let sequence = 0;

/**
 * Puts `bytes` (a string is written as UTF-8) at `path` in one step; readers see the old content or the new. When the
 * promise resolves the content survives a crash of the machine. On failure the old file is untouched and the system's
 * error is thrown. Left over after a crash: at most a file named `.<name>.<pid>-<number>.new` beside it.
 */
export async function replaceFile(
  path: string,
  bytes: string | Uint8Array,
  options: ReplaceOptions = {},
): Promise<void> {
  const folder = dirname(resolve(path));
  const draft = join(folder, `.${basename(path)}.${process.pid}-${++sequence}.new`);
  const mode = options.mode ?? 0o600;
  // O_EXCL without following links: nobody may have laid something in the way.
  const file = await open(
    draft,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    mode & 0o700,
  );
  try {
    try {
      await file.writeFile(bytes);
      await file.chmod(mode);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (thrown) {
    await rm(draft, { force: true });
    throw thrown;
  }
  await syncFolder(folder);
}

/** Makes the entries of a folder (files made, renamed or removed in it) survive a crash of the machine. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Makes the folder and those above it that are missing, with permission bits `mode` cut by the umask, and syncs each
 * parent that got a new entry. A folder that is already there keeps its mode. Throws the system's error, `ENOTDIR` or
 * `EEXIST` when a file stands in the way.
 */
export async function makeFolders(path: string, mode = 0o700): Promise<void> {
  const full = resolve(path);
  const first = await mkdir(full, { recursive: true, mode });
  if (first === undefined) return;
  const topmost = dirname(first);
  for (let folder = dirname(full); ; folder = dirname(folder)) {
    await syncFolder(folder);
    if (folder === topmost || folder === dirname(folder)) return;
  }
}

/** Whether something thrown is a system error with this code, such as `ENOENT`. */
export function isSystemError(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === code;
}
