/** Paths, hints, ratios and Accept headers: what they mean, and that nothing in them becomes more than that. */
import { expect, test } from "bun:test";

import fc from "fast-check";

import { formatSizeSpec, parseSizeSpec } from "../../lib/resize/size-spec.ts";
import {
  extensionIn,
  formatAccepted,
  formatNamed,
  keyOfHash,
  normalPath,
  parseHints,
  parseImagePath,
  parsePixelRatio,
} from "./image-url.ts";

const sha1 = "c1986af3c26609b8b7d8933f99c51c1a89e9ea6b";
const sha256 = "289bcbd94a6651cecf3aa5989aa2040bc49b292535be1db5c50e91e92aade7fa";

test("keyOfHash: takes 40 and 64 lower-case hex digits and nothing else", () => {
  expect<string | undefined>(keyOfHash(sha1)).toBe(`sha1:${sha1}`);
  expect<string | undefined>(keyOfHash(sha256)).toBe(`sha256:${sha256}`);
  const wrong = [
    "",
    sha1.slice(1),
    `${sha1}0`,
    sha1.toUpperCase(),
    ".".repeat(40),
    "../".repeat(13) + "a",
    `${"0".repeat(39)}g`,
    `${"0".repeat(38)}é`,
    `sha1:${sha1}`,
    `${sha1}\n`,
  ];
  for (const hash of wrong) expect(keyOfHash(hash), hash).toBeUndefined();
});

test("parseImagePath: three parts below /image/, and no other path", () => {
  expect(parseImagePath(`/image/${sha1}/100s/kitten.jpg`)).toEqual({
    hash: sha1,
    sizeText: "100s",
    filename: "kitten.jpg",
  });
  expect(parseImagePath(`/image/${sha1}/%20100w/a%2Fb.jpg`)?.sizeText).toBe(" 100w");
  expect(parseImagePath(`/image/${sha1}/100w%zz/a.jpg`)?.sizeText).toBe("100w%zz");
  for (const path of ["/", "/image/", `/image/${sha1}`, `/image/${sha1}/100s`, `/image/${sha1}/100s/`, "/images/a/b/c"])
    expect(parseImagePath(path), path).toBeUndefined();
  expect(parseImagePath(`/image/${sha1}/100s/a.jpg/more`)).toBeUndefined();
});

test("normalPath: one step to the normal form, and from there none", () => {
  const steps = (sizeText: string, filename: string) => {
    const spec = parseSizeSpec(sizeText);
    if (spec === undefined) throw new Error(`${sizeText} is no size`);
    return normalPath({ hash: "h", sizeText, filename }, spec);
  };
  expect(steps("100h200w", "image.png")).toBe("/image/h/200w100h/image.png");
  expect(steps("100s", "image.jpeg")).toBe("/image/h/100s/image.jpg");
  expect(steps("100s", "a.jpeg.jpeg")).toBe("/image/h/100s/a.jpg.jpeg");
  expect(steps("100s", "a.jpg.jpeg")).toBe("/image/h/100s/a.jpg.jpg");
  expect(steps("100s", "a.JPEG")).toBeUndefined();
  expect(steps("full", "image.png")).toBeUndefined();
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("1", "0", "s", "w", "h", " ", "x") }), fc.string(), (size, name) => {
      let spec = parseSizeSpec(size);
      if (spec === undefined) return;
      let parts = { hash: "h", sizeText: size, filename: name.replaceAll("/", "") || "a.jpeg" };
      for (let hop = 0; hop < 100; hop++) {
        const next = normalPath(parts, spec);
        if (next === undefined) {
          expect(parts.sizeText).toBe(formatSizeSpec(spec));
          expect(parts.filename.endsWith(".jpeg")).toBe(false);
          return;
        }
        const parsed = parseImagePath(next);
        if (parsed === undefined) throw new Error(`${next} leads nowhere`);
        // The filename of a URL is percent-encoded; this one need not be.
        parts = parsed;
        spec = parseSizeSpec(parts.sizeText) ?? spec;
      }
      throw new Error("it never ends");
    }),
  );
});

test("parseHints: normal forms, each once, at most sixteen, and nothing that is no size", () => {
  const hints = (text: string) => parseHints(text).map(formatSizeSpec);
  expect(hints("100s,200w")).toEqual(["100s", "200w"]);
  expect(hints(" 100h200w , 200w100h,,100s,full,../../evil,abc")).toEqual(["200w100h", "100s"]);
  expect(hints(Array.from({ length: 100 }, (_, at) => `${at + 1}w`).join(","))).toHaveLength(16);
  fc.assert(
    fc.property(fc.string(), (text) => {
      for (const hint of hints(text)) expect(hint).toMatch(/^(?:\d+s|\d+w(?:\d+h)?|\d+h)$/);
    }),
  );
});

test("parsePixelRatio: 1 to 4 with one decimal", () => {
  expect([null, "1", "1.5", "2", "4", "4.0"].map(parsePixelRatio)).toEqual([1, 1, 1.5, 2, 4, 4]);
  for (const text of ["", "0", "5", "4.1", "1.55", "-2", "2x", "1e1", " 2"])
    expect(parsePixelRatio(text), text).toBeUndefined();
});

test("formatAccepted: only formats that are named themselves, best offer first", () => {
  const offered = ["avif", "webp"] as const;
  expect(formatAccepted("image/avif,image/webp,image/*;q=0.8,*/*;q=0.5", offered)).toBe("avif");
  expect(formatAccepted("image/webp;q=0.9, image/png", offered)).toBe("webp");
  expect(formatAccepted("IMAGE/AVIF;q=0, image/webp", offered)).toBe("webp");
  for (const accept of [null, "", "*/*", "image/*", "image/avifx", "image/avif;q=0.000"])
    expect(formatAccepted(accept, offered), String(accept)).toBeUndefined();
});

test("extensionIn, formatNamed: the last suffix, written small", () => {
  expect(["a.jpg", "a.b.PNG", "a", ".gif", "a."].map(extensionIn)).toEqual(["jpg", "PNG", "", "gif", ""]);
  expect(["jpg", "png", "gif", "webp", "avif", "jpeg", "PNG", "", "constructor"].map(formatNamed)).toEqual([
    "jpeg",
    "png",
    "gif",
    "webp",
    "avif",
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});
