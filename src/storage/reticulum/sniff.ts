/**
 * What bytes really are, by their first ones: a name and a header say nothing, a signature does. Reads the size that an
 * image claims, for the order of the queue only. What is not taken gets its own name, so that a person who sends a HEIC
 * from a phone reads that and not "unknown". Reads at most the headers, never beyond the end, and decodes nothing.
 */
import { Fault } from "../../kit/fault.ts";
import type { ImageFormat } from "./engine.ts";

/** What bytes are. */
export type Sniffed =
  | { readonly kind: "image"; readonly format: ImageFormat; readonly width?: number; readonly height?: number }
  /** Something known that is not taken, such as "a HEIC image". */
  | { readonly kind: "other"; readonly name: string }
  | { readonly kind: "unknown" };

const signatures: readonly (readonly [name: string, offset: number, signature: string])[] = [
  ["a BMP image", 0, "BM"],
  ["a TIFF image", 0, "II*\0"],
  ["a TIFF image", 0, "MM\0*"],
  ["a BigTIFF image", 0, "II+\0"],
  ["a PDF document", 0, "%PDF-"],
  ["a PostScript document", 0, "%!PS"],
  ["a JPEG XL image", 0, "\xff\x0a"],
  ["a JPEG XL image", 0, "\0\0\0\x0cJXL "],
  ["a JPEG 2000 image", 0, "\0\0\0\x0cjP  "],
  ["a JPEG 2000 image", 0, "\xff\x4f\xff\x51"],
  ["an icon (ICO)", 0, "\0\0\x01\0"],
  ["a cursor (CUR)", 0, "\0\0\x02\0"],
  ["a Photoshop document", 0, "8BPS"],
  ["a camera's raw file (CR3)", 4, "ftypcrx"],
  ["a camera's raw file (RAF)", 0, "FUJIFILMCCD-RAW"],
  ["a QOI image", 0, "qoif"],
  ["an OpenEXR image", 0, "\x76\x2f\x31\x01"],
  ["a Radiance HDR image", 0, "#?RADIANCE"],
  ["a GIMP image", 0, "gimp xcf"],
  ["a DjVu document", 0, "AT&TFORM"],
  ["a MNG animation", 0, "\x8aMNG"],
  ["a Matroska or WebM video", 0, "\x1a\x45\xdf\xa3"],
  ["an AVI video", 8, "AVI "],
  ["a WAV sound", 8, "WAVE"],
  ["a ZIP archive", 0, "PK\x03\x04"],
  ["a gzip file", 0, "\x1f\x8b"],
];

/** Brands of HEIF files by what they are coded with. */
const heicBrands = new Set(["heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs"]);
const avifBrands = new Set(["avif", "avis"]);

/** The beginning of `bytes` as text with one character a byte. */
function latin(bytes: Uint8Array, from: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(from, from + length));
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Names what `bytes` are. Never throws. */
export function sniff(bytes: Uint8Array): Sniffed {
  const begin = latin(bytes, 0, 32);
  if (begin.startsWith("\xff\xd8\xff")) return image("jpeg", jpegSize(bytes));
  if (begin.startsWith("\x89PNG\r\n\x1a\n")) return image("png", sizeAt(bytes, 16, 24, 20));
  if (begin.startsWith("GIF87a") || begin.startsWith("GIF89a"))
    return image(
      "gif",
      bytes.length < 10 ? {} : fromPair(view(bytes).getUint16(6, true), view(bytes).getUint16(8, true)),
    );
  if (begin.startsWith("RIFF") && begin.startsWith("WEBP", 8)) return image("webp", webpSize(bytes));
  const heif = heifKind(bytes, begin);
  if (heif) return heif;
  const found = signatures.find(([, offset, signature]) => begin.startsWith(signature, offset));
  if (found) return { kind: "other", name: found[0] };
  if (begin.startsWith("ftyp", 4)) return { kind: "other", name: "a video" };
  return markupKind(bytes);
}

/**
 * The image that `bytes` are.
 *
 * @throws Fault `reticulum/unsupported-format` naming what they are instead, or `reticulum/not-an-image`.
 */
