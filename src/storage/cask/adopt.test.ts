import { afterAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { systemClock } from "../../kit/clock.ts";
import { adopt } from "./adopt.ts";
import { digestOf, type Key, keyOf } from "./key.ts";
import { MemoryLedger } from "./ledger-memory.ts";
import { systemDiskCalls } from "./store-disk-calls.ts";
import { openDiskStore } from "./store-disk.ts";
import { legacyPath } from "./store-legacy-layout.ts";
import { codeOf, keysIn, noise, put, readAll, text } from "./store.conformance.ts";

const folder = await mkdtemp(join(tmpdir(), "cask-adopt-"));
afterAll(() => rm(folder, { recursive: true, force: true }), 120_000);
let count = 0;
const clock = systemClock;
const allBuckets = Array.from({ length: 256 }, (_, bucket) => bucket);

const hello = keyOf("sha1", "2aae6c35c94fcfb415dbe95f408b9ce91ee846ed");
const rotten = keyOf("sha1", new Bun.CryptoHasher("sha1").update("was good once").digest("hex"));

async function target() {
  const store = await openDiskStore({ root: join(folder, `new-${++count}`), clock });
  return { store, ledger: new MemoryLedger({ clock }) };
}

async function fixture() {
  const root = join(folder, `old-${++count}`);
  await cp(join(import.meta.dir, "testdata", "layout"), root, { recursive: true });
  return root;
}

/** Lays blobs out as the predecessor did; gives their keys. */
async function layOut(root: string, blobs: number): Promise<Key[]> {
  const keys: Key[] = [];
  for (let number = 0; number < blobs; number++) {
    const bytes = noise(200 + number, number);
    const key = keyOf("sha1", new Bun.CryptoHasher("sha1").update(bytes).digest("hex"));
    const path = legacyPath(join(root, "sha1"), key);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
    keys.push(key);
  }
  return keys;
}

describe("adopt", () => {
  test("moves good blobs, puts bad ones into quarantine, leaves strange files alone, and reports all of it", async () => {
    const root = await fixture();
    const { store, ledger } = await target();
    const report = await adopt(root, store, ledger, { clock });
    expect(report).toMatchObject({
      seen: 4,
      adopted: 3,
      adoptedBytes: 11 + 4096,
      already: 0,
      bad: 1,
      failed: 0,
      stray: 2,
      finished: true,
      fraction: 1,
    });
    expect(report.badBlobs.map((bad) => bad.key)).toEqual([rotten]);
    expect(report.strayPaths.map((path) => path.split("/").at(-1)).toSorted()).toEqual(["data.tmp", "notes.txt"]);
    expect(await readAll(store, hello)).toEqual(text("hello world"));
    expect(store.find(rotten)).toBeUndefined();
    expect(await readdir(join(store.place, "quarantine"))).toContain(`sha1-${digestOf(rotten)}`);
    expect(await readFile(join(root, "sha1", "notes.txt"), "utf8")).toContain("does not belong");
    expect(existsSync(legacyPath(join(root, "sha1"), hello))).toBe(false);
    const record = ledger.find(hello);
    expect(record?.stamp).toBe(store.find(hello)?.stamp ?? "");
    expect(record?.sha256).toBe(new Bun.CryptoHasher("sha256").update("hello world").digest("hex"));
    expect(ledger.count()).toBe(3);
    expect(ledger.find(rotten)).toBeUndefined();
  });

  test("works where old and new layout share one root", async () => {
    const root = await fixture();
    const store = await openDiskStore({ root, clock });
    const report = await adopt(root, store, new MemoryLedger({ clock }), { clock });
    expect([report.adopted, report.bad]).toEqual([3, 1]);
    expect(await readAll(store, hello)).toEqual(text("hello world"));
    const again = await adopt(root, store, new MemoryLedger({ clock }), { clock });
    expect([again.seen, again.stray]).toEqual([0, 2]);
  });

  test("copy: leaves the old folder as it is, and does nothing twice", async () => {
    const root = await fixture();
    const before = (await readdir(root, { recursive: true })).toSorted();
    const { store, ledger } = await target();
    const first = await adopt(root, store, ledger, { clock, copy: true });
    const second = await adopt(root, store, ledger, { clock, copy: true });
    expect([first.adopted, first.bad, first.already]).toEqual([3, 1, 0]);
    expect([second.adopted, second.bad, second.already]).toEqual([0, 1, 3]);
    expect((await readdir(root, { recursive: true })).toSorted()).toEqual(before);
    expect(await readdir(join(store.place, "quarantine"))).toEqual([]);
    expect(store.find(rotten)).toBeUndefined();
  });

  test("a bad copy in the store does not cost the good one in the old folder", async () => {
    const root = await fixture();
    const { store, ledger } = await target();
    await put(store, hello, text("hello w0rld"));
    const report = await adopt(root, store, ledger, { clock });
    expect(report.adopted).toBe(3);
    expect(await readAll(store, hello)).toEqual(text("hello world"));
  });

  test("a blob that is stored already, known to the ledger or not, is not kept twice", async () => {
    for (const known of [true, false]) {
      const root = await fixture();
      const { store, ledger } = await target();
      const stat = await put(store, hello, text("hello world"));
      if (known) {
        const sha256 = new Bun.CryptoHasher("sha256").update("hello world").digest("hex");
        ledger.put({ key: hello, ...stat, sha256, verifiedAt: 1, surplusSince: 0 });
      }
      const report = await adopt(root, store, ledger, { clock });
      expect([report.adopted, report.already]).toEqual([2, 1]);
      expect(existsSync(legacyPath(join(root, "sha1"), hello))).toBe(false);
      expect(ledger.find(hello)?.stamp).toBe(stat.stamp);
    }
  });

  test("onProgress and signal: can be watched and stopped, and goes on where it was", async () => {
    const root = join(folder, `old-${++count}`);
    const keys = await layOut(root, 200);
    const { store, ledger } = await target();
    const stop = new AbortController();
    let fraction = 0;
    const first = await adopt(root, store, ledger, {
      clock,
      signal: stop.signal,
      onProgress(report) {
        expect(report.fraction).toBeGreaterThanOrEqual(fraction);
        ({ fraction } = report);
        if (report.seen === 50) stop.abort();
      },
    });
    expect(first.finished).toBe(false);
    expect(first.seen).toBeLessThan(100);
    const second = await adopt(root, store, ledger, { clock });
    expect(second.finished).toBe(true);
    expect(first.adopted + second.adopted).toBe(200);
    expect((await keysIn(store, allBuckets)).toSorted()).toEqual(keys.toSorted());
  }, 120_000);

  test("killed at any moment: every blob is whole in one place, and a second run brings all over", async () => {
    const root = join(folder, `old-${++count}`);
    const keys = await layOut(root, 400);
    const { store, ledger } = await target();
    for (let turn = 0; turn < 3; turn++) {
      const child = Bun.spawn({
        cmd: [process.execPath, join(import.meta.dir, "testdata", "adopt-until-killed.ts"), root, store.place],
        stdout: "pipe",
        stderr: "inherit",
      });
      let seen = 0;
      for await (const chunk of child.stdout) {
        seen += chunk.length;
        if (seen >= 60) child.kill("SIGKILL");
      }
      await child.exited;
      for (const key of keys) {
        const path = legacyPath(join(root, "sha1"), key);
        const bytes = store.find(key) ? await readAll(store, key) : await readFile(path);
        expect(new Bun.CryptoHasher("sha1").update(bytes).digest("hex")).toBe(digestOf(key));
      }
    }
    const report = await adopt(root, store, ledger, { clock });
    expect([report.adopted < 400, report.bad, report.failed]).toEqual([true, 0, 0]);
    expect(await keysIn(store, allBuckets)).toHaveLength(400);
  }, 120_000);

  test("a store that fails ends it with the store's Fault, and nothing is lost", async () => {
    const root = await fixture();
    const failing = await openDiskStore({
      root: join(folder, `new-${++count}`),
      clock,
      calls: { ...systemDiskCalls, sync: () => Promise.reject(Object.assign(new Error("EIO"), { code: "EIO" })) },
    });
    expect(await codeOf(adopt(root, failing, new MemoryLedger({ clock }), { clock }))).toBe("cask/store-failed");
    const { store, ledger } = await target();
    expect((await adopt(root, store, ledger, { clock })).adopted).toBe(3);
  });

  test("a folder without the layout is a clear Fault", async () => {
    const { store, ledger } = await target();
    expect(await codeOf(adopt(join(folder, "nowhere"), store, ledger, { clock }))).toBe("cask/no-legacy-layout");
  });
});
