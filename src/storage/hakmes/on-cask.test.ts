import { describe, expect, test } from "bun:test";

import type { CutPlan } from "../../lib/chunker/cut-plan.ts";
import { type Key, requireKey } from "../cask/client.ts";
import { keyOfShort } from "./digest.ts";
import { ingestLines } from "./exchange-lines.ts";
import { gathered, inPieces, label, made, noise, settled, smallPlan } from "./hakmes-fixture.ts";
import { decodeManifest, decodeRoot, encodeRoot, fileOfRoot, isSealed, type ManifestRoot } from "./manifest.ts";
import { labelOf, type FileName, type StoredFile } from "./record.ts";

const unknown = keyOfShort("sha256", "nobody has this");

describe("HakmesOnCask.take", () => {
  test("a file: its bytes come back, under the hash of the whole, with all that was said of it", async () => {
    const { hakmes, catalog, clock, happened } = made();
    const bytes = noise(100_000, 1);
    const taken = await hakmes.take(inPieces(bytes), label);
    expect(taken).toEqual({
      file: {
        key: keyOfShort("sha256", bytes),
        sizeBytes: 100_000,
        extension: ".txt",
        mimetype: "text/plain",
        createdAt: clock.now(),
        chunkCount: taken.file.chunkCount,
        cut: { rule: "fastcdc-1", minBytes: 256, averageBytes: 1024, maxBytes: 4096 },
        manifest: keyOfShort("sha256", catalog.root(taken.file.key) ?? ""),
        isProven: true,
      },
      existed: false,
      newChunks: taken.file.chunkCount,
    });
    expect(taken.file.chunkCount).toBeGreaterThan(50);
    expect((await gathered(await hakmes.read(taken.file))).equals(bytes)).toBe(true);
    expect(hakmes.names(taken.file.key).map(({ name }) => name)).toEqual(["notes.txt"]);
    expect(happened).toEqual(["taken"]);
  });

  test("an empty file: has no chunks and reads as nothing", async () => {
    const { hakmes, chunks } = made();
    const { file } = await hakmes.take(inPieces(new Uint8Array(0)), label);
    expect([file.key, file.chunkCount, file.sizeBytes]).toEqual([keyOfShort("sha256", ""), 0, 0]);
    expect(await gathered(await hakmes.read(file))).toHaveLength(0);
    // The manifest only.
    expect(chunks.blobs.size).toBe(1);
  });

  test("a file of one chunk: the chunk has the file's key", async () => {
    const { hakmes } = made();
    const { file } = await hakmes.take(inPieces(noise(200, 3)), label);
    expect((await Array.fromAsync(hakmes.chunks(file))).map(({ key }) => key)).toEqual([file.key]);
  });

  test("pieces of any length give the same chunks", async () => {
    const bytes = noise(30_000, 4);
    const lists: Key[][] = [];
    for (const pieceBytes of [1, 13, 4096, 30_000]) {
      const { hakmes } = made();
      const { file } = await hakmes.take(inPieces(bytes, pieceBytes), label);
      lists.push((await Array.fromAsync(hakmes.chunks(file))).map(({ key }) => key));
    }
    for (const list of lists) expect(list).toEqual(lists[0] ?? []);
  });

  test("known content: only a new name is added, and what was said first stays", async () => {
    const { hakmes, chunks, clock } = made();
    const bytes = noise(20_000, 5);
    const first = await hakmes.take(inPieces(bytes), label);
    clock.advance(1000);
    const blobs = chunks.blobs.size;
    const again = await hakmes.take(inPieces(bytes), label);
    expect([again.existed, again.newChunks, chunks.blobs.size]).toEqual([true, 0, blobs]);
    const renamed = await hakmes.take(inPieces(bytes), labelOf({ name: "other.png", mimetype: "image/png" }));
    expect([renamed.existed, renamed.file]).toEqual([true, first.file]);
    expect(hakmes.names(first.file.key)).toEqual([
      { key: first.file.key, name: "notes.txt", mimetype: "text/plain", addedAt: clock.now() - 1000 },
      { key: first.file.key, name: "other.png", mimetype: "image/png", addedAt: clock.now() },
    ]);
    const name = [...chunks.blobs.values()].map((blob) => decodeManifest(blob)).find((found) => found?.kind === "name");
    expect(name).toEqual({
      kind: "name",
      name: { key: first.file.key, name: "other.png", mimetype: "image/png", addedAt: clock.now() },
      seal: undefined,
    });
  });

  test("a byte put in at the front: few chunks are new when cut by content, all of them when cut fixed", async () => {
    const bytes = noise(400_000, 6);
    const longer = Buffer.concat([Uint8Array.of(1), bytes]);
    const newOf = async (plan: CutPlan) => {
      const { hakmes } = made({ plan });
      await hakmes.take(inPieces(bytes), label);
      const { newChunks, file } = await hakmes.take(inPieces(longer), label);
      return { newChunks, chunkCount: file.chunkCount };
    };
    const byContent = await newOf(smallPlan);
    expect(byContent.chunkCount).toBeGreaterThan(200);
    expect(byContent.newChunks).toBeLessThanOrEqual(3);
    const fixed = await newOf({ kind: "fixed", sizeBytes: 1000 });
    expect(fixed).toEqual({ newChunks: 401, chunkCount: 401 });
  });

  test("runs of one byte are sent once", async () => {
    const { hakmes, chunks } = made();
    const { file, newChunks } = await hakmes.take(inPieces(new Uint8Array(100_000)), label);
    expect(file.chunkCount).toBe(25);
    expect([newChunks, chunks.asked.put]).toEqual([2, 3]);
  });

  test("expected: other bytes are refused and nothing is entered; its algorithm names the file", async () => {
    const { hakmes } = made();
    const bytes = noise(5000, 7);
    const expected = keyOfShort("sha1", bytes);
    const { file } = await hakmes.take(inPieces(bytes), label, { expected });
    expect(file.key).toBe(expected);
    expect((await Array.fromAsync(hakmes.chunks(file))).every(({ key }) => key.startsWith("sha1:"))).toBe(true);
    const wrong = hakmes.take(inPieces(noise(5000, 8)), label, { expected });
    expect(wrong).rejects.toMatchObject({ code: "hakmes/wrong-bytes", kind: "conflict" });
    await wrong.catch(() => undefined);
    expect(hakmes.counts().files).toBe(1);
  });

  test("tell: hears of the file, its root and its names before the upload is acknowledged", async () => {
    const told: { file: StoredFile; root: Uint8Array; names: readonly FileName[] }[] = [];
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { hakmes, catalog, chunks } = made(
      {},
      {
        tell: async (file, root, names) => {
          expect([...chunks.blobs.keys()]).toContain(file.manifest ?? unknown);
          told.push({ file, root, names });
          await released;
        },
      },
    );
    let isAcknowledged = false;
    const taken = hakmes.take(inPieces(noise(3000, 9)), label).then((result) => {
      isAcknowledged = true;
      return result;
    });
    while (told.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(isAcknowledged).toBe(false);
    release();
    const { file } = await taken;
    expect(told).toEqual([{ file, root: catalog.root(file.key) ?? new Uint8Array(0), names: hakmes.names(file.key) }]);
  });

  test("a source that fails: its error comes out, the source is closed, nothing is entered", async () => {
    const { hakmes, happened } = made();
    let isClosed = false;
    const failing = async function* () {
      try {
        yield noise(10_000, 10);
        throw new RangeError("the sender is gone");
      } finally {
        isClosed = true;
      }
    };
    const taking = hakmes.take(failing(), label);
    expect(taking).rejects.toThrow("the sender is gone");
    await taking.catch(() => undefined);
    expect([isClosed, hakmes.counts().files, happened]).toEqual([true, 0, ["upload-failed"]]);
  });

  test("Cask fails for good: the source is closed and the upload fails as unavailable", async () => {
    const { hakmes, chunks, clock } = made();
    chunks.trouble = ({ verb }) => (verb === "put" ? "fail" : undefined);
    let isClosed = false;
    const endless = async function* () {
      try {
        for (let seed = 0; ; seed++) yield noise(5000, seed);
      } finally {
        isClosed = true;
      }
    };
    const taking = settled(clock, hakmes.take(endless(), label));
    expect(taking).rejects.toMatchObject({ kind: "unavailable", code: "cask/unreachable" });
    await taking.catch(() => undefined);
    expect(isClosed).toBe(true);
  });

  test("Cask fails now and then: puts are tried again and the file is whole", async () => {
    const { hakmes, chunks, clock } = made();
    let calls = 0;
    chunks.trouble = () => (++calls % 3 === 0 ? "fail" : undefined);
    const bytes = noise(50_000, 11);
    const { file } = await settled(clock, hakmes.take(inPieces(bytes), label));
    chunks.trouble = () => undefined;
    expect((await gathered(await hakmes.read(file))).equals(bytes)).toBe(true);
  });

  test("signal: an upload that is aborted fails with the signal's reason", async () => {
    const { hakmes } = made();
    const abort = new AbortController();
    const source = async function* () {
      yield noise(10_000, 12);
      abort.abort(new RangeError("enough"));
      yield noise(10_000, 13);
    };
    const taking = hakmes.take(source(), label, { signal: abort.signal });
    expect(taking).rejects.toThrow("enough");
    await taking.catch(() => undefined);
  });
});

describe("HakmesOnCask.find", () => {
  test("asks the others only for what it does not know; their certainty makes a no", async () => {
    const asked: Key[] = [];
    let answer: { file?: StoredFile; isCertain: boolean } = { isCertain: true };
    const { hakmes } = made(
      {},
      {
        askOthers: async (key) => {
          asked.push(key);
          return answer;
        },
      },
    );
    const { file } = await hakmes.take(inPieces(noise(100, 1)), label);
    expect(await hakmes.find(file.key)).toEqual(file);
    expect(asked).toEqual([]);
    expect(await hakmes.find(unknown)).toBeUndefined();
    answer = { isCertain: false, file };
    expect(await hakmes.find(unknown)).toEqual(file);
    answer = { isCertain: false };
    expect(hakmes.find(unknown)).rejects.toMatchObject({ code: "hakmes/not-sure", kind: "unavailable" });
    expect(asked).toEqual([unknown, unknown, unknown]);
  });
});

describe("HakmesOnCask manifests", () => {
  test("small limits: a file becomes a tree of any height, of which only the touched parts are read", async () => {
    for (const manifestEntries of [2, 3, 7]) {
      const { hakmes, catalog, chunks } = made({ manifestEntries });
      const bytes = noise(60_000, 14);
      const { file } = await hakmes.take(inPieces(bytes), label);
      const { root } = decodeRoot(catalog.root(file.key) ?? new Uint8Array(0));
      expect(root.level).toBeGreaterThan(1);
      expect(root.entries.length).toBeLessThanOrEqual(manifestEntries);
      const sizes = (await Array.fromAsync(hakmes.chunks(file))).map(({ sizeBytes }) => sizeBytes);
      expect(sizes.length).toBe(file.chunkCount);
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(60_000);
      expect((await gathered(await hakmes.read(file))).equals(bytes)).toBe(true);
      // A fresh one has no parts in memory: one byte costs a part of each level below the root, and one chunk.
      const fresh = made({ manifestEntries }, { chunks, catalog });
      chunks.asked.get = 0;
      expect(
        (await gathered(await fresh.hakmes.read(file, { start: 30_000, end: 30_001 }))).equals(
          bytes.subarray(30_000, 30_001),
        ),
      ).toBe(true);
      expect(chunks.asked.get).toBe(root.level + 1);
    }
  });

  test("any number of chunks from none up survives being a tree of two entries a part", async () => {
    for (let count = 0; count <= 20; count++) {
      const { hakmes } = made({ manifestEntries: 2, plan: { kind: "fixed", sizeBytes: 10 } });
      const bytes = noise(count * 10, count);
      const { file } = await hakmes.take(inPieces(bytes), label);
      expect(file.chunkCount).toBe(count);
      expect((await gathered(await hakmes.read(file))).equals(bytes)).toBe(true);
    }
  });

  test("a root bears the seal of the cluster's secret; with none it has none", async () => {
    for (const secret of ["", "of the cluster"]) {
      const { hakmes, catalog, chunks } = made({}, { seal: () => secret });
      const { file } = await hakmes.take(inPieces(noise(5000, 15)), label);
      const manifest = decodeManifest(chunks.blobs.get(file.manifest ?? unknown) ?? new Uint8Array(0));
      expect(manifest && isSealed(manifest, secret)).toBe(secret !== "");
      expect(manifest && isSealed(manifest, "another")).toBe(false);
      expect(chunks.blobs.get(file.manifest ?? unknown)).toEqual(catalog.root(file.key) ?? new Uint8Array(0));
    }
  });
});

describe("HakmesOnCask.prove", () => {
  /** A file that was merely found: its root as given, in the catalog without proof. */
  async function found(change: (root: ManifestRoot) => ManifestRoot, secret = "") {
    const fixture = made({}, { seal: () => secret });
    const bytes = noise(40_000, 20);
    const { file } = await fixture.hakmes.take(inPieces(bytes), label);
    const root = change(decodeRoot(fixture.catalog.root(file.key) ?? new Uint8Array(0)).root);
    fixture.catalog.drop(file.key);
    // Not the manifest that was dropped, which would not be taken again.
    const later = { ...root, createdAt: root.createdAt + 1 };
    const blob = encodeRoot(later, "");
    const manifest = keyOfShort("sha256", blob);
    fixture.chunks.blobs.set(manifest, blob);
    const stored = fileOfRoot(later, manifest, false);
    expect(fixture.catalog.add(stored, blob)).toBe(true);
    return { ...fixture, bytes, stored };
  }

  test("what is right: is read whole before a byte is given, and believed from then on", async () => {
    const { hakmes, bytes, stored, catalog, chunks, happened } = await found((root) => root);
    chunks.asked.get = 0;
    const range = { start: 5, end: 10 };
    expect((await gathered(await hakmes.read(stored, range))).equals(bytes.subarray(5, 10))).toBe(true);
    expect(chunks.asked.get).toBeGreaterThan(stored.chunkCount);
    expect(catalog.find(stored.key)?.isProven).toBe(true);
    expect(happened).toEqual(["taken", "proven"]);
    chunks.asked.get = 0;
    await gathered(await hakmes.read(stored, range));
    expect(chunks.asked.get).toBe(1);
  });

  test("what is right under a secret: gets a sealed root, so that nobody has to read it whole again", async () => {
    const { hakmes, stored, catalog, chunks } = await found((root) => root, "secret");
    const proven = await hakmes.prove(stored);
    expect(proven.isProven).toBe(true);
    const manifest = decodeManifest(catalog.root(stored.key) ?? new Uint8Array(0));
    expect(manifest && isSealed(manifest, "secret")).toBe(true);
    expect(chunks.blobs.has(proven.manifest ?? unknown)).toBe(true);
  });

  test("another content under a key: no byte of it is given, and it is forgotten", async () => {
    const { hakmes, stored, catalog, happened } = await found((root) => ({ ...root, key: unknown }));
    const reading = hakmes.read(stored, { start: 0, end: 1 });
    expect(reading).rejects.toMatchObject({ code: "hakmes/damaged-manifest" });
    await reading.catch(() => undefined);
    expect(catalog.find(unknown)).toBeUndefined();
    expect(happened).toEqual(["taken", "refuted"]);
    expect(catalog.add(stored, new Uint8Array(0))).toBe(false);
  });

  test("chunks that are longer or shorter than the manifest says: the same", async () => {
    for (const byBytes of [1, -1]) {
      const { hakmes, stored, catalog, clock } = await found((root) => ({
        ...root,
        sizeBytes: root.sizeBytes + byBytes,
        entries: root.entries.map(([key, size], place) => [key, place === 3 ? size + byBytes : size] as const),
      }));
      const reading = settled(clock, hakmes.read(stored));
      expect(reading).rejects.toMatchObject({ code: "hakmes/damaged-manifest" });
      await reading.catch(() => undefined);
      expect(catalog.find(stored.key)).toBeUndefined();
    }
  });

  test("a chunk that cannot be had: nothing is given, and the file stays for a later attempt", async () => {
    const { hakmes, stored, catalog, chunks, clock } = await found((root) => root);
    const lost = decodeRoot(catalog.root(stored.key) ?? new Uint8Array(0)).root.entries[10]?.[0];
    chunks.trouble = ({ key }) => (key === lost ? "miss" : undefined);
    const reading = settled(clock, hakmes.read(stored, { start: 0, end: 1 }));
    expect(reading).rejects.toMatchObject({ code: "hakmes/chunk-unavailable", kind: "unavailable" });
    await reading.catch(() => undefined);
    expect(catalog.find(stored.key)?.isProven).toBe(false);
  });
});

describe("HakmesOnCask.enter", () => {
  /** A file of the predecessor: its chunks in Cask under SHA-1, all alike but the last. */
  function predecessor(chunkBytes: number, sizeBytes: number, seed = 30) {
    const fixture = made();
    const bytes = noise(sizeBytes, seed);
    const chunkKeys: Key[] = [];
    for (let at = 0; at < sizeBytes; at += chunkBytes) {
      const chunk = bytes.slice(at, at + chunkBytes);
      const key = keyOfShort("sha1", chunk);
      fixture.chunks.blobs.set(key, chunk);
      chunkKeys.push(key);
    }
    const record = { key: keyOfShort("sha1", bytes), extension: ".iso", mimetype: "text/plain", sizeBytes, chunkKeys };
    return { ...fixture, bytes, record };
  }

  test("a record without sizes: two questions tell them all, and it reads right whatever is configured now", async () => {
    const { hakmes, chunks, bytes, record, happened } = predecessor(700, 10_000);
    expect(await hakmes.enter(record)).toBe("entered");
    expect(chunks.asked.find).toBe(2);
    expect(await hakmes.enter(record)).toBe("existed");
    const file = await hakmes.find(record.key);
    expect(file).toMatchObject({
      sizeBytes: 10_000,
      extension: ".iso",
      mimetype: "text/plain",
      chunkCount: 15,
      isProven: true,
    });
    expect(
      file && (await gathered(await hakmes.read(file, { start: 650, end: 1500 }))).equals(bytes.subarray(650, 1500)),
    ).toBe(true);
    expect(happened).toEqual(["proven"]);
  });

  test("chunks of unlike lengths: each is asked about", async () => {
    const { hakmes, chunks } = made();
    const bytes = noise(6000, 31);
    const chunkKeys = [0, 1000, 1500, 3700].map((start, place, starts) => {
      const chunk = bytes.slice(start, starts[place + 1] ?? 6000);
      const key = keyOfShort("sha256", chunk);
      chunks.blobs.set(key, chunk);
      return key;
    });
    const record = { key: keyOfShort("sha256", bytes), extension: "", mimetype: "", sizeBytes: 6000, chunkKeys };
    expect(await hakmes.enter({ ...record, names: ["a/b.txt", "c.txt"] })).toBe("entered");
    const file = await hakmes.find(record.key);
    expect(file && (await gathered(await hakmes.read(file))).equals(bytes)).toBe(true);
    expect(hakmes.names(record.key).map(({ name }) => name)).toEqual(["b.txt", "c.txt"]);
    expect(file?.mimetype).toBe("application/octet-stream");
  });

  test("an empty file, a file of one chunk, and one that ends at a border", async () => {
    for (const [chunkBytes, sizeBytes] of [
      [100, 0],
      [100, 40],
      [100, 100],
      [100, 300],
    ] as const) {
      const { hakmes, bytes, record } = predecessor(chunkBytes, sizeBytes);
      await hakmes.enter(record);
      const file = await hakmes.find(record.key);
      expect(file && (await gathered(await hakmes.read(file))).equals(bytes)).toBe(true);
    }
  });

  test("a record with a false size is skipped in a stream of lines, and the next one is entered", async () => {
    const { hakmes, catalog, record } = predecessor(700, 10_000);
    const { sizeBytes, chunkKeys, ...rest } = record;
    const lineOf = (key: Key, size: number) => `${JSON.stringify({ ...rest, key, size, chunks: chunkKeys })}\n`;
    const lines = new TextEncoder().encode(
      lineOf(keyOfShort("sha1", "another"), sizeBytes + 1) + lineOf(record.key, sizeBytes),
    );
    const skipped: number[] = [];
    const counts = await ingestLines(inPieces(lines), hakmes, { skipped: ({ line }) => skipped.push(line) });
    expect([counts, skipped]).toEqual([{ lines: 2, entered: 1, existed: 0, skipped: 1 }, [1]]);
    expect(catalog.find(record.key)?.sizeBytes).toBe(sizeBytes);
  });

  test("a record of a file that was merely found is kept beside what was found, which may be a lie", async () => {
    const { hakmes, catalog, chunks, bytes, record } = predecessor(700, 10_000);
    const lie = encodeRoot(
      {
        ...record,
        chunkCount: 1,
        createdAt: 0,
        name: "",
        level: 0,
        entries: [[keyOfShort("sha1", "gone"), record.sizeBytes]],
      },
      "",
    );
    const { key: manifest } = await chunks.put("sha256", lie);
    catalog.add(fileOfRoot(decodeRoot(lie).root, manifest, false), lie);
    const before = chunks.blobs.size;
    await hakmes.enter(record);
    const [written] = [...chunks.blobs.values()].slice(before);
    const { root } = decodeRoot(written ?? new Uint8Array(0));
    expect([root.key, root.entries.map(([key]) => key)]).toEqual([record.key, record.chunkKeys]);
    catalog.drop(record.key);
    expect(await hakmes.enter(record)).toBe("entered");
    expect(await hakmes.enter(record)).toBe("existed");
    const file = catalog.find(record.key);
    expect(file && (await gathered(await hakmes.read(file))).equals(bytes)).toBe(true);
  });

  test("sizes that do not come to the file's: a Fault, never wrong bytes", async () => {
    const { hakmes, record, catalog } = predecessor(700, 10_000);
    for (const wrong of [
      { ...record, sizeBytes: 9000 },
      { ...record, chunkSizes: record.chunkKeys.map(() => 700) },
      { ...record, chunkKeys: record.chunkKeys.slice(1) },
    ]) {
      expect(hakmes.enter(wrong)).rejects.toMatchObject({ code: "hakmes/damaged-manifest" });
      await hakmes.enter(wrong).catch(() => undefined);
    }
    expect(catalog.counts().files).toBe(0);
  });

  test("sizes that lie but add up: found out when it is read", async () => {
    const { hakmes, record, catalog } = predecessor(700, 1400);
    expect(await hakmes.enter({ ...record, chunkSizes: [600, 800] })).toBe("entered");
    expect(hakmes.find(record.key)).rejects.toMatchObject({ code: "hakmes/damaged-manifest" });
    await hakmes.find(record.key).catch(() => undefined);
    expect(catalog.find(record.key)).toBeUndefined();
  });

  test("Cask away: the record waits in the catalog and is anchored when it is wanted", async () => {
    const { hakmes, chunks, bytes, record, catalog, happened } = predecessor(700, 10_000);
    chunks.trouble = () => "fail";
    expect(await hakmes.enter(record)).toBe("entered");
    expect(catalog.counts()).toMatchObject({ files: 1, unanchored: 1, unproven: 1 });
    const waiting = catalog.unanchored(1)[0];
    expect(waiting?.manifest).toBeUndefined();
    chunks.trouble = () => undefined;
    expect(waiting && (await gathered(await hakmes.read(waiting))).equals(bytes)).toBe(true);
    expect(catalog.counts()).toMatchObject({ files: 1, unanchored: 0, unproven: 0 });
    expect(happened).toContain("anchored");
  });
});

describe("HakmesOnCask.join", () => {
  test("several unfinished files become one, whose bytes are theirs in this order", async () => {
    const { hakmes } = made();
    const parts = [noise(9000, 40), noise(100, 41), noise(0, 42), noise(20_000, 43)];
    const suspended = [];
    for (const part of parts) {
      const intake = await hakmes.begin();
      await intake.write(part);
      suspended.push(await intake.settle());
      intake.abandon();
    }
    const whole = Buffer.concat(parts);
    const { file } = await hakmes.join(suspended, label);
    expect(file.key).toBe(keyOfShort("sha256", whole));
    expect((await gathered(await hakmes.read(file))).equals(whole)).toBe(true);
    expect(requireKey(file.key)).toBe(file.key);
  });
});
