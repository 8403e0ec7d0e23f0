/** Datagrams and streams under arbitrary bytes and arbitrary messages: what is written is read, and nothing else gets through. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Keyring } from "./keyring.ts";
import { PACKET_EXPANDED_BYTES_MAX } from "./limits.ts";
import { lzwCompress, lzwExpand } from "./lzw.ts";
import { encodeMessage, type Message, MessageType } from "./messages.ts";
import { MsgpackWriter } from "./msgpack.ts";
import { decodePacket, encodePacket, packetRoomBytes } from "./packet.ts";
import { ProtocolError } from "./protocol-error.ts";
import { encodeStream, MEMBER_STATES, StreamDecoder, type StreamMessage } from "./stream.ts";
import { createWire, type Wire } from "./wire.ts";

const key = (size: number) => new Keyring([new Uint8Array(size).fill(size)]);
const wires: readonly (readonly [string, Wire])[] = [
  ["plain", createWire({ compression: false })],
  ["compressed", createWire()],
  ["labelled", createWire({ label: "blue" })],
  ["encrypted", createWire({ keyring: key(32), label: "blue" })],
  ["padded", createWire({ keyring: key(16), encryptionVersion: 0 })],
  ["migrating", createWire({ keyring: key(24), verifyIncoming: false, verifyOutgoing: false })],
];

const u32 = fc.nat({ max: 0xffff_ffff });
const u16 = fc.nat({ max: 0xffff });
const port = fc.integer({ min: 1, max: 65_535 });
const byte = fc.nat({ max: 255 });
const name = fc.string({ unit: "binary", maxLength: 40 }).filter((value) => value.isWellFormed());
const host = fc.oneof(
  fc.ipV4(),
  fc.constantFrom("::1", "fe80::1", "2001:db8::8:800:200c:417a", "1:2:3:4:5:6:7:8", "2001:db8:0:1:1:1:1:1"),
);
const meta = fc.uint8Array({ maxLength: 512 });
const versions = fc.record({
  protocolMin: byte,
  protocolMax: byte,
  protocolCurrent: byte,
  delegateMin: byte,
  delegateMax: byte,
  delegateCurrent: byte,
});
const source = { sourceHost: fc.oneof(host, fc.constant("")), sourcePort: u16, sourceNode: name };
const ping = fc.record({ kind: fc.constant("ping" as const), sequence: u32, node: name, ...source });
const ack = fc.record({ kind: fc.constant("ack" as const), sequence: u32, payload: fc.uint8Array({ maxLength: 100 }) });
const user = fc.record({ kind: fc.constant("user" as const), payload: fc.uint8Array({ maxLength: 2000 }) });
const message: fc.Arbitrary<Message> = fc.oneof(
  ping,
  ack,
  user,
  fc.record({
    kind: fc.constant("indirect-ping" as const),
    sequence: u32,
    targetHost: host,
    targetPort: u16,
    node: name,
    nack: fc.boolean(),
    ...source,
  }),
  fc.record({ kind: fc.constant("nack" as const), sequence: u32 }),
  fc.record({ kind: fc.constant("suspect" as const), incarnation: u32, node: name, from: name }),
  fc.record({ kind: fc.constant("dead" as const), incarnation: u32, node: name, from: name }),
  fc.record({ kind: fc.constant("alive" as const), incarnation: u32, node: name, host, port, meta, versions }),
);
const report = fc.record({
  name,
  host,
  port,
  meta,
  incarnation: u32,
  state: fc.constantFrom(...MEMBER_STATES),
  versions,
});
const streamMessage: fc.Arbitrary<StreamMessage> = fc.oneof(
  ping,
  ack,
  user,
  fc.record({ kind: fc.constant("error" as const), message: name }),
  fc.record({
    kind: fc.constant("push-pull" as const),
    join: fc.boolean(),
    reports: fc.array(report, { maxLength: 20 }),
    userState: fc.uint8Array({ maxLength: 3000 }),
  }),
);

/** Runs `read` and lets nothing but a ProtocolError pass as a refusal. */
function refusedOrRead(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
  }
}

