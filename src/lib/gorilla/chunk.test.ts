/** What goes in comes out bit for bit, whatever it is; what was measured on servers is small. */
import { describe, expect, test } from "bun:test";

import fc from "fast-check";

import { decodeChunk, decodeChunkInto, encodeChunk } from "./chunk.ts";

const bitsOf = (values: Float64Array) => [...new BigUint64Array(values.slice().buffer)];

function roundTrip(slots: readonly number[], values: readonly number[]) {
  const bytes = encodeChunk(Float64Array.from(slots), Float64Array.from(values));
  const back = decodeChunk(bytes);
  expect([...back.slots]).toEqual([...slots]);
  expect(bitsOf(back.values)).toEqual(bitsOf(Float64Array.from(values)));
  return bytes;
}

const slotsOf = (gaps: readonly number[]) => {
  let slot = 170_000_000;
  return gaps.map((gap) => (slot += gap + 1));
};

const value = fc.oneof(
  fc.double({ noNaN: true }),
  fc.integer(),
  fc.integer({ min: -100_000, max: 100_000 }).map((whole) => whole / 100),
  fc.constantFrom(
    0,
    -0,
    1,
    Infinity,
    -Infinity,
    5e-324,
    Number.MAX_VALUE,
    2 ** 53,
    -(2 ** 53),
    0.1,
    1e9 + 0.01,
    2 ** 50,
    -(2 ** 50),
  ),
);

describe("encodeChunk", () => {
  test("any points come back as they were", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.oneof(fc.constant(0), fc.nat(1000)), value), { minLength: 1, maxLength: 300 }),
        (points) => {
          roundTrip(
            slotsOf(points.map(([gap]) => gap)),
            points.map(([, each]) => each),
          );
        },
      ),
      { numRuns: 300 },
    );
  });

  test("values of one kind come back as they were", () => {
    for (const kind of [
      fc.integer(),
      fc.integer({ min: 0, max: 9999 }).map((whole) => whole / 100),
      fc.double({ noNaN: true }),
      fc.maxSafeInteger(),
      fc.constantFrom(3, 3, 3, 3, 7.25),
      fc.float({ noNaN: true }).map((each) => Math.fround(each)),
    ]) {
      fc.assert(
        fc.property(fc.array(kind, { minLength: 1, maxLength: 200 }), (values) => {
          roundTrip(slotsOf(values.map(() => 0)), values);
        }),
        { numRuns: 100 },
      );
    }
  });

  test("wild sums of decimals keep their last bit", () => {
    roundTrip(slotsOf([0, 0, 0]), [0.1 + 0.2, 0.3, 0.30000000000000004]);
    roundTrip(slotsOf([0, 0]), [1e9 + 0.123456789, 0.000000001]);
    roundTrip(slotsOf([0, 0, 0]), [-(2 ** 50), 2 ** 50, -(2 ** 50)]);
    roundTrip(slotsOf([0, 0]), [1.005, 1.15]);
  });

  test("refuses what is no row of slots", () => {
    const values = Float64Array.of(1, 2);
    for (const slots of [
      [2, 1],
      [1, 1],
      [0.5, 1],
      [-1, 0],
      [NaN, 1],
    ]) {
      expect(() => encodeChunk(Float64Array.from(slots), values)).toThrow(RangeError);
    }
    expect(() => encodeChunk(new Float64Array(), new Float64Array())).toThrow(RangeError);
  });
});

test("decodeChunkInto: fills what overlaps and leaves the rest", () => {
  const bytes = encodeChunk(Float64Array.of(10, 11, 14, 15), Float64Array.of(1, 2, 3, 4));
  const target = new Float64Array(6).fill(NaN);
  decodeChunkInto(bytes, 11, target.subarray(0, 4));
  expect([...target]).toEqual([2, NaN, NaN, 3, NaN, NaN]);
  const before = new Float64Array(3).fill(9);
  decodeChunkInto(bytes, 0, before);
  decodeChunkInto(bytes, 100, before);
  expect([...before]).toEqual([9, 9, 9]);
});

test("decodeChunk: bytes of any kind are a chunk or a RangeError", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        const { slots, values } = decodeChunk(bytes);
        expect(values.length).toBe(slots.length);
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(RangeError);
      }
    }),
    { numRuns: 2000 },
  );
  const whole = encodeChunk(
    Float64Array.from({ length: 100 }, (_, at) => at),
    new Float64Array(100).fill(Math.PI).map((each, at) => each * at),
  );
  for (let length = 0; length < whole.length; length += 7) {
    expect(() => decodeChunk(whole.subarray(0, length))).toThrow(RangeError);
  }
});
