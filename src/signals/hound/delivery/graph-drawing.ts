/**
 * Pictures of what rules measure, for mails (PNG) and pages (SVG): the predecessor's two graphs, a day with its axes and a
 * week as a band, the thresholds as lines in both. Whatever the source speaks, the line is made here.
 */
import type { MetricSource, SourceRange, SourceSeries } from "../../../kit/metric-source/source.ts";
import { pngOf } from "../../../kit/graph-picture.ts";
import { drawGraph } from "../../../lib/graph/draw-graph.ts";
import { parseGraphParameters } from "../../../lib/graph/graph-parameters.ts";
import type { GraphSeries } from "../../../lib/graph/graph-series.ts";

/** What is drawn, and how. */
export interface GraphOrder {
  targets: readonly string[];
  /** Only this series of the targets is drawn, where it is among them. */
  series?: string | undefined;
  /** A line across for each. */
  thresholds: readonly number[];
  fromSeconds: number;
  untilSeconds: number;
  /** `day` has axes and names, `week` is a band of half the height without. */
  look: "day" | "week";
  /** `paper` is dark on white, `page` is to be seen on any ground. `stacked` fills areas in three colours of states. */
  ground: "paper" | "page";
  isStacked?: boolean;
}

const widthPixels = 1600;
const looks: Readonly<Record<GraphOrder["look"], string>> = {
  day: "width=1600&height=300&fontSize=20&hideGrid=true&lineWidth=2",
  week: "width=1600&height=150&graphOnly=true&lineWidth=2",
};
const grounds: Readonly<Record<GraphOrder["ground"], string>> = {
  paper: "bgcolor=FFFFFF&fgcolor=000000&colorList=%23006699,%23996600,%23660099,%23339933",
  // Colours of a middle brightness, which light and dark grounds both bear.
  page: "bgcolor=00000000&fgcolor=7a7d77&colorList=%23238f96,%23b07a1e,%238f6bb5,%235c9a4c",
};
const states = "areaMode=stacked&colorList=%23d9661f,%234a9d4e,%23c4434b";
/** More series make no picture that anybody reads. */
const seriesMax = 50;

/** The one threshold of a rule, or its two. */
export function thresholdsOf(rule: { threshold: number; criticalThreshold?: number | undefined }): number[] {
  return rule.criticalThreshold === undefined ? [rule.threshold] : [rule.threshold, rule.criticalThreshold];
}

/** The picture as SVG. Throws what the source throws, and the Fault of the first target that has no answer. */
export async function graphSvg(source: MetricSource, order: GraphOrder, signal: AbortSignal): Promise<string> {
  const { fromSeconds, untilSeconds } = order;
  const range: SourceRange = { fromSeconds, untilSeconds, maxDataPoints: widthPixels };
  const answers = await source.render(order.targets, range, signal);
  const series: GraphSeries[] = [];
  for (const answer of answers) {
    if (answer.fault) throw answer.fault;
    const named = answer.series.filter(({ name }) => name === order.series);
    series.push(
      ...(named.length > 0 ? named : answer.series)
        .slice(0, seriesMax)
        .map(graphSeries)
        .filter((one) => one !== undefined),
    );
  }
  const span = Math.max(1, untilSeconds - fromSeconds);
  for (const threshold of series.length > 0 ? order.thresholds : []) {
    series.push({
      name: "threshold",
      startSeconds: fromSeconds,
      stepSeconds: span,
      values: [threshold, threshold],
      draw: { color: order.ground === "paper" ? "999999" : "b0584f", lineWidth: 2 },
    });
  }
  const words = new URLSearchParams([looks[order.look], grounds[order.ground]].join("&"));
  if (order.isStacked) for (const [name, value] of new URLSearchParams(states)) words.set(name, value);
  return drawGraph(series, parseGraphParameters(words), { fromSeconds, untilSeconds });
}

/** The same as PNG. Faults: those of {@link graphSvg} and of drawing. */
export async function graphPng(source: MetricSource, order: GraphOrder, signal: AbortSignal): Promise<Uint8Array> {
  return pngOf(await graphSvg(source, order, signal), { signal });
}

/** Points with their times as values at even steps; undefined for a series without points. */
function graphSeries({ name, points }: SourceSeries): GraphSeries | undefined {
  const [first, second] = points;
  const last = points.at(-1);
  if (!first || !last) return undefined;
  const startSeconds = first[1];
  let stepSeconds = second ? second[1] - startSeconds : 60;
  for (let position = 1; position < points.length; position++) {
    const gap = (points[position]?.[1] ?? 0) - (points[position - 1]?.[1] ?? 0);
    if (gap > 0 && gap < stepSeconds) stepSeconds = gap;
  }
  if (!(stepSeconds > 0)) return undefined;
  const count = Math.min(100_000, Math.round((last[1] - startSeconds) / stepSeconds) + 1);
  const values = Array.from({ length: count }, (): number | null => null);
  for (const [value, at] of points) {
    const position = Math.round((at - startSeconds) / stepSeconds);
    if (position >= 0 && position < count) values[position] = value;
  }
  return { name, startSeconds, stepSeconds, values };
}
