/** Both versions: what the specification's words mean in bytes, and that nothing else gets through. */
import { describe, expect, test } from "bun:test";

import fc from "fast-check";

import { blockBytes, readBlock, signature } from "./block.ts";
import { crc32c } from "./crc32c.ts";
import { type ProxyAddresses, ProxyHeaderError, type Tlv } from "./header.ts";
import { ipBytes, ipText, streamAddresses } from "./ip.ts";
import { lineBytes, readLine } from "./line.ts";
import { HeaderReader, type HeaderReaderOptions } from "./reader.ts";
import { notesOf, readTlvs, tlvBytes, tlvsOf, tlvTypes } from "./tlv.ts";

const port = fc.integer({ min: 0, max: 65_535 });
const v4 = fc.ipV4().map((address) => ({ address }));
const v6 = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => ({ address: ipText(bytes) }));
const path = fc
  .uint8Array({ maxLength: 108 })
  .filter((bytes) => bytes.at(-1) !== 0)
  .map((bytes) => Uint8Array.from(bytes));
const transport = fc.constantFrom("stream" as const, "datagram" as const);
const ends = (address: fc.Arbitrary<{ address: string }>) =>
  fc.tuple(address, port).map(([part, number]) => ({ ...part, port: number }));
const overIp = fc.oneof(
  fc.record({ family: fc.constant("ipv4" as const), transport, source: ends(v4), target: ends(v4) }),
  fc.record({ family: fc.constant("ipv6" as const), transport, source: ends(v6), target: ends(v6) }),
);
const addresses: fc.Arbitrary<ProxyAddresses> = fc.oneof(
  overIp,
  fc.record({ family: fc.constant("unix" as const), transport, sourcePath: path, targetPath: path }),
);
const tlvs: fc.Arbitrary<Tlv[]> = fc.array(
  fc.record({
    type: fc.integer({ min: 0, max: 255 }).filter((type) => type !== tlvTypes.crc32c),
    value: fc.uint8Array({ maxLength: 300 }).map((bytes) => Uint8Array.from(bytes)),
  }),
  { maxLength: 5 },
);

/** What a reader gives for bytes that come in pieces of at most the given lengths. */
function readIn(bytes: Uint8Array, pieces: readonly number[], options: HeaderReaderOptions = {}) {
  const reader = new HeaderReader(options);
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const next = Math.min(bytes.length, at + Math.max(1, pieces[turn % Math.max(1, pieces.length)] ?? bytes.length));
    const found = reader.take(bytes.subarray(at, next));
    if (found) return { ...found, rest: Buffer.concat([found.rest, bytes.subarray(next)]) };
    at = next;
  }
  return undefined;
}

const bytesOf = (text: string) => Buffer.from(text, "latin1");

describe("IP addresses", () => {
  test("ipText: canonical, as RFC 5952 has it", () => {
    for (const [given, wanted] of [
      ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
      ["0:0:0:0:0:0:0:0", "::"],
      ["::1", "::1"],
      ["1::", "1::"],
      ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
      ["::ffff:192.0.2.7", "::ffff:192.0.2.7"],
      ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
    ] as const) {
      expect(ipText(ipBytes(given) ?? new Uint8Array(1))).toBe(wanted);
    }
  });

  test("ipBytes: what is no address is none", () => {
    for (const text of ["", "1.2.3", "01.2.3.4", "1.2.3.4.5", "256.1.1.1", ":::", "fe80::1%eth0", "1::2::3", "host"]) {
      expect(ipBytes(text)).toBeUndefined();
    }
  });

  test("ipText and ipBytes: bytes come back whatever they are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        expect([...(ipBytes(ipText(bytes)) ?? [])]).toEqual([...bytes]);
      }),
    );
  });

  test("streamAddresses: one family for both ends", () => {
    expect(
      streamAddresses({ address: "::ffff:192.0.2.1", port: 5 }, { address: "198.51.100.2", port: 6 }),
    ).toMatchObject({
      family: "ipv4",
      source: { address: "192.0.2.1", port: 5 },
      target: { address: "198.51.100.2", port: 6 },
    });
    expect(streamAddresses({ address: "fe80::1%lo", port: 5 }, { address: "198.51.100.2", port: 6 })).toMatchObject({
      family: "ipv6",
      source: { address: "fe80::1" },
      target: { address: "::ffff:198.51.100.2" },
    });
    expect(streamAddresses({ address: "", port: 5 }, { address: "198.51.100.2", port: 6 })).toBeUndefined();
  });
});

test("crc32c: the check value of the catalogues", () => {
  expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
});

