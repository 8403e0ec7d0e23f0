/**
 * Placeholders as pictures that a page can show without asking anybody: a ThumbHash or BlurHash becomes a small PNG in a
 * `data:` URL. What cannot be read gives none; a page without a placeholder is still a page.
 */
import { decode as decodeBlurHash, isBlurhashValid } from "blurhash";
import { rgbaToDataURL, thumbHashToDataURL } from "thumbhash";

/** The longer side of a decoded BlurHash, in pixels; what is between is smooth anyway. */
const blurSide = 32;

/** The picture of a ThumbHash in base64, or undefined when it is none. */
export function thumbHashPicture(base64: string): string | undefined {
  const hash = Uint8Array.from(Buffer.from(base64, "base64"));
  // Shorter ones would be read beyond their end.
  if (hash.length < 5 || hash.length > 64) return undefined;
  return thumbHashToDataURL(hash);
}

/** The picture of a BlurHash in the proportions of the image, or undefined when it is none. */
export function blurHashPicture(text: string, image: { width: number; height: number }): string | undefined {
  if (!isBlurhashValid(text).result) return undefined;
  const scale = blurSide / Math.max(image.width, image.height, 1);
  const width = Math.max(1, Math.round(image.width * scale));
  const height = Math.max(1, Math.round(image.height * scale));
  return rgbaToDataURL(width, height, decodeBlurHash(text, width, height));
}
