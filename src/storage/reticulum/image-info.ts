/**
 * What `/info/` says of an image: what decoding found, where squares look, which sizes are kept, and what the camera
 * wrote into it. Where a photo was taken is for those who may administer, unless the operator says otherwise.
 */
import type { Caller } from "../../kit/service.ts";
import { digestOf } from "../cask/client.ts";
import { type ExifLocation, type ExifTag, readExif } from "./exif.ts";
import type { ImageRoute } from "./image-route.ts";
import { extensionOf } from "./image-url.ts";
import type { KnownImage } from "./known-images.ts";
import type { Reticulum } from "./reticulum.ts";

/** What the information is gathered from. */
export interface InfoParts {
  reticulum: Reticulum;
  route: ImageRoute;
  /** Everybody who may read sees where a photo was taken. */
  showLocation: boolean;
}

/** What is said of an image, as it stands in JSON. */
export interface ImageInfo {
  readonly hash: string;
  readonly key: string;
  readonly format: string;
  readonly extension: string;
  readonly bytes: number;
  /** As it is shown. */
  readonly width: number;
  readonly height: number;
  readonly orientation: number;
  readonly pages: number;
  readonly alpha: boolean;
  readonly profile: boolean;
  readonly colour: string;
  readonly thumb_hash: string;
  readonly blur_hash: string;
  readonly focus: { readonly x: number; readonly y: number } | null;
  readonly full_url: string;
  readonly name?: string;
  /** ISO 8601. */
  readonly uploaded_at?: string;
  readonly results: readonly { size: string; format: string; width: number; height: number; bytes: number }[];
  readonly exif: {
    readonly taken_at?: string;
    readonly tags: readonly ExifTag[];
    readonly warnings: readonly string[];
    /** Only for those who may see it. */
    readonly location?: ExifLocation;
    readonly location_tags?: readonly ExifTag[];
    /** There is more than was shown to this caller. */
    readonly location_hidden?: true;
  };
}

/** All that is known of an image. Faults: those of reading and decoding it. */
export async function imageInfo(
  parts: InfoParts,
  image: KnownImage,
  caller: Caller,
  signal: AbortSignal,
): Promise<ImageInfo> {
  const { reticulum, route } = parts;
  const facts = await reticulum.originals.facts(image, signal);
  const exif = await reticulum.originals.use(image, signal, readExif);
  const hash = digestOf(image.key);
  const extension = extensionOf[image.format];
  const mayLocate = parts.showLocation || caller.may("admin");
  const isLocated = exif.location !== undefined || exif.locationTags.length > 0;
  return {
    hash,
    key: image.key,
    format: image.format,
    extension,
    bytes: image.sizeBytes,
    width: facts.width,
    height: facts.height,
    orientation: facts.orientation,
    pages: facts.pages,
    alpha: facts.hasAlpha,
    profile: facts.hasProfile,
    colour: facts.dominantColour,
    thumb_hash: facts.thumbHash,
    blur_hash: facts.blurHash,
    focus: reticulum.notes.focus(image.key) ?? null,
    full_url: route.urlOf(hash, { kind: "full" }, `image.${extension}`),
    ...(image.name === "" ? {} : { name: image.name }),
    ...(image.uploadedAt === undefined ? {} : { uploaded_at: new Date(image.uploadedAt).toISOString() }),
    results: reticulum.results.of(image.key).map(({ format, height, name, sizeBytes, width }) => ({
      size: name.split("/")[1] ?? "",
      format,
      width,
      height,
      bytes: sizeBytes,
    })),
    exif: {
      ...(exif.takenAt === undefined ? {} : { taken_at: exif.takenAt }),
      tags: exif.tags,
      warnings: exif.warnings,
      ...(!isLocated
        ? {}
        : mayLocate
          ? { ...(exif.location ? { location: exif.location } : {}), location_tags: exif.locationTags }
          : { location_hidden: true }),
    },
  };
}
