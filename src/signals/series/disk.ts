/**
 * The port between the store and a file system, narrow enough to be simulated: full disks, writes that end in the
 * middle, syncs that fail, power that goes away. Paths are relative to the store's folder, with `/`. Reads are
 * synchronous (they come from the page cache nearly always, and are small); whatever waits for a disk is not.
 */

/** A file that can be read in parts. */
export interface OpenFile {
  readonly sizeBytes: number;
  /** `length` bytes from `offset`; fewer at the end of the file. Throws the system's error. */
  read(offset: number, length: number): Uint8Array;
  close(): void;
}

/** A new file that only grows. After a failure nothing is known of its end: it has to be given up. */
export interface Appender {
  /** Resolves when all bytes are with the operating system. */
  append(bytes: Uint8Array): Promise<void>;
  /** Resolves when everything appended survives a loss of power. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Where the store keeps its files. */
export interface Disk {
  /** Names of the files in a folder, in order; none when there is no such folder. */
  list(folder: string): string[];
  /** Makes a folder with all above it. */
  makeFolder(folder: string): Promise<void>;
  open(path: string): OpenFile;
  /** A new, empty file; one of that name is emptied. Its entry in the folder is synced. */
  create(path: string): Promise<Appender>;
  /** In one step, durable when resolved; what stood at `to` is gone. */
  rename(from: string, to: string): Promise<void>;
  /** A file that is not there is no error. */
  remove(path: string): Promise<void>;
}

/** All bytes of a file. */
export function readWhole(disk: Disk, path: string): Uint8Array {
  const file = disk.open(path);
  try {
    return file.read(0, file.sizeBytes);
  } finally {
    file.close();
  }
}
