/**
 * Blobs as objects of an S3-compatible store, named by their key (`sha256:…`) behind an optional prefix, as the
 * predecessor named them. An object appears under its name only when all its bytes are there, in one put or one
 * finished multipart upload, and its size is looked at afterwards. Bytes of unknown key wait in memory (up to 256 KiB)
 * or in a local file. A bad copy is moved to `quarantine/`, with its reason in an object beside it.
 * Durability is the store's: once it has confirmed a put, it holds the object.
 *
 * Left out: conditional puts and versions, which many compatible stores lack. Two nodes must not share a prefix.
 */
import type { S3Client } from "bun";

import type { Clock } from "../../kit/clock.ts";
import { streamOf } from "../../kit/http/stream.ts";
import { Fault } from "../../kit/fault.ts";
import { algorithmOf, algorithms, digestOf, type Key, parseKey } from "./key.ts";
import type { BlobStat, BlobStore, BlobWriter, ByteRange } from "./store.ts";
import { blobMissing } from "./store-disk-fault.ts";
import { type DiskStore, openDiskStore } from "./store-disk.ts";
import type { DiskWriter, WriterHost } from "./store-disk-write.ts";
import { isNoSuchKey, s3Fault, within } from "./store-s3-fault.ts";

/** How to reach a bucket. */
export interface S3StoreOptions {
  /** Such as `https://s3.eu-central-1.amazonaws.com` or `http://127.0.0.1:9000`; undefined means Amazon's for the region. */
  endpoint?: string;
  /** @default "us-east-1" */
  region?: string;
  bucket: string;
  /** Put before every name, such as `cask/`. @default "" */
  prefix?: string;
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  /** The bucket is part of the host name instead of the path. @default false */
  virtualHosted?: boolean;
  /** A local folder for uploads whose key is not known yet; made when it is missing. */
  spool: string;
  clock: Clock;
  /** A call without or with few bytes takes at most this long. @default 20_000 */
  timeoutMs?: number;
}

const windowBytes = 4 * 1024 * 1024;
const chunkBytes = 1024 * 1024;
const pageKeys = 1000;
/** Uploads are given at least this rate on top of the time limit. */
const slowestBytesPerMs = 200;
/** How long a bucket that was seen is taken to be there still. */
const seenForMs = 10_000;

/** Opens the store in a bucket. Throws `cask/store-gone`, `cask/store-forbidden` or `cask/store-failed` when it cannot be listed. */
export async function openS3Store(options: S3StoreOptions): Promise<S3Store> {
  const spool = await openDiskStore({ root: options.spool, clock: options.clock, rememberBytes: 0 });
  const store = new S3Store(options, spool);
  await store.check();
  return store;
}

/** A store in a bucket. Open it with {@link openS3Store}. */
export class S3Store implements BlobStore {
  readonly kind = "s3";
  readonly place: string;
  readonly #client: S3Client;
  readonly #prefix: string;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #spool: DiskStore;
  readonly #host: WriterHost;
  readonly #changes = new Map<Key, Promise<unknown>>();
  #seenMs = Number.NEGATIVE_INFINITY;

