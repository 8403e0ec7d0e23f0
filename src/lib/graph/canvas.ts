/**
 * What graphs are drawn on: straight lines, areas and lines of text, in pixels from the top left. Keeps what is drawn as SVG
 * that refers to nothing outside of itself: letters are outlines, each written once, and clipping needs no names, so that
 * several pictures may stand in one page.
 */
import type { Colour } from "./colour.ts";
import type { Outline, Typeface } from "./typeface.ts";

/** A line of straight pieces: x and y in turns. */
export type Polyline = readonly number[];

/** A rectangle by its edges. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** How a line is drawn. */
export interface Pen {
  readonly colour: Colour;
  readonly width: number;
  /** Length of dashes and of the gaps between them. */
  readonly dash?: number;
}

/** How a text is set. */
export interface TextStyle {
  readonly face: Typeface;
  readonly size: number;
  readonly colour: Colour;
  readonly isItalic?: boolean;
}

/** Where a text stands: `x` is its beginning, middle or end, `y` its baseline; turned clockwise around that point. */
export interface TextPlace {
  readonly x: number;
  readonly y: number;
  readonly align?: "left" | "center" | "right";
  readonly degrees?: number;
}

/** Up to two decimals. */
function short(value: number): string {
  return String(Math.round(value * 100) / 100);
}

function pathOf(lines: readonly Polyline[], end: "" | "Z"): string {
  const parts: string[] = [];
  for (const line of lines) {
    if (line.length < 4) continue;
    for (let at = 0; at + 1 < line.length; at += 2) {
      parts.push(at === 0 ? "M" : at === 2 ? "L" : " ", short(line[at] ?? 0), " ", short(line[at + 1] ?? 0));
    }
    parts.push(end);
  }
  return parts.join("");
}

/** Points of a line that are drawn at once: what crosses itself costs more than in proportion. */
const pieceMax = 128;

/** A line in pieces. Each begins with the last stretch of the one before, so that the bend between them is drawn. */
function piecesOf(line: Polyline): Polyline[] {
  const pieces: Polyline[] = [];
  for (let from = 0; from === 0 || from + 4 < line.length; from += 2 * (pieceMax - 2)) {
    pieces.push(line.slice(from, from + 2 * pieceMax));
  }
  return pieces;
}

function outlinePath({ steps }: Outline): string {
  const point = (x: number, y: number) => `${Math.round(x)} ${Math.round(-y)}`;
  return steps
    .map((step) => {
      if (step.type === "Z") return "Z";
      const controls = step.type === "Q" || step.type === "C" ? `${point(step.x1, step.y1)} ` : "";
      const second = step.type === "C" ? `${point(step.x2, step.y2)} ` : "";
      return `${step.type}${controls}${second}${point(step.x, step.y)}`;
    })
    .join("");
}

function paint(name: "fill" | "stroke", { red, green, blue, alpha }: Colour): string {
  const hex = ((red << 16) | (green << 8) | blue).toString(16).padStart(6, "0");
  return `${name}="#${hex}"${alpha < 1 ? ` ${name}-opacity="${Math.round(alpha * 1000) / 1000}"` : ""}`;
}

/** Text as XML, without what XML cannot say. */
function escaped(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "")
    .replace(/[<>&"]/g, (char) => `&#${char.codePointAt(0)};`);
}

/** A picture in the making. */
export class Canvas {
  readonly #width: number;
  readonly #height: number;
  readonly #title: string;
  readonly #outlines = new Map<string, Outline>();
  readonly #parts: string[] = [];

  constructor(width: number, height: number, title: string) {
    this.#width = width;
    this.#height = height;
    this.#title = title;
  }

  rectangle({ left, top, right, bottom }: Box, colour: Colour): void {
    if (right <= left || bottom <= top || colour.alpha === 0) return;
    const size = `width="${short(right - left)}" height="${short(bottom - top)}"`;
    this.#parts.push(`<rect x="${short(left)}" y="${short(top)}" ${size} ${paint("fill", colour)}/>`);
  }

  /** Fills what the lines enclose. */
  fill(lines: readonly Polyline[], colour: Colour): void {
    const path = pathOf(lines, "Z");
    if (path !== "" && colour.alpha > 0) this.#parts.push(`<path d="${path}" ${paint("fill", colour)}/>`);
  }

  stroke(lines: readonly Polyline[], { colour, width, dash }: Pen): void {
    const isDashed = dash !== undefined && dash > 0;
    const path = pathOf(lines, "");
    if (path === "" || colour.alpha === 0 || width <= 0) return;
    const dashes = isDashed ? ` stroke-dasharray="${short(dash)}"` : "";
    const pen = `fill="none" ${paint("stroke", colour)} stroke-width="${short(width)}" stroke-linejoin="round"${dashes}`;
    // What is drawn over itself shows where it is seen through, and dashes begin anew.
    if (isDashed || colour.alpha < 1 || lines.every(({ length }) => length <= 2 * pieceMax)) {
      this.#parts.push(`<path d="${path}" ${pen}/>`);
      return;
    }
    const pieces = lines.flatMap(piecesOf).map((piece) => `<path d="${pathOf([piece], "")}"/>`);
    this.#parts.push(`<g ${pen}>${pieces.join("")}</g>`);
  }

  text(text: string, style: TextStyle, { x, y, align = "left", degrees = 0 }: TextPlace): void {
    const { face, size, colour } = style;
    const scale = size / face.unitsPerEm;
    const outlines = face.outlinesOf(text);
    const width = outlines.reduce((sum, { advance }) => sum + advance, 0);
    let at = align === "left" ? 0 : align === "center" ? -width / 2 : -width;
    const uses: string[] = [];
    for (const outline of outlines) {
      if (outline.steps.length > 0) {
        this.#outlines.set(outline.id, outline);
        uses.push(`<use href="#${outline.id}" x="${Math.round(at)}"/>`);
      }
      at += outline.advance;
    }
    if (uses.length === 0) return;
    const turn = degrees === 0 ? "" : `rotate(${short(degrees)})`;
    const slant = style.isItalic ? "skewX(-12)" : "";
    const place = `translate(${short(x)} ${short(y)})${turn}scale(${Math.round(scale * 1e6) / 1e6})${slant}`;
    this.#parts.push(`<g transform="${place}" ${paint("fill", colour)}>${uses.join("")}</g>`);
  }

  /** What `draw` draws shows inside of a box only. */
  clipped({ left, top, right, bottom }: Box, draw: () => void): void {
    if (right <= left || bottom <= top) return;
    const box = [left, top, right - left, bottom - top].map(short);
    const [x, y, width, height] = box;
    this.#parts.push(
      `<svg x="${x}" y="${y}" width="${width}" height="${height}" viewBox="${box.join(" ")}" overflow="hidden">`,
    );
    draw();
    this.#parts.push("</svg>");
  }

  /** The whole picture. */
  toSvg(): string {
    const size = `width="${this.#width}" height="${this.#height}" viewBox="0 0 ${this.#width} ${this.#height}"`;
    const title = this.#title === "" ? "" : `<title>${escaped(this.#title)}</title>`;
    const letters = [...this.#outlines.values()].map(
      (outline) => `<path id="${outline.id}" d="${outlinePath(outline)}"/>`,
    );
    const definitions = letters.length === 0 ? "" : `<defs>${letters.join("")}</defs>`;
    return `<svg xmlns="http://www.w3.org/2000/svg" role="img" ${size}>${title}${definitions}${this.#parts.join("")}</svg>`;
  }
}
