/**
 * What can be configured of Reticulum, said once. Started alone, the predecessor's `config.json` counts too when
 * `RETICULUM_CONFIG` names it.
 */
import { type OptionsOf, section } from "../../kit/config/declaration.ts";
import { choice, count, duration, flag, list, secret, size, text, url } from "../../kit/config/fields.ts";
import { formatSizeSpec, parseSizeSpec } from "../../lib/resize/size-spec.ts";
import { baseUrlOf, portOf, predecessorKey, standingIn, textOf, textsOf, workersOf } from "./predecessor-config.ts";

/** Whether a text is a size in its normal form. */
function isNormal(size: string): boolean {
  const spec = parseSizeSpec(size);
  return spec !== undefined && formatSizeSpec(spec) === size;
}

const fields = {
  cask: list(url({ example: "http://store-1.example:4100/cask" }), {
    summary: "Where the originals are kept: addresses of Cask. Several are tried in turn.",
    unset: "the Cask of the same program",
  }),
  caskToken: secret({ summary: "An API token for the Cask at those addresses, where it wants one." }),
  algorithm: choice(["sha256", "sha1"], {
    summary: "The hash that names new images. Images named by the other one stay readable.",
    unset: "sha256, or sha1 when standing in for a predecessor",
    legacy: standingIn("sha1"),
  }),
  uploadKeys: list(secret({ minLength: 1 }), {
    summary:
      "Whoever sends one of these in the field key may upload, with or without a token. While the list is empty, uploading needs the scope write.",
    example: ["a long random text"],
    legacy: predecessorKey("UploadKeys", textsOf),
  }),
  publicImages: flag({
    summary:
      "Give images to everybody who knows their URL, also where tokens exist. Everything else still wants its scope.",
  }),
  urls: choice(["open", "listed", "signed"], {
    summary:
      "Which sizes are made: any; only those in sizes, or with a right signature; or nothing without a right signature.",
    default: "open",
  }),
  sizes: list(text({ wanted: 'a size such as "200w100h" in its normal form', accepts: isNormal }), {
    summary: "The sizes that may be asked for without a signature when urls is listed.",
    example: ["full", "100s", "800w"],
  }),
  signingKeys: list(secret({ minLength: 16 }), {
    summary:
      "Keys for signed URLs. The first one signs and all of them verify, so that a key can be replaced without breaking links.",
    example: ["a long random text of at least 16 characters"],
  }),
  maxUploadBytes: size({ summary: "The largest image that is taken.", default: "64MiB", min: "1KiB", max: "1GiB" }),
  uploadIdleMs: duration({ summary: "An upload that sends nothing for this long is ended.", default: "30s" }),
  maxPixels: count({
    summary: "The most pixels an original may have, all frames of an animation together.",
    default: 100_000_000,
    min: 1,
  }),
  maxFrames: count({ summary: "The most frames an animation may have.", default: 512, min: 1 }),
  maxSide: count({ summary: "The longest side of a result, in pixels.", default: 8192, min: 1, max: 16_383 }),
  maxResultPixels: count({ summary: "The most pixels a result may have.", default: 40_000_000, min: 1 }),
  workers: count({
    summary: "How many images are decoded at the same time, each in a process of its own.",
    unset: "one for each processor, at most four",
    min: 1,
    max: 64,
    legacy: predecessorKey("NumResizeWorkers", workersOf),
  }),
  maxWaiting: count({
    summary: "How many jobs may wait. What comes beyond is refused with 503 and a time to wait.",
    default: 256,
    min: 1,
  }),
  jobTimeMs: duration({ summary: "How long one job may take before its process is ended.", default: "30s", min: "1s" }),
  workerMemoryBytes: size({
    summary: "How much memory one process may take before it is ended.",
    default: "1GiB",
    min: "64MiB",
  }),
  cacheBytes: size({
    summary: "How much disk the results may take. What was unused for longest goes first.",
    default: "2GiB",
  }),
  memoryBytes: size({ summary: "How much memory results that are often asked for may take.", default: "64MiB" }),
  sourceBytes: size({
    summary: "How much memory originals may take that were used a moment ago.",
    default: "64MiB",
  }),
  noEnlarge: flag({ summary: "Make no result larger than its original, whatever the URL asks for." }),
  attention: flag({
    summary: "Where an image has no focal point, crop squares around what draws the eye instead of the middle.",
  }),
  quality: count({
    summary: "The quality of lossy results, 1 to 100.",
    unset: "the usual one of each format",
    min: 1,
    max: 100,
  }),
  convert: flag({
    summary:
      "Make other formats when the extension in a URL names one. Otherwise such a URL is not found, as only the stored format is served.",
  }),
  negotiate: list(choice(["avif", "webp"]), {
    summary: "Formats that are sent in place of the stored one to browsers that accept them, best first.",
    example: ["avif", "webp"],
  }),
  showLocation: flag({
    summary: "Show where a photo was taken to everybody who may read. Otherwise that needs the scope admin.",
  }),
} as const;

/** The options of Reticulum. */
export type ReticulumOptions = OptionsOf<typeof fields>;

/** The section `[reticulum]`. */
export const reticulumSection = section(
  "reticulum",
  "keeps images and serves them in any size",
  fields,
  (options) => {
    const faults: string[] = [];
    if (options.urls === "signed" && options.signingKeys.length === 0)
      faults.push('urls is "signed": wanted signing_keys too');
    if (options.urls === "listed" && options.sizes.length === 0 && options.signingKeys.length === 0)
      faults.push('urls is "listed": wanted sizes too, or nothing could be asked for');
    return faults;
  },
  {
    nodeLegacy: {
      name: predecessorKey("Nickname", textOf),
      id: predecessorKey("UUID", textOf),
      listen: predecessorKey("Port", portOf),
      advertise: predecessorKey("BaseUrl", baseUrlOf),
    },
  },
);