/** Arbitrary bytes, more often than not with the beginnings of something that looks right. */
const garbage = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc
    .tuple(fc.constantFrom(...Object.values(MessageType)), fc.uint8Array({ maxLength: 100 }))
    .map(([type, rest]) => Uint8Array.of(type, ...rest)),
  fc
    .tuple(message, fc.array(fc.tuple(fc.nat(), byte), { minLength: 1, maxLength: 4 }), fc.nat())
    .map(([valid, changes, cut]) => {
      const bytes = encodeMessage(valid).slice();
      for (const [place, value] of changes) bytes[place % bytes.length] = value;
      return bytes.slice(0, 1 + (cut % (bytes.length * 2)));
    }),
);

describe.each(wires)("a %s wire", (_, wire) => {
  test("decodePacket: reads what encodePacket wrote", () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 12 }), fc.boolean(), (messages, checksum) => {
        const packet = decodePacket(wire, encodePacket(wire, messages.map(encodeMessage), checksum));
        expect(packet).toEqual({ messages, dropped: 0 });
      }),
    );
  });

  test("decodePacket: arbitrary bytes are read or refused with a ProtocolError, within the bounds", () => {
    fc.assert(
      fc.property(garbage, (bytes) => refusedOrRead(() => decodePacket(wire, bytes))),
      { numRuns: 1000 },
    );
    const compounds = fc.array(garbage, { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(compounds, (parts) => refusedOrRead(() => decodePacket(wire, encodePacket(wire, parts, true)))),
      { numRuns: 500 },
    );
  });

  test("StreamDecoder: reads what encodeStream wrote, in whatever pieces it comes", () => {
    fc.assert(
      fc.property(streamMessage, fc.boolean(), fc.integer({ min: 1, max: 5000 }), (written, dialling, pieceBytes) => {
        const bytes = encodeStream(wire, written, dialling);
        const decoder = new StreamDecoder(wire, dialling);
        let read: StreamMessage | undefined;
        for (let start = 0; start < bytes.length; start += pieceBytes) {
          expect(read).toBeUndefined();
          read = decoder.push(bytes.subarray(start, start + pieceBytes));
        }
        expect(read).toEqual(written);
      }),
    );
  });

  test("StreamDecoder: arbitrary bytes are read, waited upon or refused with a ProtocolError", () => {
    const chunks = fc.array(garbage, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(chunks, fc.boolean(), (pieces, accepted) => {
        const decoder = new StreamDecoder(wire, accepted);
        refusedOrRead(() => pieces.map((piece) => decoder.push(piece)));
      }),
      { numRuns: 1000 },
    );
  });

  test("encodePacket: fits into the room that packetRoomBytes promised", () => {
    const datagramBytes = 1400;
    const payload = crypto.getRandomValues(new Uint8Array(packetRoomBytes(wire, datagramBytes) - 2));
    expect(encodePacket(wire, [payload], true).length).toBeLessThanOrEqual(datagramBytes);
  });
});

