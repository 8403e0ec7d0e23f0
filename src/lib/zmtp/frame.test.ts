import { expect, test } from "bun:test";

import fc from "fast-check";

import { FrameReader, type Framing, frameOf, messageBytes } from "./frame.ts";
import { ZmtpError } from "./protocol-error.ts";

interface Taken {
  body: string;
  isMore: boolean;
  isCommand: boolean;
}

/** What a reader makes of bytes that come in pieces of the given lengths. */
function readIn(framing: Framing, bytes: Uint8Array, pieces: readonly number[], maxBytes = 1 << 20): Taken[] {
  const reader = new FrameReader(framing, maxBytes);
  const taken: Taken[] = [];
  let at = 0;
  for (let turn = 0; at < bytes.length; turn++) {
    const next = Math.min(bytes.length, at + Math.max(1, pieces[turn % Math.max(1, pieces.length)] ?? bytes.length));
    reader.read(bytes.subarray(at, next), (body, isMore, isCommand) =>
      taken.push({ body: body.toString("hex"), isMore, isCommand }),
    );
    at = next;
  }
  return taken;
}

test("messageBytes: the bytes that libzmq writes", () => {
  expect(messageBytes("v2", [Buffer.from("hello")]).toString("latin1")).toBe("\x00\x05hello");
  expect(messageBytes("v2", [Buffer.from("addr"), Buffer.from("hi")]).toString("latin1")).toBe(
    "\x01\x04addr\x00\x02hi",
  );
  expect(
    messageBytes("v2", [Buffer.alloc(256)])
      .subarray(0, 9)
      .toString("hex"),
  ).toBe("020000000000000100");
  expect(messageBytes("v1", [Buffer.alloc(0), Buffer.from("hello")]).toString("latin1")).toBe("\x01\x01\x06\x00hello");
  expect(messageBytes("v1", [Buffer.from("published")]).toString("latin1")).toBe("\x0a\x00published");
  expect(frameOf("v2", Buffer.from("x"), false, true).toString("latin1")).toBe("\x04\x01x");
});

test("FrameReader: however the bytes are cut, the frames are the same", () => {
  const frames = fc.array(fc.uint8Array({ maxLength: 700 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(
      fc.constantFrom<Framing>("v1", "v2"),
      fc.array(frames, { maxLength: 4 }),
      fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 6 }),
      (framing, messages, pieces) => {
        const bytes = Buffer.concat(messages.map((message) => messageBytes(framing, message)));
        const wanted = messages.flatMap((message) =>
          message.map((frame, index) => ({
            body: Buffer.from(frame).toString("hex"),
            isMore: index < message.length - 1,
            isCommand: false,
          })),
        );
        expect(readIn(framing, bytes, pieces)).toEqual(wanted);
      },
    ),
  );
});

test("FrameReader: any bytes are frames or a ZmtpError, and claims get no memory", () => {
  fc.assert(
    fc.property(fc.constantFrom<Framing>("v1", "v2"), fc.uint8Array({ maxLength: 300 }), (framing, bytes) => {
      try {
        readIn(framing, bytes, [7]);
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(ZmtpError);
      }
    }),
  );
  expect(() => readIn("v2", Buffer.from("02ffffffffffffffff00", "hex"), [])).toThrow("longer than");
  expect(() => readIn("v2", Buffer.from("0500", "hex"), [])).toThrow("says that more follows");
  expect(() => readIn("v1", Buffer.from("0000", "hex"), [])).toThrow("length 0");
});
