import { describe, expect, test } from "bun:test";

import fc from "fast-check";

import { chunksOf } from "./chunks.ts";
import { createCutter, type CutPlan } from "./cut-plan.ts";
import { noise, sizesOf } from "./testing/inputs.ts";

const plan: CutPlan = { kind: "content", minBytes: 100, averageBytes: 400, maxBytes: 1600 };

async function* piecesOf(bytes: Uint8Array<ArrayBuffer>, sizes: readonly number[]) {
  let start = 0;
  for (const size of sizes) yield bytes.subarray(start, (start += size));
  yield bytes.subarray(start);
}

async function gathered<B extends ArrayBufferLike>(source: AsyncIterable<Uint8Array<B>>, cutter = createCutter(plan)) {
  const chunks: Uint8Array[] = [];
  for await (const chunk of chunksOf(source, cutter)) chunks.push(chunk);
  return chunks;
}

describe("chunksOf", () => {
  test("yields the input in chunks as cut, whatever the pieces", async () => {
    const bytes = noise(51, 20_000);
    const wanted = sizesOf(plan, bytes);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(3000), { maxLength: 40 }), async (sizes) => {
        const chunks = await gathered(piecesOf(bytes, sizes));
        expect(chunks.map(({ length }) => length)).toEqual(wanted);
        expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
      }),
    );
  });

  test("chunks stay as they are when more is read", async () => {
    const bytes = noise(52, 20_000);
    const chunks: Uint8Array[] = [];
    const seen: number[] = [];
    for await (const chunk of chunksOf(
      piecesOf(
        bytes,
        Array.from({ length: 200 }, () => 99),
      ),
      createCutter(plan),
    )) {
      chunks.push(chunk);
      seen.push(Bun.hash.crc32(chunk));
    }
    expect(chunks.map((chunk) => Bun.hash.crc32(chunk))).toEqual(seen);
  });

  test("a chunk that lies in one piece is not copied", async () => {
    const bytes = noise(53, 20_000);
    const [first, ...more] = await gathered(piecesOf(bytes, []));
    expect(first?.buffer).toBe(bytes.buffer);
    expect(more.slice(0, -1).every(({ buffer }) => buffer === bytes.buffer)).toBe(true);
  });

  test("what is gathered keeps no piece: a source with one small buffer is read right", async () => {
    const bytes = noise(55, 20_000);
    async function* drops() {
      // Shorter than the shortest chunk, so that no chunk lies in one piece.
      const buffer = new Uint8Array(64);
      for (let at = 0; at < bytes.length; at += buffer.length) {
        const next = bytes.subarray(at, at + buffer.length);
        buffer.set(next);
        yield buffer.subarray(0, next.length);
      }
    }
    expect(Buffer.concat(await gathered(drops())).equals(bytes)).toBe(true);
  });

  test("an empty source and empty pieces yield nothing", async () => {
    expect(await gathered(piecesOf(new Uint8Array(0), []))).toEqual([]);
    expect(await gathered(piecesOf(new Uint8Array(0), [0, 0]))).toEqual([]);
  });

  test("a source that fails: the error comes through, no part of a chunk does, the cutter is ready again", async () => {
    const bytes = noise(54, 5000);
    async function* failing() {
      yield bytes;
      throw new Error("Connection lost");
    }
    const cutter = createCutter(plan);
    const sizes: number[] = [];
    const reading = (async () => {
      for await (const chunk of chunksOf(failing(), cutter)) sizes.push(chunk.length);
    })();
    await expect(reading).rejects.toThrow("Connection lost");
    expect(sizes).toEqual(sizesOf(plan, bytes).slice(0, -1));
    expect(cutter.finish()).toBe(0);
  });

  test("leaving early closes the source", async () => {
    let isClosed = false;
    async function* endless() {
      try {
        for (let seed = 1; ; seed++) yield noise(seed, 1000);
      } finally {
        isClosed = true;
      }
    }
    for await (const chunk of chunksOf(endless(), createCutter(plan))) if (chunk.length > 0) break;
    expect(isClosed).toBe(true);
  });
});
