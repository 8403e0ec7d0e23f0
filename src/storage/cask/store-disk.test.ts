import { afterAll, describe, expect, test } from "bun:test";
import { fstatSync } from "node:fs";
import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "../../kit/clock.ts";
import { until } from "../../kit/testing/child-node.ts";
import { bucketOf, digestOf, keyOf } from "./key.ts";
import { type DiskCalls, systemDiskCalls } from "./store-disk-calls.ts";
import { type DiskStoreOptions, openDiskStore } from "./store-disk.ts";
import { diskFault } from "./store-disk-fault.ts";
import { bodyBytes, codeOf, describeStore, keysIn, nextKey, noise, put, readAll, text } from "./store.conformance.ts";

const folder = await mkdtemp(join(tmpdir(), "cask-disk-"));
afterAll(() => rm(folder, { recursive: true, force: true }));
let stores = 0;
const open = (options: Partial<DiskStoreOptions> = {}) =>
  openDiskStore({ root: join(folder, `store-${++stores}`), clock: systemClock, ...options });

describeStore("DiskStore", async () => {
  const root = join(folder, "conformance");
  return {
    store: await openDiskStore({ root, clock: systemClock }),
    reopen: () => openDiskStore({ root, clock: systemClock }),
    dispose: async () => {},
  };
});

/** Syncs that a test can make fail and count. */
function watchedCalls() {
  const watched = { count: 0, fails: "nothing" as "nothing" | "folders" | "all" };
  const look = (isFolder: boolean) => {
    watched.count++;
    if (watched.fails === "all" || (watched.fails === "folders" && isFolder))
      throw Object.assign(new Error("EIO: i/o error, fsync"), { code: "EIO" });
  };
  const calls: DiskCalls = {
    async sync(descriptor) {
      look(fstatSync(descriptor).isDirectory());
      await systemDiskCalls.sync(descriptor);
    },
    async writeSynced(path, bytes) {
      await systemDiskCalls.writeSynced(path, bytes);
      look(false);
    },
  };
  return Object.assign(watched, { calls });
}

describe("DiskStore layout", () => {
  test("commit: puts the blob at <algorithm>/<two digits>/<digest> and leaves no draft", async () => {
    const store = await open();
    const digest = "ab".repeat(20);
    await put(store, keyOf("sha1", digest), noise(300_000, 1));
    expect(await readdir(join(store.place, "sha1", "ab"))).toEqual([digest]);
    expect(await readdir(join(store.place, "incoming"))).toEqual([]);
  });

  test("list and find: ignore strange files, links and folders", async () => {
    const store = await open();
    const key = nextKey("sha256", 0x12);
    await put(store, key, text("real"));
    const leaf = join(store.place, "sha256", "12");
    await writeFile(join(leaf, "notes.txt"), "x");
    await writeFile(join(leaf, digestOf(nextKey("sha256", 0x13))), "in the wrong folder");
    await writeFile(join(leaf, `${digestOf(key)}.tmp`), "x");
    const linked = nextKey("sha256", 0x12);
    await symlink("/etc/hostname", store.path(linked));
    expect((await keysIn(store, [0x12])).filter((listed) => listed !== linked)).toEqual([key]);
    expect(store.find(linked)).toBeUndefined();
    expect(await codeOf(readAll(store, linked))).toBe("cask/blob-missing");
  });

  test("find: the stamp changes with size, time and file", async () => {
    const store = await open();
    const key = nextKey();
    await put(store, key, text("one"));
    const path = store.path(key);
    const stamps = [store.find(key)?.stamp];
    await utimes(path, 1, 1);
    stamps.push(store.find(key)?.stamp);
    await appendFile(path, "x");
    stamps.push(store.find(key)?.stamp);
    await writeFile(`${path}.new`, "onex");
    await utimes(`${path}.new`, 1, 1);
    await rename(`${path}.new`, path);
    stamps.push(store.find(key)?.stamp);
    expect(new Set(stamps).size).toBe(4);
  });

  test("quarantine: keeps every copy with its reason", async () => {
    const store = await open();
    const key = keyOf("sha1", "cd".repeat(20));
    for (const reason of ["first reason", "second reason"]) {
      await put(store, key, text(reason));
      await store.quarantine(key, reason);
    }
    const kept = join(store.place, "quarantine");
    const name = `sha1-${digestOf(key)}`;
    expect((await readdir(kept)).toSorted()).toEqual(
      [name, `${name}.2`, `${name}.2.reason.txt`, `${name}.reason.txt`].toSorted(),
    );
    expect(await readFile(join(kept, `${name}.2`), "utf8")).toBe("second reason");
    expect(await readFile(join(kept, `${name}.reason.txt`), "utf8")).toContain("first reason");
  });

  test("sweep: removes old leftovers, not drafts under way nor young files", async () => {
    const store = await open();
    const incoming = join(store.place, "incoming");
    await writeFile(join(incoming, "left-over"), "half a blob");
    await utimes(join(incoming, "left-over"), 1000, 1000);
    await writeFile(join(incoming, "young"), "of another process");
    const writer = await store.create();
    await writer.write(noise(500_000, 2));
    expect(await store.sweep(3_600_000)).toBe(1);
    expect(await readdir(incoming)).toHaveLength(2);
    await writer.commit(nextKey());
    expect(await readdir(incoming)).toEqual(["young"]);
  });

  test("a folder that someone tidied away is made again", async () => {
    const store = await open();
    const [first, second] = [nextKey("sha256", 0x55), nextKey("sha256", 0x55)];
    await put(store, first, text("x"));
    await rm(join(store.place, "sha256"), { recursive: true });
    await put(store, second, text("y"));
    expect(await keysIn(store, [0x55])).toEqual([second]);
  });
});

