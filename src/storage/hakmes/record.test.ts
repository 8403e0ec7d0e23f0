import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { isExtension, isMediaType, isName, labelOf } from "./record.ts";

describe("labelOf", () => {
  test("keeps what is fit, and makes the rest so", () => {
    const label = (name?: string, mimetype?: string) => {
      const made = labelOf({ name, mimetype });
      return [made.name, made.extension, made.mimetype];
    };
    const usual = "application/octet-stream";
    expect(label("notes.TXT", "text/plain")).toEqual(["notes.TXT", ".TXT", "text/plain"]);
    expect(label("a.tar.gz", "text/html; charset=utf-8")).toEqual(["a.tar.gz", ".gz", "text/html; charset=utf-8"]);
    expect(label("C:\\folder\\x.doc", "nonsense")).toEqual(["x.doc", ".doc", usual]);
    expect(label("../../etc/passwd", "")).toEqual(["passwd", "", usual]);
    expect(label("folder/..")).toEqual(["", "", usual]);
    expect(label(".bashrc")).toEqual([".bashrc", ".bashrc", usual]);
    expect(label("line\r\nSet-Cookie: a=b", "text/plain\r\nX: y")).toEqual(["lineSet-Cookie: a=b", "", usual]);
    expect(label("half \ud800", "text/plain")).toEqual(["half \ufffd", "", "text/plain"]);
    expect(label()).toEqual(["", "", usual]);
  });

  test("a name too long is cut between characters", () => {
    expect(labelOf({ name: "ä".repeat(200) }).name).toBe("ä".repeat(127));
    expect(labelOf({ name: `${"a".repeat(254)}𝕏` }).name).toBe("a".repeat(254));
  });

  test("a name that ends in a dot has the dot for its extension, as the predecessor had it", () => {
    for (const name of ["notes.", " .", "a.b."]) {
      expect(labelOf({ name })).toMatchObject({ name, extension: "." });
      expect(isExtension(".")).toBe(true);
    }
    expect(isExtension("..")).toBe(false);
  });

  test("whatever comes in, what comes out is a name, an extension and a media type", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 400 }), fc.string({ unit: "binary" }), (name, mimetype) => {
        const made = labelOf({ name, mimetype });
        expect([isName(made.name), isExtension(made.extension), isMediaType(made.mimetype)]).toEqual([
          true,
          true,
          true,
        ]);
        expect(Buffer.byteLength(made.name)).toBeLessThanOrEqual(255);
        expect(labelOf(made)).toEqual(made);
      }),
    );
  });
});
