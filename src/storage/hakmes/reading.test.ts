import { describe, expect, test } from "bun:test";

import { below, seededRandom } from "../../kit/random.ts";
import { keyOfShort } from "./digest.ts";
import { gathered, inPieces, label, made, noise, settled } from "./hakmes-fixture.ts";
import type { HakmesSettings } from "./on-cask.ts";
import type { Chunk, StoredFile } from "./record.ts";

/** A Hakmes with one file in it. */
async function withFile(sizeBytes: number, settings: Partial<HakmesSettings> = {}) {
  const fixture = made(settings);
  const bytes = noise(sizeBytes, sizeBytes);
  const { file } = await fixture.hakmes.take(inPieces(bytes), label);
  const list: Chunk[] = await Array.fromAsync(fixture.hakmes.chunks(file));
  return { ...fixture, bytes, file, list };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Waits until a condition holds. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

describe("read: ranges", () => {
  test("10,000 random ranges are the same as of the plain bytes", async () => {
    const seed = Number(process.env.SEED ?? 20261122);
    console.log(`seed ${seed}`);
    const random = seededRandom(seed);
    const { hakmes, file, bytes } = await withFile(300_000, { manifestEntries: 10, readAheadBytes: 8192 });
    for (let turn = 0; turn < 10_000; turn++) {
      const start = below(random, bytes.length + 1);
      // Most are short, some go far, some begin or end at the file's own ends.
      const longest = turn % 100 === 0 ? bytes.length : turn % 10 === 0 ? 20_000 : 2000;
      const end = Math.min(bytes.length, start + below(random, longest + 1));
      const got = await gathered(await hakmes.read(file, { start, end }));
      if (!got.equals(bytes.subarray(start, end))) expect({ turn, start, end }).toEqual({ turn: -1, start, end });
    }
  }, 120_000);

  test("only the chunks that a range touches are fetched", async () => {
    const { hakmes, file, list, chunks } = await withFile(50_000);
    const [first, second, third] = list;
    if (!first || !second || !third) throw new Error("too few chunks");
    const edge = first.sizeBytes + second.sizeBytes;
    for (const [start, end, count] of [
      [edge - 1, edge, 1],
      [edge, edge + 1, 1],
      [edge - 1, edge + 1, 2],
      [first.sizeBytes, edge, 1],
      [edge, edge, 0],
      [0, edge + third.sizeBytes, 3],
    ] as const) {
      chunks.asked.get = 0;
      expect(await gathered(await hakmes.read(file, { start, end }))).toHaveLength(end - start);
      expect(chunks.asked.get).toBe(count);
    }
  });

  test("isLent: the same bytes, each piece of them for whoever uses it up at once", async () => {
    const { hakmes, file, bytes } = await withFile(50_000);
    for (const [start, end] of [
      [0, 50_000],
      [777, 33_333],
    ] as const) {
      let at: number = start;
      for await (const piece of await hakmes.read(file, { start, end }, { isLent: true })) {
        expect(Buffer.from(piece).equals(bytes.subarray(at, at + piece.length))).toBe(true);
        at += piece.length;
      }
      expect(at).toBe(end);
    }
  });

  test("a range beyond the file ends with the file", async () => {
    const { hakmes, file, bytes } = await withFile(5000);
    expect((await gathered(await hakmes.read(file, { start: 4000, end: 99_999 }))).equals(bytes.subarray(4000))).toBe(
      true,
    );
    expect(await gathered(await hakmes.read(file, { start: 9000, end: 99_999 }))).toHaveLength(0);
  });
});

describe("read: ahead", () => {
  test("as many chunks at once as may be, within the bytes that may be ahead", async () => {
    for (const [parallel, readAheadBytes, most] of [
      [4, 1_000_000, 4],
      [50, 6000, 6],
      [50, 1, 1],
    ] as const) {
      const { hakmes, file, chunks, bytes } = await withFile(100_000, {
        parallel,
        readAheadBytes,
        plan: { kind: "fixed", sizeBytes: 1000 },
      });
      chunks.mostUnderWay = 0;
      chunks.gate = turn;
      expect((await gathered(await hakmes.read(file))).equals(bytes)).toBe(true);
      expect(chunks.mostUnderWay).toBe(most);
    }
  });

  test("many readers share the room: each gets its turn, and together they hold no more than it", async () => {
    const { hakmes, file, chunks, bytes, clock } = await withFile(30_000, {
      memoryBytes: 5000,
      parallel: 8,
      plan: { kind: "fixed", sizeBytes: 1000 },
    });
    chunks.gate = turn;
    chunks.mostUnderWay = 0;
    const all = Array.from({ length: 20 }, async () => gathered(await hakmes.read(file)));
    for (const read of await settled(clock, Promise.all(all))) expect(read.equals(bytes)).toBe(true);
    expect(chunks.mostUnderWay).toBeLessThanOrEqual(5);
    // All was given back: the next one may read ahead again.
    chunks.mostUnderWay = 0;
    await gathered(await hakmes.read(file));
    expect(chunks.mostUnderWay).toBeGreaterThan(1);
  });

  test("readers that stall give back what they hold, and get it again when they go on", async () => {
    for (const isLent of [true, false]) {
      const { hakmes, file, chunks, bytes, clock } = await withFile(1_200_000, {
        memoryBytes: 700_000,
        parallel: 8,
        plan: { kind: "fixed", sizeBytes: 600_000 },
      });
      const stalled = [];
      for (let reader = 0; reader < 10; reader++) {
        const reading = await settled(clock, hakmes.read(file, undefined, { isLent }));
        const { value } = await reading.next();
        stalled.push({ reading, got: [Buffer.from(value ?? [])] });
      }
      // One that moves is not kept waiting by ten that do not.
      expect((await settled(clock, gathered(await settled(clock, hakmes.read(file))))).equals(bytes)).toBe(true);
      const before = chunks.asked.get;
      for (const { reading, got } of stalled) {
        for await (const piece of { [Symbol.asyncIterator]: () => reading }) got.push(Buffer.from(piece));
        expect(Buffer.concat(got).equals(bytes)).toBe(true);
      }
      expect(chunks.asked.get - before).toBe(20);
    }
  });

  test("a reader whose client has gone gives its room back at once, though it never asks again", async () => {
    const { hakmes, file, bytes, clock } = await withFile(30_000, {
      memoryBytes: 1000,
      plan: { kind: "fixed", sizeBytes: 600_000 },
    });
    const abort = new AbortController();
    const gone = await hakmes.read(file, undefined, { signal: abort.signal, isLent: true });
    abort.abort();
    const next = await hakmes.read(file);
    expect([(await gathered(next)).equals(bytes), clock.waiting]).toEqual([true, 0]);
    await gone.return();
  });

  test("a reader who leaves ends what is under way, and gives its room back", async () => {
    const { hakmes, file, chunks } = await withFile(50_000, { parallel: 8, memoryBytes: 8192 });
    let aborted = 0;
    let calls = 0;
    chunks.gate = async ({ signal }) => {
      if (++calls <= 2) return;
      await new Promise<void>((resolve) => {
        signal?.addEventListener("abort", () => {
          aborted++;
          resolve();
        });
      });
    };
    const reading = await hakmes.read(file);
    await reading.next();
    await reading.return();
    await until(() => chunks.underWay === 0);
    expect(aborted).toBe(calls - 2);
    expect(aborted).toBeGreaterThan(0);
    chunks.gate = turn;
    chunks.mostUnderWay = 0;
    await gathered(await hakmes.read(file));
    expect(chunks.mostUnderWay).toBeGreaterThan(2);
  });

  test("a reader who never begins can let go too", async () => {
    const { hakmes, file, chunks } = await withFile(50_000);
    const reading = await hakmes.read(file);
    await reading.return();
    await until(() => chunks.underWay === 0);
    expect(await reading.next()).toEqual({ done: true, value: undefined });
  });

  test("signal: ends a reading with its reason", async () => {
    const { hakmes, file } = await withFile(50_000);
    const abort = new AbortController();
    const reading = await hakmes.read(file, undefined, { signal: abort.signal });
    await reading.next();
    abort.abort(new RangeError("enough"));
    expect(Array.fromAsync(reading)).rejects.toThrow("enough");
  });
});

describe("read: failures", () => {
  const troubles = ["fail", "miss", "garble", "short"] as const;

  test("the first chunk cannot be had: the promise fails, so that it can still be answered", async () => {
    for (const trouble of troubles) {
      const { hakmes, file, chunks, clock, list, happened } = await withFile(20_000);
      chunks.trouble = ({ key }) => (key === list[0]?.key ? trouble : undefined);
      const reading = settled(clock, hakmes.read(file));
      expect(reading).rejects.toMatchObject({ code: "hakmes/chunk-unavailable", kind: "unavailable" });
      await reading.catch(() => undefined);
      expect(happened.filter((event) => event === "chunk-retried")).toHaveLength(5);
    }
  });

  test("a chunk that fails some times in mid-body: is tried again, and all bytes come", async () => {
    for (const trouble of troubles) {
      const { hakmes, file, chunks, clock, bytes, list } = await withFile(20_000);
      let calls = 0;
      chunks.trouble = ({ key }) => (key === list[7]?.key && ++calls <= 3 ? trouble : undefined);
      const reading = await hakmes.read(file);
      expect((await settled(clock, gathered(reading))).equals(bytes)).toBe(true);
      expect(calls).toBe(4);
    }
  });

  test("a chunk that fails for good in mid-body: what was given before is right and complete up to it", async () => {
    for (const trouble of troubles) {
      const { hakmes, file, chunks, clock, bytes, list } = await withFile(20_000);
      chunks.trouble = ({ key }) => (key === list[7]?.key ? trouble : undefined);
      const got: Uint8Array[] = [];
      const reading = await hakmes.read(file);
      const all = (async () => {
        for await (const piece of reading) got.push(piece);
      })();
      const ended = settled(clock, all);
      expect(ended).rejects.toMatchObject({ code: "hakmes/chunk-unavailable" });
      await ended.catch(() => undefined);
      const whole = list.slice(0, 7).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      expect(Buffer.concat(got).equals(bytes.subarray(0, whole))).toBe(true);
      await until(() => chunks.underWay === 0);
    }
  });

  test("a part of the manifest that fails some times: is tried again", async () => {
    const { file, chunks, catalog, bytes, list } = await withFile(60_000, { manifestEntries: 4 });
    // A fresh one has no parts in memory.
    const { hakmes, clock } = made({ manifestEntries: 4 }, { chunks, catalog });
    const isChunk = new Set(list.map(({ key }) => key));
    let calls = 0;
    chunks.trouble = ({ key }) => (!isChunk.has(key) && ++calls % 2 === 1 ? "garble" : undefined);
    const reading = await settled(clock, hakmes.read(file));
    expect((await settled(clock, gathered(reading))).equals(bytes)).toBe(true);
    expect(calls).toBeGreaterThan(4);
  });
});

describe("read: chunks too long to be held", () => {
  /** A file in chunks of 100,000 bytes, of which at most 30,000 are held. */
  const long = () => withFile(250_000, { plan: { kind: "fixed", sizeBytes: 100_000 }, wholeBytesMax: 30_000 });

  test("ranges short and long, within a chunk and across, are the same as of the plain bytes", async () => {
    const { hakmes, file, bytes } = await long();
    for (const [start, end] of [
      [0, 250_000],
      [99_990, 100_010],
      [10, 20],
      [5, 80_000],
      [50_000, 249_999],
      [100_000, 200_000],
      [249_999, 250_000],
    ] as const) {
      expect((await gathered(await hakmes.read(file, { start, end }))).equals(bytes.subarray(start, end))).toBe(true);
    }
  });

  test("wrong bytes: of a short range nothing is given, of a long one never all of it", async () => {
    const { hakmes, file, chunks, clock, list } = await long();
    chunks.trouble = ({ key }) => (key === list[0]?.key ? "garble" : undefined);
    const short = settled(clock, hakmes.read(file, { start: 10, end: 20 }));
    expect(short).rejects.toMatchObject({ code: "hakmes/chunk-unavailable" });
    await short.catch(() => undefined);
    const got: Uint8Array[] = [];
    const reading = await hakmes.read(file, { start: 0, end: 100_000 });
    const ended = settled(
      clock,
      (async () => {
        for await (const piece of reading) got.push(piece);
      })(),
    );
    expect(ended).rejects.toMatchObject({ code: "hakmes/chunk-unavailable" });
    await ended.catch(() => undefined);
    expect(Buffer.concat(got).length).toBeLessThan(100_000);
  });

  test("a short range is tried again when its bytes were wrong", async () => {
    const { hakmes, file, chunks, clock, bytes } = await long();
    let calls = 0;
    chunks.trouble = () => (++calls <= 2 ? "garble" : undefined);
    const reading = await settled(clock, hakmes.read(file, { start: 10, end: 20 }));
    expect((await gathered(reading)).equals(bytes.subarray(10, 20))).toBe(true);
  });
});

test("read: of a file that the catalog does not have, the manifest is had from Cask", async () => {
  const { hakmes, file, bytes, catalog, chunks } = await withFile(20_000);
  catalog.drop(file.key);
  const fresh = made({}, { chunks, catalog });
  expect((await gathered(await fresh.hakmes.read(file))).equals(bytes)).toBe(true);
  const other: StoredFile = { ...file, key: keyOfShort("sha256", "another") };
  expect(hakmes.read(other)).rejects.toMatchObject({ code: "hakmes/damaged-manifest" });
});