describe("DiskStore durability", () => {
  test("commit: syncs the file, new folders and the folder; a second blob in the folder needs two syncs", async () => {
    const watched = watchedCalls();
    const store = await open({ calls: watched.calls });
    await put(store, nextKey("sha256", 0x01), text("x"));
    // The file, the root for `sha256`, `sha256` for `01`, and `01` for the blob.
    expect(watched.count).toBe(4);
    await put(store, nextKey("sha256", 0x01), text("y"));
    expect(watched.count).toBe(6);
  });

  test("commit: blobs of one folder share its sync", async () => {
    const watched = watchedCalls();
    const store = await open({ calls: watched.calls });
    await put(store, nextKey("sha256", 0x01), text("x"));
    watched.count = 0;
    await Promise.all(Array.from({ length: 50 }, () => put(store, nextKey("sha256", 0x01), text("y"))));
    expect(watched.count).toBeGreaterThan(51);
    expect(watched.count).toBeLessThan(100);
  });

  test("commit: a blob that is there already is synced again with its folder before it counts", async () => {
    const watched = watchedCalls();
    const store = await open({ calls: watched.calls });
    const key = nextKey();
    await put(store, key, text("x"));
    watched.count = 0;
    await put(store, key, text("x"));
    expect(watched.count).toBe(1);
  });

  test("find: a blob is not seen before its folder is synced", async () => {
    const key = nextKey();
    const seen: boolean[] = [];
    const store = await open({
      calls: {
        ...systemDiskCalls,
        async sync(descriptor) {
          seen.push(store.find(key) !== undefined);
          await systemDiskCalls.sync(descriptor);
          seen.push(store.find(key) !== undefined);
        },
      },
    });
    await put(store, key, text("x"));
    // Three folders, before and after each.
    expect(seen).toEqual([false, false, false, false, false, false]);
    expect(store.find(key)).toBeDefined();
  });

  test("a failing sync of the file: the commit fails, nothing is left, and it is not tried twice", async () => {
    for (const sizeBytes of [10, 1_000_000]) {
      const watched = watchedCalls();
      const store = await open({ calls: watched.calls });
      watched.fails = "all";
      const key = nextKey();
      expect(await codeOf(put(store, key, noise(sizeBytes, 1)))).toBe("cask/store-failed");
      expect(watched.count).toBe(1);
      expect(store.find(key)).toBeUndefined();
      expect(await readdir(join(store.place, "incoming"))).toEqual([]);
      watched.fails = "nothing";
      await put(store, key, noise(sizeBytes, 1));
    }
  });

  test("a failing sync of the folder: all commits waiting for it fail and leave no blob", async () => {
    const watched = watchedCalls();
    const store = await open({ calls: watched.calls });
    await put(store, nextKey("sha256", 0x02), text("makes the folders"));
    const keys = Array.from({ length: 5 }, () => nextKey("sha256", 0x02));
    watched.fails = "folders";
    const outcomes = await Promise.all(keys.map((key) => codeOf(put(store, key, text("x")))));
    expect(new Set(outcomes)).toEqual(new Set(["cask/store-failed"]));
    watched.fails = "nothing";
    expect(keys.filter((key) => store.find(key) !== undefined)).toEqual([]);
    expect(await readdir(join(store.place, "incoming"))).toEqual([]);
  });

  test("a killed process: every blob it told of is there whole, and the rest is swept", async () => {
    const store = await open();
    const child = Bun.spawn({
      cmd: [process.execPath, join(import.meta.dir, "testdata", "store-until-killed.ts"), store.place],
      stdout: "pipe",
      stderr: "inherit",
    });
    let told = "";
    for await (const chunk of child.stdout) {
      told += new TextDecoder().decode(chunk);
      if (told.split("\n").length > 300) child.kill("SIGKILL");
    }
    await child.exited;
    const keys = told
      .split("\n")
      .slice(0, -1)
      .map((digest) => keyOf("sha256", digest));
    expect(keys.length).toBeGreaterThanOrEqual(300);
    for (const key of keys) {
      const digest = new Bun.CryptoHasher("sha256").update(await readAll(store, key)).digest("hex");
      expect(digest).toBe(digestOf(key));
    }
    for (let bucket = 0; bucket < 256; bucket++) {
      for (const key of await keysIn(store, [bucket])) expect(bucketOf(key)).toBe(bucket);
    }
    await store.sweep(-60_000);
    expect(await readdir(join(store.place, "incoming"))).toEqual([]);
  });
});

