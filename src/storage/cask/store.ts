/**
 * The port to where a node keeps its blobs, and its promises. A store holds bytes under keys and knows nothing of
 * peers, hashes or verification: whoever commits has hashed the bytes, whoever reads decides whether to trust them.
 *
 * Promises: a commit that resolved survives a crash of the machine; a commit that did not leaves no blob; an existing
 * blob is never changed in place; what is quarantined is never found again under its key but kept for a person to see.
 */
import type { Key } from "./key.ts";

/** A value, or a promise of it. */
export type Awaitable<T> = T | Promise<T>;

/** What is known of a stored blob without reading it. */
export interface BlobStat {
  sizeBytes: number;
  /** Identity of the stored bytes: differs whenever they may have changed (on disk: size, modification time, inode). */
  stamp: string;
  /** When it was stored, epoch ms. */
  storedAt: number;
}

/** Half-open range of bytes `[start, end)` with `0 <= start <= end <= sizeBytes`. */
export interface ByteRange {
  start: number;
  end: number;
}

/** A blob on its way in. Exactly one of commit and abort ends it. */
export interface BlobWriter {
  /**
   * Appends bytes. Resolves when more may come. The chunk may be reused afterwards, unless `lasting` says that it stays
   * as it is until commit or abort has ended, so that it need not be copied.
   */
  write(chunk: Uint8Array, lasting?: boolean): Awaitable<void>;
  /** Everything written so far, from the beginning; may be called several times, also at once, before commit or abort. */
  reread(): AsyncIterable<Uint8Array>;
  /**
   * Makes the bytes findable under `key`, durably. A blob already there is kept when it has the same size, unless
   * `replace` is set, which puts the new bytes in its place in one step.
   */
  commit(key: Key, options?: { replace?: boolean }): Promise<BlobStat>;
  /** Drops the bytes. Never throws. */
  abort(): Promise<void>;
}

/**
 * Where blobs are kept. Failures are Faults: `cask/disk-full` (507), `cask/store-failed` (an fsync or the device failed, an
 * object store is out of reach), `cask/store-forbidden` (rights lost, mounted read-only), `cask/store-gone` (the folder or
 * bucket vanished: it never looks like an empty one), `cask/blob-missing`.
 */
export interface BlobStore {
  /** `disk`, `s3` or `memory`. */
  readonly kind: string;
  /** What it stands on, for people: a folder or a bucket, no secrets. */
  readonly place: string;
  /** Begins a blob of yet unknown key; `sizeHintBytes` helps to refuse early when there is no room. */
  create(sizeHintBytes?: number): Awaitable<BlobWriter>;
  /** The stat of a blob, or undefined when there is none. */
  find(key: Key): Awaitable<BlobStat | undefined>;
  /** The bytes in chunks of at most 1 MiB, in order. Throws `cask/blob-missing` when there is none. */
  read(key: Key, range?: ByteRange): AsyncIterable<Uint8Array>;
  /**
   * The bytes in the form that leaves the program fastest. The caller has just called find; what is sent is the very file
   * or object of that stat, or `cask/blob-missing` (thrown here or by the stream). A stream holds nothing open until it is
   * read, so it need not be cancelled when it is not used.
   */
  body(
    key: Key,
    stat: BlobStat,
    range?: ByteRange,
  ): Awaitable<Blob | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>>;
  /** Moves a bad copy out of the way, keeping it with its reason. Nothing happens when there is none. */
  quarantine(key: Key, reason: string): Promise<void>;
  /** Removes a copy for good. Nothing happens when there is none. */
  remove(key: Key): Promise<void>;
  /** Every key of a bucket (see bucketOf), in no order, in pages, at the pace of the reader. */
  list(bucket: number): AsyncIterable<Key[]>;
  /** Bytes that may still be written, and of how many in all; Infinity where the store has no such bound. */
  space(): Awaitable<{ freeBytes: number; totalBytes: number }>;
  /** Removes leftovers of writes that a crash cut, older than `olderThanMs`. Resolves to how many. */
  sweep(olderThanMs: number): Promise<number>;
  close(): Awaitable<void>;
}
