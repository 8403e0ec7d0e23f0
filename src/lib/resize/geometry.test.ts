/**
 * Sizes against a table that was measured, against the same rules in exact arithmetic, and as properties over thousands
 * of sizes and specs.
 */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { containOf, coverOf, targetOf, type PixelSize } from "./geometry.ts";
import { parseSizeSpec, type SizeSpec } from "./size-spec.ts";

const sizeOf = (text: string): PixelSize => {
  const [width, height] = text.split("x").map(Number);
  if (width === undefined || height === undefined) throw new Error(`${text} is no size`);
  return { width, height };
};
const specOf = (text: string): SizeSpec => {
  const spec = parseSizeSpec(text);
  if (spec === undefined) throw new Error(`${text} is no spec`);
  return spec;
};

const measuredSpecs = "100s 200s 100w 100h 2000w 100w100h 100w50h 50w100h 200w100h 300w200h 33w 7h".split(" ");
/** One line for each image: its size, and then that of each of the specs. The last was refused where it now has a side of 1. */
const measured = `
1000x500  100x100 200x200 100x50 200x100 2000x1000 100x50 100x50 50x25 200x100 300x150 33x17 14x7
500x1000  100x100 200x200 100x200 50x100 2000x4000 50x100 25x50 50x100 50x100 100x200 33x66 4x7
1000x1000 100x100 200x200 100x100 100x100 2000x2000 100x100 50x50 50x50 100x100 200x200 33x33 7x7
4000x3000 100x100 200x200 100x75 133x100 2000x1500 100x75 66x50 50x37 133x100 266x200 33x25 9x7
3000x4000 100x100 200x200 100x133 75x100 2000x2667 75x100 37x50 50x66 75x100 150x200 33x44 5x7
1x1       1x1 1x1 100x100 100x100 2000x2000 100x100 50x50 50x50 100x100 200x200 33x33 7x7
80x60     80x60 80x60 100x75 133x100 2000x1500 100x75 66x50 50x37 133x100 266x200 33x25 9x7
150x80    100x100 150x80 100x53 188x100 2000x1067 100x53 93x50 50x26 187x100 300x160 33x18 13x7
80x150    100x100 80x150 100x188 53x100 2000x3750 53x100 26x50 50x93 53x100 106x200 33x62 4x7
100x80    100x100 100x80 100x80 125x100 2000x1600 100x80 62x50 50x40 125x100 250x200 33x26 9x7
101x99    100x100 101x99 100x98 102x100 2000x1960 100x98 51x50 50x49 102x100 204x200 33x32 7x7
333x777   100x100 200x200 100x233 43x100 2000x4667 42x100 21x50 42x100 42x100 85x200 33x77 3x7
1999x1001 100x100 200x200 100x50 200x100 2000x1002 100x50 99x50 50x25 199x100 300x150 33x17 14x7
5000x13   100x100 200x200 100x1 38462x100 2000x5 100x1 100x1 50x1 200x1 300x1 33x1 2692x7
`;

test("targetOf: every measured size", () => {
  let compared = 0;
  for (const line of measured.trim().split("\n")) {
    const [image = "", ...results] = line.split(/ +/);
    expect(results).toHaveLength(measuredSpecs.length);
    for (const [at, spec] of measuredSpecs.entries()) {
      const target = targetOf(specOf(spec), sizeOf(image));
      expect(`${image} ${spec} ${target.width}x${target.height}`).toBe(`${image} ${spec} ${results[at]}`);
      compared++;
    }
    const full = targetOf({ kind: "full" }, sizeOf(image));
    expect(`${full.width}x${full.height}`).toBe(image);
    compared++;
  }
  expect(compared).toBe(14 * 13);
});

