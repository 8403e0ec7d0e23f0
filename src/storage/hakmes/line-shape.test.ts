import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { faultInShape } from "./line-shape.ts";

const faultIn = (text: string) => faultInShape(new TextEncoder().encode(text));

describe("faultInShape", () => {
  test("records of any number of chunks and names may be records", () => {
    for (const count of [0, 1, 2, 100, 10_000]) {
      const record = {
        key: `sha1:${"a".repeat(40)}`,
        extension: "",
        mimetype: "a/b",
        size: count,
        chunks: Array.from({ length: count }, () => `sha1:${"b".repeat(40)}`),
        sizes: Array.from({ length: count }, () => 1),
        cut: { rule: "fixed", minBytes: 1, averageBytes: 1, maxBytes: 1 },
        createdAt: 1,
        names: Array.from({ length: count }, () => ({ name: 'a"[{,', mimetype: "a/b", addedAt: 1 })),
      };
      expect(faultIn(JSON.stringify(record))).toBeUndefined();
    }
  });

  test("what would fill memory when it is read is refused: depth, empty lists and objects, single digits", () => {
    expect(faultIn("[".repeat(100_000))).toBe("its values are nested too deeply");
    for (const value of ["[]", "{}", "0", '""', "{},0"]) {
      expect([value, faultIn(`{"chunks":[${`${value},`.repeat(100_000)}1]}`)]).toEqual([
        value,
        "it has too many values for its length",
      ]);
    }
  });

  test("what stands in texts does not count, whatever is escaped there", () => {
    const anyText = fc.string({ unit: fc.constantFrom("[", "{", ",", '"', "\\", "é", "a"), maxLength: 400 });
    fc.assert(
      fc.property(anyText, (text) => {
        expect(faultIn(JSON.stringify({ key: text }))).toBeUndefined();
      }),
    );
  });
});
