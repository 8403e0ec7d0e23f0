import { describe, expect, test } from "bun:test";

import fc from "fast-check";
import sharp from "sharp";

import { codeOf } from "./engine-fixture.ts";
import { fileOf, joined, picture } from "./image-fixture.ts";
import { requireImage, sniff } from "./sniff.ts";

const ascii = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const heif = (major: string, ...others: string[]) =>
  joined(Uint8Array.of(0, 0, 0, 16 + 4 * others.length), ascii(`ftyp${major}\0\0\0\0${others.join("")}`));

describe("sniff", () => {
  test("knows the five formats and the sizes they claim", async () => {
    for (const format of ["jpeg", "png", "gif", "webp", "avif"] as const) {
      const file = await fileOf(picture(301, 207), format);
      expect(sniff(file)).toEqual({ kind: "image", format, width: 301, height: 207 });
    }
    const pixels = sharp(await fileOf(picture(301, 207), "png"));
    const lossless = await pixels.clone().webp({ lossless: true, effort: 0 }).toBuffer();
    expect(sniff(lossless)).toEqual({ kind: "image", format: "webp", width: 301, height: 207 });
    const extended = await pixels.clone().ensureAlpha(0.5).webp({ effort: 0 }).withIccProfile("p3").toBuffer();
    expect(sniff(extended)).toEqual({ kind: "image", format: "webp", width: 301, height: 207 });
    const progressive = await pixels.clone().withMetadata({ orientation: 6 }).jpeg({ progressive: true }).toBuffer();
    expect(sniff(progressive)).toEqual({ kind: "image", format: "jpeg", width: 301, height: 207 });
  });

  test("calls by name what is not taken", () => {
    const names: readonly (readonly [Uint8Array, string])[] = [
      [heif("heic", "mif1", "heic"), "a HEIC image"],
      [heif("mif1", "heix"), "a HEIC image"],
      [heif("mif1"), "a HEIF image"],
      [ascii("BM\x36\0\0\0"), "a BMP image"],
      [ascii("II*\0\x08\0\0\0"), "a TIFF image"],
      [ascii("MM\0*\0\0\0\x08"), "a TIFF image"],
      [ascii("%PDF-1.7"), "a PDF document"],
      [ascii("\xff\x0a\x00"), "a JPEG XL image"],
      [ascii("\0\0\0\x0cJXL \r\n"), "a JPEG XL image"],
      [ascii("\0\0\x01\0\x01\0"), "an icon (ICO)"],
      [ascii("8BPS\0\x01"), "a Photoshop document"],
      [heif("isom", "mp42"), "a video"],
      [ascii("<svg xmlns='http://www.w3.org/2000/svg'>"), "an SVG image"],
      [ascii("\n<?xml version='1.0'?>\n<!-- by hand -->\n<svg width='1'>"), "an SVG image"],
      [ascii("<!DOCTYPE html><title>x</title>"), "an HTML page"],
      [ascii("PK\x03\x04\x14"), "a ZIP archive"],
    ];
    for (const [bytes, name] of names) expect(sniff(bytes)).toEqual({ kind: "other", name });
    expect(sniff(heif("avif", "mif1"))).toEqual({ kind: "image", format: "avif" });
    expect(sniff(heif("mif1", "avif"))).toEqual({ kind: "image", format: "avif" });
  });

  test("whatever the bytes, it answers", () => {
    const starts = [
      "",
      "\xff\xd8\xff",
      "\x89PNG\r\n\x1a\n",
      "GIF89a",
      "RIFF0000WEBPVP8X",
      "RIFF0000WEBPVP8L",
      "\0\0\0\x20ftypavif",
      "<",
    ];
    fc.assert(
      fc.property(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 80 }), (start, rest) => {
        const { kind } = sniff(joined(ascii(start), rest));
        expect(["image", "other", "unknown"]).toContain(kind);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("requireImage", () => {
  const refusal = async (bytes: Uint8Array) => {
    try {
      requireImage(bytes);
      return "";
    } catch (thrown) {
      return thrown instanceof Error ? thrown.message : "";
    }
  };

  test("refuses with a sentence that says what it is", async () => {
    expect(await refusal(heif("heic"))).toBe(
      "Cannot take the image: it is a HEIC image; wanted JPEG, PNG, GIF, WebP or AVIF",
    );
    expect(await refusal(ascii("hello"))).toBe(
      "Cannot take the image: its bytes are those of no image; wanted JPEG, PNG, GIF, WebP or AVIF",
    );
    expect(await refusal(new Uint8Array())).toContain("there are no bytes");
    expect(await codeOf((async () => requireImage(ascii("hello")))())).toBe("reticulum/not-an-image");
    expect(await codeOf((async () => requireImage(ascii("%PDF-")))())).toBe("reticulum/unsupported-format");
  });
});
