import { afterAll, describe, expect, test } from "bun:test";

import fc from "fast-check";
import sharp from "sharp";

import { targetOf } from "../../lib/resize/geometry.ts";
import { parseSizeSpec, type SizeSpec } from "../../lib/resize/size-spec.ts";
import { codeOf, testEngine } from "./engine-fixture.ts";
import { animation, difference, fileOf, grain, picture, pictureOf, pixelsOf, turned } from "./image-fixture.ts";

const shared = testEngine({ processes: 2 });
const { engine } = shared;
afterAll(() => shared[Symbol.asyncDispose]());

function spec(text: string): SizeSpec {
  const parsed = parseSizeSpec(text);
  if (!parsed) throw new RangeError(`"${text}" is no spec`);
  return parsed;
}

describe("render: sizes", () => {
  test("comes out as the rules say, whatever the image and the wish", async () => {
    const side = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 41, max: 400 }));
    const wish: fc.Arbitrary<SizeSpec> = fc.oneof(
      fc.record({ kind: fc.constant("square" as const), side }),
      fc.record({ kind: fc.constant("box" as const), width: side, height: side }),
      fc.record({ kind: fc.constant("box" as const), width: side }),
      fc.record({ kind: fc.constant("box" as const), height: side }),
    );
    const format = fc.constantFrom("jpeg" as const, "png" as const, "webp" as const);
    await fc.assert(
      fc.asyncProperty(side, side, wish, fc.boolean(), format, async (width, height, spec, noEnlarge, format) => {
        const target = targetOf(spec, { width, height }, { noEnlarge });
        fc.pre(target.width <= 2000 && target.height <= 2000);
        const source = await fileOf(picture(width, height), "jpeg");
        const made = await engine.render({ source, spec, noEnlarge, format });
        const real = await sharp(made.bytes).metadata();
        expect([real.width, real.height]).toEqual([target.width, target.height]);
        expect([made.width, made.height, made.format]).toEqual([target.width, target.height, format]);
      }),
      { numRuns: 150 },
    );
  }, 120_000);

  test("a strip of 5000x13 enlarged to a square is made without its 38462 pixels beside", async () => {
    const source = await fileOf(picture(5000, 13), "png");
    const made = await pictureOf((await engine.render({ source, spec: spec("4000s"), format: "jpeg" })).bytes);
    expect([made.width, made.height]).toEqual([4000, 4000]);
    // Half way across, between the two blues.
    expect(Math.abs((made.rgb[(2000 * 4000 + 1000) * 3] ?? 0) - 127)).toBeLessThan(4);
  }, 120_000);

  test("header: with what a probe found the same comes out, and the limits are held against it too", async () => {
    for (const orientation of [1, 6]) {
      const source = await turned(picture(320, 200), orientation);
      const header = await engine.probe(source);
      for (const text of ["full", "80w", "50s"]) {
        const plain = await engine.render({ source, spec: spec(text) });
        const hinted = await engine.render({ source, header, spec: spec(text) });
        expect(hinted).toEqual(plain);
      }
      const wide = { ...header, width: 20_000, height: 20_000 };
      expect(await codeOf(engine.render({ source, header: wide, spec: spec("80w") }))).toBe("reticulum/too-large");
    }
  });

  test("every orientation is shown as it was meant", async () => {
    const shown = picture(320, 200);
    for (let orientation = 1; orientation <= 8; orientation++) {
      const source = await turned(shown, orientation);
      const facts = await engine.probe(source);
      expect([facts.width, facts.height, facts.orientation]).toEqual([320, 200, orientation]);
      for (const text of ["full", "80w", "60h", "50s", "100w100h", "640w"]) {
        const made = await pictureOf((await engine.render({ source, spec: spec(text) })).bytes);
        const { scaled, crop } = targetOf(spec(text), shown);
        const pixels = pixelsOf(shown).resize(scaled.width, scaled.height, { fit: "fill" });
        const { data } = await (crop ? pixels.extract(crop) : pixels).raw().toBuffer({ resolveWithObject: true });
        const size = crop ?? scaled;
        const off = difference(made, { width: size.width, height: size.height, rgb: data });
        expect({ orientation, text, off: off < 4, turned: made.meta.orientation }).toEqual({
          orientation,
          text,
          off: true,
          turned: undefined,
        });
      }
    }
  }, 120_000);

  test("a crop looks where it is told", async () => {
    const source = await fileOf(picture(400, 100), "png");
    const redAt = async (gravity: "centre" | "attention" | { x: number; y: number }) => {
      const made = await pictureOf((await engine.render({ source, spec: spec("50s"), gravity })).bytes);
      expect([made.width, made.height]).toEqual([50, 50]);
      return made.rgb[(25 * 50 + 25) * 3] ?? 0;
    };
    expect(Math.abs((await redAt("centre")) - 128)).toBeLessThan(4);
    expect(Math.abs((await redAt({ x: 0, y: 0 })) - 32)).toBeLessThan(4);
    expect(Math.abs((await redAt({ x: 1, y: 1 })) - 223)).toBeLessThan(4);
    await redAt("attention");
  });

  test("a result beyond the limits is refused before anything is decoded", async () => {
    const source = await fileOf(picture(40, 30), "jpeg");
    for (const text of ["20000w", "60000w", "8193h", "9999999999999999999999w"])
      expect([text, await codeOf(engine.render({ source, spec: spec(text) }))]).toEqual([
        text,
        "reticulum/result-too-large",
      ]);
    expect(await codeOf(engine.render({ source, spec: spec("8000w") }))).toBe("fine");
  });
});

