/**
 * The two calls on whose outcome durability rests. They are values, so that tests can make them fail.
 * Both run off the main thread: making a file can take a millisecond on ext4 when many were deleted lately.
 */
import { constants, fsync } from "node:fs";
import { writeFile } from "node:fs/promises";

/** What makes bytes survive a crash of the machine. */
export interface DiskCalls {
  /** Resolves when what was written to an open file, or the entries of an open folder, would survive. */
  sync(descriptor: number): Promise<void>;
  /** Makes a new file of these bytes, at least one, and resolves when they and the file itself would survive. */
  writeSynced(path: string, bytes: Uint8Array): Promise<void>;
}

/** The system's. */
export const systemDiskCalls: DiskCalls = {
  sync: (descriptor) =>
    new Promise((resolve, reject) => {
      fsync(descriptor, (failure) => {
        if (failure) reject(failure);
        else resolve();
      });
    }),
  // O_SYNC makes each write an fsync as well, and its failure the write's. The option `flush` of writeFile would do the
  // same in one call, but Bun 1.4 resolves although that fsync failed.
  writeSynced: (path, bytes) => writeFile(path, bytes, { flag: newSynced, mode: 0o644 }),
};

const newSynced = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW | constants.O_SYNC;