describe("version 1", () => {
  test("readLine: the specification's lines", () => {
    expect(readLine("PROXY TCP4 255.255.255.255 0.0.0.1 65535 0").addresses).toEqual({
      family: "ipv4",
      transport: "stream",
      source: { address: "255.255.255.255", port: 65_535 },
      target: { address: "0.0.0.1", port: 0 },
    });
    expect(readLine("PROXY TCP6 ffff::1 ::2 1 2").addresses).toMatchObject({ family: "ipv6" });
    expect(readLine("PROXY UNKNOWN").addresses).toBeUndefined();
    expect(readLine("PROXY UNKNOWN ffff::1 whatever it is").addresses).toBeUndefined();
  });

  test("readLine: nothing that only looks alike", () => {
    for (const line of [
      "PROXY TCP4 1.2.3.4 5.6.7.8 01 2",
      "PROXY TCP4 1.2.3.4 5.6.7.8 1 65536",
      "PROXY TCP4 1.2.3.4  5.6.7.8 1 2",
      "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 ",
      "PROXY TCP4 1.2.3.4 5.6.7.8 1",
      "PROXY TCP4 ::1 ::2 1 2",
      "PROXY TCP6 1.2.3.4 5.6.7.8 1 2",
      "PROXY tcp4 1.2.3.4 5.6.7.8 1 2",
      "PROXY TCP4 1.2.3.04 5.6.7.8 1 2",
      "PROXY UDP4 1.2.3.4 5.6.7.8 1 2",
      "PROXY UNKNOWNS",
      "PROXY ",
    ]) {
      expect(() => readLine(line), line).toThrow(ProxyHeaderError);
    }
  });

  test("lineBytes: what was written is read, what version 1 has no words for is UNKNOWN", () => {
    fc.assert(
      fc.property(addresses, fc.string(), fc.array(fc.integer({ min: 1, max: 40 })), (given, after, pieces) => {
        const bytes = Buffer.concat([lineBytes(given), Buffer.from(after)]);
        const read = readIn(bytes, pieces);
        const isKnown = given.family !== "unix" && given.transport === "stream";
        expect(read?.header.addresses).toEqual(isKnown ? given : undefined);
        expect(read?.rest.toString()).toBe(Buffer.from(after).toString());
      }),
    );
  });

  test("HeaderReader: a line has at most 107 bytes and ends with CR and LF", () => {
    const longest = `PROXY UNKNOWN ${"x".repeat(91)}\r\n`;
    expect(longest.length).toBe(107);
    expect(readIn(bytesOf(`${longest}after`), [1])?.rest.toString()).toBe("after");
    expect(() => readIn(bytesOf(`PROXY UNKNOWN ${"x".repeat(92)}\r\n`), [200])).toThrow("within 107");
    expect(() => readIn(bytesOf(`PROXY UNKNOWN ${"x".repeat(200)}`), [1])).toThrow("within 107");
    expect(() => readIn(bytesOf("PROXY UNKNOWN\n"), [1])).toThrow("CR and LF");
  });
});

