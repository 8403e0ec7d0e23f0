/**
 * The inside of a graph: series brought to pixels, axes that suit them, lines and areas in the order in which they lie on
 * each other (areas first). Leaves out everything around: titles, labels, legend.
 */
import type { Box, Canvas, Polyline } from "./canvas.ts";
import { type Colour, withAlpha } from "./colour.ts";
import { consolidated, extent } from "./consolidation.ts";
import type { GraphParameters } from "./graph-parameters.ts";
import type { GraphSeries } from "./graph-series.ts";
import { AreaStack, areAlike, linesOf, perPixel, type Trace, type TraceOptions, uprightsOf } from "./trace.ts";
import { type ValueAxis, valueAxis } from "./value-axis.ts";

/** A series with everything that decides how it is drawn. */
export interface PlotSeries {
  readonly series: GraphSeries;
  readonly colour: Colour;
  readonly lineWidth: number;
  readonly dash: number;
  readonly isArea: boolean;
  readonly isRight: boolean;
}

/** What a plot is made for. */
export interface PlotOptions {
  readonly parameters: GraphParameters;
  readonly series: readonly PlotSeries[];
  readonly box: Box;
  readonly fromSeconds: number;
  readonly untilSeconds: number;
  /** How many labels of values fit beside it. */
  readonly labelRoom: number;
}

interface Plotted extends PlotSeries {
  readonly trace: Trace;
}

/** Points that one picture may hold; with more series, each has fewer. Drawing so many takes about a tenth of a second. */
const maxPoints = 120_000;

/** A plot that is ready to be drawn. */
export class Plot {
  readonly #options: PlotOptions;
  readonly #plotted: readonly Plotted[];
  readonly left: ValueAxis;
  /** Where a series is measured by it. */
  readonly right: ValueAxis | undefined;

  /** @throws RangeError when no axis suits. */
  constructor(options: PlotOptions) {
    this.#options = options;
    this.#plotted = options.series.map((each) => ({ ...each, trace: this.#traceOf(each.series) }));
    const hasRight = options.series.some(({ isRight }) => isRight);
    const { axis, left, right } = options.parameters;
    this.left = this.#axisOf(false, hasRight ? left : axis);
    this.right = hasRight ? this.#axisOf(true, right) : undefined;
  }

