/**
 * Images for tests, made by code: good ones of known pixels, and hostile ones, each after a kind of file that has brought
 * some image server down: cut off, lying about their size, unfolding to a thousand times their length, with frames or
 * chunks without number.
 */
import { crc32, deflateSync } from "node:zlib";

import sharp, { type Metadata } from "sharp";

import type { ImageFormat } from "./engine.ts";

/** Pixels without alpha, three bytes each. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array;
}

/** A picture whose every corner has a colour of its own, so that a turn, a mirror or a shift shows. */
export function picture(width: number, height: number): Picture {
  const rgb = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = (y * width + x) * 3;
      rgb[at] = Math.round((255 * x) / Math.max(1, width - 1));
      rgb[at + 1] = Math.round((255 * y) / Math.max(1, height - 1));
      rgb[at + 2] = x < width / 2 === y < height / 2 ? 220 : 40;
    }
  }
  return { width, height, rgb };
}

/** A picture that is hard to compress, such as a photograph. */
export function grain(width: number, height: number): Picture {
  const rgb = new Uint8Array(width * height * 3);
  for (let at = 0; at < rgb.length; at++) rgb[at] = (Math.sin(at / 1000) * 60 + ((at * 7919) % 97) + 60) & 255;
  return { width, height, rgb };
}

/** The library's pipeline with the pixels of a picture. */
export function pixelsOf({ width, height, rgb }: Picture) {
  return sharp(rgb, { raw: { width, height, channels: 3 } });
}

/** A picture as a file. */
export async function fileOf(source: Picture, format: ImageFormat, quality = 90): Promise<Uint8Array> {
  const pixels = pixelsOf(source);
  if (format === "png") pixels.png({ compressionLevel: 1 });
  else if (format === "gif") pixels.gif({ effort: 1 });
  else if (format === "avif") pixels.avif({ quality, effort: 0 });
  else if (format === "webp") pixels.webp({ quality, effort: 0 });
  else pixels.jpeg({ quality, chromaSubsampling: "4:4:4" });
  // A plain array of its own: a Buffer's slices would share its bytes.
  return new Uint8Array(await pixels.toBuffer());
}

/** A file's pixels, three bytes each, as the library decodes them without turning. */
export async function pictureOf(file: Uint8Array): Promise<Picture & { meta: Metadata }> {
  const meta = await sharp(file).metadata();
  const { data, info } = await sharp(file)
    .removeAlpha()
    .toColourspace("srgb")
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, rgb: data, meta };
}

/** The mean difference of two pictures' bytes, 0 to 255; infinite when their sizes differ. */
export function difference(one: Picture, other: Picture): number {
  if (one.width !== other.width || one.height !== other.height) return Infinity;
  let sum = 0;
  for (let at = 0; at < one.rgb.length; at++) sum += Math.abs((one.rgb[at] ?? 0) - (other.rgb[at] ?? 0));
  return sum / one.rgb.length;
}

/** Where a pixel of the shown image lies in the stored one, by EXIF orientation. */
const stored: Readonly<Record<number, (x: number, y: number, w: number, h: number) => readonly [number, number]>> = {
  1: (x, y) => [x, y],
  2: (x, y, w) => [w - 1 - x, y],
  3: (x, y, w, h) => [w - 1 - x, h - 1 - y],
  4: (x, y, _w, h) => [x, h - 1 - y],
  5: (x, y) => [y, x],
  6: (x, y, w) => [y, w - 1 - x],
  7: (x, y, w, h) => [h - 1 - y, w - 1 - x],
  8: (x, y, _w, h) => [h - 1 - y, x],
};

/** A JPEG that is shown as `shown` once its EXIF orientation is applied. */
export async function turned(shown: Picture, orientation: number): Promise<Uint8Array> {
  const { width: w, height: h } = shown;
  const isLying = orientation >= 5;
  const width = isLying ? h : w;
  const rgb = new Uint8Array(shown.rgb.length);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const [atX, atY] = stored[orientation]?.(x, y, w, h) ?? [x, y];
      const from = (y * w + x) * 3;
      rgb.set(shown.rgb.subarray(from, from + 3), (atY * width + atX) * 3);
    }
  }
  return pixelsOf({ width, height: isLying ? w : h, rgb })
    .jpeg({ quality: 95, chromaSubsampling: "4:4:4" })
    .withMetadata({ orientation })
    .toBuffer();
}

