/**
 * What a camera wrote into an image, under the names of the standard: times as ISO 8601 with their offsets, the place as
 * signed decimal degrees. What is damaged is left out and said in a warning. Reads a bounded block and never throws. Where
 * the photo was taken is kept apart, because not everybody who may see an image may see that.
 */
import type { ExpandedTags } from "exifreader";

import { reasonOf } from "../../kit/fault.ts";
import { exifBlock, isOverfull } from "./exif-block.ts";

/** One thing that was written. */
export interface ExifTag {
  /** As the standard calls it, such as `ExposureTime`. */
  readonly name: string;
  /** Numbers are numbers, fractions too; texts are without the blanks and zeros that fill them up. */
  readonly value: string | number | readonly number[];
  /** For people: `1/125`, `f/2.8`, `Rotate 90 CW`. */
  readonly text: string;
  /** What a predecessor called it. */
  readonly alias?: string;
}

/** Where an image was made. */
export interface ExifLocation {
  /** Degrees, north and east positive. */
  readonly latitude: number;
  readonly longitude: number;
  /** Above the sea, below it negative. */
  readonly altitudeMetres?: number;
}

/** All that is known. */
export interface Exif {
  /** Without anything of the place. */
  readonly tags: readonly ExifTag[];
  /** When it was taken: `2006-12-23T13:16:26.12+01:00`; without an offset when the camera gave none. */
  readonly takenAt?: string;
  readonly location?: ExifLocation;
  /** All that was written about the place, the direction of the view and the satellites' time too. */
  readonly locationTags: readonly ExifTag[];
  /** What was left out, and why. */
  readonly warnings: readonly string[];
}

/** Words that stood in a predecessor's answers. */
const aliases: Readonly<Record<string, string>> = {
  Make: "Camera Make",
  Model: "Camera Model",
  Software: "Camera Software",
  Orientation: "Orientation of image",
  XResolution: "X Resolution",
  YResolution: "Y Resolution",
  ExposureTime: "Exposure Time",
  FNumber: "F Number",
  FocalLength: "Lens focal length",
  PixelXDimension: "Valid image width",
  PixelYDimension: "Valid image height",
  PhotometricInterpretation: "PhotometricInterpretion",
  MaxApertureValue: "Maximum lens apeture",
  DigitalZoomRatio: "DigitalZoomRation",
};

/** Times, with the tags that hold their fractions and offsets. */
const times: Readonly<Record<string, readonly [fraction: string, offset: string]>> = {
  DateTimeOriginal: ["SubSecTimeOriginal", "OffsetTimeOriginal"],
  DateTimeDigitized: ["SubSecTimeDigitized", "OffsetTimeDigitized"],
  DateTime: ["SubSecTime", "OffsetTime"],
};

/** Structure, or contents that mean nothing outside of their program. */
const silent = new Set([
  "Exif IFD Pointer",
  "GPS Info IFD Pointer",
  "Interoperability IFD Pointer",
  "MakerNote",
  "Padding",
  "OffsetSchema",
  "PrintImageMatching",
  "IPTC-NAA",
  "ApplicationNotes",
  "ImageSourceData",
  "ICC_Profile",
  "InterColorProfile",
]);

/** Bytes that mean a text. */
const texts = new Set([
  "ExifVersion",
  "FlashpixVersion",
  "UserComment",
  "GPSProcessingMethod",
  "GPSAreaInformation",
  "XPTitle",
  "XPComment",
  "XPAuthor",
  "XPKeywords",
  "XPSubject",
]);

/** Two numbers that are no fraction. */
const pairs = new Set([
  "YCbCrSubSampling",
  "SubjectArea",
  "SubjectLocation",
  "PageNumber",
  "HalftoneHints",
  "DotRange",
  "BitsPerSample",
  "SampleFormat",
  "CFARepeatPatternDim",
  "MinSampleValue",
  "MaxSampleValue",
]);

const textSizeMax = 1000;
const numbersMax = 32;
const tagsMax = 500;

/** Reads the EXIF of an image of any of the formats that are taken, and of HEIC. Never rejects; no EXIF gives no tags. */
export async function readExif(source: Uint8Array): Promise<Exif> {
  const block = exifBlock(source);
  if (block === undefined) return { tags: [], locationTags: [], warnings: [] };
  if (isOverfull(block))
    return {
      tags: [],
      locationTags: [],
      warnings: ["The EXIF block is left out: it has more entries than a camera writes"],
    };
  // Loaded with the first image that has a block: many have none, and it takes its time.
  const { loadView } = await import("exifreader");
  let read: ExpandedTags;
  try {
    // A copy: whatever the reader does with its numbers, nothing lies behind the block.
    read = loadView(new DataView(block.slice().buffer), {
      expanded: true,
      includeTags: { exif: true, gps: true },
    });
  } catch (thrown) {
    return { tags: [], locationTags: [], warnings: [`The EXIF block cannot be read: ${clean(reasonOf(thrown))}`] };
  }
  return gather(read);
}

interface RawTag {
  readonly value?: unknown;
  readonly description?: unknown;
}

