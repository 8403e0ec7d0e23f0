import { describe, expect, test } from "bun:test";

import fc from "fast-check";
import sharp, { type Exif } from "sharp";

import { paced } from "../../kit/testing/pace.ts";
import { exifBlock } from "./exif-block.ts";
import { readExif } from "./exif.ts";
import { fileOf, joined, picture } from "./image-fixture.ts";

const written = {
  IFD0: { Make: "PENTAX Corporation ", Model: "PENTAX Optio S ", DateTime: "2006:12:24 01:02:03" },
  IFD2: {
    ExposureTime: "1/8",
    FNumber: "26/10",
    FocalLength: "580/100",
    DateTimeOriginal: "2006:12:23 13:16:26",
    OffsetTimeOriginal: "+02:00",
    SubSecTimeOriginal: "12",
    UserComment: "by the sea",
  },
  IFD3: {
    GPSLatitudeRef: "S",
    GPSLatitude: "33/1 51/1 36/1",
    GPSLongitudeRef: "E",
    GPSLongitude: "151/1 12/1 36/1",
    GPSAltitude: "100/10",
  },
};

async function imageWith(format: "jpeg" | "png" | "webp" | "avif", exif: Exif = written): Promise<Uint8Array> {
  const pixels = sharp({ create: { width: 20, height: 10, channels: 3, background: "red" } }).withExif(exif);
  return new Uint8Array(await pixels.toFormat(format).toBuffer());
}

/** A TIFF structure of one directory; values longer than four bytes are offsets into what stands behind it. */
function tiff(entries: readonly (readonly [tag: number, type: number, count: number, value: number])[], behind = 0) {
  const bytes = new Uint8Array(8 + 2 + entries.length * 12 + 4 + behind);
  const view = new DataView(bytes.buffer);
  bytes.set([0x4d, 0x4d, 0, 0x2a, 0, 0, 0, 8]);
  view.setUint16(8, entries.length);
  entries.forEach(([tag, type, count, value], at) => {
    view.setUint16(10 + at * 12, tag);
    view.setUint16(12 + at * 12, type);
    view.setUint32(14 + at * 12, count);
    view.setUint32(18 + at * 12, value);
  });
  return bytes;
}

/** A JPEG's beginning with segments of its first kind. */
function jpegWith(...segments: readonly Uint8Array[]): Uint8Array {
  return joined(
    Uint8Array.of(0xff, 0xd8),
    ...segments.flatMap((body) => [Uint8Array.of(0xff, 0xe1, (body.length + 2) >> 8, (body.length + 2) & 255), body]),
    Uint8Array.of(0xff, 0xd9),
  );
}
const ascii = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const exifWord = ascii("Exif\0\0");

