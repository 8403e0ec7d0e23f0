/**
 * What a path below `/image/` asks for, and which formats its extension may stand for. Paths of old go on working: any size
 * text that means something leads to its normal form, `.jpeg` to `.jpg`, and the name before the extension is free. A hash
 * is checked digit by digit, as it becomes a key.
 */
import { decodedPart } from "../../kit/http/target.ts";
import { formatSizeSpec, parseSizeSpec, type SizeSpec } from "../../lib/resize/size-spec.ts";
import { type Key, parseKey } from "../cask/client.ts";
import type { ImageFormat } from "./engine.ts";

/** The one extension of each format, without its dot. */
export const extensionOf: Readonly<Record<ImageFormat, string>> = {
  jpeg: "jpg",
  png: "png",
  gif: "gif",
  webp: "webp",
  avif: "avif",
};

const formatsByExtension: Readonly<Record<string, ImageFormat>> = {
  jpg: "jpeg",
  png: "png",
  gif: "gif",
  webp: "webp",
  avif: "avif",
};

/** The format that an extension names, or undefined; extensions are written small. */
export function formatNamed(extension: string): ImageFormat | undefined {
  return Object.hasOwn(formatsByExtension, extension) ? formatsByExtension[extension] : undefined;
}

/** The media type of a format. */
export function mediaTypeOf(format: ImageFormat): string {
  return `image/${format}`;
}

/** The key in Cask of an image's bare hash: 40 hex digits are SHA-1, 64 are SHA-256; undefined for anything else. */
export function keyOfHash(hash: string): Key | undefined {
  if (hash.length === 64) return parseKey(`sha256:${hash}`);
  return hash.length === 40 ? parseKey(`sha1:${hash}`) : undefined;
}

/** The three parts of a path below `/image/`, as they stand. */
export interface ImagePath {
  readonly hash: string;
  /** Decoded. */
  readonly sizeText: string;
  /** As it stands in the path. */
  readonly filename: string;
}

/** The parts of `/image/<hash>/<size>/<filename>`; undefined for any other path. */
export function parseImagePath(path: string): ImagePath | undefined {
  if (!path.startsWith("/image/")) return undefined;
  const [hash, size, filename, ...more] = path.slice(7).split("/");
  if (hash === undefined || size === undefined || filename === undefined || filename === "" || more.length > 0)
    return undefined;
  return { hash, sizeText: decodedPart(size), filename };
}

/** What follows the last dot, in its case; empty without one. */
export function extensionIn(filename: string): string {
  const dot = filename.lastIndexOf(".");
  return dot < 0 ? "" : filename.slice(dot + 1);
}

/** Where an image is at a size, below the mount path. */
export function imagePath(hash: string, spec: SizeSpec | string, filename: string): string {
  return `/image/${hash}/${typeof spec === "string" ? spec : formatSizeSpec(spec)}/${filename}`;
}

/**
 * The normal form of a path with this spec, or undefined when it is in normal form. One step at a time: the size first,
 * then the first `.jpeg` of a name that ends in it.
 */
export function normalPath(parts: ImagePath, spec: SizeSpec): string | undefined {
  const size = formatSizeSpec(spec);
  if (size !== parts.sizeText) return imagePath(parts.hash, size, parts.filename);
  if (!parts.filename.endsWith(".jpeg")) return undefined;
  return imagePath(parts.hash, size, parts.filename.replace(".jpeg", ".jpg"));
}

/** How many hints of one upload are followed. */
const hintsMax = 16;

/**
 * The sizes in a comma list that an uploader wants made ahead, in normal form and each once. The whole image and what
 * is no size are passed over: neither is a reason to refuse the image.
 */
export function parseHints(text: string): SizeSpec[] {
  const found = new Map<string, SizeSpec>();
  for (const part of text.slice(0, 1000).split(",")) {
    const spec = parseSizeSpec(part.trim());
    if (spec === undefined || spec.kind === "full" || found.size === hintsMax) continue;
    found.set(formatSizeSpec(spec), spec);
  }
  return [...found.values()];
}

/** Screens with up to so many pixels to a point are served. */
const pixelRatioMax = 4;

/** The pixel ratio in a query's `dpr`: 1 when it is absent, undefined when it is none from 1 to 4 with one decimal. */
export function parsePixelRatio(text: string | null): number | undefined {
  if (text === null) return 1;
  if (!/^[1-9](?:\.\d)?$/.test(text)) return undefined;
  const ratio = Number(text);
  return ratio <= pixelRatioMax ? ratio : undefined;
}

/** The first of `offered` that an `Accept` header names by its own type; a wildcard alone names none. */
export function formatAccepted(accept: string | null, offered: readonly ImageFormat[]): ImageFormat | undefined {
  if (accept === null) return undefined;
  const named = new Set<string>();
  for (const item of accept.toLowerCase().split(",", 32)) {
    const [type = "", ...parameters] = item.split(";").map((part) => part.trim());
    if (!parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter))) named.add(type);
  }
  return offered.find((format) => named.has(mediaTypeOf(format)));
}
