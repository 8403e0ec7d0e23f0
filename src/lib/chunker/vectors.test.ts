/**
 * The rule `fastcdc-1` for good: cuts that a separate program found by following the rule's words (`testdata`).
 */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { ContentSizes } from "./content-cutter.ts";
import { gear } from "./gear.ts";
import { noise, repeated, sizesOf } from "./testing/inputs.ts";

type Input =
  | { readonly kind: "xorshift32"; readonly seed: number; readonly sizeBytes: number }
  | { readonly kind: "repeat"; readonly hex: string; readonly sizeBytes: number };

interface Vectors {
  readonly gearSha1: string;
  readonly gearFirst: readonly string[];
  readonly cases: readonly (ContentSizes & {
    readonly input: Input;
    readonly sha1: string;
    readonly sizes: readonly number[];
  })[];
}

const vectors = JSON.parse(readFileSync(join(import.meta.dirname, "testdata/fastcdc-1.json"), "utf8")) as Vectors;
const sha1 = (bytes: Uint8Array) => new Bun.CryptoHasher("sha1").update(bytes).digest("hex");

describe("fastcdc-1", () => {
  test("gear: is the table that the cuts of all records were made with", () => {
    const little = new DataView(new ArrayBuffer(4 * gear.length));
    gear.forEach((entry, byte) => little.setInt32(4 * byte, entry, true));
    expect([...gear.subarray(0, 4)].map((entry) => (entry >>> 0).toString(16).padStart(8, "0"))).toEqual([
      ...vectors.gearFirst,
    ]);
    expect(sha1(new Uint8Array(little.buffer))).toBe(vectors.gearSha1);
  });

  test.each(vectors.cases.map((vector) => [JSON.stringify(vector.input), vector] as const))(
    "ContentCutter: cuts %s where the rule says",
    (_, { input, sha1: digest, sizes, ...plan }) => {
      const bytes =
        input.kind === "repeat"
          ? repeated(Buffer.from(input.hex, "hex"), input.sizeBytes)
          : noise(input.seed, input.sizeBytes);
      expect(sha1(bytes)).toBe(digest);
      expect(sizesOf({ kind: "content", ...plan }, bytes)).toEqual([...sizes]);
    },
  );
});
