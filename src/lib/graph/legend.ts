/**
 * The legend below a graph: a box of the line's colour and the series' name, in as many columns as fit. It never takes more
 * than half of the picture; what is left out is counted in its last place.
 */
import type { Canvas } from "./canvas.ts";
import { type Colour, parseColour } from "./colour.ts";
import type { Typeface } from "./typeface.ts";

/** One series in the legend. */
export interface LegendEntry {
  readonly name: string;
  readonly colour: Colour;
  /** Belongs to the axis on the right: its box stands behind its name, at the right edge. */
  readonly isRight: boolean;
}

/** Where the legend goes and how it looks. */
export interface LegendOptions {
  readonly left: number;
  readonly right: number;
  /** Where the room for the graph ends. */
  readonly bottom: number;
  /** What there is below `bottom`. */
  readonly drop: number;
  readonly maxHeight: number;
  readonly face: Typeface;
  readonly size: number;
  readonly colour: Colour;
  readonly isItalic: boolean;
}

const padding = 5;
const border = parseColour("darkgrey");

/** Draws the entries and tells how much height they took. */
export function drawLegend(canvas: Canvas, entries: readonly LegendEntry[], options: LegendOptions): number {
  const { face, size, left, right, bottom, maxHeight } = options;
  if (entries.length === 0) return 0;
  const textHeight = Math.round((face.ascent + face.descent) * size);
  const lineHeight = textHeight + 2;
  const boxSize = textHeight - 1;
  const maxLines = Math.max(1, Math.floor((maxHeight - padding) / lineHeight));
  const room = Math.max(1, right - left);
  // Enough to fill any picture; a graph of ten thousand series measures no more names than it shows.
  const measured = entries.slice(0, maxLines * Math.ceil(room / (boxSize + 4 * padding)) + 1);
  const widest = measured.reduce((most, { name }) => Math.max(most, face.widthOf(name.slice(0, 500), size)), 0);
  const entryWidth = Math.min(widest + boxSize + 3 * padding, room);
  const columns = Math.max(1, Math.floor((room + 2 * padding) / entryWidth));
  const hasSides = columns > 1 && entries.some(({ isRight }) => isRight);
  const lefts = hasSides ? entries.filter(({ isRight }) => !isRight) : entries;
  const rights = hasSides ? entries.filter(({ isRight }) => isRight) : [];
  const rightColumns = Math.floor(columns / 2);
  const leftColumns = hasSides ? columns - rightColumns : columns;
  const lines = Math.max(
    Math.ceil(lefts.length / leftColumns),
    rights.length === 0 ? 0 : Math.ceil(rights.length / rightColumns),
  );
  const shownLines = Math.min(lines, maxLines);
  const height = shownLines * lineHeight + padding;
  // It hangs a little into the margin, and so stands clear of the labels of times.
  const top = bottom - height + padding + Math.min(padding, options.drop);
  const style = { face, size, colour: options.colour, isItalic: options.isItalic };
  const row = (list: readonly LegendEntry[], perLine: number, isRight: boolean) => {
    const places = shownLines * perLine;
    const isCut = list.length > places;
    list.slice(0, isCut ? places - 1 : places).forEach(({ name, colour }, at) => {
      const offset = (at % perLine) * entryWidth;
      const y = top + Math.floor(at / perLine) * lineHeight;
      const boxLeft = isRight ? right - offset - boxSize : left + offset;
      const box = { left: boxLeft, top: y, right: boxLeft + boxSize, bottom: y + boxSize };
      canvas.rectangle(box, colour);
      const { left: x0, top: y0, right: x1, bottom: y1 } = box;
      canvas.stroke([[x0 + 0.5, y0 + 0.5, x1 - 0.5, y0 + 0.5, x1 - 0.5, y1 - 0.5, x0 + 0.5, y1 - 0.5, x0 + 0.5, y0]], {
        colour: border,
        width: 1,
      });
      const text = face.fitted(name.slice(0, 500), size, entryWidth - boxSize - padding);
      const x = isRight ? boxLeft - padding : boxLeft + boxSize + padding;
      canvas.text(text, style, { x, y: y + face.ascent * size - 0.5, align: isRight ? "right" : "left" });
    });
    if (!isCut) return;
    const at = places - 1;
    const offset = (at % perLine) * entryWidth;
    canvas.text(`and ${list.length - at} more`, style, {
      x: isRight ? right - offset : left + offset,
      y: top + Math.floor(at / perLine) * lineHeight + face.ascent * size,
      align: isRight ? "right" : "left",
    });
  };
  row(lefts, leftColumns, false);
  if (rights.length > 0) row(rights, rightColumns, true);
  return height;
}
