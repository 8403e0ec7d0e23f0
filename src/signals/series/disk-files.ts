/** The {@link Disk} of a real folder. Files are private (0600); every new name is synced into its folder. */
import { closeSync, fstatSync, openSync, readdirSync, readSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

import { isSystemError, makeFolders, syncFolder } from "../../kit/disk/atomic.ts";
import type { Appender, Disk, OpenFile } from "./disk.ts";

/** The files below `root`, which exists. */
export function filesBelow(root: string): Disk {
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
      const handle = openSync(join(root, path), "r");
      return {
        sizeBytes: fstatSync(handle).size,
        read(offset, length) {
          const bytes = new Uint8Array(length);
          let filled = 0;
          while (filled < length) {
            const count = readSync(handle, bytes, filled, length - filled, offset + filled);
            if (count === 0) break;
            filled += count;
          }
          return filled === length ? bytes : bytes.subarray(0, filled);
        },
        close: () => closeSync(handle),
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