function gather(read: ExpandedTags): Exif {
  const raw = Object.entries((read.exif ?? {}) as Record<string, RawTag>).slice(0, tagsMax);
  const warnings: string[] = [];
  const tags: ExifTag[] = [];
  const locationTags: ExifTag[] = [];
  for (const [name, tag] of raw) {
    if (silent.has(name) || name.startsWith("undefined-")) continue;
    const value = valueOf(name, tag);
    if (value === undefined) {
      warnings.push(`${clean(name)} is left out: its value is damaged, or too long`);
      continue;
    }
    const text = typeof tag.description === "string" ? clean(tag.description) : "";
    const alias = aliases[name];
    const entry: ExifTag = { name, value, text: text || String(value), ...(alias !== undefined && { alias }) };
    (name.startsWith("GPS") ? locationTags : tags).push(entry);
  }
  const located = locationOf(read, locationTags, warnings);
  const dated = tags
    .map((tag) => (tag.name in times ? dateOf(tag, tags, warnings) : tag))
    .filter((tag) => tag !== undefined);
  const taken = ["DateTimeOriginal", "DateTimeDigitized", "DateTime"]
    .map((name) => dated.find((tag) => tag.name === name)?.value)
    .find((value) => typeof value === "string");
  return {
    tags: dated,
    ...(taken !== undefined && { takenAt: taken }),
    ...(located && { location: located }),
    locationTags,
    warnings,
  };
}

/** Text as one line without what cannot be printed. */
function clean(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\uFFFD]+/gu, " ")
    .trim()
    .slice(0, textSizeMax);
}

function valueOf(name: string, { value, description }: RawTag): ExifTag["value"] | undefined {
  if (texts.has(name)) return typeof description === "string" ? clean(description) : undefined;
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  if (typeof value === "string") return clean(value);
  if (!Array.isArray(value)) return undefined;
  const items: readonly unknown[] = value;
  if (items.every((item) => typeof item === "string")) return clean(items.join(" "));
  if (isFraction(items) && !pairs.has(name)) return quotient(items);
  const numbers = items.slice(0, numbersMax + 1).map((item) => (isFraction(item) ? quotient(item) : item));
  if (numbers.length > numbersMax || !numbers.every((item) => typeof item === "number" && Number.isFinite(item)))
    return undefined;
  return numbers as number[];
}

/** Two numbers, the way in which the reader gives one that is a fraction. */
function isFraction(value: unknown): value is readonly [number, number] {
  return Array.isArray(value) && value.length === 2 && value.every((item) => typeof item === "number");
}

function quotient([over, under]: readonly [number, number]): number | undefined {
  return under === 0 ? undefined : over / under;
}

/** The tag with its time in ISO 8601; undefined, with a warning, when it is none. */
function dateOf(tag: ExifTag, all: readonly ExifTag[], warnings: string[]): ExifTag | undefined {
  const textOf = (name: string | undefined) => {
    const value = all.find((other) => other.name === name)?.value;
    return typeof value === "string" || typeof value === "number" ? String(value) : "";
  };
  const [fractionName, offsetName] = times[tag.name] ?? [];
  const match = /^(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)$/.exec(String(tag.value));
  const [, year, month, day, hours, minutes, seconds] = match ?? [];
  const plain = `${year}-${month}-${day}T${hours}:${minutes}:${seconds}`;
  // A day that does not exist comes back as another one.
  const instant = new Date(`${plain}Z`);
  if (!match || Number.isNaN(instant.getTime()) || instant.toISOString().slice(0, 19) !== plain) {
    warnings.push(`${tag.name} is left out: it is no time`);
    return undefined;
  }
  const fraction = /^\d{1,9}$/.exec(textOf(fractionName))?.[0];
  const offset = /^(?:[+-](?:0\d|1[0-4]):[0-5]\d|Z)$/.exec(textOf(offsetName))?.[0] ?? "";
  const value = `${plain}${fraction === undefined ? "" : `.${fraction}`}${offset}`;
  return { ...tag, value, text: value };
}

function locationOf(read: ExpandedTags, tags: readonly ExifTag[], warnings: string[]): ExifLocation | undefined {
  const { Latitude: latitude, Longitude: longitude, Altitude: signed } = read.gps ?? {};
  // Without a word whether it is above or below the sea it is above.
  const plain = tags.find(({ name }) => name === "GPSAltitude")?.value;
  const altitude = signed ?? (typeof plain === "number" ? plain : undefined);
  if (latitude === undefined && longitude === undefined) return undefined;
  const isPlace =
    isWithin(latitude, 90) && isWithin(longitude, 180) && latitude !== undefined && longitude !== undefined;
  if (!isPlace) {
    warnings.push("The place is left out: it is none on earth");
    return undefined;
  }
  return {
    latitude: rounded(latitude),
    longitude: rounded(longitude),
    ...(isWithin(altitude, 1e7) && altitude !== undefined && { altitudeMetres: rounded(altitude) }),
  };
}

/** To a centimetre, where the sums of minutes and seconds leave a tail. */
const rounded = (value: number) => Math.round(value * 1e7) / 1e7;

const isWithin = (value: number | undefined, bound: number) =>
  value !== undefined && Number.isFinite(value) && Math.abs(value) <= bound;
