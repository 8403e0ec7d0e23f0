/**
 * The letters of pictures: DejaVu Sans, regular and bold, carried by the program, since a machine may have no fonts at all.
 * A face is read when the first text is measured, and gives outlines in its own units, y downwards.
 * Source of the font: DejaVu 2.37, free to embed (Bitstream Vera's licence; its changes are in the public domain).
 */
import { readFileSync } from "node:fs";

import boldFile from "@fontsource/dejavu-sans/files/dejavu-sans-latin-700-normal.woff" with { type: "file" };
import regularFile from "@fontsource/dejavu-sans/files/dejavu-sans-latin-400-normal.woff" with { type: "file" };
import type { Font, OutlineStep } from "opentype.js";

/** One letter's outline. */
export interface Outline {
  /** The same for the same outline in all pictures, and fit for an id. */
  readonly id: string;
  /** In units of the face; empty for blanks. */
  readonly advance: number;
  readonly steps: readonly OutlineStep[];
}

/** One weight of the font. Heights are parts of the size. */
export class Typeface {
  readonly #file: string;
  readonly #letter: string;
  readonly #outlines = new Map<string, Outline>();
  #font: Font | undefined;

  constructor(file: string, letter: string) {
    this.#file = file;
    this.#letter = letter;
  }

  #read(): Font {
    if (this.#font === undefined) {
      const bytes = readFileSync(this.#file);
      // What reads fonts takes more memory than all the rest; who never draws does not pay for it.
      const { parse } = require("opentype.js") as typeof import("opentype.js");
      this.#font = parse(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    }
    return this.#font;
  }

  get unitsPerEm(): number {
    return this.#read().unitsPerEm;
  }

  get ascent(): number {
    return this.#read().ascender / this.unitsPerEm;
  }

  get descent(): number {
    return -this.#read().descender / this.unitsPerEm;
  }

  /** The outlines of a text, one for each code point; what the font lacks shows as a box. */
  outlinesOf(text: string): Outline[] {
    return Array.from(text, (char) => {
      const known = this.#outlines.get(char);
      if (known !== undefined) return known;
      const glyph = this.#read().charToGlyph(char);
      const outline = {
        id: `${this.#letter}${glyph.index}`,
        advance: glyph.advanceWidth ?? 0,
        steps: glyph.path.commands,
      };
      if (this.#outlines.size > 2000) this.#outlines.clear();
      this.#outlines.set(char, outline);
      return outline;
    });
  }

  /** The width of a text in pixels. */
  widthOf(text: string, sizePixels: number): number {
    const units = this.outlinesOf(text).reduce((sum, { advance }) => sum + advance, 0);
    return (units * sizePixels) / this.unitsPerEm;
  }

  /** As much of a text as fits, with an ellipsis when it is not all. */
  fitted(text: string, sizePixels: number, widthPixels: number): string {
    if (this.widthOf(text, sizePixels) <= widthPixels) return text;
    const scale = sizePixels / this.unitsPerEm;
    let left = widthPixels - this.widthOf("…", sizePixels);
    let kept = "";
    for (const char of text) {
      left -= (this.outlinesOf(char)[0]?.advance ?? 0) * scale;
      if (left < 0) break;
      kept += char;
    }
    return `${kept}…`;
  }
}

/** The usual weight. */
export const regular: Typeface = new Typeface(regularFile, "r");
/** For `fontBold`. */
export const bold: Typeface = new Typeface(boldFile, "b");
