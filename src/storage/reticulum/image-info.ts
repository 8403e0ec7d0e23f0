/**
 * What `/info/` says of an image: what decoding found, where squares look, which sizes are kept, and what the camera
 * wrote into it. Where a photo was taken is for those who may administer, unless the operator says otherwise.
 */
import type { Caller } from "../../kit/service.ts";
import { digestOf } from "../cask/client.ts";
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

/** All that is known of an image, as JSON. Faults: those of reading and decoding it. */
export async function imageInfo(
  parts: InfoParts,
  image: KnownImage,
  caller: Caller,
  signal: AbortSignal,
): Promise<Record<string, unknown>> {
  const { reticulum, route } = parts;
  const facts = await reticulum.originals.facts(image, signal);
  const hash = digestOf(image.key);
  const extension = extensionOf[image.format];
  const mayLocate = parts.showLocation || caller.may("admin");
  void mayLocate;
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
      size: name.split("/")[1],
      format,
      width,
      height,
      bytes: sizeBytes,
    })),
  };
}
