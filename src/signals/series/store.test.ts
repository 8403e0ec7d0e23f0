/**
 * The store against whisper: after any writes, in any order, with restarts, crashes, flushes and merges between, it
 * answers as a whisper file to which the same points were written. And what disks do to it costs what it may and no more.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { below, pick, type Random, seededRandom } from "../../kit/random.ts";
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { reachSeconds } from "../../lib/whisper/retention.ts";
import { noPythonWhisper, PythonWhisper } from "../../lib/whisper/whisper-python-fixture.ts";
import { WhisperFile } from "../../lib/whisper/whisper.ts";
import { MemoryDisk } from "./disk-memory-fixture.ts";
import { Schemas } from "./schemas.ts";
import { SeriesStore, type SeriesStoreOptions } from "./store.ts";

const schemasText = `[short]\npattern = ^short\\.\nretentions = 10s:10m,60s:1h,300s:6h\n[one]\npattern = ^one\\.\nretentions = 1s:20m\n[all]\npattern = .*\nretentions = 5s:30m,15s:2h\n`;
const aggregationText = `[sum]\npattern = \\.count$\nxFilesFactor = 0\naggregationMethod = sum\n[last]\npattern = \\.last$\nxFilesFactor = 0.9\naggregationMethod = last\n[zero]\npattern = \\.zero$\nxFilesFactor = 0.2\naggregationMethod = avg_zero\n`;
const schemas = () => new Schemas(schemasText, aggregationText);
const startMs = 1_700_000_000_000;

function openStore(disk: MemoryDisk, clock: ManualClock, more: Partial<SeriesStoreOptions> = {}) {
  return SeriesStore.open({ disk: disk.attach(), clock, schemas: schemas(), ...more });
}

const shown = (values: Float64Array | undefined) =>
  values && [...values].map((value) => (Number.isNaN(value) ? null : value));

/** An age in seconds at which a point may come; not at the edges of archives, where whisper's rings forget by accident. */
function someAge(random: Random, archives: readonly { stepSeconds: number; points: number }[]): number {
  if (random() < 0.75) return below(random, 60);
  for (;;) {
    const longest = reachSeconds(archives.at(-1) ?? { stepSeconds: 1, points: 1 });
    const age = below(random, longest);
    const coarsest = (archives.at(-1)?.stepSeconds ?? 1) * 2;
    if (archives.every((archive) => Math.abs(age - reachSeconds(archive)) > coarsest)) return age;
  }
}