describe("bounds", () => {
  const wire = createWire();
  const bomb = (bytes: number) => {
    const writer = new MsgpackWriter().byte(MessageType.compressed).map(2).text("Algo").uint(0).text("Buf");
    return writer.raw(lzwCompress(new Uint8Array(bytes))).finish();
  };

  test("decodePacket: a message that expands beyond its bound is refused", () => {
    expect(() => decodePacket(wire, bomb(PACKET_EXPANDED_BYTES_MAX + 1))).toThrow("it is longer than");
    expect(bomb(PACKET_EXPANDED_BYTES_MAX + 1).length).toBeLessThan(2000);
  });

  test("decodePacket: layers within layers end", () => {
    let bytes: Uint8Array = encodeMessage({ kind: "nack", sequence: 1 });
    for (let depth = 0; depth < 4; depth++) bytes = compound(bytes);
    expect(decodePacket(wire, bytes).messages).toHaveLength(1);
    expect(decodePacket(wire, compound(bytes))).toEqual({ messages: [], dropped: 1 });
  });

  test("StreamDecoder: a length, a count or a text beyond its bound is refused before it arrives", () => {
    const header = (count: number, userStateBytes: number) =>
      new MsgpackWriter()
        .byte(MessageType.pushPull)
        .map(2)
        .text("Nodes")
        .int(count)
        .text("UserStateLen")
        .int(userStateBytes)
        .finish();
    expect(() => new StreamDecoder(wire, true).push(header(10_001, 0))).toThrow(ProtocolError);
    expect(() => new StreamDecoder(wire, true).push(header(0, 17 * 1024 * 1024))).toThrow(ProtocolError);
    expect(new StreamDecoder(wire, true).push(header(3, 0))).toBeUndefined();
    const sealed = Uint8Array.of(MessageType.encrypted, 0xff, 0xff, 0xff, 0xff);
    expect(() => new StreamDecoder(createWire({ keyring: key(16) }), true).push(sealed)).toThrow(ProtocolError);
    const longName = new MsgpackWriter()
      .byte(MessageType.ping)
      .map(1)
      .text("Node")
      .raw(new Uint8Array(513).fill(65))
      .finish();
    expect(() => new StreamDecoder(wire, true).push(longName)).toThrow(ProtocolError);
  });

  test("decodePacket: one bad part does not cost the good ones", () => {
    const good = encodeMessage({ kind: "nack", sequence: 7 });
    const packet = decodePacket(wire, encodePacket(wire, [good, Uint8Array.of(99), good, new Uint8Array(0)], false));
    expect(packet).toEqual({
      messages: [
        { kind: "nack", sequence: 7 },
        { kind: "nack", sequence: 7 },
      ],
      dropped: 2,
    });
  });

  test("decodePacket and StreamDecoder: with keys, plain traffic is refused unless encryption is being introduced", () => {
    const strict = createWire({ keyring: key(16) });
    const open = createWire({ keyring: key(16), verifyIncoming: false });
    const nack = { kind: "nack", sequence: 7 } as const;
    const packet = encodePacket(wire, [encodeMessage(nack)], true);
    expect(() => decodePacket(strict, packet)).toThrow(ProtocolError);
    expect(decodePacket(open, packet).messages).toEqual([nack]);
    const user = { kind: "user", payload: Uint8Array.of(1) } as const;
    const stream = encodeStream(wire, user, true);
    expect(() => new StreamDecoder(strict, true).push(stream)).toThrow("not encrypted");
    expect(new StreamDecoder(open, true).push(stream)).toEqual(user);
    expect(() => new StreamDecoder(wire, true).push(encodeStream(strict, user, true))).toThrow("no keys");
  });

  test("decodePacket: a flipped bit is noticed by the checksum and by the encryption", () => {
    for (const careful of [wire, createWire({ keyring: key(32) })]) {
      const bytes = encodePacket(careful, [encodeMessage({ kind: "nack", sequence: 7 })], true);
      for (let place = careful === wire ? 1 : 0; place < bytes.length; place++) {
        const flipped = bytes.slice();
        flipped[place] = (flipped[place] ?? 0) ^ 1;
        expect(() => decodePacket(careful, flipped)).toThrow(ProtocolError);
      }
    }
  });
});

describe("LZW", () => {
  test("lzwExpand: gives back what lzwCompress took, also across full tables", () => {
    const runs = fc.array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 20 }), fc.integer({ min: 1, max: 400 })), {
      maxLength: 20,
    });
    fc.assert(
      fc.property(runs, (pieces) => {
        const input = Buffer.concat(pieces.flatMap(([piece, times]) => Array.from({ length: times }, () => piece)));
        const output = lzwExpand(lzwCompress(input), input.length);
        expect(Buffer.compare(output, input)).toBe(0);
      }),
    );
  });

  test("lzwExpand: arbitrary bytes are expanded within the bound or refused with a ProtocolError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
        refusedOrRead(() => expect(lzwExpand(bytes, 1000).length).toBeLessThanOrEqual(1000));
      }),
      { numRuns: 2000 },
    );
  });
});

function compound(part: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(MessageType.compound, 1, part.length >> 8, part.length & 255), part]);
}
