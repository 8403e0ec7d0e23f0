/**
 * Reading and printing of specs: every form that URLs have carried, what is no spec at all, and text of any kind.
 */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { formatSizeSpec, imageMagickGeometry, parseSizeSpec, type SizeSpec } from "./size-spec.ts";

const normalForms: Readonly<Record<string, string>> = {
  full: "full",
  "100s": "100s",
  "200w": "200w",
  "100h": "100h",
  "200w100h": "200w100h",
  "100h200w": "200w100h",
  "100w200h": "100w200h",
  "200h100w": "100w200h",
  x100sy: "100s",
  "100sfull": "100s",
  "10w20h100s": "100s",
  "007s": "7s",
  " 100w": "100w",
  "1e3w": "3w",
  "0x10w": "10w",
  "-5s": "5s",
  "10w20w": "10w",
  "0w": "0w",
  "0s": "0s",
  "0w0h": "0w0h",
  ws10w: "10w",
  "99999999999999999999w": "9007199254740991w",
};

test("parseSizeSpec: every form of old means its normal form, and the normal form itself", () => {
  for (const [text, normal] of Object.entries(normalForms)) {
    const spec = parseSizeSpec(text);
    expect(spec, text).toBeDefined();
    if (spec === undefined) continue;
    expect(formatSizeSpec(spec), text).toBe(normal);
    expect(parseSizeSpec(normal), normal).toEqual(spec);
  }
});

test("parseSizeSpec: text without a number and its letter is no spec", () => {
  for (const text of ["", "abc", "100", "Full", "100S", "w100", "100 w", "fullx", "s", "w", "h", "debug", "١٠٠w"])
    expect(parseSizeSpec(text), text).toBeUndefined();
});

test("parseSizeSpec: the parts of a spec are what the text says", () => {
  expect(parseSizeSpec("100s")).toEqual({ kind: "square", side: 100 });
  expect(parseSizeSpec("100w")).toEqual({ kind: "box", width: 100 });
  expect(parseSizeSpec("100h")).toEqual({ kind: "box", height: 100 });
  expect(parseSizeSpec("100h200w")).toEqual({ kind: "box", width: 200, height: 100 });
  expect(parseSizeSpec("full")).toEqual({ kind: "full" });
});

test("parseSizeSpec: a megabyte of digits is read in one pass", () => {
  const digits = "9".repeat(1_000_000);
  expect(parseSizeSpec(digits)).toBeUndefined();
  expect(parseSizeSpec(`${digits}w`)).toEqual({ kind: "box", width: Number.MAX_SAFE_INTEGER });
});

test("parseSizeSpec: whatever the text, the normal form is stable and made of the patterns' first matches", () => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: fc.constantFrom("0", "1", "9", "s", "w", "h", " ", "-", "full", "/", "é") }),
  );
  fc.assert(
    fc.property(text, (given) => {
      const spec = parseSizeSpec(given);
      const first = (letter: string) => new RegExp(`([0-9]+)${letter}`).exec(given)?.[1];
      const side = first("s");
      const width = first("w");
      const height = first("h");
      if (given !== "full" && side === undefined && width === undefined && height === undefined) {
        expect(spec).toBeUndefined();
        return;
      }
      if (spec === undefined) throw new Error("it must be a spec");
      expect(parseSizeSpec(formatSizeSpec(spec))).toEqual(spec);
      if (given === "full") expect(spec.kind).toBe("full");
      else if (side !== undefined) expect(spec).toEqual({ kind: "square", side: Number(side) });
      else
        expect(spec).toEqual({
          kind: "box",
          ...(width !== undefined && { width: Number(width) }),
          ...(height !== undefined && { height: Number(height) }),
        });
    }),
  );
});

test("imageMagickGeometry: the words of convert -resize", () => {
  const words: [SizeSpec, string][] = [
    [{ kind: "square", side: 100 }, "100x100^"],
    [{ kind: "box", width: 100 }, "100"],
    [{ kind: "box", height: 100 }, "x100"],
    [{ kind: "box", width: 200, height: 100 }, "200x100"],
    [{ kind: "full" }, "100%"],
    [{ kind: "box" }, "100%"],
    [{ kind: "square", side: 0 }, "100%"],
  ];
  for (const [spec, word] of words) expect(imageMagickGeometry(spec)).toBe(word);
  expect(formatSizeSpec({ kind: "box" })).toBe("0w");
});