/** An animation of `frames` frames, each of another brightness. */
export async function animation(
  format: "gif" | "webp",
  { width, height, frames, delayMs = 70, loop = 3 }: AnimationShape,
): Promise<Uint8Array> {
  const rgb = new Uint8Array(width * height * frames * 3);
  for (let frame = 0; frame < frames; frame++) {
    const from = width * height * 3 * frame;
    rgb.fill(Math.round((255 * frame) / frames), from, from + width * height * 3);
  }
  const pixels = sharp(rgb, { raw: { width, height: height * frames, channels: 3, pageHeight: height } });
  const delay = Array.from({ length: frames }, () => delayMs);
  return format === "gif" ? pixels.gif({ delay, loop }).toBuffer() : pixels.webp({ delay, loop, effort: 0 }).toBuffer();
}

/** What an animation is like. */
export interface AnimationShape {
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  readonly delayMs?: number;
  readonly loop?: number;
}

const ascii = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

/** Pieces one after another. */
export function joined(...pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces));
}

/** A PNG chunk with a right checksum. */
export function pngChunk(name: string, body: Uint8Array): Uint8Array {
  const named = joined(ascii(name), body);
  const bytes = new Uint8Array(body.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, body.length);
  bytes.set(named, 4);
  view.setUint32(body.length + 8, crc32(named));
  return bytes;
}

/** A PNG of chunks, with a header that says `width` by `height` in `bits` bits of grey. */
export function pngOf(width: number, height: number, bits: number, ...chunks: readonly Uint8Array[]): Uint8Array {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header[8] = bits;
  return joined(
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    pngChunk("IHDR", header),
    ...chunks,
    pngChunk("IEND", new Uint8Array()),
  );
}

/** Pixels of a black picture for {@link pngOf}, compressed. */
export function blackRows(width: number, height: number, bits: number): Uint8Array {
  return pngChunk("IDAT", deflateSync(new Uint8Array((1 + Math.ceil((width * bits) / 8)) * height)));
}

/** A GIF whose canvas has sides of `canvasSide`, and of its frames, each with sides of `side` and one pixel's content. */
export function gifOf(canvasSide: number, side: number, frames: number): Uint8Array {
  const pair = (number: number) => [number & 255, number >> 8];
  const canvas = Uint8Array.of(...pair(canvasSide), ...pair(canvasSide), 0x80, 0, 0, 0, 0, 0, 255, 255, 255);
  const timing = Uint8Array.of(0x21, 0xf9, 4, 0, 1, 0, 0, 0);
  const place = Uint8Array.of(0x2c, 0, 0, 0, 0, ...pair(side), ...pair(side), 0);
  const frame = joined(timing, place, Uint8Array.of(2, 2, 0x44, 1, 0));
  const all = new Uint8Array(frame.length * frames);
  for (let at = 0; at < all.length; at += frame.length) all.set(frame, at);
  return joined(ascii("GIF89a"), canvas, all, Uint8Array.of(0x3b));
}

/** A copy in which the first frame header of a JPEG tells another size. */
export function jpegClaiming(file: Uint8Array, width: number, height: number): Uint8Array {
  const bytes = file.slice();
  const view = new DataView(bytes.buffer);
  for (let at = 2; at < bytes.length; at += 2 + view.getUint16(at + 2)) {
    if (bytes[at + 1] !== 0xc0 && bytes[at + 1] !== 0xc2) continue;
    view.setUint16(at + 5, height);
    view.setUint16(at + 7, width);
    return bytes;
  }
  throw new RangeError("Cannot change the size of a JPEG: it has no frame header");
}

/** A progressive JPEG whose last pass over the pixels stands there `times` more times. */
export async function jpegOfPasses(source: Picture, times: number): Promise<Uint8Array> {
  const file = await pixelsOf(source).jpeg({ progressive: true }).toBuffer();
  const last = file.lastIndexOf(Uint8Array.of(0xff, 0xda));
  const pass = file.subarray(last, -2);
  return joined(file.subarray(0, last), ...Array.from({ length: times + 1 }, () => pass), file.subarray(-2));
}

/** What hostile files must come to: refused with one of these codes, or taken as `fine`. */
export interface Hostile {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly codes: readonly string[];
}

