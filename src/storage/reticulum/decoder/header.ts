/**
 * What an image says of itself before any of it is decoded, held against the limits. The numbers come from the decoder
 * that will be used, so a file cannot tell one size here and another one later.
 */
import type { Metadata, SharpOptions } from "sharp";

import type { ImageFormat, SourceHeader } from "../engine.ts";
import type { Sharp } from "./library.ts";
import type { DecoderRequest } from "./message.ts";
import { Refusal } from "./refusal.ts";

/** How each source is opened; `pages` is how many of its frames are wanted. */
export function sourceOptions(limits: DecoderRequest["limits"], pages: number): SharpOptions {
  return {
    failOn: "error",
    limitInputPixels: limits.inputPixels,
    unlimited: false,
    sequentialRead: true,
    autoOrient: true,
    pages,
  };
}

function formatOf(meta: Metadata): ImageFormat {
  switch (meta.format) {
    case "jpeg":
    case "png":
    case "gif":
    case "webp":
      return meta.format;
    case "heif":
      if (meta.compression === "av1") return "avif";
      throw new Refusal("unsupported-format", "Cannot take the image: it is HEIC; wanted JPEG, PNG, GIF, WebP or AVIF");
    default:
      throw new Refusal(
        "unsupported-format",
        `Cannot take the image: it is ${meta.format}; wanted JPEG, PNG, GIF, WebP or AVIF`,
      );
  }
}

/** Reads the header of `source`. Throws a Refusal when there is none, or a limit is passed. */
export async function readHeader(
  sharp: Sharp,
  source: Uint8Array,
  limits: DecoderRequest["limits"],
): Promise<SourceHeader> {
  let meta: Metadata;
  try {
    // The limit is held below, where frames count too; here it would only change the words.
    meta = await sharp(source, { ...sourceOptions(limits, 1), limitInputPixels: false }).metadata();
  } catch (thrown) {
    throw new Refusal("damaged", "Cannot read the image: its header is damaged", thrown);
  }
  const format = formatOf(meta);
  const pages = format === "gif" || format === "webp" ? (meta.pages ?? 1) : 1;
  const header = {
    format,
    width: meta.autoOrient.width,
    height: meta.autoOrient.height,
    orientation: meta.orientation !== undefined && meta.orientation <= 8 ? Math.max(1, meta.orientation) : 1,
    pages,
    hasAlpha: meta.hasAlpha,
    hasProfile: meta.hasProfile,
  };
  requireWithin(header, limits);
  return header;
}

/** Throws a Refusal for an image that says of itself that it is beyond the limits. */
export function requireWithin({ width, height, pages }: SourceHeader, limits: DecoderRequest["limits"]): void {
  const pixels = width * height * pages;
  if (pages > limits.pages)
    throw new Refusal("too-large", `Cannot take the image: it has ${pages} frames, at most ${limits.pages} are taken`);
  if (pixels > limits.inputPixels) {
    const frames = pages === 1 ? "" : ` in ${pages} frames`;
    throw new Refusal(
      "too-large",
      `Cannot take the image: it has ${width}x${height} pixels${frames}, at most ${limits.inputPixels} are taken in all`,
    );
  }
}
