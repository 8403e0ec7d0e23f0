/**
 * The native parts of the image library that the single executable carries. In a checkout there are none, as the library
 * finds them in `node_modules`; `tools/build.ts` puts another list in the place of this module.
 */

/** A file of the library, compressed with Zstandard inside of the executable. */
export interface NativePart {
  /** Below the folder into which the parts are unpacked; the library looks for its second file by this layout. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Of the file itself, hexadecimal. */
  readonly sha256: string;
  /** Where the runtime finds the compressed bytes. */
  readonly embedded: string;
}

/** The parts, the addon that is to be loaded first; undefined in a checkout. */
export const nativeParts: readonly NativePart[] | undefined = undefined;
