import { afterAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { systemClock } from "../../kit/clock.ts";
import { bucketOf, digestOf, type Key, keyOf } from "./key.ts";
import { openDiskStore } from "./store-disk.ts";
import { legacyBlobs, legacyFolder, LegacyLayoutStore, legacyPath } from "./store-legacy-layout.ts";
import { bodyBytes, codeOf, describeStore, keysIn, noise, put, readAll, text } from "./store.conformance.ts";

const folder = await mkdtemp(join(tmpdir(), "cask-legacy-"));
afterAll(() => rm(folder, { recursive: true, force: true }));
let count = 0;

const empty = keyOf("sha1", "da39a3ee5e6b4b0d3255bfef95601890afd80709");
const hello = keyOf("sha1", "2aae6c35c94fcfb415dbe95f408b9ce91ee846ed");

/** A store over a fresh copy of the folder in testdata, and the folder's root. */
async function overFixture() {
  const root = join(folder, `old-${++count}`);
  await cp(join(import.meta.dir, "testdata", "layout"), root, { recursive: true });
  const disk = await openDiskStore({ root: join(folder, `new-${count}`), clock: systemClock });
  return { root, disk, store: new LegacyLayoutStore(disk, root), old: join(root, "sha1") };
}

describeStore("LegacyLayoutStore", async () => {
  const root = join(folder, "conformance-old");
  await mkdir(join(root, "sha1"), { recursive: true });
  const open = async () =>
    new LegacyLayoutStore(await openDiskStore({ root: join(folder, "conformance-new"), clock: systemClock }), root);
  return { store: await open(), reopen: open, dispose: async () => {} };
});

describe("LegacyLayoutStore", () => {
  test("serves the old layout in place", async () => {
    const { store } = await overFixture();
    expect(store.find(hello)?.sizeBytes).toBe(11);
    expect(await readAll(store, hello)).toEqual(text("hello world"));
    expect(await readAll(store, hello, { start: 6, end: 11 })).toEqual(text("world"));
    expect(await bodyBytes(store, hello)).toEqual(text("hello world"));
    expect(await bodyBytes(store, empty)).toEqual(text(""));
    expect(store.find(keyOf("sha1", "00".repeat(20)))).toBeUndefined();
  });

  test("list: gives old and new blobs of a bucket, each once, and no stray file", async () => {
    const { store } = await overFixture();
    const fresh = keyOf("sha256", `2a${"0".repeat(62)}`);
    await put(store, fresh, text("new"));
    expect((await keysIn(store, [bucketOf(hello)])).toSorted()).toEqual([hello, fresh]);
    const all = await keysIn(
      store,
      Array.from({ length: 256 }, (_, bucket) => bucket),
    );
    expect(all).toHaveLength(5);
  });

  test("commit: a blob that is stored anew leaves the old layout, its empty folders too", async () => {
    const { store, disk, old } = await overFixture();
    await rm(join(dirname(legacyPath(old, hello)), "data.tmp"));
    await put(store, hello, text("hello world"));
    expect(disk.find(hello)).toBeDefined();
    expect(await readdir(join(old, "2a"))).toEqual([]);
    expect(await readAll(store, hello)).toEqual(text("hello world"));
    expect(await keysIn(store, [bucketOf(hello)])).toEqual([hello]);
  });

  test("quarantine: moves a bad copy out of the old layout and keeps it with its reason", async () => {
    const { store, disk, old } = await overFixture();
    await store.quarantine(hello, "for the test");
    expect(store.find(hello)).toBeUndefined();
    expect(await codeOf(readAll(store, hello))).toBe("cask/blob-missing");
    const name = `sha1-${digestOf(hello)}`;
    expect((await readdir(join(disk.place, "quarantine"))).toSorted()).toEqual([name, `${name}.reason.txt`]);
    expect(existsSync(legacyPath(old, hello))).toBe(false);
  });

  test("remove: takes the copy from wherever it is", async () => {
    const { store, old } = await overFixture();
    await store.remove(hello);
    await store.remove(hello);
    expect(store.find(hello)).toBeUndefined();
    expect(existsSync(legacyPath(old, hello))).toBe(false);
  });

  test("links: neither the file nor a folder on the way is followed", async () => {
    const { store, root, old } = await overFixture();
    const outside = join(folder, `outside-${count}`);
    await mkdir(outside);
    // The whole second level lies elsewhere, behind a link.
    await rename(join(old, "2a", "ae"), join(outside, "ae"));
    await symlink(join(outside, "ae"), join(old, "2a", "ae"));
    expect(store.find(hello)).toBeUndefined();
    expect(await codeOf(readAll(store, hello))).toBe("cask/blob-missing");
    const linked = keyOf("sha1", "11".repeat(20));
    const path = legacyPath(old, linked);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(join(outside, "secret"), "secret");
    await symlink(join(outside, "secret"), path);
    expect(store.find(linked)).toBeUndefined();
    const stray: string[] = [];
    const keys: Key[] = [];
    for await (const { key } of legacyBlobs(old, { stray: (at) => stray.push(at.slice(root.length)) })) keys.push(key);
    expect(keys).not.toContain(hello);
    expect(keys).not.toContain(linked);
    expect(stray).toContain("/sha1/2a/ae");
  });

  test("an old folder that vanished is an error, not an empty one", async () => {
    const { store, root } = await overFixture();
    await rm(root, { recursive: true });
    expect(await codeOf((async () => store.find(hello))())).toBe("cask/store-gone");
  });

  test("old and new layout may share one root", async () => {
    const { root } = await overFixture();
    const disk = await openDiskStore({ root, clock: systemClock });
    const store = new LegacyLayoutStore(disk, root);
    const sibling = keyOf("sha1", `2aae${"0".repeat(36)}`);
    await put(store, sibling, noise(10, 1));
    expect((await keysIn(store, [0x2a])).toSorted()).toEqual([sibling, hello].toSorted());
  });
});

describe("legacyFolder", () => {
  test("takes a root with or without its last slash, and a root that is a prefix", async () => {
    const { root, old } = await overFixture();
    expect(legacyFolder(root)).toBe(legacyFolder(`${root}/`));
    expect(legacyFolder(root)).toEndWith("/sha1");
    await rename(old, join(root, "cask-sha1"));
    expect(legacyFolder(join(root, "cask-"))).toEndWith("/cask-sha1");
  });

  test("is a clear Fault where there is none", async () => {
    expect(await codeOf((async () => legacyFolder(join(folder, "nowhere")))())).toBe("cask/no-legacy-layout");
  });
});
