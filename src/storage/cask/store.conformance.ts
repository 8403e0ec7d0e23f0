/**
 * What every blob store must do, as one suite that each adapter's test runs. The bytes of a test need not hash to their
 * key: a store takes the committer's word. Nothing here depends on how or where an adapter keeps its blobs.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";

import { Fault } from "../../kit/fault.ts";
import { seededRandom } from "../../kit/random.ts";
import { bucketOf, type Key, keyOf } from "./key.ts";
import type { BlobStat, BlobStore, ByteRange } from "./store.ts";

/** A store under test and how to be rid of it. */
export interface StoreFixture {
  store: BlobStore;
  /** Closes the store and opens its place again, where what is stored outlives the object. */
  reopen?(): Promise<BlobStore>;
  dispose(): Promise<void>;
}

/** Runs the suite against what `open` opens: an empty store. */
export function describeStore(name: string, open: () => Promise<StoreFixture>): void {
  describe(`${name} keeps the promises of a blob store:`, () => {
    // Some adapters stand on a server that is slow to answer on a busy machine.
    setDefaultTimeout(120_000);
    let fixture: StoreFixture;
    let store: BlobStore;
    beforeAll(async () => {
      fixture = await open();
      ({ store } = fixture);
    });
    afterAll(() => fixture.dispose());

    test("commit: makes the bytes findable and readable, and tells their size", async () => {
      const key = nextKey();
      const stat = await put(store, key, text("hello"));
      expect(stat.sizeBytes).toBe(5);
      expect(await store.find(key)).toEqual(stat);
      expect(await readAll(store, key)).toEqual(text("hello"));
    });

    test("commit: takes both algorithms, and the empty blob", async () => {
      for (const key of [nextKey("sha1"), nextKey("sha256")]) {
        await put(store, key, new Uint8Array(0));
        expect((await store.find(key))?.sizeBytes).toBe(0);
        expect(await readAll(store, key)).toEqual(new Uint8Array(0));
        expect(await bodyBytes(store, key)).toEqual(new Uint8Array(0));
      }
    });

    test("write: keeps the order of many chunks of every size, and the caller may reuse its chunk", async () => {
      const whole = noise(3_000_001, 7);
      const key = nextKey();
      const writer = await store.create();
      const chunk = new Uint8Array(700_000);
      for (let at = 0, step = 1; at < whole.length; at += step, step = Math.min(step * 3, 700_000)) {
        const part = whole.subarray(at, Math.min(at + step, whole.length));
        chunk.set(part);
        await writer.write(chunk.subarray(0, part.length));
        chunk.fill(0);
      }
      expect((await writer.commit(key)).sizeBytes).toBe(whole.length);
      expect(sameBytes(await readAll(store, key), whole)).toBe(true);
    });

    test("read: gives chunks of at most 1 MiB and honours ranges", async () => {
      const whole = noise(2_500_000, 11);
      const key = nextKey();
      await put(store, key, whole);
      for await (const chunk of store.read(key)) expect(chunk.length).toBeLessThanOrEqual(1 << 20);
      for (const [start, end] of [
        [0, 1],
        [0, 0],
        [1_234_567, 1_234_567],
        [5, 2_000_000],
        [2_499_999, 2_500_000],
      ] as const) {
        const range = { start, end };
        expect(sameBytes(await readAll(store, key, range), whole.subarray(start, end))).toBe(true);
        expect(sameBytes(await bodyBytes(store, key, range), whole.subarray(start, end))).toBe(true);
      }
    });

    test("body: gives the same bytes as read, for sizes on both sides of every threshold", async () => {
      for (const sizeBytes of [1, 1024, 65_536, 65_537, 262_144, 262_145, 1_048_576, 2_097_153]) {
        const whole = noise(sizeBytes, sizeBytes);
        const key = nextKey();
        await put(store, key, whole);
        expect(sameBytes(await bodyBytes(store, key), whole)).toBe(true);
        // Twice, in case the first answer was remembered.
        expect(sameBytes(await bodyBytes(store, key), whole)).toBe(true);
        expect(sameBytes(await bodyBytes(store, key, { start: 1, end: sizeBytes }), whole.subarray(1))).toBe(true);
      }
    });

    test("find and read: a blob that is not there is undefined, or cask/blob-missing", async () => {
      const key = nextKey();
      expect(await store.find(key)).toBeUndefined();
      expect(await codeOf(readAll(store, key))).toBe("cask/blob-missing");
    });

    test("reread: gives what was written so far, several times and at once, and more may be written afterwards", async () => {
      for (const sizeBytes of [5, 262_144, 3_000_000]) {
        const whole = noise(sizeBytes, 21);
        const half = Math.floor(sizeBytes / 2);
        const key = nextKey();
        const writer = await store.create();
        expect(await gathered(writer.reread())).toEqual(new Uint8Array(0));
        await writer.write(whole.subarray(0, half));
        for (const bytes of await Promise.all([gathered(writer.reread()), gathered(writer.reread())]))
          expect(sameBytes(bytes, whole.subarray(0, half))).toBe(true);
        await writer.write(whole.subarray(half));
        expect(sameBytes(await gathered(writer.reread()), whole)).toBe(true);
        await writer.commit(key);
        expect(sameBytes(await readAll(store, key), whole)).toBe(true);
      }
    });

    test("write: a chunk that lasts may be of any size, alone or with others before and behind it", async () => {
      for (const lastingBytes of [10, 262_145, 1_048_576, 9_000_000]) {
        for (const [before, behind] of [
          [0, 0],
          [0, 5],
          [3, 0],
          [300_000, 300_000],
        ] as const) {
          const whole = noise(before + lastingBytes + behind, 23);
          const lasting = whole.slice(before, before + lastingBytes);
          const writer = await store.create(whole.length);
          if (before > 0) await writer.write(whole.subarray(0, before));
          await writer.write(lasting, true);
          expect(sameBytes(await gathered(writer.reread()), whole.subarray(0, before + lastingBytes))).toBe(true);
          if (behind > 0) await writer.write(whole.subarray(before + lastingBytes));
          expect(sameBytes(await gathered(writer.reread()), whole)).toBe(true);
          const key = nextKey();
          expect((await writer.commit(key)).sizeBytes).toBe(whole.length);
          expect(sameBytes(await readAll(store, key), whole)).toBe(true);
          await store.remove(key);
        }
      }
    });

    test("abort: leaves nothing", async () => {
      for (const sizeBytes of [10, 2_000_000]) {
        const key = nextKey();
        const writer = await store.create();
        await writer.write(noise(sizeBytes, 3));
        await writer.abort();
        expect(await store.find(key)).toBeUndefined();
      }
      expect(await store.sweep(0)).toBe(0);
    });

    test("create: what is neither committed nor aborted is not found", async () => {
      const buckets = Array.from({ length: 16 }, (_, bucket) => bucket);
      const before = await keysIn(store, buckets);
      const writer = await store.create(2_000_000);
      await writer.write(noise(2_000_000, 4));
      expect(await keysIn(store, buckets)).toEqual(before);
      await writer.abort();
    });

    test("commit: keeps a blob of the same size that is already there", async () => {
      const key = nextKey();
      const first = await put(store, key, text("first"));
      const second = await put(store, key, text("other"));
      expect(second).toEqual(first);
      expect(await readAll(store, key)).toEqual(text("first"));
    });

    test("commit: takes the place of a blob of another size", async () => {
      const key = nextKey();
      await put(store, key, text("cut"));
      await put(store, key, text("whole"));
      expect(await readAll(store, key)).toEqual(text("whole"));
      expect(await bodyBytes(store, key)).toEqual(text("whole"));
    });

    test("commit with replace: puts the new bytes in place and changes the stamp", async () => {
      const key = nextKey();
      const first = await put(store, key, text("wrong"));
      expect(await bodyBytes(store, key)).toEqual(text("wrong"));
      const second = await put(store, key, text("right"), { replace: true });
      expect(second.stamp).not.toBe(first.stamp);
      expect(await store.find(key)).toEqual(second);
      expect(await readAll(store, key)).toEqual(text("right"));
      expect(await bodyBytes(store, key)).toEqual(text("right"));
    });

    test("commit: many at once, some of one key, all end well", async () => {
      const shared = nextKey();
      const keys = Array.from({ length: 40 }, (_, index) => (index % 4 === 0 ? shared : nextKey()));
      const stats = await Promise.all(keys.map((key) => put(store, key, text("at once"))));
      expect(stats.map((stat) => stat.sizeBytes)).toEqual(keys.map(() => 7));
      for (const key of keys) expect(await readAll(store, key)).toEqual(text("at once"));
      const sharedStats = stats.filter((_, index) => keys[index] === shared);
      expect(new Set(sharedStats.map((stat) => stat.stamp)).size).toBe(1);
    });

    test("quarantine: the blob is never found again under its key, until it is stored anew", async () => {
      const key = nextKey();
      await put(store, key, text("rotten"));
      expect(await bodyBytes(store, key)).toEqual(text("rotten"));
      await store.quarantine(key, "its bytes do not hash to its key");
      expect(await store.find(key)).toBeUndefined();
      expect(await codeOf(readAll(store, key))).toBe("cask/blob-missing");
      expect(await keysIn(store, [bucketOf(key)])).not.toContain(key);
      await store.quarantine(key, "nothing is there any more");
      await put(store, key, text("sound!"));
      expect(await readAll(store, key)).toEqual(text("sound!"));
      await store.quarantine(key, "a second time");
      expect(await store.find(key)).toBeUndefined();
    });

    test("remove: the blob is gone, and removing nothing is no error", async () => {
      const key = nextKey();
      await put(store, key, text("short-lived"));
      await store.remove(key);
      await store.remove(key);
      expect(await store.find(key)).toBeUndefined();
      expect(await keysIn(store, [bucketOf(key)])).not.toContain(key);
    });

    test("list: gives every key of a bucket once and none of another", async () => {
      const bucket = 0xa7;
      const kept = Array.from({ length: 30 }, (_, index) => nextKey(index % 3 === 0 ? "sha1" : "sha256", bucket));
      const other = nextKey("sha256", 0xa8);
      for (const key of [...kept, other]) await put(store, key, text("listed"));
      const listed = await keysIn(store, [bucket]);
      expect(listed.toSorted()).toEqual(kept.toSorted());
      expect(await keysIn(store, [0xa8])).toEqual([other]);
      expect(await keysIn(store, [0xa9])).toEqual([]);
    });

    test("list: holds what is removed and added while the reader is at it", async () => {
      const bucket = 0xb1;
      const kept = Array.from({ length: 5 }, () => nextKey("sha256", bucket));
      for (const key of kept) await put(store, key, text("x"));
      const seen: Key[] = [];
      for await (const page of store.list(bucket)) {
        for (const key of page) {
          await store.remove(key);
          seen.push(key);
        }
      }
      expect(seen.toSorted()).toEqual(kept.toSorted());
      expect(await keysIn(store, [bucket])).toEqual([]);
    });

    test("space: free is at most the total", async () => {
      const { freeBytes, totalBytes } = await store.space();
      expect(freeBytes).toBeGreaterThan(0);
      expect(freeBytes).toBeLessThanOrEqual(totalBytes);
    });

    // Last, since it exchanges the store.
    test("reopen: what was committed is still there with the same stamp", async () => {
      const key = nextKey();
      const stat = await put(store, key, text("lasting"));
      if (fixture.reopen) store = await fixture.reopen();
      expect(await store.find(key)).toEqual(stat);
      expect(await readAll(store, key)).toEqual(text("lasting"));
    });
  });
}

