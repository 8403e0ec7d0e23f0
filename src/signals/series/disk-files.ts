/**
 * The {@link Disk} of a real folder. Files are private (0600); every new name is synced into its folder. Of the files that
 * are open for reading only the last used hold a handle of the system, of which a process may have no more than 1024.
 */
import { closeSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

import { isSystemError, makeFolders, syncFolder } from "../../kit/disk/atomic.ts";
import type { Appender, Disk, OpenFile } from "./disk.ts";

const handlesMax = 200;

/** Handles of the files that were read last, by path. */
class ReadHandles {
  readonly #open = new Map<string, number>();

  get(path: string): number {
    const found = this.#open.get(path);
    const handle = found ?? openSync(path, "r");
    if (found !== undefined) this.#open.delete(path);
    this.#open.set(path, handle);
    const [oldest] = this.#open.keys();
    if (this.#open.size > handlesMax && oldest !== undefined) this.close(oldest);
    return handle;
  }

  close(path: string): void {
    const handle = this.#open.get(path);
    if (handle === undefined) return;
    this.#open.delete(path);
    closeSync(handle);
  }
}

/** The files below `root`, which exists. */
export function filesBelow(root: string): Disk {
  const handles = new ReadHandles();
  return {
    list(folder) {
      try {
        return readdirSync(join(root, folder), { withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map(({ name }) => name)
          .sort();
      } catch (thrown) {
        if (isSystemError(thrown, "ENOENT")) return [];
        throw thrown;
      }
    },
    makeFolder: (folder) => makeFolders(join(root, folder)),
    open(path): OpenFile {
      const full = join(root, path);
      return {
        sizeBytes: statSync(full).size,
        read(offset, length) {
          const handle = handles.get(full);
          const bytes = new Uint8Array(length);
          let filled = 0;
          while (filled < length) {
            const count = readSync(handle, bytes, filled, length - filled, offset + filled);
            if (count === 0) break;
            filled += count;
          }
          return filled === length ? bytes : bytes.subarray(0, filled);
        },
        close: () => handles.close(full),
      };
    },
    async create(path): Promise<Appender> {
      const full = join(root, path);
      const handle = await open(full, "w", 0o600);
      await syncFolder(dirname(full));
      return {
        async append(bytes) {
          let written = 0;
          while (written < bytes.length) {
            written += (await handle.write(bytes, written, bytes.length - written)).bytesWritten;
          }
        },
        sync: () => handle.datasync(),
        close: () => handle.close(),
      };
    },
    async rename(from, to) {
      await rename(join(root, from), join(root, to));
      await syncFolder(dirname(join(root, to)));
    },
    remove: (path) => rm(join(root, path), { force: true }),
  };
}
