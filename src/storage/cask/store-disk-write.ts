/**
 * A blob on its way to the disk. Up to 256 KiB stay in memory until the commit, so that a small blob costs one trip to
 * another thread (which opens, writes, syncs and closes) and a rename, and so do up to 8 MiB that stay as they are with
 * the caller; larger ones go to a file in `incoming/` through that buffer.
 * Large files are flushed every 32 MiB while they come, so that the fsync at the end has little left to do.
 * After any failure the writer is broken: nothing is tried a second time on the same file.
 */
import {
  type BigIntStats,
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  lstatSync,
  openSync,
  rmSync,
  write,
  writeSync,
} from "node:fs";

import type { Key } from "./key.ts";
import type { BlobStat, BlobWriter } from "./store.ts";
import { diskFault } from "./store-disk-fault.ts";
import type { DiskCalls } from "./store-disk-calls.ts";
import { type FileReader, statOfFile, unfilled } from "./store-disk-read.ts";

const bufferBytes = 256 * 1024;
const firstBufferBytes = 8 * 1024;
/** A blob up to this size that the caller keeps in memory is written from there in one piece. */
const lastingBytesMax = 8 * 1024 * 1024;
const flushEveryBytes = 32 * 1024 * 1024;

/** What a writer asks of its store. */
export interface WriterHost {
  readonly place: string;
  readonly reader: FileReader;
  readonly calls: DiskCalls;
  /** Puts a finished draft under its key. */
  settle(draft: DiskWriter, key: Key, replace: boolean): Promise<BlobStat>;
  /** Called once, when the draft file is renamed or removed. */
  ended(draft: DiskWriter): void;
}

/** See the file's head. */
export class DiskWriter implements BlobWriter {
  /** Where its bytes go until they have a key. */
  readonly path: string;
  readonly #host: WriterHost;
  readonly #firstBytes: number;
  #buffer: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #filled = 0;
  /** The buffer is the caller's, and full. */
  #isLasting = false;
  #descriptor: number | undefined;
  #writtenBytes = 0;
  #flushedBytes = 0;
  #flushing: Promise<void> | undefined;
  #spilling: Promise<void> | undefined;
  #state: "open" | "broken" | "ended" = "open";

  constructor(host: WriterHost, path: string, sizeHintBytes: number) {
    this.#host = host;
    this.path = path;
    this.#firstBytes = Math.max(1, Math.min(sizeHintBytes || firstBufferBytes, bufferBytes));
  }

  /** Bytes taken so far. */
  get sizeBytes(): number {
    return this.#writtenBytes + this.#filled;
  }