export function requireImage(bytes: Uint8Array): Sniffed & { kind: "image" } {
  const sniffed = sniff(bytes);
  if (sniffed.kind === "image") return sniffed;
  const wanted = "wanted JPEG, PNG, GIF, WebP or AVIF";
  if (sniffed.kind === "other")
    throw new Fault(
      "invalid",
      "reticulum/unsupported-format",
      `Cannot take the image: it is ${sniffed.name}; ${wanted}`,
      {
        status: 415,
      },
    );
  const what = bytes.byteLength === 0 ? "there are no bytes" : "its bytes are those of no image";
  throw new Fault("invalid", "reticulum/not-an-image", `Cannot take the image: ${what}; ${wanted}`, { status: 415 });
}

interface Size {
  readonly width?: number;
  readonly height?: number;
}

const image = (format: ImageFormat, size: Size): Sniffed => ({ kind: "image", format, ...size });

const fromPair = (width: number, height: number): Size => (width > 0 && height > 0 ? { width, height } : {});

/** Two big-endian numbers, when there are `least` bytes. */
function sizeAt(bytes: Uint8Array, widthAt: number, least: number, heightAt: number): Size {
  if (bytes.length < least) return {};
  return fromPair(view(bytes).getUint32(widthAt), view(bytes).getUint32(heightAt));
}

/** From the frame header, found by walking over the segments before it. */
function jpegSize(bytes: Uint8Array): Size {
  let at = 2;
  // Whatever a camera writes, the frame begins within this many segments.
  for (let segments = 0; segments < 200 && at + 9 < bytes.length; segments++) {
    if (bytes[at] !== 0xff) return {};
    const marker = bytes[at + 1] ?? 0;
    if (marker === 0xff) {
      at++;
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame) return fromPair(view(bytes).getUint16(at + 7), view(bytes).getUint16(at + 5));
    if (marker === 0xda || marker === 0xd9) return {};
    at += 2 + view(bytes).getUint16(at + 2);
  }
  return {};
}

function webpSize(bytes: Uint8Array): Size {
  if (bytes.length < 30) return {};
  const data = view(bytes);
  switch (latin(bytes, 12, 4)) {
    case "VP8 ":
      return fromPair(data.getUint16(26, true) & 0x3fff, data.getUint16(28, true) & 0x3fff);
    case "VP8L": {
      const bits = data.getUint32(21, true);
      return fromPair((bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1);
    }
    case "VP8X":
      return fromPair((data.getUint32(24, true) & 0xffffff) + 1, (data.getUint32(26, true) >>> 8) + 1);
    default:
      return {};
  }
}

/** By its brands; a file that is branded as both is what its first brand says. */
function heifKind(bytes: Uint8Array, begin: string): Sniffed | undefined {
  if (!begin.startsWith("ftyp", 4)) return undefined;
  const sizeBytes = Math.min(view(bytes).getUint32(0), 128, bytes.length);
  const brands = [latin(bytes, 8, 4)];
  for (let at = 16; at + 4 <= sizeBytes; at += 4) brands.push(latin(bytes, at, 4));
  const known = brands.find((brand) => avifBrands.has(brand) || heicBrands.has(brand));
  if (known === undefined) {
    return brands.some((brand) => brand === "mif1" || brand === "msf1")
      ? { kind: "other", name: "a HEIF image" }
      : undefined;
  }
  if (heicBrands.has(known)) return { kind: "other", name: "a HEIC image" };
  const extent = avifExtent(bytes);
  return image("avif", extent);
}

/** The largest "ispe" property within the first bytes, where the description of a HEIF file stands. */
function avifExtent(bytes: Uint8Array): Size {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 4096));
  let largest: Size = {};
  for (let at = head.indexOf("ispe"); at !== -1; at = head.indexOf("ispe", at + 4)) {
    const size = sizeAt(head, at + 8, at + 16, at + 12);
    if ((size.width ?? 0) * (size.height ?? 0) > (largest.width ?? 0) * (largest.height ?? 0)) largest = size;
  }
  return largest;
}

function markupKind(bytes: Uint8Array): Sniffed {
  const text = new TextDecoder().decode(bytes.subarray(0, 1024)).trimStart().toLowerCase();
  if (!text.startsWith("<")) return { kind: "unknown" };
  if (/<svg[\s>]/.test(text)) return { kind: "other", name: "an SVG image" };
  if (/^<(?:!doctype html|html|head|body|script)/.test(text)) return { kind: "other", name: "an HTML page" };
  return text.startsWith("<?xml") ? { kind: "other", name: "an XML document" } : { kind: "unknown" };
}
