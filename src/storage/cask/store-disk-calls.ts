/**
 * The two calls on whose outcome durability rests. They are values, so that tests can make them fail.
 * Both run off the main thread: making a file can take a millisecond on ext4 when many were deleted lately.
 */
import { close, constants, fsync, open, write } from "node:fs";
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
  writeSynced: (path, bytes) =>
    bytes.byteLength < copiedBytes
      ? writeFile(path, bytes, { flag: newSynced, mode: 0o644 })
      : writeUncopied(path, bytes),
};

/** writeFile copies what it is given, on the main thread; from this size on that costs more than two more trips. */
const copiedBytes = 256 * 1024;

const newSynced = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW | constants.O_SYNC;

async function writeUncopied(path: string, bytes: Uint8Array): Promise<void> {
  const descriptor = await called<number>((done) => open(path, newSynced, 0o644, done));
  try {
    for (let at = 0; at < bytes.byteLength;) {
      const count = await called<number>((done) => write(descriptor, bytes, at, bytes.byteLength - at, at, done));
      if (count === 0) throw new Error("The disk took no bytes");
      at += count;
    }
  } finally {
    // What was written is on the disk already: nothing is left that closing could tell.
    close(descriptor, () => undefined);
  }
}

function called<T>(call: (done: (failure: Error | null, value: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((failure, value) => {
      if (failure) reject(failure);
      else resolve(value);
    });
  });
}