describe("SeriesStore", () => {
  test("answers as whisper after writes in any order, restarts, crashes, flushes and merges", async () => {
    for (let seed = 1; seed <= 8; seed++) {
      const random = seededRandom(seed);
      const clock = new ManualClock(startMs);
      const disk = new MemoryDisk();
      const paths = ["short.a.count", "short.b", "short.c.last", "one.x", "rest.zero", "rest.y;dc=north"];
      const models = new Map<string, WhisperFile>();
      const paces = new Map(paths.map((path) => [path, pick(random, [1, 3, 10, 40])]));
      let store = await openStore(disk, clock);
      for (let round = 0; round < 40; round++) {
        for (let write = below(random, 60); write > 0; write--) {
          clock.advance(below(random, 12_000));
          const path = pick(random, paths);
          const now = Math.floor(clock.now() / 1000);
          const { archives, aggregation, xFilesFactor } = schemas().schemaOf(path);
          for (let burst = paces.get(path) ?? 1; burst > 0; burst--) {
            const atSeconds = now - someAge(random, archives);
            const value = random() < 0.5 ? below(random, 1000) / 4 : below(random, 7) - 3;
            const { accepted } = store.write([{ path, value, atSeconds }]);
            let model = models.get(path);
            if (!model) models.set(path, (model = WhisperFile.create(archives, aggregation, xFilesFactor)));
            expect(model.update(value, atSeconds, now)).toBe(accepted === 1);
          }
        }
        const deed = random();
        if (deed < 0.15) await store.flush();
        else if (deed < 0.3) await store.compact();
        else if (deed < 0.4) {
          await store.close();
          store = await openStore(disk, clock);
        } else if (deed < 0.55) {
          await store.committed();
          disk.crash(random);
          store = await openStore(disk, clock);
        }
        const now = Math.floor(clock.now() / 1000);
        for (const [path, model] of models) {
          const from = now - below(random, pick(random, [60, 600, 3600, 8000, 30_000]));
          const until = from + below(random, 4000);
          const theirs = model.fetch(from, until, now);
          const [ours] = store.fetch([path], from, until, now);
          const where = `seed ${seed}, round ${round}, ${path} (${from}, ${until}] at ${now}`;
          expect([where, ours?.startSeconds, ours?.endSeconds, ours?.stepSeconds, close(shown(ours?.values))]).toEqual([
            where,
            theirs?.startSeconds,
            theirs?.endSeconds,
            theirs?.stepSeconds,
            close(shown(theirs?.values)),
          ]);
        }
      }
      await store.close();
    }
  }, 120_000);

  test.skipIf(noPythonWhisper !== undefined)(
    "answers as python3-whisper itself for a day of points, some late",
    async () => {
      const folder = mkdtempSync(join(tmpdir(), "warren-series-"));
      afterAll(() => rmSync(folder, { recursive: true }));
      await using python = new PythonWhisper();
      const random = seededRandom(7);
      const clock = new ManualClock(startMs);
      const store = await openStore(new MemoryDisk(), clock);
      const path = "short.day.count";
      const { archives, aggregation, xFilesFactor } = schemas().schemaOf(path);
      const file = join(folder, "day.wsp");
      await python.create(
        file,
        archives.map(({ stepSeconds, points }) => [stepSeconds, points] as const),
        xFilesFactor,
        aggregation,
      );
      for (let hour = 0; hour < 24; hour++) {
        const points: [number, number, number][] = [];
        for (let at = 0; at < 360; at++) {
          clock.advance(10_000);
          const now = Math.floor(clock.now() / 1000);
          if (random() < 0.1) continue;
          points.push([now - (random() < 0.1 ? below(random, 250) : 0), below(random, 100), now]);
        }
        for (const [atSeconds, value, now] of points) {
          // The clock went on while the hour was made; each point is written at its own time.
          clock.jump((now - Math.floor(clock.now() / 1000)) * 1000);
          store.write([{ path, value, atSeconds }]);
        }
        await python.update(file, points);
        if (hour % 5 === 4) await store.flush();
        if (hour % 7 === 6) await store.compact();
        const now = Math.floor(clock.now() / 1000);
        for (const back of [300, 3000, 20_000]) {
          const theirs = await python.fetch(file, now - back, now, now);
          const [ours] = store.fetch([path], now - back, now, now);
          expect([[ours?.startSeconds, ours?.endSeconds, ours?.stepSeconds], shown(ours?.values)]).toEqual(
            theirs as never,
          );
        }
      }
      await store.close();
    },
  );

  test("a crash costs what was not yet synced, and nothing else", async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = seededRandom(seed);
      const clock = new ManualClock(startMs);
      const disk = new MemoryDisk();
      let store = await openStore(disk, clock, { settings: { windowMs: 1000 } });
      const synced = new Map<number, number>();
      let loose = new Map<number, number>();
      let slot = startMs / 1000;
      for (let life = 0; life < 6; life++) {
        for (let act = below(random, 30); act > 0; act--) {
          slot++;
          clock.advance(1000 * (random() < 0.3 ? 0 : 1));
          clock.jump(slot * 1000 - clock.now());
          const value = below(random, 1e6);
          store.write([{ path: "one.n", value, atSeconds: slot }]);
          loose.set(slot, value);
          if (random() < 0.2) {
            await store.committed();
            for (const [time, held] of loose) synced.set(time, held);
            loose = new Map();
          }
          if (random() < 0.05) await store.flush().catch(() => undefined);
          if (random() < 0.05) void store.flush().catch(() => undefined);
        }
        disk.crash(random);
        store = await openStore(disk, clock);
        const [range] = store.fetch(["one.n"], slot - 900, slot);
        for (const [time, value] of synced) {
          if (time <= slot - 900) continue;
          expect([`seed ${seed}, life ${life}, ${time}`, range?.values[time - (range.startSeconds ?? 0)]]).toEqual([
            `seed ${seed}, life ${life}, ${time}`,
            value,
          ]);
        }
        for (const [time, value] of loose) {
          const held = range?.values[time - (range.startSeconds ?? 0)] ?? NaN;
          if (!Number.isNaN(held)) {
            expect(held).toBe(value);
            synced.set(time, value);
          }
        }
        loose = new Map();
      }
    }
  }, 120_000);

  test("a disk that refuses costs nothing once it takes again", async () => {
    const clock = new ManualClock(startMs);
    const disk = new MemoryDisk();
    const troubles: string[] = [];
    const store = await openStore(disk, clock, { trouble: (sentence) => troubles.push(sentence) });
    const at = startMs / 1000;
    store.write([{ path: "one.n", value: 1, atSeconds: at }]);
    await store.committed();
    for (const call of ["append", "sync", "create"] as const) {
      disk.fault = (asked) => (asked === call ? new Error("ENOSPC: no space left on device") : undefined);
      clock.advance(1000);
      store.write([{ path: "one.n", value: 2, atSeconds: Math.floor(clock.now() / 1000) }]);
      await expect(store.committed()).rejects.toThrow("ENOSPC");
      expect(store.figures().logFailure).toContain("ENOSPC");
      await expect(store.flush()).rejects.toThrow("ENOSPC");
      const [range] = store.fetch(["one.n"], at - 1, at + 10);
      expect(range?.values[0]).toBe(1);
    }
    disk.fault = () => undefined;
    await store.committed();
    expect(store.figures().logFailure).toBe("");
    disk.crash(seededRandom(1));
    const again = await openStore(disk, clock);
    const [range] = again.fetch(["one.n"], at - 1, at + 10);
    expect(shown(range?.values)).toEqual([1, 2, 2, 2]);
    await again.flush();
    expect(shown(again.fetch(["one.n"], at - 1, at + 10)[0]?.values)).toEqual([1, 2, 2, 2]);
    expect(troubles.length).toBeGreaterThan(0);
  });

  test("flipped bits and cut files are noticed, put aside, and the rest is served", async () => {
    let noticed = 0;
    for (let seed = 1; seed <= 120; seed++) {
      const random = seededRandom(seed);
      const clock = new ManualClock(startMs);
      const disk = new MemoryDisk();
      const first = await openStore(disk, clock);
      const at = startMs / 1000;
      for (let step = 0; step < 300; step++) {
        clock.advance(1000);
        first.write(
          ["one.a", "one.b", "one.c"].map((path, which) => ({ path, value: step * (which + 1), atSeconds: at + step })),
        );
        if (step === 100 || step === 200) await first.flush();
      }
      await first.committed();
      disk.crash(random);
      const victims = [...disk.files].filter(([path, { size }]) => !path.startsWith("damaged/") && size > 0);
      const [path, held] = pick(random, victims);
      if (random() < 0.3) held.size = below(random, held.size);
      else {
        const where = below(random, held.size);
        held.bytes[where] = (held.bytes[where] as number) ^ (1 << below(random, 8));
      }
      const troubles: string[] = [];
      const store = await openStore(disk, clock, { trouble: (sentence) => troubles.push(sentence) });
      const ranges = store.fetch(["one.a", "one.b", "one.c"], at - 1, at + 299);
      await store.compact();
      expect([seed, ranges.length]).toEqual([seed, 3]);
      let missing = 0;
      for (const [which, range] of ranges.entries()) {
        for (let step = 0; step < 300; step++) {
          const value = range.values[at + step - range.startSeconds] as number;
          if (Number.isNaN(value)) missing++;
          else expect([seed, path, step, value]).toEqual([seed, path, step, step * (which + 1)]);
        }
      }
      // The log is synced in pieces of many points; a file holds a hundred steps of three series.
      expect(missing).toBeLessThanOrEqual(303);
      if (missing > 0 && !path.startsWith("log/"))
        expect([seed, path, troubles.length > 0]).toEqual([seed, path, true]);
      if (troubles.length > 0) noticed++;
    }
    expect(noticed).toBeGreaterThan(30);
  }, 120_000);

  test("new series past the bound are refused, counted and named", async () => {
    const clock = new ManualClock(startMs);
    const store = await openStore(new MemoryDisk(), clock, { settings: { newSeriesPerMinute: 3 } });
    const at = startMs / 1000;
    const points = Array.from({ length: 5 }, (_, which) => ({ path: `new.n${which}`, value: 1, atSeconds: at }));
    expect(store.write(points)).toMatchObject({ accepted: 3, "new-series": 2 });
    expect(store.figures()).toMatchObject({ series: 3, refusedNames: ["new.n3", "new.n4"] });
    expect(store.write(points)).toMatchObject({ accepted: 3, "new-series": 2 });
    clock.advance(20_000);
    expect(store.write(points)).toMatchObject({ accepted: 4, "new-series": 1 });
  });

  test("what is no point is refused and changes nothing", async () => {
    const clock = new ManualClock(startMs);
    const store = await openStore(new MemoryDisk(), clock);
    const at = startMs / 1000;
    for (const path of [
      "",
      ".a",
      "a.",
      "a..b",
      "a b",
      "a\n",
      "a;b",
      "a;=c",
      "x".repeat(2000),
      "x.".repeat(101) + "x",
    ]) {
      expect([path.slice(0, 9), store.write([{ path, value: 1, atSeconds: at }]).invalid]).toEqual([
        path.slice(0, 9),
        1,
      ]);
    }
    const refused = [
      { path: "a", value: NaN, atSeconds: at },
      { path: "a", value: 1, atSeconds: -5 },
      { path: "a", value: 1, atSeconds: NaN },
    ];
    expect(store.write(refused)).toMatchObject({ accepted: 0, invalid: 3 });
    expect(store.write([{ path: "a", value: 1, atSeconds: at + 4000 }])).toMatchObject({ future: 1 });
    expect(store.write([{ path: "a", value: 1, atSeconds: at - 40_000 }])).toMatchObject({ late: 1 });
    expect(store.fetch(["a"], at - 100, at)[0]?.values.every(Number.isNaN)).toBe(true);
  });

  test("names and tags of one and of many series are found, and gone when those are", async () => {
    const clock = new ManualClock(startMs);
    const store = await openStore(new MemoryDisk(), clock);
    const paths = ["one.a", "one.a.b", "one.x;dc=n", "one.y;dc=n", "one.z;dc=s"];
    store.write(paths.map((path) => ({ path, value: 1, atSeconds: startMs / 1000 })));
    expect(store.pathsByTags(["dc=n"])).toEqual(["one.x;dc=n", "one.y;dc=n"]);
    expect(store.pathsByTags(["dc=~."])).toHaveLength(3);
    expect(store.tagValues("dc")).toEqual([
      { value: "n", count: 2 },
      { value: "s", count: 1 },
    ]);
    await store.delete("one.x;dc=n");
    await store.delete("one.z;dc=s");
    await store.delete("one.a.b");
    expect(store.tagValues("dc")).toEqual([{ value: "n", count: 1 }]);
    expect(store.find("one.*")).toEqual([expect.objectContaining({ path: "one.a", branch: false })]);
    await store.delete("one.y;dc=n");
    await store.delete("one.a");
    expect([store.tags(), store.find("*"), store.find("one.*")]).toEqual([[], [], []]);
  });

  test("a schema that is edited loses nothing that both keep", async () => {
    const clock = new ManualClock(startMs);
    const disk = new MemoryDisk();
    const before = new Schemas("[all]\npattern = .*\nretentions = 10s:1h,60s:1d\n", "");
    const after = new Schemas("[all]\npattern = .*\nretentions = 30s:2h,120s:10d\n", "");
    const store = await openStore(disk, clock, { schemas: before });
    for (let at = 0; at < 1080; at++) {
      clock.advance(10_000);
      store.write([{ path: "a.b", value: at, atSeconds: Math.floor(clock.now() / 1000) }]);
    }
    await store.flush();
    store.write([{ path: "a.b", value: 5000, atSeconds: Math.floor(clock.now() / 1000) }]);
    const now = Math.floor(clock.now() / 1000);
    for (const round of ["at once", "after a restart", "after merging"]) {
      let current = store;
      if (round === "at once") expect(store.reschema(after)).toBe(1);
      else {
        if (round === "after a restart") await store.close();
        current = await openStore(disk, clock, { schemas: after });
        if (round === "after merging") await current.compact();
      }
      const fine = current.fetch(["a.b"], now - 1800, now)[0];
      expect([round, fine?.stepSeconds, fine?.values.some(Number.isNaN)]).toEqual([round, 30, false]);
      const coarse = current.fetch(["a.b"], now - 9000, now)[0];
      expect([round, coarse?.stepSeconds, coarse?.values.some(Number.isNaN)]).toEqual([round, 120, false]);
      if (round !== "at once") await current.close();
    }
  });

  test("deleted series are gone, also after a crash, and come back empty", async () => {
    const clock = new ManualClock(startMs);
    const disk = new MemoryDisk();
    let store = await openStore(disk, clock);
    const at = startMs / 1000;
    store.write(["one.a", "one.b", "one.c.d"].map((path) => ({ path, value: 1, atSeconds: at })));
    await store.flush();
    store.write([{ path: "one.a", value: 2, atSeconds: at - 1 }]);
    expect(await store.delete("one.a")).toBe(1);
    expect(await store.delete("one.*.?")).toBe(1);
    disk.crash(seededRandom(3));
    store = await openStore(disk, clock);
    expect(store.paths("one.*")).toEqual(["one.b"]);
    store.write([{ path: "one.a", value: 7, atSeconds: at - 2 }]);
    const shownNow = () => shown(store.fetch(["one.a"], at - 3, at)[0]?.values);
    expect(shownNow()).toEqual([7, null, null]);
    await store.flush();
    await store.delete("one.b");
    await store.compact();
    expect(shownNow()).toEqual([7, null, null]);
    expect(store.figures().filePoints).toBe(1);
  });

  test("a series that is deleted and written again at once comes back after a crash, however the log was cut", async () => {
    for (let seed = 1; seed <= 4; seed++) {
      const clock = new ManualClock(startMs);
      const disk = new MemoryDisk();
      const store = await openStore(disk, clock);
      const at = startMs / 1000;
      store.write([{ path: "one.a", value: 1, atSeconds: at }]);
      // The log is being synced while the series goes and comes back.
      const syncing = store.committed();
      const deleting = store.delete("one.a");
      store.write([{ path: "one.a", value: 2, atSeconds: at - 1 }]);
      await Promise.all([syncing, deleting, store.committed()]);
      disk.crash(seededRandom(seed));
      const again = await openStore(disk, clock);
      expect(shown(again.fetch(["one.a"], at - 2, at)[0]?.values)).toEqual([2, null]);
    }
  });

  test("senders that are held back until it is eased lose no point, however fast they are", async () => {
    const clock = new ManualClock(startMs);
    const store = await openStore(new MemoryDisk(), clock, { settings: { flushPoints: 1000 } });
    for (let burst = 0; burst < 20; burst++) {
      const points = Array.from({ length: 1500 }, (_, at) => ({
        path: `one.n${at}`,
        value: 1,
        atSeconds: startMs / 1000 - burst,
      }));
      expect(store.write(points).accepted).toBe(1500);
      if (!store.busy) continue;
      const eased = store.eased();
      for (let turn = 0; store.busy && turn < 10_000; turn++) {
        clock.advance(0);
        await Promise.resolve();
      }
      clock.advance(1);
      await eased;
    }
    expect(store.busy).toBe(false);
    expect(store.figures().refused.memory).toBe(0);
  });

  test("a disk that refuses for long is left no pile of files", async () => {
    const clock = new ManualClock(startMs);
    const disk = new MemoryDisk();
    const store = await openStore(disk, clock);
    store.write([{ path: "one.a", value: 1, atSeconds: startMs / 1000 }]);
    await store.committed();
    disk.fault = (asked) => (asked === "append" ? new Error("ENOSPC: no space left on device") : undefined);
    for (let round = 0; round < 50; round++) {
      store.write([{ path: "one.a", value: 1, atSeconds: startMs / 1000 + round }]);
      await expect(store.committed()).rejects.toThrow("ENOSPC");
    }
    disk.fault = (asked, path) =>
      asked === "append" && path.startsWith("names/") ? new Error("ENOSPC: no space left on device") : undefined;
    await store.committed();
    for (let round = 0; round < 10; round++) await expect(store.flush()).rejects.toThrow("ENOSPC");
    expect([disk.list("names"), disk.list("log").length]).toEqual([[], 2]);
    disk.fault = () => undefined;
    await store.committed();
    disk.crash(seededRandom(1));
    const again = await openStore(disk, clock);
    const [range] = again.fetch(["one.a"], startMs / 1000 - 1, startMs / 1000 + 49, startMs / 1000 + 49);
    expect([...(range?.values ?? [])].filter((value) => value === 1)).toHaveLength(50);
  });

  test("whisper files go in and come out", async () => {
    const clock = new ManualClock(startMs);
    const disk = new MemoryDisk();
    const store = await openStore(disk, clock);
    const now = startMs / 1000;
    const { archives, aggregation, xFilesFactor } = schemas().schemaOf("short.w");
    const file = WhisperFile.create(archives, aggregation, xFilesFactor);
    for (let at = now - 20_000; at <= now; at += 10) file.update(at % 97, at, at);
    store.write([{ path: "short.w", value: -1, atSeconds: now }]);
    expect(await store.importWhisper("short.w", file.bytes)).toBeGreaterThan(150);
    disk.crash(seededRandom(1));
    const again = await openStore(disk, clock);
    for (const back of [500, 3000, 20_000]) {
      const theirs = file.fetch(now - back, now, now);
      const [ours] = again.fetch(["short.w"], now - back, now);
      const wanted = shown(theirs?.values);
      const got = shown(ours?.values);
      expect(got?.slice(0, -1)).toEqual(wanted?.slice(0, -1));
    }
    const out = new WhisperFile(again.exportWhisper("short.w") ?? new Uint8Array());
    expect(out.fetch(now - 3000, now, now)?.values.slice(0, -1)).toEqual(
      file.fetch(now - 3000, now, now)?.values.slice(0, -1) as never,
    );
    await expect(again.importWhisper("x", new Uint8Array(5))).rejects.toThrow("no header");
    for (const path of ["a..b", ".a", "a.", "x".repeat(2000), "a b", ".._.._x"])
      await expect(again.importWhisper(path, file.bytes)).rejects.toThrow("is no name of a series");
    expect(again.paths("*.*")).toEqual(["short.w"]);
  });

  test("whisper files that come at once share files, also where two are of one series, and survive", async () => {
    const clock = new ManualClock(startMs);
    const disk = new MemoryDisk();
    const store = await openStore(disk, clock);
    const now = startMs / 1000;
    const fileOf = (value: number, at: number) => {
      const { archives, aggregation, xFilesFactor } = schemas().schemaOf("short.n");
      const file = WhisperFile.create(archives.slice(0, 1), aggregation, xFilesFactor);
      file.update(value, at, now);
      return file.bytes;
    };
    const taken = await Promise.all([
      ...Array.from({ length: 200 }, (_, which) => store.importWhisper(`short.n${which}`, fileOf(which, now))),
      store.importWhisper("short.n7", fileOf(77, now - 10)),
      store.importWhisper("short.n199", new Uint8Array(3)).catch(() => 0),
    ]);
    expect(taken.reduce((sum, each) => sum + each)).toBe(201);
    expect(store.figures().files).toBeLessThan(10);
    disk.crash(seededRandom(1));
    const again = await openStore(disk, clock);
    const held = again.fetch(again.paths("short.*"), now - 20, now);
    expect(held.flatMap(({ values }) => [...values].filter((value) => value === value))).toHaveLength(201);
    disk.fault = (call) => (call === "sync" ? new Error("ENOSPC") : undefined);
    await expect(again.importWhisper("short.late", fileOf(1, now))).rejects.toThrow("ENOSPC");
    disk.fault = () => undefined;
    expect(await again.importWhisper("short.late", fileOf(1, now))).toBe(1);
    expect(disk.list("points").filter((name) => name.startsWith("new-"))).toEqual([]);
  });

  test("a fetch of too much is refused before anything is read", async () => {
    const disk = new MemoryDisk();
    const store = await openStore(disk, new ManualClock(startMs), { settings: { fetchPointsMax: 1000 } });
    const at = startMs / 1000;
    const paths = Array.from({ length: 20 }, (_, number) => `one.n${number}`);
    store.write(paths.map((path) => ({ path, value: 1, atSeconds: at })));
    await store.flush();
    disk.reads = 0;
    expect(() => store.fetch(paths, at - 100, at)).toThrow("more than 1000 points");
    expect(disk.reads).toBe(0);
    expect(store.fetch(paths.slice(0, 9), at - 100, at)).toHaveLength(9);
    expect(disk.reads).toBeGreaterThan(0);
  });

  test("points of the future in a whisper file are left out", async () => {
    const store = await openStore(new MemoryDisk(), new ManualClock(startMs));
    const now = startMs / 1000;
    const file = WhisperFile.create([{ stepSeconds: 1, points: 1200 }], "average", 0.5);
    const times = Float64Array.from({ length: 100 }, (_, at) => now - 50 + at * 1_000_001);
    for (const time of times) file.put(0, { times: Float64Array.of(time), values: Float64Array.of(1) });
    expect(await store.importWhisper("one.w", file.bytes)).toBe(1);
    expect(store.figures().files).toBe(1);
  });

  test("a clock that is set far ahead and back again makes nothing expire", async () => {
    const clock = new ManualClock(startMs);
    const store = await openStore(new MemoryDisk(), clock);
    const at = startMs / 1000;
    store.write([{ path: "one.a", value: 5, atSeconds: at }]);
    await store.flush();
    clock.jump(10 * 365 * 86_400_000);
    await store.compact();
    clock.jump(-10 * 365 * 86_400_000);
    expect(shown(store.fetch(["one.a"], at - 1, at)[0]?.values)).toEqual([5]);
    // Time that really passes does.
    clock.advance(10 * 365 * 86_400_000);
    await store.compact();
    expect(store.figures().files).toBe(0);
  });

  test("a clock that is far ahead at the start makes nothing expire before it was so for a day", async () => {
    const disk = new MemoryDisk();
    const month = { schemas: new Schemas("[all]\npattern = .*\nretentions = 10s:30d\n") };
    const store = await openStore(disk, new ManualClock(startMs), month);
    const at = startMs / 1000;
    store.write([{ path: "one.a", value: 5, atSeconds: at }]);
    await store.close();
    const wrong = new ManualClock(startMs + 10 * 365 * 86_400_000);
    const ahead = await openStore(disk, wrong, month);
    await ahead.compact();
    wrong.advance(23 * 3_600_000);
    await ahead.compact();
    expect(ahead.figures().files).toBeGreaterThan(0);
    const again = await openStore(disk, new ManualClock(startMs + 60_000), month);
    expect(shown(again.fetch(["one.a"], at - 10, at)[0]?.values)).toEqual([5]);
    wrong.advance(2 * 3_600_000);
    await ahead.compact();
    expect(ahead.figures().files).toBe(0);
  });

  test("a series that is called like a pattern hides none that the pattern matches", async () => {
    const store = await openStore(new MemoryDisk(), new ManualClock(startMs));
    const paths = ["one.*.cpu", "one.a.cpu", "one.{a,b}.cpu"];
    store.write(paths.map((path) => ({ path, value: 1, atSeconds: startMs / 1000 })));
    expect(store.paths("one.*.cpu")).toEqual(paths);
    expect(store.paths("one.{a,b}.cpu").sort()).toEqual(["one.a.cpu", "one.{a,b}.cpu"]);
    expect(await store.delete("one.[*].cpu")).toBe(1);
    expect(store.paths("one.*.cpu")).toEqual(paths.slice(1));
  });

  test("names are found by pattern and by tag", async () => {
    const clock = new ManualClock(startMs);
    const store = await openStore(new MemoryDisk(), clock);
    const paths = ["a.b.c", "a.b.d", "a.x", "cpu;dc=n;host=w1", "cpu;dc=s;host=w2", "mem;dc=n;host=w1"];
    store.write(paths.map((path) => ({ path, value: 1, atSeconds: startMs / 1000 })));
    expect(store.find("a.*").map(({ path, branch, held }) => [path, branch, held?.path])).toEqual([
      ["a.b", true, undefined],
      ["a.x", false, "a.x"],
    ]);
    expect(store.paths("a.b.{c,d,e}")).toEqual(["a.b.c", "a.b.d"]);
    expect(store.paths("cpu;dc=n;host=w1")).toEqual(["cpu;dc=n;host=w1"]);
    expect(store.pathsByTags(["dc=n", "name=~c"])).toEqual(["cpu;dc=n;host=w1"]);
    expect(store.pathsByTags(["dc=~.", "host!=w1"])).toEqual(["cpu;dc=s;host=w2"]);
    expect(store.pathsByTags(["name!=", "dc="])).toEqual(["a.b.c", "a.b.d", "a.x"]);
    expect(store.tags()).toEqual(["dc", "host", "name"]);
    expect(store.tagValues("dc")).toEqual([
      { value: "n", count: 2 },
      { value: "s", count: 1 },
    ]);
    for (const bad of [["dc!=n"], ["=x"], ["dc=~("], []]) expect(() => store.pathsByTags(bad)).toThrow("Cannot");
  });
});

/** Averages come from sums in another order; the last bits may differ. */
function close(values: (number | null)[] | undefined) {
  return values?.map((value) => (value === null ? null : Number(value.toPrecision(12))));
}
