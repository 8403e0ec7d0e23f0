/** The list of what a node holds: from the ledger where it is known to be whole, from the store beside it otherwise. */
import { describe, expect, test } from "bun:test";

import { bytesOf, ClusterFixture } from "./cluster-fixture.ts";
import { HeldKeys } from "./held-keys.ts";
import { bucketCount, bucketOf, type Key, keyOf, type SizedKey } from "./key.ts";
import type { BlobStat } from "./store.ts";
import { MemoryStore } from "./store-memory.ts";

const never = new AbortController().signal;

/** A node with `count` blobs, two of them empty or nearly so. */
async function filled(count = 60) {
  const fixture = new ClusterFixture(["a"]);
  const node = fixture.node("a");
  const sizes = new Map<Key, number>();
  for (let number = 0; number < count; number++) {
    const bytes = number === 0 ? new Uint8Array(0) : bytesOf(`held ${number}`, number);
    const { key } = await node.holdings.keep(number % 3 === 0 ? "sha1" : "sha256", bytes);
    sizes.set(key, bytes.byteLength);
  }
  return { ...node, clock: fixture.clock, sizes };
}

async function all(page: (bucket: number, after: Key | undefined) => Promise<{ keys: SizedKey[]; more: boolean }>) {
  const found = new Map<Key, number>();
  for (let bucket = 0; bucket < bucketCount; bucket++) {
    let after: Key | undefined;
    for (let more = true; more;) {
      const listed = await page(bucket, after);
      for (const { key, sizeBytes } of listed.keys) {
        expect([bucketOf(key), after === undefined || key > after]).toEqual([bucket, true]);
        found.set(key, sizeBytes);
        after = key;
      }
      ({ more } = listed);
      if (more) expect(listed.keys).not.toBeEmpty();
    }
  }
  return found;
}

describe("HeldKeys", () => {
  test("page: lists every blob of either algorithm with its size, the empty one too, in pages of any length", async () => {
    const { holdings, sizes } = await filled();
    for (const limit of [1, 2, 3, 1000]) {
      expect(await all((bucket, after) => holdings.held.page(bucket, after, limit))).toEqual(sizes);
    }
  });

  test("page: what the ledger does not know is listed from the store until both were compared, in pages too", async () => {
    const { holdings, ledger, sizes } = await filled();
    let lost = 0;
    for (const key of sizes.keys()) if (lost++ % 2 === 0) ledger.remove(key);
    for (const limit of [1, 2, 1000]) {
      expect(await all((bucket, after) => holdings.held.page(bucket, after, limit))).toEqual(sizes);
    }
    for (let bucket = 0; bucket < bucketCount; bucket++) await holdings.reconcile(bucket, never);
    expect(await all((bucket, after) => holdings.held.page(bucket, after))).toEqual(sizes);
  });

  test("page: the store is not listed again once the bucket was compared, until the ledger may lack something", async () => {
    const { holdings, ledger, sizes } = await filled();
    const [key = "" as Key] = sizes.keys();
    await holdings.reconcile(bucketOf(key), never);
    ledger.remove(key);
    const listed = async () =>
      (await holdings.held.page(bucketOf(key), undefined)).keys.some((held) => held.key === key);
    expect(await listed()).toBe(false);
    holdings.held.doubt();
    expect(await listed()).toBe(true);
  });

  test("page: a copy that cannot be read now is still listed", async () => {
    const { holdings, store, sizes } = await filled(3);
    const [key = "" as Key] = sizes.keys();
    await holdings.reconcile(bucketOf(key), never);
    store.faults.readFails = 1;
    expect(await holdings.verify(key)).toBe("unreadable");
    await holdings.reconcile(bucketOf(key), never);
    expect((await holdings.held.page(bucketOf(key), undefined)).keys).toContainEqual({
      key,
      sizeBytes: sizes.get(key) ?? -1,
    });
  });

  test("page: blobs that go while the store is listed leave no gap", async () => {
    const { ledger, clock } = await filled(0);
    const keys = Array.from({ length: 40 }, (_, number) =>
      keyOf("sha256", `ab${number.toString(16).padStart(62, "0")}`),
    );
    const leaving = new Set(keys.slice(0, 17));
    class LeakyStore extends MemoryStore {
      override find(key: Key): BlobStat | undefined {
        return leaving.has(key) ? undefined : super.find(key);
      }
    }
    const store = new LeakyStore({ clock });
    for (const [number, key] of keys.entries()) {
      const writer = await store.create();
      await writer.write(new Uint8Array(number));
      await writer.commit(key);
    }
    const last = keys[39] as Key;
    const { sizeBytes, stamp, storedAt } = store.find(last) as BlobStat;
    ledger.put({ key: last, sizeBytes, stamp, storedAt, sha256: "0".repeat(64), verifiedAt: 0, surplusSince: 0 });
    const held = new HeldKeys(store, ledger, clock);
    const listed: Key[] = [];
    for (let more = true; more;) {
      const page = await held.page(0xab, listed.at(-1), 6);
      listed.push(...page.keys.map(({ key }) => key));
      ({ more } = page);
    }
    expect(listed).toEqual(keys.slice(17));
  });

  test("page: a bucket that there is not is a mistake of the program", async () => {
    const { holdings } = await filled(0);
    for (const bucket of [-1, 256, 0.5, Number.NaN])
      await expect(holdings.held.page(bucket, undefined)).rejects.toThrow(RangeError);
  });
});