  /** `spool` is an open store of which only the folder for drafts is used. */
  constructor(options: S3StoreOptions, spool: DiskStore) {
    this.#prefix = options.prefix ?? "";
    this.place = `${options.endpoint ?? "s3"}/${options.bucket}/${this.#prefix}`;
    this.#clock = options.clock;
    this.#timeoutMs = options.timeoutMs ?? 20_000;
    this.#spool = spool;
    this.#client = new Bun.S3Client({
      bucket: options.bucket,
      region: options.region ?? "us-east-1",
      accessKeyId: options.accessKeyId,
      secretAccessKey: options.secretAccessKey,
      virtualHostedStyle: options.virtualHosted ?? false,
      ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
      ...(options.sessionToken === undefined ? {} : { sessionToken: options.sessionToken }),
    });
    this.#host = {
      place: spool.place,
      reader: spool.reader,
      // What waits for its upload need not survive a crash.
      calls: { ...spool.calls, sync: async () => {} },
      settle: (draft, key, replace) => this.#exclusively(key, () => this.#settle(draft, key, replace)),
      ended: (draft) => spool.ended(draft),
    };
  }

  /** Looks whether the bucket answers. */
  async check(): Promise<void> {
    await this.#call("open the bucket", () => this.#client.list({ prefix: this.#prefix, maxKeys: 1 }));
    this.#seenMs = this.#clock.monotonicMs();
  }

  create(sizeHintBytes = 0): BlobWriter {
    return this.#spool.draftFor(this.#host, sizeHintBytes);
  }

  async find(key: Key): Promise<BlobStat | undefined> {
    try {
      return await this.#stat(key);
    } catch (thrown) {
      if (!isNoSuchKey(thrown)) throw s3Fault(thrown, `look for "${key}"`, this.place);
      // The answer to HEAD is the same when the whole bucket is gone, and that must not look like an empty one.
      if (this.#clock.monotonicMs() - this.#seenMs > seenForMs) await this.check();
      return undefined;
    }
  }

  async *read(key: Key, range?: ByteRange): AsyncGenerator<Uint8Array> {
    const stat = await this.find(key);
    if (!stat) throw blobMissing(key);
    yield* this.#chunks(key, range?.start ?? 0, range?.end ?? stat.sizeBytes);
  }

  body(key: Key, stat: BlobStat, range?: ByteRange): Promise<Uint8Array<ArrayBuffer>> | ReadableStream<Uint8Array> {
    const start = range?.start ?? 0;
    const end = range?.end ?? stat.sizeBytes;
    if (end - start <= chunkBytes) return this.#window(key, start, end);
    return streamOf(this.#chunks(key, start, end), { highWaterMark: 0 });
  }

  quarantine(key: Key, reason: string): Promise<void> {
    return this.#exclusively(key, async () => {
      const stat = await this.find(key);
      if (!stat) return;
      const told = new Date(this.#clock.now()).toISOString();
      const name = `${this.#prefix}quarantine/${algorithmOf(key)}-${digestOf(key)}-${told}`;
      try {
        await this.#copy(key, stat, name);
        await this.#call("write a reason", () =>
          this.#client.write(`${name}.reason.txt`, `${told} ${key}: ${reason}\n`),
        );
      } catch (thrown) {
        // Someone else removed it meanwhile; then it is out of the way as well.
        const gone = thrown instanceof Fault && thrown.code === "cask/blob-missing";
        if (!gone) throw s3Fault(thrown, `quarantine "${key}"`, this.place);
      }
      await this.#delete(key);
    });
  }

  remove(key: Key): Promise<void> {
    return this.#exclusively(key, () => this.#delete(key));
  }

  async *list(bucket: number): AsyncGenerator<Key[]> {
    const digits = bucket.toString(16).padStart(2, "0");
    for (const algorithm of algorithms) {
      const prefix = `${this.#prefix}${algorithm}:${digits}`;
      let startAfter: string | undefined;
      for (;;) {
        const page = await this.#call("list blobs", () =>
          this.#client.list({ prefix, maxKeys: pageKeys, ...(startAfter === undefined ? {} : { startAfter }) }),
        );
        const names = (page.contents ?? []).map((entry) => entry.key);
        const keys = names
          .map((name) => parseKey(name.slice(this.#prefix.length)))
          .filter((key): key is Key => key !== undefined);
        if (keys.length > 0) yield keys;
        startAfter = names.at(-1);
        if (page.isTruncated !== true || startAfter === undefined) break;
      }
    }
  }

  space(): { freeBytes: number; totalBytes: number } {
    return { freeBytes: Number.POSITIVE_INFINITY, totalBytes: Number.POSITIVE_INFINITY };
  }

  sweep(olderThanMs: number): Promise<number> {
    return this.#spool.sweep(olderThanMs);
  }

  close(): void {
    this.#spool.close();
  }

  async #settle(draft: DiskWriter, key: Key, replace: boolean): Promise<BlobStat> {
    const { sizeBytes } = draft;
    const before = await this.find(key);
    if (before && !replace && before.sizeBytes === sizeBytes) {
      await draft.discard();
      return before;
    }
    let source: Uint8Array | Blob | undefined = draft.held();
    if (source === undefined) {
      await draft.finish();
      source = Bun.file(draft.path);
    }
    const bytes = source;
    const limitMs = this.#timeoutMs + sizeBytes / slowestBytesPerMs;
    await this.#call(
      `store "${key}"`,
      () => this.#client.write(this.#name(key), bytes, { type: binary, queueSize: 2 }),
      limitMs,
    );
    const stat = await this.find(key);
    if (stat?.sizeBytes !== sizeBytes) {
      await this.#delete(key);
      throw new Fault(
        "unavailable",
        "cask/store-failed",
        `Cannot store "${key}": the object store holds ${stat?.sizeBytes ?? 0} of ${sizeBytes} bytes`,
      );
    }
    await draft.discard();
    return stat;
  }

  async #stat(key: Key): Promise<BlobStat> {
    const call = this.#client.stat(this.#name(key));
    const { size, etag, lastModified } = await within(this.#clock, this.#timeoutMs, `look for "${key}"`, call);
    const storedAt = lastModified.getTime();
    return { sizeBytes: size, stamp: `${etag.replaceAll('"', "")}-${size}-${storedAt}`, storedAt };
  }

  /** Reads ahead by one window, so that the store's latency hides behind the reader's own work. */
  async *#chunks(key: Key, start: number, end: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const fetchFrom = (at: number) => {
      if (at >= end) return undefined;
      const window = this.#window(key, at, Math.min(at + windowBytes, end));
      // Its failure is thrown when its turn comes, or never, when the reader has left.
      window.catch(() => undefined);
      return window;
    };
    let next = fetchFrom(start);
    for (let at = start; at < end; at += windowBytes) {
      const bytes = await next;
      next = fetchFrom(at + windowBytes);
      if (bytes === undefined) return;
      for (let from = 0; from < bytes.length; from += chunkBytes) yield bytes.subarray(from, from + chunkBytes);
    }
  }

  async #window(key: Key, start: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    if (start === end) return new Uint8Array(0);
    try {
      const call = this.#client.file(this.#name(key)).slice(start, end).bytes();
      const bytes = await within(this.#clock, this.#timeoutMs, `read "${key}"`, call);
      if (bytes.length !== end - start) throw new Error(`${bytes.length} of ${end - start} bytes came`);
      return bytes;
    } catch (thrown) {
      throw isNoSuchKey(thrown) ? blobMissing(key) : s3Fault(thrown, `read "${key}"`, this.place);
    }
  }

  /** Goes through this node: the client has no copy within the store. */
  async #copy(key: Key, stat: BlobStat, name: string): Promise<void> {
    if (stat.sizeBytes <= windowBytes) {
      const bytes = await this.#window(key, 0, stat.sizeBytes);
      await this.#call("copy a blob", () => this.#client.write(name, bytes, { type: binary }));
      return;
    }
    const writer = this.#client.file(name).writer({ type: binary, partSize: windowBytes * 2, queueSize: 2 });
    try {
      for await (const chunk of this.#chunks(key, 0, stat.sizeBytes)) {
        await writer.write(chunk);
        await writer.flush();
      }
    } catch (thrown) {
      await Promise.resolve(writer.end(new Error("cut"))).catch(() => undefined);
      throw thrown;
    }
    await writer.end();
  }

  async #delete(key: Key): Promise<void> {
    try {
      await this.#call(`remove "${key}"`, () => this.#client.delete(this.#name(key)));
    } catch (thrown) {
      if (!isNoSuchKey(thrown instanceof Fault ? thrown.cause : thrown)) throw thrown;
    }
  }

  async #call<T>(action: string, call: () => Promise<T>, limitMs = this.#timeoutMs): Promise<T> {
    try {
      return await within(this.#clock, limitMs, action, call());
    } catch (thrown) {
      throw s3Fault(thrown, action, this.place);
    }
  }

  #name(key: Key): string {
    return this.#prefix + key;
  }

  async #exclusively<T>(key: Key, action: () => Promise<T>): Promise<T> {
    const previous = this.#changes.get(key);
    const run = previous ? previous.then(action) : action();
    const ended = run.then(
      () => undefined,
      () => undefined,
    );
    this.#changes.set(key, ended);
    try {
      return await run;
    } finally {
      if (this.#changes.get(key) === ended) this.#changes.delete(key);
    }
  }
}

const binary = "application/octet-stream";