  write(chunk: Uint8Array, lasting = false): void | Promise<void> {
    this.#mustBeOpen();
    const needed = this.#filled + chunk.length;
    if (lasting && this.sizeBytes === 0 && needed > bufferBytes && needed <= lastingBytesMax) {
      this.#buffer = chunk as Uint8Array<ArrayBuffer>;
      this.#filled = needed;
      this.#isLasting = true;
      return;
    }
    if (needed > bufferBytes) {
      this.#spilling = this.#spill(chunk);
      return this.#spilling;
    }
    if (needed > this.#buffer.length) this.#grow(needed);
    this.#buffer.set(chunk, this.#filled);
    this.#filled = needed;
  }

  reread(): AsyncGenerator<Uint8Array> {
    this.#mustBeOpen();
    return this.#reread(this.#writtenBytes, this.#buffer.slice(0, this.#filled));
  }

  async commit(key: Key, options?: { replace?: boolean }): Promise<BlobStat> {
    this.#mustBeOpen();
    this.#state = "ended";
    try {
      return await this.#host.settle(this, key, options?.replace === true);
    } catch (thrown) {
      await this.#drop();
      throw diskFault(thrown, `store "${key}"`, this.#host.place);
    }
  }

  async abort(): Promise<void> {
    if (this.#state === "ended") return;
    this.#state = "ended";
    await this.#drop();
  }

  /** The whole blob, when it was small enough to stay in memory; not to be changed. */
  held(): Uint8Array<ArrayBuffer> | undefined {
    return this.#descriptor === undefined ? this.#buffer.subarray(0, this.#filled) : undefined;
  }

  /** Writes what is left, syncs and closes the draft, and tells the stat that it will have under its key. */
  async finish(): Promise<BlobStat> {
    await this.#spilling;
    const sizeBytes = this.sizeBytes;
    if (this.#descriptor === undefined && sizeBytes > 0) {
      await this.#host.calls.writeSynced(this.path, this.#buffer.subarray(0, sizeBytes));
      return checked(lstatSync(this.path, { bigint: true }), sizeBytes);
    }
    const descriptor = this.#descriptor ?? this.#openDraft();
    // A small rest is quicker written here than by a trip through the thread pool.
    for (let at = 0; at < this.#filled;) {
      at += mustAdvance(writeSync(descriptor, this.#buffer, at, this.#filled - at, this.#writtenBytes + at));
    }
    this.#buffer = new Uint8Array(0);
    await this.#flushing;
    await this.#host.calls.sync(descriptor);
    const stats = fstatSync(descriptor, { bigint: true });
    this.#descriptor = undefined;
    closeSync(descriptor);
    return checked(stats, sizeBytes);
  }

  /** Drops the bytes because the store holds them already. */
  discard(): Promise<void> {
    return this.#drop();
  }

  async *#reread(writtenBytes: number, tail: Uint8Array): AsyncGenerator<Uint8Array> {
    if (writtenBytes > 0) yield* this.#host.reader.draftChunks(this.path, writtenBytes);
    if (tail.length > 0) yield tail;
  }

  /** Removes what there is of the draft, as far as the disk lets; the store's sweep takes the rest. */
  async #drop(): Promise<void> {
    // What is still under way uses the descriptor, whose number may be another file's once it is closed.
    await Promise.allSettled([this.#spilling, this.#flushing]);
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    this.#buffer = new Uint8Array(0);
    try {
      if (descriptor !== undefined) closeSync(descriptor);
      rmSync(this.path, { force: true });
    } catch {
      // Whatever ails the disk was or will be reported by the write itself.
    } finally {
      this.#host.ended(this);
    }
  }

  #mustBeOpen(): void {
    if (this.#state === "open") return;
    if (this.#state === "broken") throw diskFault(new Error("An earlier write failed"), "write", this.#host.place);
    throw new TypeError("Cannot write a blob: it was committed or aborted before");
  }

  #grow(needed: number): void {
    const larger = unfilled(Math.min(bufferBytes, Math.max(needed, this.#firstBytes, this.#buffer.length * 2)));
    larger.set(this.#buffer.subarray(0, this.#filled));
    this.#buffer = larger;
  }

  async #spill(chunk: Uint8Array): Promise<void> {
    try {
      this.#descriptor ??= this.#openDraft();
      if (this.#isLasting) {
        await this.#writeOut(this.#buffer);
        this.#buffer = new Uint8Array(0);
        this.#isLasting = false;
      }
      if (this.#buffer.length < bufferBytes) this.#grow(bufferBytes);
      for (let at = 0; at < chunk.length;) {
        if (this.#filled === 0 && chunk.length - at >= bufferBytes) {
          const part = chunk.subarray(at, at + bufferBytes);
          await this.#writeOut(part);
          at += part.length;
          continue;
        }
        const part = chunk.subarray(at, at + bufferBytes - this.#filled);
        this.#buffer.set(part, this.#filled);
        this.#filled += part.length;
        at += part.length;
        if (this.#filled < bufferBytes) continue;
        // Counted as written only afterwards, so that a reread in between sees each byte once.
        await this.#writeOut(this.#buffer);
      }
    } catch (thrown) {
      if (this.#state === "open") this.#state = "broken";
      throw diskFault(thrown, "write", this.#host.place);
    }
  }

  async #writeOut(bytes: Uint8Array): Promise<void> {
    const descriptor = this.#descriptor as number;
    for (let at = 0; at < bytes.length;) {
      at += mustAdvance(await writeSoon(descriptor, bytes.subarray(at), this.#writtenBytes + at));
    }
    this.#writtenBytes += bytes.length;
    if (bytes === this.#buffer) this.#filled = 0;
    if (this.#writtenBytes - this.#flushedBytes < flushEveryBytes) return;
    await this.#flushing;
    this.#flushedBytes = this.#writtenBytes;
    this.#flushing = flushOpen(descriptor);
    // Looked at before the next flush and at the end.
    this.#flushing.catch(() => undefined);
  }

  #openDraft(): number {
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    this.#descriptor = openSync(this.path, flags, 0o644);
    return this.#descriptor;
  }
}

function checked(stats: BigIntStats, sizeBytes: number): BlobStat {
  if (Number(stats.size) === sizeBytes) return statOfFile(stats);
  throw new Error(`The file has ${stats.size} bytes after ${sizeBytes} were written`);
}

function mustAdvance(count: number): number {
  if (count === 0) throw new Error("The disk took no bytes");
  return count;
}

function writeSoon(descriptor: number, bytes: Uint8Array, at: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(descriptor, bytes, 0, bytes.length, at, (failure, count) => {
      if (failure) reject(failure);
      else resolve(count);
    });
  });
}

function flushOpen(descriptor: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fdatasync(descriptor, (failure) => {
      if (failure) reject(failure);
      else resolve();
    });
  });
}