let keyCount = 0;

/** A key not used before, in `bucket` if given, else in one of the lower 64. */
export function nextKey(algorithm: "sha1" | "sha256" = "sha256", bucket = keyCount % 64): Key {
  const rest = new Bun.CryptoHasher(algorithm).update(`key ${keyCount++}`).digest("hex").slice(2);
  return keyOf(algorithm, bucket.toString(16).padStart(2, "0") + rest);
}

/** The bytes of a string. */
export function text(content: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(content);
}

/** Bytes that look random and are the same for the same seed. */
export function noise(sizeBytes: number, seed: number): Uint8Array<ArrayBuffer> {
  const random = seededRandom(seed);
  const bytes = new Uint8Array(sizeBytes);
  for (let at = 0; at < sizeBytes; at++) bytes[at] = random() * 256;
  return bytes;
}

/** Stores bytes under a key in one go. */
export async function put(
  store: BlobStore,
  key: Key,
  bytes: Uint8Array,
  options?: { replace?: boolean },
): Promise<BlobStat> {
  const writer = await store.create(bytes.length);
  await writer.write(bytes);
  return writer.commit(key, options);
}

/** All bytes of a blob through `read`. */
export async function readAll(store: BlobStore, key: Key, range?: ByteRange): Promise<Uint8Array> {
  return gathered(store.read(key, range));
}

async function gathered(bytes: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}

/** All bytes of a blob through `body`, as a response would send them. */
export async function bodyBytes(store: BlobStore, key: Key, range?: ByteRange): Promise<Uint8Array> {
  const stat = await store.find(key);
  if (!stat) throw new Error(`Cannot read the body of ${key}: it is not there`);
  return new Response(await store.body(key, stat, range)).bytes();
}

/** All keys of some buckets. */
export async function keysIn(store: BlobStore, buckets: readonly number[]): Promise<Key[]> {
  const keys: Key[] = [];
  for (const bucket of buckets) for await (const page of store.list(bucket)) keys.push(...page);
  return keys;
}

/** The code of the Fault that a promise is rejected with; fails when it is not. */
export async function codeOf(outcome: Promise<unknown>): Promise<string> {
  try {
    await outcome;
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown.code;
    throw thrown;
  }
  throw new Error("Expected a Fault, but it resolved");
}

/** Whether two arrays hold the same bytes; quicker and quieter than a matcher for large ones. */
export function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}
