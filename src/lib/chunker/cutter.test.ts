import { describe, expect, test } from "bun:test";

import fc from "fast-check";

import { createCutter, type CutPlan, defaultCutPlan } from "./cut-plan.ts";
import { gear } from "./gear.ts";
import { chunksIn, noise, repeated, sizesOf } from "./testing/inputs.ts";

const mib = 2 ** 20;

const contentPlans = fc
  .tuple(fc.integer({ min: 32, max: 3000 }), fc.integer({ min: 0, max: 6000 }), fc.integer({ min: 0, max: 40_000 }))
  .map(([minBytes, toAverage, toMax]): CutPlan => {
    const averageBytes = Math.max(64, minBytes + toAverage);
    return { kind: "content", minBytes, averageBytes, maxBytes: averageBytes + toMax };
  });
const fixedPlans = fc.integer({ min: 1, max: 5000 }).map((sizeBytes): CutPlan => ({ kind: "fixed", sizeBytes }));
const plans = fc.oneof({ weight: 4, arbitrary: contentPlans }, fixedPlans);

/** Noise, repetition and runs after one another: 0 to some 100 KB. */
const inputs = fc
  .array(
    fc.tuple(fc.constantFrom("noise", "run", "repeat"), fc.integer({ min: 1, max: 2 ** 31 - 1 }), fc.nat(30_000)),
    { maxLength: 4 },
  )
  .map((parts) =>
    Buffer.concat(
      parts.map(([kind, seed, sizeBytes]) =>
        kind === "noise"
          ? noise(seed, sizeBytes)
          : repeated(noise(seed, kind === "run" ? 1 : 1 + (seed % 90)), sizeBytes),
      ),
    ),
  );
/** Where to divide, as shares of the whole; with many near each other there are pieces of a byte and of none. */
const divisions = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 60 });

function divided(bytes: Uint8Array, shares: readonly number[]): Uint8Array[] {
  const places = [0, ...shares.map((share) => Math.floor(share * bytes.length)), bytes.length].sort((a, b) => a - b);
  return places.slice(1).map((place, index) => bytes.subarray(places[index], place));
}

