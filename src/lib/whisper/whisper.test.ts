/** Files are those of Graphite's whisper: what it writes we read, what we write it reads, and both answer alike. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";

import { formatRetentions, parseRetentions } from "./retention.ts";
import { aggregate, aggregations } from "./rollup.ts";
import { noPythonWhisper, PythonWhisper } from "./whisper-python-fixture.ts";
import { WhisperFile } from "./whisper.ts";

const folder = mkdtempSync(join(tmpdir(), "warren-whisper-"));
afterAll(() => rmSync(folder, { recursive: true }));

function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const mixed = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d);
    return ((mixed ^ (mixed >>> 12)) >>> 0) / 2 ** 32;
  };
}

const layouts: [number, number][][] = [
  [
    [10, 30],
    [60, 20],
    [300, 12],
  ],
  [
    [1, 60],
    [60, 60],
  ],
  [[60, 50]],
  [
    [5, 12],
    [10, 12],
    [60, 6],
  ],
];

describe.skipIf(noPythonWhisper !== undefined)(
  `WhisperFile beside python3-whisper${noPythonWhisper ? `: ${noPythonWhisper}` : ""}`,
  () => {
    test("random updates at random ages give the same file, byte for byte, and the same fetches", async () => {
      await using python = new PythonWhisper();
      for (let seed = 1; seed <= 40; seed++) {
        const random = seeded(seed);
        const layout = layouts[seed % layouts.length] as [number, number][];
        const method = aggregations[seed % aggregations.length] ?? "average";
        const xff = [0, 0.1, 0.5, 0.75, 1][seed % 5] ?? 0.5;
        const path = join(folder, `random-${seed}.wsp`);
        await python.create(path, layout, xff, method);
        const ours = WhisperFile.create(
          layout.map(([stepSeconds, points]) => ({ stepSeconds, points })),
          method,
          xff,
        );
        expect(Buffer.compare(ours.bytes, readFileSync(path))).toBe(0);
        const [step, points] = layout.at(-1) ?? [1, 1];
        let now = 1_700_000_000 + Math.floor(random() * 1000);
        for (let round = 0; round < 5; round++) {
          const writes: [number, number, number][] = [];
          for (let write = 0; write < 60; write++) {
            now += Math.floor(random() * 3 * (layout[0]?.[0] ?? 1));
            const age = random() < 0.7 ? Math.floor(random() * 30) : Math.floor(random() * step * points * 1.1);
            const value = random() < 0.5 ? Math.floor(random() * 100) - 50 : random() * 1e6;
            writes.push([now - age + (random() < 0.05 ? 40 : 0), value, now]);
          }
          await python.update(path, writes);
          for (const [time, value, at] of writes) ours.update(value, time, at);
          const seedText = `seed ${seed}, round ${round}`;
          expect(`${seedText}: ${Buffer.compare(ours.bytes, readFileSync(path))}`).toBe(`${seedText}: 0`);
          for (let fetch = 0; fetch < 8; fetch++) {
            const from = now - Math.floor(random() * step * points * 1.3) + 50;
            const until = from + Math.floor(random() * random() * step * points);
            const theirs = await python.fetch(path, from, until, now);
            const mine = ours.fetch(from, until, now);
            const shown = mine && [
              [mine.startSeconds, mine.endSeconds, mine.stepSeconds],
              [...mine.values].map((value) => (Number.isNaN(value) ? null : value)),
            ];
            expect(shown ?? null).toEqual(theirs);
          }
        }
      }
    }, 120_000);

    test("what we write, whisper calls its own", async () => {
      await using python = new PythonWhisper();
      const path = join(folder, "ours.wsp");
      const file = WhisperFile.create(parseRetentions("10s:6h,1m:6d,10m:1800d"), "sum", 0);
      expect(file.bytes.length).toBe(3_240_052);
      file.put(0, { times: Float64Array.of(1_700_000_000, 1_700_000_010), values: Float64Array.of(1, 2.5) });
      writeFileSync(path, file.bytes);
      expect(await python.info(path)).toMatchObject({
        aggregationMethod: "sum",
        xFilesFactor: 0,
        maxRetention: 155_520_000,
      });
      const found = await python.fetch(path, 1_699_999_990, 1_700_000_010, 1_700_000_015);
      expect(found).toEqual([
        [1_700_000_000, 1_700_000_020, 10],
        [1, 2.5],
      ]);
      expect(file.points(0)).toEqual({
        times: Float64Array.of(1_700_000_000, 1_700_000_010),
        values: Float64Array.of(1, 2.5),
      });
    });
  },
);

test("WhisperFile: bytes of any kind are a file or a RangeError", () => {
  const good = WhisperFile.create([{ stepSeconds: 10, points: 6 }]).bytes;
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(27), fc.nat(255), (bytes, at, value) => {
      const bent = good.slice();
      bent[at] = value;
      for (const each of [bytes, bent, good.subarray(0, at + 40)]) {
        try {
          const file = new WhisperFile(each);
          file.points(0);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(RangeError);
        }
      }
    }),
    { numRuns: 500 },
  );
});

test("parseRetentions: whisper's forms, and whisper's refusals", () => {
  expect(formatRetentions(parseRetentions("10s:6h,1m:6d,10m:1800d"))).toBe("10:2160,60:8640,600:259200");
  expect(formatRetentions(parseRetentions("60:1440"))).toBe("60:1440");
  expect(formatRetentions(parseRetentions("15m:8"))).toBe("900:8");
  expect(formatRetentions(parseRetentions("1min:1hour, 1hours:2years"))).toBe("60:60,3600:17520");
  for (const bad of ["", "10s", "10s:6h:7", "10x:6h", "-1:5", "1.5s:6h"])
    expect(() => parseRetentions(bad)).toThrow(SyntaxError);
  for (const bad of ["0:5", "10s:0", "10s:1h,10s:2h", "7s:1h,10s:2h", "10s:2h,60s:1h", "10s:50s,60s:1h"]) {
    expect(() => parseRetentions(bad)).toThrow(RangeError);
  }
});

test("aggregate: the known values, if they are enough", () => {
  const values = Float64Array.of(NaN, -4, 2, NaN);
  const all = aggregations.map((method) => aggregate(method, 0.5, values));
  expect(all).toEqual([-1, -2, 2, 2, -4, -0.5, -4, 2]);
  expect(aggregate("sum", 0.51, values)).toBeNaN();
  expect(aggregate("avg_zero", 0, Float64Array.of(NaN, NaN))).toBeNaN();
});