/** One of each kind. Made anew at each call, about a second's work. */
export async function hostileFiles(): Promise<Hostile[]> {
  const damaged = ["reticulum/damaged"];
  const tooLarge = ["reticulum/too-large"];
  const files: Hostile[] = [];
  const add = (name: string, bytes: Uint8Array, codes: readonly string[]) => files.push({ name, bytes, codes });
  const sound = grain(300, 200);
  for (const format of ["jpeg", "png", "gif", "webp", "avif"] as const) {
    const file = await fileOf(sound, format);
    add(`${format}, its second half missing`, file.subarray(0, file.length >> 1), damaged);
    add(`${format}, only its first 40 bytes`, file.subarray(0, 40), damaged);
    const zeroed = file.slice();
    zeroed.fill(0, file.length >> 1);
    // A block of zeros is a picture, too, to some decoders; what counts is that nothing breaks.
    add(`${format}, its second half zeros`, zeroed, [...damaged, "fine"]);
  }
  const jpeg = await fileOf(sound, "jpeg");
  const nothing = new Uint8Array();
  add("jpeg that claims 65500x65500", jpegClaiming(jpeg, 65_500, 65_500), tooLarge);
  // Where its rows end too early the rest is grey; cameras write such files, and within the limits that is harmless.
  add("jpeg that claims 9000x9000", jpegClaiming(jpeg, 9000, 9000), [...damaged, "fine"]);
  add("jpeg of 2000 passes", await jpegOfPasses(picture(400, 300), 2000), damaged);
  add("jpeg with markup behind it", joined(jpeg, ascii("<script>alert(1)</script>")), ["fine"]);
  add("png of 20000x20000, honest, in 50 kB", pngOf(20_000, 20_000, 1, blackRows(20_000, 20_000, 1)), tooLarge);
  add(
    "png that claims 9000x9000 and has no rows",
    pngOf(9000, 9000, 8, pngChunk("IDAT", deflateSync(nothing))),
    damaged,
  );
  add("png that claims no width", pngOf(0, 10, 8, blackRows(1, 10, 8)), damaged);
  add("png of 2147483647x2147483647", pngOf(2 ** 31 - 1, 2 ** 31 - 1, 8, blackRows(1, 1, 8)), [
    ...damaged,
    ...tooLarge,
  ]);
  const notes = Array.from({ length: 50_000 }, (_, at) => pngChunk("tEXt", ascii(`k${at}\0v`)));
  add("png with 50000 notes", pngOf(8, 8, 8, ...notes, blackRows(8, 8, 8)), [...damaged, "fine"]);
  const unfolding = deflateSync(new Uint8Array(100_000_000));
  add(
    "png with a note that unfolds to 100 MB",
    pngOf(8, 8, 8, pngChunk("zTXt", joined(ascii("k\0\0"), unfolding)), blackRows(8, 8, 8)),
    [...damaged, "fine"],
  );
  add(
    "png with a colour profile that unfolds to 100 MB",
    pngOf(8, 8, 8, pngChunk("iCCP", joined(ascii("k\0\0"), unfolding)), blackRows(8, 8, 8)),
    [...damaged, "fine"],
  );
  add("gif of 100000 frames", gifOf(1, 1, 100_000), tooLarge);
  // The decoder knows that canvases lie, and goes by the frames.
  add("gif of one pixel on a canvas of 65535x65535", gifOf(65_535, 1, 1), ["fine"]);
  add("gif of 65535x65535", gifOf(65_535, 65_535, 1), tooLarge);
  add("gif of 900 frames of 2000x2000", gifOf(2000, 2000, 900), tooLarge);
  const webp = (await fileOf(sound, "webp")).slice();
  webp.set([0xff, 0x3f, 0xff, 0x3f], 26);
  add("webp that claims 16383x16383", webp, [...damaged, ...tooLarge]);
  const avif = Buffer.from(await fileOf(sound, "avif"));
  const extent = avif.indexOf("ispe") + 8;
  avif.writeUInt32BE(60_000, extent);
  avif.writeUInt32BE(60_000, extent + 4);
  add("avif that claims 60000x60000", new Uint8Array(avif), [...damaged, ...tooLarge]);
  add(
    "a GIF's name on a vector image",
    joined(ascii("GIF89a"), ascii("<svg xmlns='http://www.w3.org/2000/svg'/>")),
    damaged,
  );
  add("a JPEG's name on nothing", Uint8Array.of(0xff, 0xd8, 0xff, 0xe0), damaged);
  return files;
}