describe("createCutter", () => {
  test("the cuts are the same however the input is divided into pieces", () => {
    fc.assert(
      fc.property(plans, inputs, divisions, (plan, bytes, shares) => {
        expect(sizesOf(plan, ...divided(bytes, shares))).toEqual(sizesOf(plan, bytes));
      }),
      { numRuns: 400 },
    );
  });

  test("the cuts are the same byte by byte", () => {
    const bytes = noise(41, 70_000);
    const plan: CutPlan = { kind: "content", minBytes: 500, averageBytes: 2000, maxBytes: 9000 };
    expect(sizesOf(plan, ...Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(sizesOf(plan, bytes));
  });

  test("all chunks but the last are within bounds, the last is not empty, together they are the input", () => {
    fc.assert(
      fc.property(plans, inputs, (plan, bytes) => {
        const sizes = sizesOf(plan, bytes);
        const [least, most] = plan.kind === "fixed" ? [plan.sizeBytes, plan.sizeBytes] : [plan.minBytes, plan.maxBytes];
        const last = sizes.at(-1);
        expect(sizes.slice(0, -1).filter((size) => size < least || size > most)).toEqual([]);
        expect(last === undefined || (last > 0 && last <= most)).toBe(true);
        expect(Buffer.concat(chunksIn(plan, bytes)).equals(bytes)).toBe(true);
      }),
    );
  });

  test("one cutter cuts input after input as fresh ones do, also after an unfinished one", () => {
    const plan: CutPlan = { kind: "content", minBytes: 100, averageBytes: 400, maxBytes: 1600 };
    const cutter = createCutter(plan);
    const bytes = noise(42, 10_000);
    const first = cutter.push(bytes);
    cutter.finish();
    cutter.push(bytes.subarray(0, 777));
    cutter.finish();
    expect(cutter.push(bytes)).toEqual(first);
  });

  test("cutting goes on from a cut as if it had never stopped", () => {
    const plan: CutPlan = { kind: "content", minBytes: 100, averageBytes: 400, maxBytes: 1600 };
    const bytes = noise(43, 20_000);
    const sizes = sizesOf(plan, bytes);
    const placed = sizes.slice(0, 9).reduce((sum, size) => sum + size, 0);
    expect(sizesOf(plan, bytes.subarray(placed))).toEqual(sizes.slice(9));
  });

  test("fixed: a chunk ends every so many bytes, and none is empty", () => {
    const plan: CutPlan = { kind: "fixed", sizeBytes: 7 };
    expect(createCutter(plan).push(new Uint8Array(21))).toEqual([7, 14, 21]);
    expect(sizesOf(plan, new Uint8Array(20))).toEqual([7, 7, 6]);
    expect(sizesOf(plan, new Uint8Array(21))).toEqual([7, 7, 7]);
    expect(sizesOf(plan, new Uint8Array(0))).toEqual([]);
  });

  test("states its rule and its longest chunk", () => {
    const fixed = createCutter({ kind: "fixed", sizeBytes: 9 });
    const content = createCutter(defaultCutPlan);
    expect([fixed.rule, fixed.maxBytes]).toEqual(["fixed-1", 9]);
    expect([content.rule, content.maxBytes]).toEqual(["fastcdc-1", 4 * mib]);
  });

  test("refuses sizes that are no sizes, out of bounds or out of order", () => {
    const sane = { kind: "content", minBytes: 256, averageBytes: 1024, maxBytes: 4096 } as const;
    const odd = [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 30 + 1, 2 ** 53];
    for (const bytes of odd) {
      expect(() => createCutter({ kind: "fixed", sizeBytes: bytes })).toThrow(RangeError);
      for (const name of ["minBytes", "averageBytes", "maxBytes"]) {
        expect(() => createCutter({ ...sane, [name]: bytes })).toThrow(RangeError);
      }
    }
    expect(() => createCutter({ ...sane, minBytes: 31 })).toThrow(
      "Cannot cut with minBytes 31: must be a whole number of bytes from 32 to 1024",
    );
    expect(() => createCutter({ ...sane, minBytes: 1025 })).toThrow(RangeError);
    expect(() => createCutter({ ...sane, averageBytes: 4097 })).toThrow(RangeError);
    const read = JSON.parse('{"kind":"fixed","sizeBytes":"64"}') as CutPlan;
    expect(() => createCutter(read)).toThrow(RangeError);
    expect(() => createCutter(JSON.parse('{"kind":"rabin"}') as CutPlan)).toThrow(TypeError);
  });
});

describe("lengths of chunks", () => {
  const plan = { kind: "content", minBytes: 16 * 1024, averageBytes: 64 * 1024, maxBytes: 256 * 1024 } as const;

  test("noise: close about 1.14 of the average, hardly any at the maximum", () => {
    const sizes = sizesOf(plan, noise(44, 64 * mib)).slice(0, -1);
    const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length / plan.averageBytes;
    const share = (from: number, to: number) =>
      sizes.filter((size) => size >= from * plan.averageBytes && size < to * plan.averageBytes).length / sizes.length;
    expect(mean).toBeWithin(1.09, 1.19);
    // Expected of the rule: 17.1 % below the average, 81.3 % from there to twice as long, 1.5 % longer.
    expect(share(0, 1)).toBeWithin(0.13, 0.22);
    expect(share(1, 2)).toBeWithin(0.76, 0.86);
    expect(share(2, 4)).toBeLessThan(0.04);
    expect(sizes.filter((size) => size === plan.maxBytes)).toEqual([]);
  });

  test("every run of one byte is cut at the maximum, by the default plan", () => {
    const at = (limit: number) => -(2 ** 31) + Math.floor(limit / defaultCutPlan.averageBytes);
    // Within a run the hash stands still: it is the table's entry, negated.
    expect([...gear].filter((entry) => (-entry | 0) < at(2 ** 34))).toEqual([]);
    expect(sizesOf(defaultCutPlan, new Uint8Array(9 * mib))).toEqual([4 * mib, 4 * mib, mib]);
  });

  test("repetition: no chunk is out of bounds, and the same few chunks come again", () => {
    for (const period of [1, 2, 3, 16, 100, 512, 4096, 100_000, 300_000]) {
      const chunks = chunksIn(plan, repeated(noise(45, period), 8 * mib)).slice(0, -1);
      const different = new Set(chunks.map((chunk) => Bun.hash(chunk)));
      expect(chunks.filter(({ length }) => length < plan.minBytes || length > plan.maxBytes)).toEqual([]);
      // Cut at the maximum, a chunk begins at another place of the period each time, until these are used up.
      if (period <= 16) expect(different.size).toBeLessThanOrEqual(period);
      if (period >= 100_000) expect(different.size).toBeLessThanOrEqual(12);
    }
  });
});
