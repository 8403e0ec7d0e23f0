import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { encodeLines } from "../../lib/graphite/line.ts";
import { LineBuffer } from "./line-buffer.ts";
import type { Batch } from "./spool.ts";

const gathered = (points: readonly { path: string; value: number; atSeconds: number }[], sizeBytes: number) => {
  const batches: Batch[] = [];
  const lines = new LineBuffer(sizeBytes, (batch) => batches.push(batch));
  for (const { atSeconds, path, value } of points) lines.add(path, value, atSeconds);
  lines.end();
  lines.end();
  return batches;
};

describe("LineBuffer", () => {
  test("LineBuffer: its bytes are those of the plain encoding, in batches of whole lines", () => {
    const point = fc.record({
      path: fc.oneof(
        fc.string({ unit: "grapheme" }),
        fc.string({ unit: "binary" }),
        fc.stringMatching(/^[\w.;=-]{0,40}$/),
      ),
      value: fc.oneof(
        fc.double(),
        fc.integer(),
        fc.maxSafeInteger(),
        fc.constantFrom(0, -0, 2 ** 31, 2 ** 31 - 1, 9, 10),
      ),
      atSeconds: fc.oneof(fc.nat(), fc.maxSafeInteger(), fc.double({ noDefaultInfinity: true, noNaN: true })),
    });
    fc.assert(
      fc.property(fc.array(point), fc.integer({ min: 1, max: 400 }), (points, sizeBytes) => {
        const batches = gathered(points, sizeBytes);
        const plain = points.map((each) => ({ ...each, path: each.path.replaceAll(/\s/g, "_") }));
        expect(Buffer.concat(batches.map(({ bytes }) => bytes)).toString("hex")).toBe(
          Buffer.from(encodeLines(plain)).toString("hex"),
        );
        expect(batches.reduce((sum, batch) => sum + batch.points, 0)).toBe(points.length);
        for (const { bytes } of batches) expect(bytes.at(-1)).toBe(10);
      }),
      { numRuns: 500 },
    );
  });

  test("LineBuffer: a batch is at most as large as told, and owns its memory alone", () => {
    const points = Array.from({ length: 500 }, (_, at) => ({ path: `name${at}`, value: at, atSeconds: 1700000000 }));
    const batches = gathered(points, 1000);
    expect(batches.length).toBeGreaterThan(10);
    for (const { bytes } of batches) {
      expect(bytes.length).toBeLessThanOrEqual(1000);
      expect(bytes.buffer.byteLength).toBe(bytes.length);
    }
  });

  test("LineBuffer: a line larger than the buffer leaves those before it whole", () => {
    const points = [
      { path: "a", value: 1, atSeconds: 1 },
      { path: "b".repeat(5000), value: 2, atSeconds: 1 },
      { path: "c", value: 3, atSeconds: 1 },
    ];
    const batches = gathered(points, 1000);
    expect(Buffer.concat(batches.map(({ bytes }) => bytes)).toString()).toBe(encodeLines(points));
  });
});