describe("readExif", () => {
  test("reads the same out of every format, under the standard's names", async () => {
    for (const format of ["jpeg", "png", "webp", "avif"] as const) {
      const { tags, takenAt, location, locationTags, warnings } = await readExif(await imageWith(format));
      const named = Object.fromEntries(tags.map(({ name, value }) => [name, value]));
      expect(named).toMatchObject({
        Make: "PENTAX Corporation",
        Model: "PENTAX Optio S",
        DateTime: "2006-12-24T01:02:03",
        DateTimeOriginal: "2006-12-23T13:16:26.12+02:00",
        ExposureTime: 0.125,
        FNumber: 2.6,
        FocalLength: 5.8,
        UserComment: "by the sea",
      });
      expect(takenAt).toBe("2006-12-23T13:16:26.12+02:00");
      expect(location).toEqual({ latitude: -33.86, longitude: 151.21, altitudeMetres: 10 });
      expect(locationTags.map(({ name }) => name)).toContain("GPSLatitude");
      expect(JSON.stringify(tags)).not.toContain("GPS");
      expect(warnings).toEqual([]);
    }
  });

  test("keeps the predecessor's words beside the standard's, and words for people", async () => {
    const { tags } = await readExif(await imageWith("jpeg"));
    const found = (name: string) => tags.find((tag) => tag.name === name);
    expect(found("Make")).toMatchObject({ alias: "Camera Make" });
    expect(found("ExposureTime")).toMatchObject({ alias: "Exposure Time", text: "1/8" });
    expect(found("FNumber")).toMatchObject({ alias: "F Number", text: "f/2.6" });
    expect(found("PixelXDimension")).toMatchObject({ alias: "Valid image width", value: 20 });
    expect(found("DateTime")?.alias).toBeUndefined();
  });

  test("an image without EXIF has no tags and no warnings", async () => {
    for (const format of ["jpeg", "png", "gif", "webp", "avif"] as const) {
      expect(await readExif(await fileOf(picture(10, 10), format))).toEqual({
        tags: [],
        locationTags: [],
        warnings: [],
      });
    }
  });

  test("EXIF behind another segment of its kind is found", async () => {
    const block = tiff([[0x0112, 3, 1, 6 << 16]]);
    const xmp = ascii("http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>");
    const { tags } = await readExif(jpegWith(xmp, joined(exifWord, block)));
    expect(tags).toMatchObject([{ name: "Orientation", value: 6 }]);
  });

  test("times and places that do not exist are left out with a warning", async () => {
    const image = await imageWith("jpeg", {
      IFD0: { DateTime: "0000:00:00 00:00:00" },
      IFD2: { DateTimeOriginal: "2023:02:30 10:00:00", ExposureTime: "1/0" },
      IFD3: { GPSLatitudeRef: "N", GPSLatitude: "123/1 0/1 0/1", GPSLongitudeRef: "E", GPSLongitude: "1/1 0/1 0/1" },
    });
    const { takenAt, location, warnings } = await readExif(image);
    expect([takenAt, location]).toEqual([undefined, undefined]);
    expect(warnings).toEqual([
      "ExposureTime is left out: its value is damaged, or too long",
      "The place is left out: it is none on earth",
      "DateTime is left out: it is no time",
      "DateTimeOriginal is left out: it is no time",
    ]);
  });

  test("files that broke a predecessor are read: nothing behind a segment, a block of four bytes, an empty text", async () => {
    const nothing = { tags: [], locationTags: [], warnings: [] };
    expect(await readExif(Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 4, 0, 0))).toEqual(nothing);
    expect(await readExif(jpegWith(Uint8Array.of(1, 2)))).toEqual(nothing);
    expect(await readExif(jpegWith(joined(exifWord, tiff([[0x010f, 2, 0, 0]]))))).toMatchObject({ locationTags: [] });
  });

  test("ten thousand tags that all hold the whole block do not make it slow", async () => {
    const entries = Array.from({ length: 5000 }, (_, at) => [0x010f + at, 1, 60_000, 8] as const);
    const block = tiff(entries, 4000);
    const { costMs } = await paced(async () => {
      await readExif(joined(Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a), chunk("eXIf", block)));
      await readExif(jpegWith(joined(exifWord, block)));
    });
    expect(costMs).toBeLessThan(2000);
  });

  test("tens of thousands of texts that all are the whole block do not make it slow, in any directory", async () => {
    const texts = Array.from({ length: 40_000 }, () => [0x010f, 2, 300_000, 8] as const);
    const first = tiff(texts);
    // One entry that leads to a directory behind it.
    const second = joined(tiff([[0x8769, 4, 1, 26]]), first.subarray(8));
    for (const block of [first, second]) {
      const png = joined(Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a), chunk("eXIf", block));
      const { costMs, value } = await paced(() => readExif(png));
      expect([value.tags, value.warnings.length, costMs < 300]).toEqual([[], 1, true]);
    }
  });

  test("whatever is broken in it, it answers soon", async () => {
    const sound = await Promise.all((["jpeg", "png", "webp", "avif"] as const).map((format) => imageWith(format)));
    const harm = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), byte: fc.integer({ min: 0, max: 255 }) });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...sound),
        fc.array(harm, { minLength: 1, maxLength: 12 }),
        async (file, harms) => {
          const bytes = file.slice();
          const block = exifBlock(bytes);
          const [from, length] = block ? [block.byteOffset, block.byteLength] : [0, bytes.length];
          for (const { at, byte } of harms) bytes[Math.floor(from + at * (length - 1))] = byte;
          const cut = bytes.subarray(0, Math.ceil(bytes.length * (harms[0]?.at ?? 1)));
          for (const each of [bytes, cut]) {
            const { tags, warnings } = await readExif(each);
            expect(Array.isArray(tags) && Array.isArray(warnings)).toBe(true);
            JSON.stringify(tags);
          }
        },
      ),
      { numRuns: 400 },
    );
  }, 120_000);
});

function chunk(name: string, body: Uint8Array): Uint8Array {
  const head = new Uint8Array(8);
  new DataView(head.buffer).setUint32(0, body.length);
  head.set(ascii(name), 4);
  return joined(head, body, new Uint8Array(4));
}

describe("exifBlock", () => {
  test("places without number that take no bytes do not make it slow", async () => {
    const box = (name: string, ...parts: Uint8Array[]) => {
      const body = joined(ascii(name), ...parts);
      const size = new Uint8Array(4);
      new DataView(size.buffer).setUint32(0, body.length + 4);
      return joined(size, body);
    };
    const item = box("infe", Uint8Array.of(2, 0, 0, 0, 0xff, 0xff, 0, 0), ascii("Exif"), new Uint8Array(8));
    // Ten thousand items of 65535 places each, whose offsets and lengths have no digits.
    const items = new Uint8Array(10_000 * 6);
    for (let at = 4; at < items.length; at += 6) items.set([0xff, 0xff], at);
    const places = box("iloc", Uint8Array.of(0, 0, 0, 0, 0, 0, 0x27, 0x10), items);
    const entries = box("iinf", Uint8Array.of(0, 0, 0, 0, 0, 1), item);
    const file = joined(box("ftyp", ascii("avif0000")), box("meta", new Uint8Array(4), entries, places));
    const { costMs, value } = await paced(() => exifBlock(file));
    expect(value).toBeUndefined();
    expect(costMs).toBeLessThan(200);
  });

  test("whatever the bytes, it answers", () => {
    const starts = [
      "",
      "\xff\xd8\xff\xe1",
      "\x89PNG\r\n\x1a\n",
      "RIFF0000WEBP",
      "\0\0\0\x10ftypavif0000",
      "\0\0\0\x08ftyp\0\0\0\x40meta",
    ];
    fc.assert(
      fc.property(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 200 }), (start, rest) => {
        const block = exifBlock(joined(ascii(start), rest));
        expect(block === undefined || block.byteLength >= 8).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});