test("targetOf: halves are rounded and boxes cut as they have always been", () => {
  const cases: [string, string, string][] = [
    ["1920x1080", "245w1000h", "244x137"],
    ["3000x2000", "49w1000h", "48x32"],
    ["1600x1200", "100w100h", "100x75"],
    ["1744x1090", "100w", "100x62"],
    ["640x480", "0w", "640x480"],
    ["640x480", "0s", "640x480"],
    ["640x480", "0w0h", "640x480"],
    ["640x480", "320w0h", "320x240"],
  ];
  for (const [image, spec, result] of cases) {
    const { width, height } = targetOf(specOf(spec), sizeOf(image));
    expect(`${image} ${spec} ${width}x${height}`).toBe(`${image} ${spec} ${result}`);
  }
});

test("targetOf: a square is cut from the middle, or as near the point as its edges allow", () => {
  const wide = { width: 1000, height: 501 };
  expect(targetOf(specOf("100s"), wide)).toEqual({
    width: 100,
    height: 100,
    scaled: { width: 200, height: 100 },
    crop: { left: 50, top: 0, width: 100, height: 100 },
  });
  const at = (x: number, y: number) => targetOf(specOf("100s"), wide, { gravity: { x, y } }).crop?.left;
  expect([at(0, 0), at(0.25, 0.9), at(0.5, 0.5), at(0.6, 1), at(1, 1)]).toEqual([0, 0, 50, 70, 100]);
});

test("targetOf: without enlarging nothing grows, and what would shrink is the same", () => {
  const image = { width: 150, height: 80 };
  const size = (spec: string) => {
    const { width, height } = targetOf(specOf(spec), image, { noEnlarge: true });
    return `${width}x${height}`;
  };
  expect(["2000w", "2000h", "2000w2000h", "100s", "200s", "75w", "50s", "2000w40h"].map(size)).toEqual([
    "150x80",
    "150x80",
    "150x80",
    "100x80",
    "150x80",
    "75x40",
    "50x50",
    "75x40",
  ]);
});

test("targetOf: what is no size and no ratio is refused", () => {
  for (const side of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
    expect(() => targetOf({ kind: "full" }, { width: side, height: 10 })).toThrow(RangeError);
  for (const pixelRatio of [0, -2, Number.NaN, Number.POSITIVE_INFINITY])
    expect(() => targetOf({ kind: "full" }, { width: 1, height: 1 }, { pixelRatio })).toThrow(RangeError);
});

const side = fc.oneof(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 20_000 }));
const size = fc.record({ width: side, height: side });
const asked = fc.oneof(fc.constant(0), side);
const anySpec: fc.Arbitrary<SizeSpec> = fc.oneof(
  fc.record({ kind: fc.constant("square" as const), side: asked }),
  fc.record({ kind: fc.constant("box" as const), width: asked }),
  fc.record({ kind: fc.constant("box" as const), height: asked }),
  fc.record({ kind: fc.constant("box" as const), width: asked, height: asked }),
);

test("targetOf: sides are whole and at least 1, and a crop lies within what was scaled", () => {
  const options = fc.record({
    noEnlarge: fc.boolean(),
    pixelRatio: fc.constantFrom(1, 1.5, 2, 3),
    gravity: fc.oneof(
      fc.constant("centre" as const),
      fc.record({ x: fc.double({ min: 0, max: 1, noNaN: true }), y: fc.double({ min: 0, max: 1, noNaN: true }) }),
    ),
  });
  fc.assert(
    fc.property(anySpec, size, options, (spec, image, how) => {
      const target = targetOf(spec, image, how);
      for (const pixels of [target.width, target.height, target.scaled.width, target.scaled.height])
        expect(Number.isSafeInteger(pixels) && pixels >= 1).toBe(true);
      if (how.noEnlarge) {
        expect(target.width).toBeLessThanOrEqual(image.width);
        expect(target.height).toBeLessThanOrEqual(image.height);
      }
      const { crop, scaled, width, height } = target;
      if (crop === undefined) {
        expect(scaled).toEqual({ width, height });
        return;
      }
      expect(crop).toMatchObject({ width, height });
      expect(crop.left >= 0 && crop.left + crop.width <= scaled.width).toBe(true);
      expect(crop.top >= 0 && crop.top + crop.height <= scaled.height).toBe(true);
    }),
    { numRuns: 4000 },
  );
});