  /** Pixels from the first moment to the last. */
  get #width(): number {
    const { box, parameters } = this.#options;
    return Math.max(1, box.right - box.left - parameters.lineWidth - 1);
  }

  /** Where a moment lies. */
  xOf(atSeconds: number): number {
    const { box, fromSeconds, untilSeconds } = this.#options;
    return box.left + ((atSeconds - fromSeconds) / (untilSeconds - fromSeconds)) * this.#width;
  }

  /** Where a value lies; undefined where it has no place. */
  yOf(value: number, axis: ValueAxis = this.left): number | undefined {
    const { box } = this.#options;
    const position = axis.positionOf(value);
    return position === undefined ? undefined : box.bottom - position * (box.bottom - box.top);
  }

  /** Points that each series may have. */
  get #pointsEach(): number {
    return Math.max(20, maxPoints / this.#options.series.length);
  }

  #traceOf(series: GraphSeries): Trace {
    const { parameters, fromSeconds, untilSeconds } = this.#options;
    const room = Math.min(this.#width / parameters.minXStep, this.#pointsEach);
    const count = Math.max(1, Math.ceil((untilSeconds - fromSeconds) / series.stepSeconds / room - 1e-9));
    const values = consolidated(series, count);
    return {
      values: parameters.drawNullAsZero ? values.map((value) => (Number.isNaN(value) ? 0 : value)) : values,
      leftPixels: this.xOf(series.startSeconds) + parameters.lineWidth / 2,
      stepPixels: (this.#width * count * series.stepSeconds) / (untilSeconds - fromSeconds),
    };
  }

  #axisOf(isRight: boolean, wanted: GraphParameters["axis"]): ValueAxis {
    const { parameters, labelRoom } = this.#options;
    const own = this.#plotted.filter((each) => each.isRight === isRight && !each.series.draw?.drawAsInfinite);
    let least = Infinity;
    let most = -Infinity;
    const widen = (low: number, high: number) => {
      if (low < least) least = low;
      if (high > most) most = high;
    };
    for (const { trace } of own) {
      const found = extent(trace.values);
      if (found !== undefined) widen(found.least, found.most);
    }
    if (parameters.areaMode === "stacked") {
      const { above, below } = sumsOf(this.#alike(own.map(({ trace }) => trace)));
      if (above > 0) widen(above, above);
      if (below < 0) widen(below, below);
    }
    if (least > most) widen(0, 1);
    const { unitSystem, divisors, logBase } = parameters;
    const logarithm = logBase === undefined ? {} : { logBase };
    return valueAxis({ least, most, wanted, unitSystem, divisors, labelRoom, ...logarithm });
  }

  /** The traces over the same places. */
  #alike(traces: readonly Trace[], force = false): readonly Trace[] {
    if (!force && areAlike(traces)) return traces;
    const { box } = this.#options;
    return traces.map((trace) => perPixel(trace, this.#traceOptions(), box.left, box.right, this.#pointsEach));
  }

  #traceOptions(axis?: ValueAxis): TraceOptions {
    const { lineMode, connectedLimit } = this.#options.parameters;
    // A slope needs two values; one with a single value makes steps of all, as Graphite does.
    const isSingle = lineMode === "slope" && this.#options.series.some(({ series }) => series.values.length === 1);
    return {
      mode: isSingle ? "staircase" : lineMode,
      connectedLimit,
      yOf: (value) => this.yOf(value, axis),
    };
  }

  /** Draws everything inside of the box. */
  draw(canvas: Canvas): void {
    const { box } = this.#options;
    canvas.clipped(box, () => {
      for (const isRight of [false, true]) this.#drawAreas(canvas, isRight);
      for (const each of this.#plotted) if (!each.isArea) this.#drawLine(canvas, each);
    });
  }

  #drawAreas(canvas: Canvas, isRight: boolean): void {
    const axis = isRight ? this.right : this.left;
    const areas = this.#plotted.filter((each) => each.isArea && each.isRight === isRight);
    if (axis === undefined || areas.length === 0) return;
    const { box, parameters } = this.#options;
    const options = this.#traceOptions(axis);
    const isSummed = parameters.areaMode === "stacked";
    // Areas that do not stand on each other may cross between two values.
    const traces = this.#alike(
      areas.map(({ trace }) => trace),
      areas.length > 1 && !isSummed,
    );
    const length = traces.reduce((most, { values }) => Math.max(most, values.length), 0);
    const zeroY = Math.max(box.top - 1e4, Math.min(box.bottom + 1e4, this.yOf(0, axis) ?? box.bottom));
    const stack = new AreaStack(options, zeroY, length, isSummed);
    const edges: (() => void)[] = [];
    areas.forEach((each, at) => {
      const trace = traces[at];
      if (trace === undefined) return;
      const { area, edge } = stack.add(trace);
      const { invisible, alpha } = each.series.draw ?? {};
      if (invisible) return;
      const { areaAlpha } = parameters;
      const seen = areaAlpha ?? alpha;
      canvas.fill(area, seen ? withAlpha(each.colour, seen) : each.colour);
      if (areaAlpha !== undefined) edges.push(() => this.#stroke(canvas, each, edge, undefined));
    });
    // Their edges are drawn in full colour above all of them.
    for (const draw of edges) draw();
  }

  #drawLine(canvas: Canvas, plotted: Plotted): void {
    const { box } = this.#options;
    const { draw = {} } = plotted.series;
    if (draw.invisible) return;
    const axis = plotted.isRight ? (this.right ?? this.left) : this.left;
    const lines = draw.drawAsInfinite
      ? uprightsOf(plotted.trace, box.top, box.bottom)
      : linesOf(plotted.trace, this.#traceOptions(axis));
    this.#stroke(canvas, plotted, lines, draw.alpha);
  }

  #stroke(canvas: Canvas, plotted: Plotted, lines: readonly Polyline[], alpha: number | undefined): void {
    const colour = alpha ? withAlpha(plotted.colour, alpha) : plotted.colour;
    canvas.stroke(lines, { colour, width: plotted.lineWidth, dash: plotted.dash });
  }
}

/** The highest stack above zero and the deepest below. */
function sumsOf(traces: readonly Trace[]): { above: number; below: number } {
  const length = traces.reduce((most, { values }) => Math.max(most, values.length), 0);
  let above = 0;
  let below = 0;
  for (let index = 0; index < length; index++) {
    let high = 0;
    let low = 0;
    for (const { values } of traces) {
      const value = values[index] ?? Number.NaN;
      if (value > 0 && value < Infinity) high += value;
      else if (value < 0 && value > -Infinity) low += value;
    }
    if (high > above) above = high;
    if (low < below) below = low;
  }
  return { above, below };
}
