/**
 * The answer to an upload: the predecessor's fields in their order, now true, and ours after them.
 */
import { digestOf } from "../cask/client.ts";
import type { SizeSpec } from "../../lib/resize/size-spec.ts";
import { extensionOf } from "./image-url.ts";
import type { TakenImage } from "./reticulum.ts";

/** What an upload is answered with, as JSON. `urlOf` gives the URL of the image as a path. */
export function uploadAnswer(
  taken: TakenImage,
  urlOf: (hash: string, spec: SizeSpec, filename: string) => string,
): Record<string, unknown> {
  const { facts, hints, image, nodes } = taken;
  const hash = digestOf(image.key);
  const extension = extensionOf[image.format];
  return {
    hash,
    length: image.sizeBytes,
    extension,
    full_url: urlOf(hash, { kind: "full" }, `image.${extension}`),
    // Fewer copies than a quorum are an error and no answer.
    satisfied: true,
    nodes,
    key: image.key,
    format: image.format,
    width: facts.width,
    height: facts.height,
    pages: facts.pages,
    colour: facts.dominantColour,
    thumb_hash: facts.thumbHash,
    blur_hash: facts.blurHash,
    size_hints: hints,
  };
}
