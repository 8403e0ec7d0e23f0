/**
 * What a graph is drawn from: plain data of any source. A Graphite's series, a Prometheus's, or a list made by hand all fit;
 * nothing here knows where they come from.
 */

/** How a series wants to be drawn. What is absent follows the parameters of the graph. */
export interface GraphDraw {
  /** A name or RRGGBB[AA]. */
  readonly color?: string;
  /** 0 (not seen) to 1. */
  readonly alpha?: number;
  /** In pixels. */
  readonly lineWidth?: number;
  /** Length of dashes in pixels. */
  readonly dashed?: number;
  /** Filled down to zero, or to the area below it. */
  readonly stacked?: boolean;
  /** Takes its room, and is not seen. */
  readonly invisible?: boolean;
  /** A line from top to bottom wherever the value is above zero. */
  readonly drawAsInfinite?: boolean;
  /** Measured by the axis on the right. */
  readonly secondYAxis?: boolean;
}

/** How values that share a pixel become one. */
export type GraphConsolidation = "sum" | "average" | "avg" | "avg_zero" | "max" | "min" | "first" | "last";

/** One series. `values[i]` belongs to `startSeconds + i × stepSeconds`; null and NaN are not known. */
export interface GraphSeries {
  /** Shown in the legend. */
  readonly name: string;
  /** Epoch seconds. */
  readonly startSeconds: number;
  /** Above zero. */
  readonly stepSeconds: number;
  readonly values: ArrayLike<number | null>;
  /** Where the series stops, when that is not after its last value. */
  readonly endSeconds?: number;
  /** @default "average" */
  readonly consolidation?: GraphConsolidation;
  /** The part of values that must be known when some become one, 0 to 1. @default 0 */
  readonly xFilesFactor?: number;
  readonly draw?: GraphDraw;
}

/** A stretch of time in epoch seconds. */
export interface GraphRange {
  readonly fromSeconds: number;
  readonly untilSeconds: number;
}