describe("version 2", () => {
  test("blockBytes: the bytes of the specification", () => {
    const bytes = blockBytes({
      addresses: {
        family: "ipv4",
        transport: "stream",
        source: { address: "127.0.0.1", port: 0x1234 },
        target: { address: "10.0.0.2", port: 443 },
      },
    });
    expect(Buffer.from(bytes).toString("hex")).toBe("0d0a0d0a000d0a515549540a2111000c7f0000010a000002123401bb");
    expect(Buffer.from(blockBytes({ addresses: undefined, command: "local" })).toString("hex")).toBe(
      "0d0a0d0a000d0a515549540a20000000",
    );
  });

  test("blockBytes: what was written is read, in pieces of any size, with a checksum or without", () => {
    fc.assert(
      fc.property(
        fc.option(addresses, { nil: undefined }),
        tlvs,
        fc.boolean(),
        fc.uint8Array({ maxLength: 50 }),
        fc.array(fc.integer({ min: 1, max: 90 })),
        (given, values, checksum, after, pieces) => {
          const bytes = Buffer.concat([blockBytes({ addresses: given, tlvs: values, checksum }), after]);
          const read = readIn(bytes, pieces);
          expect(read?.header).toEqual({ version: 2, command: "proxy", addresses: given, tlvs: values });
          expect([...(read?.rest ?? [])]).toEqual([...after]);
        },
      ),
    );
  });

  test("readBlock: one bit of the addresses that changed is noticed by the checksum", () => {
    fc.assert(
      fc.property(overIp, tlvs, fc.nat(), (given, values, where) => {
        const bytes = blockBytes({ addresses: given, tlvs: values, checksum: true });
        // Of the addresses: elsewhere a bit can hide the checksum itself.
        const bit = where % ((given.family === "ipv4" ? 12 : 36) * 8);
        const at = 16 + (bit >> 3);
        bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
        expect(() => readBlock(bytes)).toThrow(ProxyHeaderError);
      }),
    );
  });

  test("readBlock: unknown versions, commands and families are refused, and blocks that are too short", () => {
    const whole = (fields: string, block = "") => Buffer.concat([signature, Buffer.from(fields + block, "hex")]);
    for (const [header, reason] of [
      [whole("11110000"), "version and command 0x11"],
      [whole("22110000"), "version and command 0x22"],
      [whole("21410000"), "family and transport 0x41"],
      [whole("21130000"), "family and transport 0x13"],
      [whole("21110004", "7f000001"), "do not hold the addresses"],
      [whole("21000002", "0100"), "beyond the end"],
      [whole("21000004", "01000501"), "beyond the end"],
      [whole("21000007", "03000400000000"), "checksum is of other bytes"],
      [whole("21000005", "0300020000"), "one checksum of 4 bytes"],
    ] as const) {
      expect(() => readBlock(header)).toThrow(reason);
    }
    expect(readBlock(whole("20110003", "010203"))).toMatchObject({ command: "local" });
  });

  test("HeaderReader: a header longer than the limit is refused as soon as its length is known", () => {
    const head = Buffer.concat([signature, Buffer.from("2100ffff", "hex")]);
    expect(() => new HeaderReader().take(head)).toThrow("65551 bytes: 4096 at most");
    expect(new HeaderReader({ maxBytes: 65_551 }).take(head)).toBeUndefined();
  });

  test("HeaderReader: only the versions that are wanted, and other protocols at their first byte", () => {
    expect(() => readIn(lineBytes(undefined), [1], { versions: [2] })).toThrow('begins with "P"');
    expect(() => readIn(blockBytes({ addresses: undefined }), [1], { versions: [1] })).toThrow("begins with");
    expect(() => readIn(bytesOf("GET / HTTP/1.1\r\n"), [1])).toThrow('begins with "G"');
  });

  test("HeaderReader: any bytes are a header, unfinished or a ProxyHeaderError", () => {
    const begun = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.concat([signature, bytes])),
      fc
        .tuple(fc.constantFrom(0x20, 0x21), fc.integer({ min: 0, max: 0x33 }), fc.uint8Array({ maxLength: 300 }))
        .map(([command, family, bytes]) =>
          Buffer.concat([signature, Uint8Array.of(command, family, bytes.length >> 8, bytes.length & 255), bytes]),
        ),
      fc.string({ maxLength: 120 }).map((text) => Buffer.from(`PROXY ${text}\r\n`)),
    );
    fc.assert(
      fc.property(begun, fc.array(fc.integer({ min: 1, max: 60 })), (bytes, pieces) => {
        try {
          const read = readIn(bytes, pieces);
          if (read) notesOf(read.header.tlvs);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(ProxyHeaderError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("values beside the addresses", () => {
  test("tlvsOf: what was written is made out again", () => {
    const text = fc.string({ unit: "grapheme", maxLength: 40 });
    const optional = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });
    const notes = fc.record({
      alpn: optional(fc.constantFrom("h2", "http/1.1", "\u00ff")),
      authority: optional(text),
      uniqueId: optional(fc.uint8Array({ maxLength: 128 }).map((bytes) => Uint8Array.from(bytes))),
      netns: optional(text),
      tls: optional(
        fc.record({
          isTls: fc.boolean(),
          showedCertificate: fc.constant(true),
          isVerified: fc.boolean(),
          version: optional(text),
          name: optional(text),
          cipher: optional(text),
        }),
      ),
    });
    fc.assert(
      fc.property(notes, (given) => {
        expect(notesOf(readTlvs(tlvBytes(tlvsOf(given))))).toEqual(given);
      }),
    );
  });

  test("notesOf: broken values are refused, unknown ones left alone", () => {
    expect(() => notesOf([{ type: tlvTypes.uniqueId, value: new Uint8Array(129) }])).toThrow("128 at most");
    expect(() => notesOf([{ type: tlvTypes.authority, value: Uint8Array.of(0xff) }])).toThrow("not UTF-8");
    expect(() => notesOf([{ type: tlvTypes.ssl, value: new Uint8Array(4) }])).toThrow("5 or more");
    expect(notesOf([{ type: 0xe5, value: new Uint8Array(4) }])).toMatchObject({ tls: undefined });
  });
});
