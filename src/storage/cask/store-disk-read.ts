/**
 * Reading blobs from files: their stat, their bytes in chunks, and the form that leaves the program best. Small ones are
 * remembered with their stamp; what fits into one read comes from an open file whose stamp is the one the caller was
 * told; large ones go by sendfile, which needs no memory, little time of a core, and tells the client their length.
 *
 * Measured on Bun 1.4 against nginx with sendfile, one core each, 32 connections on loopback: remembered bytes 1.0
 * (1 KiB) and 1.1 (64 KiB) of its rate, open-read-close 0.75 and 0.8, `Bun.file` 0.6 and 0.65. For 8 MiB `Bun.file`
 * makes 0.75 to 0.95 of it; a stream of 256 KiB reads makes more, for three times the core's time and memory for each
 * client, and without a Content-Length, which the runtime leaves off streams.
 */
import { type BigIntStats, closeSync, constants, fstatSync, lstatSync, openSync, read, readSync } from "node:fs";

import { isSystemError } from "../../kit/disk/atomic.ts";
import type { Key } from "./key.ts";
import type { BlobStat, ByteRange } from "./store.ts";
import { blobMissing, diskFault } from "./store-disk-fault.ts";

/** Bytes read in one go, and the most that is read without leaving the main thread. */
const chunkBytes = 256 * 1024;
/** Blobs up to this size are remembered. */
const rememberedBytesMax = 64 * 1024;

/** The stat of a blob from that of its file. The stamp is `<mtime in ns>-<inode>-<size>`, decimal. */
export function statOfFile(stats: BigIntStats): BlobStat {
  return {
    sizeBytes: Number(stats.size),
    stamp: `${stats.mtimeNs}-${stats.ino}-${stats.size}`,
    storedAt: Number(stats.mtimeMs),
  };
}

/** The stat of the regular file at `path`, or undefined when there is none (a link or folder counts as none). Throws system errors. */
export function findFile(path: string): BlobStat | undefined {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stats?.isFile() ? statOfFile(stats) : undefined;
}

/** Reads blobs from files below one folder. */
export class FileReader {
  readonly #place: string;
  readonly #rememberBytes: number;
  /** Small blobs, the one used longest ago first. */
  readonly #remembered = new Map<string, { stamp: string; bytes: Uint8Array<ArrayBuffer> }>();
  #rememberedBytes = 0;

  /** Remembers at most `rememberBytes` of small blobs. */
  constructor(place: string, rememberBytes: number) {
    this.#place = place;
    this.#rememberBytes = rememberBytes;
  }

