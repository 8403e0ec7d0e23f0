/** Addresses: canonical text, bytes and the forms that people write. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { bytesToHost, canonicalHost, formatAddress, hostToBytes, parseAddress } from "./address.ts";

test.each([
  ["127.0.0.1", "7f000001", "127.0.0.1"],
  ["::", "00000000000000000000000000000000", "::"],
  ["::1", "00000000000000000000000000000001", "::1"],
  ["FE80:0:0:0:0:0:0:1", "fe800000000000000000000000000001", "fe80::1"],
  ["fe80::1%eth0", "fe800000000000000000000000000001", "fe80::1"],
  ["2001:db8:0:0:1:0:0:1", "20010db8000000000001000000000001", "2001:db8::1:0:0:1"],
  ["2001:db8:0:1:1:1:1:1", "20010db8000000010001000100010001", "2001:db8:0:1:1:1:1:1"],
  ["1::", "00010000000000000000000000000000", "1::"],
  ["::ffff:10.1.2.3", "00000000000000000000ffff0a010203", "10.1.2.3"],
  ["64:ff9b::10.1.2.3", "0064ff9b00000000000000000a010203", "64:ff9b::a01:203"],
])("hostToBytes and bytesToHost: %s", (text, bytes, canonical) => {
  expect(Buffer.from(hostToBytes(text)).toString("hex")).toBe(bytes);
  expect(bytesToHost(Buffer.from(bytes, "hex"))).toBe(canonical);
});

test("bytesToHost: every address survives, and other lengths are no address", () => {
  const address = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    // Mostly zero groups, so that runs of them occur.
    fc.array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 16, maxLength: 16 }).map((bytes) => Uint8Array.from(bytes)),
  );
  fc.assert(
    fc.property(address, (bytes) => {
      const text = bytesToHost(bytes);
      expect(canonicalHost(text)).toBe(text);
      if (bytes.length === 4 || !text.includes(".")) expect([...hostToBytes(text)]).toEqual([...bytes]);
    }),
  );
  expect(bytesToHost(new Uint8Array(5))).toBe("");
  expect(hostToBytes("example.org")).toHaveLength(0);
  expect(hostToBytes("1.2.3.256")).toHaveLength(0);
});

test.each([
  ["10.0.0.1:80", "10.0.0.1:80"],
  ["10.0.0.1", "10.0.0.1:7946"],
  ["Example.ORG:80", "example.org:80"],
  ["name/10.0.0.1:80", "10.0.0.1:80"],
  ["[::1]:80", "[::1]:80"],
  ["[::1]", "[::1]:7946"],
  ["::1", "[::1]:7946"],
])("parseAddress: %s is %s", (text, wanted) => {
  expect(formatAddress(parseAddress(text, 7946))).toBe(wanted);
});

test.each(["", ":80", "host:", "host:0", "host:65536", "host:x", "a b:80", "[::1", "1:2:3", "[]:80"])(
  "parseAddress: %p is refused",
  (text) => {
    expect(() => parseAddress(text, 7946)).toThrow(SyntaxError);
  },
);
