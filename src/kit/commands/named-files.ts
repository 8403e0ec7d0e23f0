/**
 * The files that words of a command line name: files, folders with all below them, and `-` for standard input. Links that
 * are named are followed, links inside of folders are not, for they lead to what nobody named, or in circles.
 */
import { lstatSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";

import { Fault, reasonOf } from "../fault.ts";

/** A file, or standard input (`-`), whose size is not known. */
export interface NamedFile {
  readonly path: string;
  readonly sizeBytes: number | undefined;
  /** When its content was changed last, epoch ms; 0 for standard input. */
  readonly modifiedAt: number;
}

/** What was found. */
export interface NamedFiles {
  readonly files: readonly NamedFile[];
  /** What could not be looked at. */
  readonly failures: readonly { path: string; reason: string }[];
  /** Entries that are neither files nor folders. */
  readonly leftOut: number;
}

/** Finds the files, those of a folder in the order of their names. Fault `command/flag` when `-` is there twice. */
export async function findNamedFiles(paths: readonly string[]): Promise<NamedFiles> {
  if (paths.filter((path) => path === "-").length > 1) {
    throw new Fault("invalid", "command/flag", "Cannot read standard input twice: wanted - once");
  }
  const files: NamedFile[] = [];
  const failures: { path: string; reason: string }[] = [];
  let leftOut = 0;
  const look = async (path: string, isNamed: boolean): Promise<void> => {
    try {
      const stats = isNamed ? await Bun.file(path).stat() : lstatSync(path);
      if (stats.isFile()) files.push({ path, sizeBytes: stats.size, modifiedAt: stats.mtimeMs });
      else if (stats.isDirectory())
        for (const name of (await readdir(path)).sort()) await look(join(path, name), false);
      else leftOut++;
    } catch (thrown) {
      failures.push({ path, reason: reasonOf(thrown) });
    }
  };
  for (const path of paths) {
    if (path === "-") files.push({ path, sizeBytes: undefined, modifiedAt: 0 });
    else await look(path, true);
  }
  return { files, failures, leftOut };
}