test("targetOf: one side given is met exactly, and the other is within half a pixel of the shape", () => {
  fc.assert(
    fc.property(size, side, fc.boolean(), (image, length, across) => {
      const turned = across ? image : { width: image.height, height: image.width };
      const target = targetOf(across ? { kind: "box", width: length } : { kind: "box", height: length }, turned);
      const [met, other] = across ? [target.width, target.height] : [target.height, target.width];
      expect(met).toBe(length);
      const exact = (image.height * length) / image.width;
      expect(Math.abs(other - Math.max(1, exact))).toBeLessThanOrEqual(0.5 + 1e-9 * exact);
    }),
    { numRuns: 2000 },
  );
});

test("targetOf: a box is never left and filled to within a pixel on one side", () => {
  fc.assert(
    fc.property(size, side, side, (image, width, height) => {
      const target = targetOf({ kind: "box", width, height }, image);
      expect(target.width).toBeLessThanOrEqual(width);
      expect(target.height).toBeLessThanOrEqual(height);
      expect(width - target.width <= 1 || height - target.height <= 1).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

test("targetOf: a square is exact unless the image is smaller both ways, and cut evenly", () => {
  fc.assert(
    fc.property(size, side, (image, length) => {
      const target = targetOf({ kind: "square", side: length }, image);
      if (image.width < length && image.height < length) {
        expect(target).toEqual({ ...image, scaled: image });
        return;
      }
      expect([target.width, target.height]).toEqual([length, length]);
      expect(Math.min(target.scaled.width, target.scaled.height)).toBe(length);
      if (target.crop === undefined) return;
      const { left, top } = target.crop;
      expect(left - (target.scaled.width - length - left)).toBeOneOf([0, 1]);
      expect(top - (target.scaled.height - length - top)).toBeOneOf([0, 1]);
    }),
    { numRuns: 2000 },
  );
});

test("coverOf: keeps the largest part with the shape of the box", () => {
  const cases: [string, string, string][] = [
    ["1000x500", "100x100", "500x500+250+0"],
    ["500x1000", "100x100", "500x500+0+250"],
    ["1000x1000", "100x50", "1000x500+0+250"],
    ["500x1000", "100x50", "500x250+0+375"],
    ["1000x500", "100x50", "1000x500+0+0"],
    ["1000x1000", "50x100", "500x1000+250+0"],
    ["500x1000", "50x100", "500x1000+0+0"],
    ["1000x500", "50x100", "250x500+375+0"],
    ["1000x500", "300x200", "750x500+125+0"],
  ];
  for (const [image, box, part] of cases) {
    const { left, top, width, height } = coverOf(sizeOf(image), sizeOf(box));
    expect(`${image} ${box} ${width}x${height}+${left}+${top}`).toBe(`${image} ${box} ${part}`);
  }
  expect(coverOf({ width: 1000, height: 500 }, { width: 1, height: 1 }, { x: 1, y: 0 })).toMatchObject({
    left: 500,
    top: 0,
  });
});

test("coverOf, containOf: never leave the image or the box, and touch it on one side", () => {
  fc.assert(
    fc.property(size, size, (image, box) => {
      const part = coverOf(image, box);
      expect(part.left >= 0 && part.left + part.width <= image.width).toBe(true);
      expect(part.top >= 0 && part.top + part.height <= image.height).toBe(true);
      expect(part.width === image.width || part.height === image.height).toBe(true);
      const inside = containOf(image, box);
      expect(inside.width <= box.width && inside.height <= box.height).toBe(true);
      expect(inside.width === box.width || inside.height === box.height).toBe(true);
    }),
    { numRuns: 2000 },
  );
});
