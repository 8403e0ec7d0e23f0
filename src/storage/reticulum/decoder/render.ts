/**
 * One result out of one original. The size is computed by lib/resize, and the library is only told exact numbers: it would
 * round some of them otherwise. The whole is scaled first and cut afterwards, because only then can a JPEG be decoded at a
 * fraction of its size. Colours come out as sRGB with eight bits, and nothing of the original's metadata is carried over.
 */
import type { Sharp as Pipeline } from "sharp";

import { type Target, targetOf } from "../../../lib/resize/geometry.ts";
import type { ImageFormat, Rendered, SourceHeader } from "../engine.ts";
import { readHeader, requireWithin, sourceOptions } from "./header.ts";
import type { Sharp } from "./library.ts";
import type { DecoderRequest } from "./message.ts";
import { Refusal } from "./refusal.ts";

/** The largest side that each format can say. */
const sideMax: Readonly<Record<ImageFormat, number>> = {
  jpeg: 65_535,
  png: 1_000_000,
  gif: 65_535,
  webp: 16_383,
  avif: 16_384,
};

/** Beyond this many pixels a scaled image of which only a part is wanted is not made as a whole. */
const scaledPixelsMax = 100_000_000;

type RenderRequest = Extract<DecoderRequest, { kind: "render" }>;

/** Decodes, scales and encodes. Throws a Refusal for what cannot be met. */
export async function render(sharp: Sharp, source: Uint8Array, request: RenderRequest): Promise<Rendered> {
  const { job, limits, idle } = request;
  const header = job.header ?? (await readHeader(sharp, source, limits));
  // What was found under other limits may be beyond these.
  requireWithin(header, limits);
  const format = job.format ?? header.format;
  const { gravity = "centre" } = job;
  const target = targetOf(job.spec, header, {
    noEnlarge: job.noEnlarge ?? false,
    pixelRatio: job.pixelRatio ?? 1,
    gravity: gravity === "attention" ? "centre" : gravity,
  });
  requireTarget(target, format, limits);
  const pages = framesOf(header, job, format, target, limits);
  const image = sharp(source, sourceOptions(limits, pages));
  shape(image, header, target, gravity === "attention" && pages === 1);
  if (format === "jpeg" && header.hasAlpha) image.flatten({ background: "#ffffff" });
  encode(image, format, job, idle);
  let made: { data: Uint8Array; info: { width: number; height: number } };
  try {
    made = await image.toBuffer({ resolveWithObject: true });
  } catch (thrown) {
    throw new Refusal("damaged", "Cannot decode the image: its content is damaged", thrown);
  }
  // Of an animation the library tells the height of all frames.
  const height = made.info.height === target.height * pages ? target.height : made.info.height;
  if (made.info.width !== target.width || height !== target.height)
    throw new Error(
      `The result has ${made.info.width}x${made.info.height} pixels, not ${target.width}x${target.height}`,
    );
  return { bytes: made.data, format, width: target.width, height, pages };
}

function requireTarget({ width, height }: Target, format: ImageFormat, limits: DecoderRequest["limits"]): void {
  const side = Math.min(limits.outputSide, sideMax[format]);
  if (width > side || height > side)
    throw new Refusal(
      "result-too-large",
      `Cannot make an image of ${width}x${height}: a side may have at most ${side}`,
    );
  if (width * height > limits.outputPixels)
    throw new Refusal(
      "result-too-large",
      `Cannot make an image of ${width}x${height}: at most ${limits.outputPixels} pixels are made`,
    );
}

/** How many frames the result has. Turned animations are rare, and the library cannot turn them. */
function framesOf(
  header: SourceHeader,
  job: RenderRequest["job"],
  format: ImageFormat,
  target: Target,
  limits: DecoderRequest["limits"],
): number {
  const { pages } = header;
  const canMove = (format === "gif" || format === "webp") && header.orientation === 1 && job.animate !== false;
  return canMove && pages * target.width * target.height <= limits.outputPixels ? pages : 1;
}

function shape(image: Pipeline, header: SourceHeader, target: Target, isAttention: boolean): void {
  const { scaled, crop, width, height } = target;
  const isFar = scaled.width * scaled.height > scaledPixelsMax || Math.max(scaled.width, scaled.height) > 1_000_000;
  if (crop === undefined || !isFar) {
    if (crop && isAttention) {
      image.resize(width, height, { fit: "cover", position: "attention" });
      return;
    }
    if (scaled.width !== header.width || scaled.height !== header.height)
      image.resize(scaled.width, scaled.height, { fit: "fill" });
    if (crop) image.extract(crop);
    return;
  }
  // A thin strip made tall: only the part that is seen is enlarged.
  const across = scaled.width / header.width;
  const down = scaled.height / header.height;
  const part = {
    width: Math.min(header.width, Math.max(1, Math.round(width / across))),
    height: Math.min(header.height, Math.max(1, Math.round(height / down))),
  };
  image
    .extract({
      left: Math.min(header.width - part.width, Math.floor(crop.left / across)),
      top: Math.min(header.height - part.height, Math.floor(crop.top / down)),
      ...part,
    })
    .resize(width, height, { fit: "fill" });
}

/** The usual quality of each format, and how hard its encoder tries when someone waits and when nobody does. */
function encode(image: Pipeline, format: ImageFormat, job: RenderRequest["job"], idle: boolean): void {
  const { quality, effort } = job;
  switch (format) {
    case "jpeg":
      image.jpeg({ quality: quality ?? 80, mozjpeg: false });
      return;
    case "png":
      image.png({ compressionLevel: 6, adaptiveFiltering: false });
      return;
    case "gif":
      image.gif({ effort: Math.max(1, effort ?? (idle ? 7 : 3)) });
      return;
    case "webp":
      image.webp({ quality: quality ?? 79, effort: effort ?? (idle ? 4 : 2) });
      return;
    case "avif":
      image.avif({ quality: quality ?? 50, effort: effort ?? (idle ? 4 : 1) });
      return;
  }
}