describe("DiskStore in trouble", () => {
  test("a store folder that vanished is an error, not an empty store, and is not made again", async () => {
    const store = await open();
    const key = nextKey();
    await put(store, key, text("x"));
    await rm(store.place, { recursive: true });
    expect(await codeOf((async () => store.find(key))())).toBe("cask/store-gone");
    expect(await codeOf(put(store, nextKey(), text("y")))).toBe("cask/store-gone");
    expect(await codeOf(put(store, nextKey(), noise(600_000, 1)))).toBe("cask/store-gone");
    expect(await codeOf(keysIn(store, [1]))).toBe("cask/store-gone");
    expect(await codeOf(store.space())).toBe("cask/store-gone");
    expect(await readdir(folder)).not.toContain(store.place.split("/").at(-1));
  });

  test("create: refuses at once what cannot fit", async () => {
    const store = await open();
    expect(await codeOf((async () => store.create(2 ** 60))())).toBe("cask/disk-full");
  });

  test("a disk that fills up: refused with 507, nothing half left, nothing lost, and room made is used", async () => {
    const disk = join(folder, "small-disk");
    await mkdir(disk);
    const script = join(import.meta.dir, "testdata", "fill-disk.ts");
    // A file system of its own, 8 MiB, in a namespace of its own: needs no rights where namespaces are allowed.
    const within = (command: string) => [
      "unshare",
      "-rm",
      "sh",
      "-c",
      `mount -t tmpfs -o size=8m none "$0" && ${command}`,
      disk,
    ];
    if (Bun.which("unshare") === null || Bun.spawnSync(within("true")).exitCode !== 0) {
      console.warn("Not run: a disk that fills up, because this machine does not allow mounting in a namespace");
      return;
    }
    const child = Bun.spawn({
      cmd: [...within('exec "$1" "$2" "$0/store"'), process.execPath, script],
      stdout: "pipe",
      stderr: "inherit",
    });
    expect(JSON.parse(await new Response(child.stdout).text())).toEqual({
      "large and announced": "cask/disk-full 507",
      "large and not announced": "cask/disk-full 507",
      "one piece, first": "stored",
      "one piece, second": "cask/disk-full 507",
      small: "cask/disk-full 507",
      "drafts left": 0,
      "all kept are whole": true,
      quarantined: true,
      "after making room": "stored",
    });
  });

  test("open: a root that cannot be made is a clear Fault", async () => {
    await writeFile(join(folder, "a-file"), "x");
    expect(await codeOf(open({ root: join(folder, "a-file", "store") }))).toBe("cask/store-gone");
  });

  test("a truncated file: reading what was promised fails instead of ending early", async () => {
    const store = await open();
    const key = nextKey();
    await put(store, key, noise(900_000, 3));
    const stat = store.find(key);
    await writeFile(store.path(key), noise(10, 3));
    expect(await codeOf((async () => new Response(store.body(key, stat ?? never())).bytes())())).toBe(
      "cask/blob-missing",
    );
  });

  test("body: never gives another file than the one that was stat'ed", async () => {
    const store = await open();
    for (const sizeBytes of [100, 100_000, 900_000]) {
      const key = nextKey();
      await put(store, key, noise(sizeBytes, 1));
      const stat = store.find(key) ?? never();
      await bodyBytes(store, key);
      await put(store, key, noise(sizeBytes, 2), { replace: true });
      expect(await codeOf((async () => new Response(store.body(key, stat)).bytes())())).toBe("cask/blob-missing");
    }
  });

  test("body: what is sent while the blob is quarantined is still the old file, to its end", async () => {
    const store = await open();
    const key = nextKey();
    const whole = noise(3_000_000, 9);
    await put(store, key, whole);
    const body = store.body(key, store.find(key) ?? never());
    if (!(body instanceof Blob)) throw new Error("wanted a file");
    const reader = body.stream().getReader();
    const chunks = [(await reader.read()).value ?? never()];
    await store.quarantine(key, "for the test");
    for (let next = await reader.read(); !next.done; next = await reader.read()) chunks.push(next.value);
    expect(Buffer.compare(Buffer.concat(chunks), whole)).toBe(0);
  });

  test("body: a file that is not read to its end is closed", async () => {
    const store = await open();
    const key = nextKey();
    await put(store, key, noise(3_000_000, 9));
    const openFiles = async () => (await readdir("/proc/self/fd")).length;
    const before = await openFiles();
    for (let turn = 0; turn < 20; turn++) {
      const body = store.body(key, store.find(key) ?? never());
      if (!(body instanceof Blob)) throw new Error("wanted a file");
      if (turn % 2 === 0) continue;
      const reader = body.stream().getReader();
      await reader.read();
      await reader.cancel();
    }
    // A cancelled read is closed once the disk thread at work on it is through, which is after `cancel` has resolved.
    await until("the files are closed", async () => (await openFiles()) < before + 5);
  });

  test("abort: while a large write is under way, ends well", async () => {
    const store = await open();
    const writer = await store.create();
    const writing = writer.write(noise(2_000_000, 1));
    await writer.abort();
    await writing;
    expect(await readdir(join(store.place, "incoming"))).toEqual([]);
  });

  test("rememberBytes: small blobs are remembered within the bound", async () => {
    const store = await open({ rememberBytes: 100_000 });
    const keys = Array.from({ length: 10 }, () => nextKey());
    for (const key of keys) await put(store, key, noise(30_000, 4));
    const bodyOf = (index: number) => store.body(keys[index] ?? never(), store.find(keys[index] ?? never()) ?? never());
    const first = bodyOf(0);
    expect(bodyOf(0)).toBe(first);
    for (let index = 1; index < 10; index++) bodyOf(index);
    expect(bodyOf(0)).not.toBe(first);
  });

  test.each([
    ["ENOSPC", "cask/disk-full", 507],
    ["EDQUOT", "cask/disk-full", 507],
    ["EIO", "cask/store-failed", 503],
    ["EROFS", "cask/store-forbidden", 503],
    ["EACCES", "cask/store-forbidden", 503],
    ["ENOENT", "cask/store-gone", 503],
    ["EXDEV", "cask/store-failed", 503],
  ])("diskFault: %s is %s with status %d", (code, expected, status) => {
    const fault = diskFault(Object.assign(new Error(code), { code }), "store a blob", "/blobs");
    expect([fault.code, fault.status, fault.kind]).toEqual([expected, status, "unavailable"]);
    expect(fault.message).toStartWith("Cannot store a blob: ");
    expect(diskFault(fault, "do something else", "/blobs")).toBe(fault);
  });
});

function never(): never {
  throw new Error("Expected a value");
}
