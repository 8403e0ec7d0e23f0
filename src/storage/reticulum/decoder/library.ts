/**
 * The image library as it is used here: no cache, one thread for an image, and every loader shut but those of the five
 * formats that are taken. Formats with a history of trouble (SVG, PDF, TIFF, anything by way of ImageMagick) can so not
 * be reached, whatever the bytes pretend to be.
 */
import type sharp from "sharp";

/** The library. */
export type Sharp = typeof sharp;

/** The oldest version without known holes in what is used of it. */
export const oldestSafeVersion = "0.35.0";

/** The operations that read what people send. */
const loaders = [
  "VipsForeignLoadJpegBuffer",
  "VipsForeignLoadPngBuffer",
  "VipsForeignLoadNsgifBuffer",
  "VipsForeignLoadWebpBuffer",
  "VipsForeignLoadHeifBuffer",
];

/** Loads and ties down the library. Throws when its native parts cannot be loaded, or it is too old. */
export async function openLibrary(): Promise<Sharp> {
  const { default: library } = await import("sharp");
  if (Bun.semver.order(library.versions.sharp, oldestSafeVersion) < 0)
    throw new Error(`Cannot use version ${library.versions.sharp} of sharp: at least ${oldestSafeVersion} is wanted`);
  library.cache(false);
  library.concurrency(1);
  library.block({ operation: ["VipsForeignLoad"] });
  library.unblock({ operation: loaders });
  return library;
}