describe("render: colours and formats", () => {
  const red = { r: 255, g: 0, b: 0 };
  const green = { r: 30, g: 200, b: 60 };
  const plain = (background: { r: number; g: number; b: number }) =>
    sharp({ create: { width: 64, height: 48, channels: 3, background } });
  const firstPixel = async (bytes: Uint8Array) => [...(await pictureOf(bytes)).rgb.subarray(0, 3)];

  test("each format is given out as what was asked for", async () => {
    const source = await fileOf(picture(200, 150), "png");
    for (const format of ["jpeg", "png", "gif", "webp", "avif"] as const) {
      const { bytes } = await engine.render({ source, spec: spec("100w"), format });
      const made = await pictureOf(bytes);
      expect(made.meta.format).toBe(format === "avif" ? "heif" : format);
      const wanted = await pixelsOf(picture(200, 150)).resize(100, 75, { fit: "fill" }).raw().toBuffer();
      expect(difference(made, { width: 100, height: 75, rgb: wanted })).toBeLessThan(12);
      const again = await engine.render({ source: bytes, spec: spec("50w") });
      expect([again.format, again.width]).toEqual([format, 50]);
    }
  });

  test("a wide colour profile is honoured, and the result is sRGB without one", async () => {
    const source = await plain(red).withIccProfile("p3").png().toBuffer();
    // As the file stores it, the red is another one.
    expect((await sharp(source, { ignoreIcc: true }).raw().toBuffer())[0]).toBeLessThan(240);
    const { bytes } = await engine.render({ source, spec: spec("32w") });
    const [r = 0, g = 0, b = 0] = await firstPixel(bytes);
    expect([r > 252, g < 6, b < 6]).toEqual([true, true, true]);
    expect((await sharp(bytes).metadata()).hasProfile).toBe(false);
    expect((await engine.probe(source)).hasProfile).toBe(true);
    expect((await engine.probe(source)).dominantColour).toMatch(/^#f[c-f]0[0-6]0[0-6]$/);
  });

  test("CMYK and sixteen bits become what browsers show", async () => {
    // Ink cannot print the strongest colours; this one it can.
    const leaf = { r: 120, g: 160, b: 110 };
    const cmyk = await plain(leaf).toColourspace("cmyk").jpeg({ quality: 95 }).toBuffer();
    expect((await sharp(cmyk).metadata()).space).toBe("cmyk");
    const fromCmyk = await engine.render({ source: cmyk, spec: spec("32w") });
    expect((await sharp(fromCmyk.bytes).metadata()).space).toBe("srgb");
    const [r = 0, g = 0, b = 0] = await firstPixel(fromCmyk.bytes);
    expect(Math.max(Math.abs(r - leaf.r), Math.abs(g - leaf.g), Math.abs(b - leaf.b))).toBeLessThan(8);
    const deep = await plain(green).toColourspace("rgb16").png().toBuffer();
    expect((await sharp(deep).metadata()).depth).toBe("ushort");
    const fromDeep = await engine.render({ source: deep, spec: spec("32w") });
    expect((await sharp(fromDeep.bytes).metadata()).depth).toBe("uchar");
    expect(await firstPixel(fromDeep.bytes)).toEqual([30, 200, 60]);
    const grey = await plain(green).toColourspace("b-w").png().toBuffer();
    expect((await engine.render({ source: grey, spec: spec("32w") })).width).toBe(32);
  });

  test("nothing of the original's metadata is in a result", async () => {
    const source = await plain(green)
      .withIccProfile("p3")
      .withExif({ IFD0: { Copyright: "somebody" }, IFD3: { GPSLatitudeRef: "N", GPSLatitude: "52/1 30/1 0/1" } })
      .withXmp("<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")
      .jpeg()
      .toBuffer();
    expect((await sharp(source).metadata()).exif).toBeDefined();
    for (const format of ["jpeg", "png", "webp", "avif"] as const) {
      const { bytes } = await engine.render({ source, spec: spec("32w"), format });
      const { exif, xmp, icc, iptc } = await sharp(bytes).metadata();
      expect([format, exif, xmp, icc, iptc]).toEqual([format, undefined, undefined, undefined, undefined]);
      expect(Buffer.from(bytes).includes("somebody")).toBe(false);
    }
  });

  test("what can be seen through is white in a JPEG and stays so elsewhere", async () => {
    const source = await sharp({ create: { width: 20, height: 20, channels: 4, background: { ...red, alpha: 0 } } })
      .png()
      .toBuffer();
    expect(await firstPixel((await engine.render({ source, spec: spec("10w"), format: "jpeg" })).bytes)).toEqual([
      255, 255, 255,
    ]);
    const kept = await engine.render({ source, spec: spec("10w"), format: "webp" });
    expect((await sharp(kept.bytes).metadata()).hasAlpha).toBe(true);
    expect((await engine.probe(source)).hasAlpha).toBe(true);
  });
});

describe("render: animations", () => {
  test("keep frames, times and loops at exact sizes, cut ones too", async () => {
    for (const from of ["gif", "webp"] as const) {
      const source = await animation(from, { width: 90, height: 60, frames: 5 });
      expect(await engine.probe(source)).toMatchObject({ format: from, width: 90, height: 60, pages: 5 });
      for (const format of ["gif", "webp"] as const) {
        for (const [text, width, height] of [
          ["45w", 45, 30],
          ["31s", 31, 31],
          ["120w", 120, 80],
        ] as const) {
          const made = await engine.render({ source, spec: spec(text), format });
          expect(made).toMatchObject({ format, width, height, pages: 5 });
          const meta = await sharp(made.bytes, { animated: true }).metadata();
          expect(meta).toMatchObject({ pages: 5, width, pageHeight: height, loop: 3, delay: [70, 70, 70, 70, 70] });
        }
      }
    }
  });

  test("become their first frame where the format, the wish or the limit says so", async () => {
    const source = await animation("gif", { width: 90, height: 60, frames: 5 });
    expect(await engine.render({ source, spec: spec("45w"), format: "jpeg" })).toMatchObject({ pages: 1, height: 30 });
    expect(await engine.render({ source, spec: spec("45w"), animate: false })).toMatchObject({ pages: 1, height: 30 });
    await using tight = testEngine({ limits: { outputPixels: 45 * 30 * 4 } });
    expect(await tight.engine.render({ source, spec: spec("45w") })).toMatchObject({
      format: "gif",
      pages: 1,
      height: 30,
    });
  });
});

describe("probe", () => {
  test("tells what an image is, with placeholders that look like it", async () => {
    const source = await fileOf(picture(640, 400), "webp");
    const facts = await engine.probe(source);
    expect(facts).toMatchObject({ format: "webp", width: 640, height: 400, orientation: 1, pages: 1, hasAlpha: false });
    const { thumbHashToApproximateAspectRatio, thumbHashToAverageRGBA } = await import("thumbhash");
    const thumbHash = Buffer.from(facts.thumbHash, "base64");
    expect(Math.abs(thumbHashToApproximateAspectRatio(thumbHash) - 1.6)).toBeLessThan(0.2);
    expect(Math.abs(thumbHashToAverageRGBA(thumbHash).r - 0.5)).toBeLessThan(0.05);
    const { decode, isBlurhashValid } = await import("blurhash");
    expect(isBlurhashValid(facts.blurHash).result).toBe(true);
    expect(facts.blurHash.charCodeAt(0)).toBe("L".charCodeAt(0));
    const back = decode(facts.blurHash, 8, 8);
    // Red grows from left to right.
    expect((back[7 * 4] ?? 0) - (back[0] ?? 0)).toBeGreaterThan(100);
    expect((await engine.probe(await fileOf(picture(100, 300), "png"))).blurHash).not.toStartWith("L");
  });

  test("takes an image of one pixel", async () => {
    const source = await fileOf(picture(1, 1), "png");
    expect(await engine.probe(source)).toMatchObject({ width: 1, height: 1 });
    expect(await engine.render({ source, spec: spec("100s") })).toMatchObject({ width: 1, height: 1 });
    expect(await engine.render({ source, spec: spec("100w") })).toMatchObject({ width: 100, height: 100 });
  });

  test("grain: a photograph's placeholder is short", async () => {
    const { thumbHash, blurHash } = await engine.probe(await fileOf(grain(800, 600), "jpeg"));
    expect([thumbHash.length <= 36, blurHash.length]).toEqual([true, 28]);
  });
});
