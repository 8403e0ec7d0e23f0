/**
 * The pictures of `/render`: svg, and png made of it by the painter. What draws is loaded with the first picture, since it
 * brings a font with it. Leaves out pdf, which no client of ours asks for.
 */
import { pngOf } from "../../kit/graph-picture.ts";
import type { Rendered } from "../../lib/graphite/render-format.ts";
import type { Series } from "../../lib/graphite/series.ts";

/** The formats that are pictures. */
export type PictureFormat = "png" | "svg";

/** Draws series as an address asks. */
export type DrawPicture = (series: readonly Series[], signal: AbortSignal) => Promise<Rendered>;

/**
 * Reads how a picture should look, before anything is fetched for it.
 * @throws RangeError for a parameter that cannot be drawn with. The drawing throws it too (colours and axes depend on the
 *   series), and the faults of {@link pngOf}.
 */
export async function pictureOf(parameters: URLSearchParams, format: PictureFormat): Promise<DrawPicture> {
  const [{ parseGraphParameters }, { drawGraph }] = await Promise.all([
    import("../../lib/graph/graph-parameters.ts"),
    import("../../lib/graph/draw-graph.ts"),
  ]);
  const wanted = parseGraphParameters(parameters);
  return async (series, signal) => {
    const svg = drawGraph(series, wanted);
    if (format === "svg") return { body: svg, contentType: "image/svg+xml" };
    return { body: await pngOf(svg, { signal }), contentType: "image/png" };
  };
}