  /** The bytes of the file in chunks. Throws `cask/blob-missing`, or a disk's Fault. */
  async *chunks(key: Key, path: string, range?: ByteRange): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const file = this.#open(key, path);
    try {
      yield* chunksOf(file.descriptor, range?.start ?? 0, range?.end ?? file.stat.sizeBytes);
    } catch (thrown) {
      throw this.#readFault(key, thrown);
    } finally {
      closeSync(file.descriptor);
    }
  }

  /** The first bytes of a file that is still being written. */
  async *draftChunks(path: string, sizeBytes: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    let descriptor: number | undefined;
    try {
      descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
      yield* chunksOf(descriptor, 0, sizeBytes);
    } catch (thrown) {
      throw diskFault(thrown, "read back what was written", this.#place);
    } finally {
      if (descriptor !== undefined) closeSync(descriptor);
    }
  }

  /** The bytes of the file as it was when `stat` was taken; throws `cask/blob-missing` when it is another by now. */
  body(key: Key, path: string, stat: BlobStat, range?: ByteRange): Uint8Array<ArrayBuffer> | Blob {
    const start = range?.start ?? 0;
    const end = range?.end ?? stat.sizeBytes;
    if (stat.sizeBytes <= rememberedBytesMax) {
      const whole = this.#whole(key, path, stat);
      return range ? whole.subarray(start, end) : whole;
    }
    if (end - start <= chunkBytes) return this.#slice(key, path, stat, start, end);
    if (findFile(path)?.stamp !== stat.stamp) throw blobMissing(key);
    const file = Bun.file(path);
    return range ? file.slice(start, end) : file;
  }

  /** Forgets a blob whose file is about to go. */
  forget(path: string): void {
    const entry = this.#remembered.get(path);
    if (!entry) return;
    this.#remembered.delete(path);
    this.#rememberedBytes -= entry.bytes.length;
  }

  #whole(key: Key, path: string, stat: BlobStat): Uint8Array<ArrayBuffer> {
    const known = this.#remembered.get(path);
    if (known && known.stamp === stat.stamp) {
      this.#remembered.delete(path);
      this.#remembered.set(path, known);
      return known.bytes;
    }
    this.forget(path);
    const bytes = this.#slice(key, path, stat, 0, stat.sizeBytes);
    this.#remembered.set(path, { stamp: stat.stamp, bytes });
    this.#rememberedBytes += bytes.length;
    for (const oldest of this.#remembered.keys()) {
      if (this.#rememberedBytes <= this.#rememberBytes) break;
      this.forget(oldest);
    }
    return bytes;
  }

  #slice(key: Key, path: string, stat: BlobStat, start: number, end: number): Uint8Array<ArrayBuffer> {
    const file = this.#open(key, path, stat);
    try {
      return readNow(file.descriptor, start, end - start);
    } catch (thrown) {
      throw this.#readFault(key, thrown);
    } finally {
      closeSync(file.descriptor);
    }
  }

  #open(key: Key, path: string, expected?: BlobStat): { descriptor: number; stat: BlobStat } {
    let descriptor: number | undefined;
    try {
      descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
      const stats = fstatSync(descriptor, { bigint: true });
      const stat = statOfFile(stats);
      if (!stats.isFile() || (expected && stat.stamp !== expected.stamp)) throw blobMissing(key);
      return { descriptor, stat };
    } catch (thrown) {
      if (descriptor !== undefined) closeSync(descriptor);
      if (isSystemError(thrown, "ENOENT") || isSystemError(thrown, "ELOOP")) throw blobMissing(key);
      throw this.#readFault(key, thrown);
    }
  }

  #readFault(key: Key, thrown: unknown): Error {
    return diskFault(thrown, `read "${key}"`, this.#place);
  }
}

async function* chunksOf(descriptor: number, start: number, end: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  // What fits into one chunk is read here: the trip through the thread pool would cost more than the read.
  if (end - start <= chunkBytes) {
    if (end > start) yield readNow(descriptor, start, end - start);
    return;
  }
  for (let at = start; at < end; at += chunkBytes) yield await readSoon(descriptor, at, Math.min(chunkBytes, end - at));
}

function readNow(descriptor: number, at: number, sizeBytes: number): Uint8Array<ArrayBuffer> {
  const bytes = unfilled(sizeBytes);
  for (let filled = 0; filled < sizeBytes;) {
    const count = readSync(descriptor, bytes, filled, sizeBytes - filled, at + filled);
    if (count === 0) throw cutShort(at + filled);
    filled += count;
  }
  return bytes;
}

async function readSoon(descriptor: number, at: number, sizeBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = unfilled(sizeBytes);
  for (let filled = 0; filled < sizeBytes;) {
    const count = await new Promise<number>((resolve, reject) => {
      read(descriptor, bytes, filled, sizeBytes - filled, at + filled, (failure, count) => {
        if (failure) reject(failure);
        else resolve(count);
      });
    });
    if (count === 0) throw cutShort(at + filled);
    filled += count;
  }
  return bytes;
}

/** Bytes of whatever was in memory before; the caller fills all that it hands on. */
export function unfilled(sizeBytes: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.allocUnsafeSlow(sizeBytes).buffer);
}

function cutShort(at: number): Error {
  return new Error(`The file ends at byte ${at}, before the size it had when it was opened`);
}
