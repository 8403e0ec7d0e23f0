/**
 * What an image is, and whether it is sound: every pixel of every frame is decoded once, into something small. Of that come
 * the dominant colour and the two placeholders that people put into pages until the picture is there.
 */
import { encode as encodeBlurHash } from "blurhash";
import { rgbaToThumbHash } from "thumbhash";

import type { ImageFacts } from "../engine.ts";
import { readHeader, sourceOptions } from "./header.ts";
import type { Sharp } from "./library.ts";
import type { DecoderRequest } from "./message.ts";
import { Refusal } from "./refusal.ts";

/** The longer side of the small copy; ThumbHash takes no larger one. */
const smallSide = 100;

interface Small {
  readonly width: number;
  readonly height: number;
  /** Four bytes for a pixel. */
  readonly rgba: Uint8Array;
}

/** Decodes all of `source`. Throws a Refusal when it is damaged or beyond a limit. */
export async function probe(sharp: Sharp, source: Uint8Array, limits: DecoderRequest["limits"]): Promise<ImageFacts> {
  const { format, width, height, orientation, pages, hasAlpha, hasProfile } = await readHeader(sharp, source, limits);
  const shrink = Math.max(width, height) / smallSide;
  const small = {
    width: Math.max(1, Math.round(width / Math.max(1, shrink))),
    height: Math.max(1, Math.round(height / Math.max(1, shrink))),
  };
  // Frames cannot be turned together; for what is found here a picture that lies on its side will do.
  const isTurned = pages > 1 && orientation !== 1;
  let rgba: Uint8Array;
  try {
    rgba = await sharp(source, { ...sourceOptions(limits, pages), ...(isTurned && { autoOrient: false }) })
      .resize(small.width, small.height, { fit: "fill" })
      .ensureAlpha()
      .toColourspace("srgb")
      .raw()
      .toBuffer();
  } catch (thrown) {
    throw new Refusal("damaged", "Cannot decode the image: its content is damaged", thrown);
  }
  const first: Small = { ...small, rgba: rgba.subarray(0, small.width * small.height * 4) };
  return {
    format,
    width,
    height,
    orientation,
    pages,
    hasAlpha,
    hasProfile,
    dominantColour: dominantColourOf(first),
    thumbHash: Buffer.from(rgbaToThumbHash(first.width, first.height, first.rgba)).toString("base64"),
    blurHash: blurHashOf(first),
  };
}

/** The mean of the colours in the fullest of 4096 boxes; what cannot be seen through counts more. */
function dominantColourOf({ rgba }: Small): string {
  const boxOf = (at: number) =>
    (((rgba[at] ?? 0) >> 4) << 8) | (((rgba[at + 1] ?? 0) >> 4) << 4) | ((rgba[at + 2] ?? 0) >> 4);
  const weights = new Float64Array(4096);
  for (let at = 0; at < rgba.length; at += 4) {
    const box = boxOf(at);
    weights[box] = (weights[box] ?? 0) + (rgba[at + 3] ?? 0);
  }
  const fullest = weights.indexOf(Math.max(...weights));
  const sums = [0, 0, 0];
  let weight = 0;
  for (let at = 0; at < rgba.length; at += 4) {
    const alpha = rgba[at + 3] ?? 0;
    if (alpha === 0 || boxOf(at) !== fullest) continue;
    weight += alpha;
    for (let band = 0; band < 3; band++) sums[band] = (sums[band] ?? 0) + (rgba[at + band] ?? 0) * alpha;
  }
  const hex = (sum: number) =>
    Math.round(weight === 0 ? 0 : sum / weight)
      .toString(16)
      .padStart(2, "0");
  return `#${sums.map(hex).join("")}`;
}

/** Seen on white, as BlurHash knows no transparency; every pixel of a coarse grid is enough for twelve waves. */
function blurHashOf({ width, height, rgba }: Small): string {
  const step = Math.max(1, Math.floor(Math.max(width, height) / 32));
  const across = Math.ceil(width / step);
  const down = Math.ceil(height / step);
  const pixels = new Uint8ClampedArray(across * down * 4);
  for (let y = 0; y < down; y++) {
    for (let x = 0; x < across; x++) {
      const from = (y * step * width + x * step) * 4;
      const to = (y * across + x) * 4;
      const alpha = (rgba[from + 3] ?? 0) / 255;
      for (let band = 0; band < 3; band++) pixels[to + band] = (rgba[from + band] ?? 0) * alpha + 255 * (1 - alpha);
      pixels[to + 3] = 255;
    }
  }
  return width >= height ? encodeBlurHash(pixels, across, down, 4, 3) : encodeBlurHash(pixels, across, down, 3, 4);
}
