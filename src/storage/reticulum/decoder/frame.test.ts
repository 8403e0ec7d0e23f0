import { describe, expect, test } from "bun:test";

import fc from "fast-check";

import { encodeHead, type Frame, FrameReader, headSizeBytesMax } from "./frame.ts";

describe("FrameReader", () => {
  test("gives back what was sent, however it is cut into pieces", () => {
    const frame = fc.record({ head: fc.record({ name: fc.string() }), body: fc.uint8Array({ maxLength: 300 }) });
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 5 }), fc.array(fc.integer({ min: 1, max: 50 })), (frames, cuts) => {
        const bytes = Buffer.concat(frames.flatMap(({ head, body }) => [encodeHead(head, body.byteLength), body]));
        const reader = new FrameReader(300);
        const read: Frame[] = [];
        let at = 0;
        for (const cut of [...cuts, bytes.length]) {
          read.push(...reader.push(bytes.subarray(at, at + cut)));
          at += cut;
        }
        expect(read).toEqual(frames);
      }),
    );
  });

  test("refuses other bytes and lengths beyond its bounds, before it sets memory aside", () => {
    const reader = () => new FrameReader(100);
    expect(() => reader().push(new Uint8Array(12))).toThrow(RangeError);
    expect(() => reader().push(encodeHead({}, 101))).toThrow(RangeError);
    expect(reader().push(encodeHead({}, 100))).toEqual([]);
    const long = encodeHead({}, 0);
    new DataView(long.buffer).setUint32(4, headSizeBytesMax + 1, true);
    expect(() => reader().push(long)).toThrow(RangeError);
    expect(() => encodeHead({ text: "x".repeat(headSizeBytesMax) }, 0)).toThrow(RangeError);
  });

  test("whatever comes, it gives frames or throws what it says", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.boolean(), (bytes, isBegun) => {
        const reader = new FrameReader(100);
        try {
          if (isBegun) reader.push(encodeHead({}, 3));
          reader.push(bytes);
        } catch (thrown) {
          expect(thrown instanceof RangeError || thrown instanceof SyntaxError).toBe(true);
        }
      }),
    );
  });
});
