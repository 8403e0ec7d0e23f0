/** What is used of opentype.js, which brings no declarations of its own, and of files that are imported by their place. */
declare module "opentype.js" {
  /** A step of an outline, in font units, upwards. */
  export type OutlineStep =
    | { type: "M" | "L"; x: number; y: number }
    | { type: "Q"; x: number; y: number; x1: number; y1: number }
    | { type: "C"; x: number; y: number; x1: number; y1: number; x2: number; y2: number }
    | { type: "Z" };
  export interface Glyph {
    index: number;
    advanceWidth?: number;
    path: { commands: OutlineStep[] };
  }
  export interface Font {
    unitsPerEm: number;
    ascender: number;
    descender: number;
    charToGlyph(char: string): Glyph;
  }
  export function parse(buffer: ArrayBuffer): Font;
}

declare module "*.woff" {
  /** Where the file lies; in a single executable, inside of it. */
  const file: string;
  export default file;
}
