import { describe, expect, test } from "bun:test";

import fc from "fast-check";

import { algorithmOf, bucketCount, bucketOf, digestOf, keyOf, parseKey } from "./key.ts";

const sha1 = "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709";
const sha256 = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

describe("parseKey", () => {
  test("takes both algorithms", () => {
    expect(parseKey(sha1)).toBe(keyOf("sha1", sha1.slice(5)));
    expect(parseKey(sha256)).toBe(keyOf("sha256", sha256.slice(7)));
  });

  test.each([
    "",
    "sha1",
    "sha1:",
    ":",
    "sha256",
    sha1.toUpperCase(),
    sha1.replace("da39", "DA39"),
    sha1.slice(0, -1),
    `${sha1}0`,
    `${sha1}:`,
    `${sha1}\n`,
    ` ${sha1}`,
    sha1.replace(":", "%3A"),
    sha1.replace("sha1", "sha256"),
    sha256.replace("sha256", "sha1"),
    sha1.replace("sha1", "md5"),
    `sha1:${"../".repeat(13)}a`,
    `sha1:${"0".repeat(39)}g`,
    `sha1:${"é".repeat(20)}`,
    `sha1:${"0".repeat(38)}\u0000\u0000`,
  ])("refuses %j", (wrong) => {
    expect(parseKey(wrong)).toBeUndefined();
  });

  test("gives back what it took, or undefined, for any text", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string({ unit: "binary" }).map((rest) => `sha1:${rest}`),
        ),
        (anything) => {
          const key = parseKey(anything);
          expect(key === undefined || /^sha(1:[0-9a-f]{40}|256:[0-9a-f]{64})$/.test(key)).toBe(true);
        },
      ),
    );
  });

  test("takes any digest that keyOf makes, and keeps its parts", () => {
    fc.assert(
      fc.property(fc.constantFrom("sha1", "sha256"), fc.uint8Array({ minLength: 32, maxLength: 32 }), (kind, bytes) => {
        const digest = Buffer.from(bytes.subarray(0, kind === "sha1" ? 20 : 32)).toString("hex");
        const key = keyOf(kind, digest);
        expect([parseKey(key), algorithmOf(key), digestOf(key)]).toEqual([key, kind, digest]);
        expect(bucketOf(key)).toBe(bytes[0] ?? -1);
        expect(bucketOf(key)).toBeLessThan(bucketCount);
      }),
    );
  });
});

test("keyOf: refuses the digest of another algorithm", () => {
  expect(() => keyOf("sha1", sha256.slice(7))).toThrow(RangeError);
});
