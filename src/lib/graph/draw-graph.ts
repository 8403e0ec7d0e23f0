/**
 * A graph of series as SVG: titles, legend, axes, grid and plot, laid out around each other. What is inside of the axes is
 * `plot.ts`'s. The layout is graphite-web's, so that pictures which are replaced by these keep their look.
 */
import { type Box, Canvas, type Polyline, type TextStyle } from "./canvas.ts";
import { type Colour, parseColour, withAlpha } from "./colour.ts";
import type { GraphParameters } from "./graph-parameters.ts";
import type { GraphRange, GraphSeries } from "./graph-series.ts";
import { drawLegend } from "./legend.ts";
import { Plot, type PlotSeries } from "./plot.ts";
import { type TimeAxis, timeAxis } from "./time-axis.ts";
import { bold, regular } from "./typeface.ts";
import type { ValueAxis } from "./value-axis.ts";

/** Series that are shown in a legend unless it is asked for. */
const legendMaxSeries = 10;
/** More are no picture, and would hold up everything else. */
const maxSeries = 3000;
/** Moments that a calendar has a name for. */
const maxSeconds = 8_640_000_000_000;

/**
 * Draws series as an SVG of exactly `width` × `height` pixels that needs no fonts. The axis of time is `range`, or else what
 * the series span; what lies outside of it does not show. No series draw a picture that says so. The work is bounded by
 * the size of the picture and of the series.
 * @throws RangeError for what cannot be drawn: a colour that is none, limits that exclude each other, zero on a logarithmic axis,
 *   more than 3000 series.
 */
export function drawGraph(series: readonly GraphSeries[], parameters: GraphParameters, range?: GraphRange): string {
  return new Drawing(series, parameters, range).draw();
}

/** When a series stops. */
function endOf({ startSeconds, stepSeconds, values, endSeconds }: GraphSeries): number {
  return endSeconds ?? startSeconds + values.length * stepSeconds;
}

/** Whether a series has times that can be drawn. */
function isTimed(series: GraphSeries): boolean {
  const { startSeconds, stepSeconds } = series;
  const hasTimes = Math.abs(startSeconds) <= maxSeconds && Math.abs(endOf(series)) <= maxSeconds;
  return hasTimes && stepSeconds > 0 && stepSeconds < Infinity;
}

class Drawing {
  readonly #canvas: Canvas;
  readonly #parameters: GraphParameters;
  readonly #series: readonly GraphSeries[];
  readonly #range: GraphRange | undefined;
  readonly #text: TextStyle;
  readonly #foreground: Colour;
  #box: Box;

  constructor(series: readonly GraphSeries[], parameters: GraphParameters, range: GraphRange | undefined) {
    const { width, height, margin, fontSize, isBold, isItalic } = parameters;
    if (series.length > maxSeries)
      throw new RangeError(`A picture shows ${maxSeries} series at most, not ${series.length}`);
    this.#parameters = parameters;
    this.#series = series.filter(isTimed);
    this.#range = range;
    this.#canvas = new Canvas(width, height, parameters.title);
    this.#foreground = parseColour(parameters.foreground);
    this.#text = { face: isBold ? bold : regular, size: fontSize, colour: this.#foreground, isItalic };
    const isBare = margin === 0 && parameters.hideAxes;
    // The first label of times is as wide as its middle is far from the edge.
    const left = isBare ? 0 : margin + 10;
    this.#box = { left, top: margin, right: width - margin, bottom: height - margin };
  }

  draw(): string {
    const { width, height, background } = this.#parameters;
    this.#canvas.rectangle({ left: 0, top: 0, right: width, bottom: height }, parseColour(background));
    const span = this.#span();
    if (span === undefined) this.#drawNothing();
    else this.#drawAll(span);
    return this.#canvas.toSvg();
  }

  /** What the axis of time spans; undefined when there is nothing to draw. */
  #span(): GraphRange | undefined {
    if (this.#series.length === 0) return undefined;
    if (this.#range !== undefined) return this.#range.untilSeconds > this.#range.fromSeconds ? this.#range : undefined;
    const isLevel = this.#isLevel();
    const fromSeconds = this.#series.reduce((least, each) => Math.min(least, each.startSeconds), Infinity);
    const untilSeconds = this.#series.reduce(
      (most, each) => Math.max(most, endOf(each) - (isLevel ? 0 : each.stepSeconds)),
      -Infinity,
    );
    return untilSeconds > fromSeconds ? { fromSeconds, untilSeconds } : undefined;
  }

  /** Whether values hold for their whole step. */
  #isLevel(): boolean {
    return this.#parameters.lineMode === "staircase" || this.#series.some(({ values }) => values.length === 1);
  }

  #drawNothing(): void {
    const { width, height } = this.#parameters;
    const size = Math.max(4, Math.log(width * height));
    const style = { face: bold, size, colour: parseColour("red") };
    this.#canvas.text("No Data", style, { x: width / 2, y: height / 2 + size / 3, align: "center" });
  }

  #drawAll({ fromSeconds, untilSeconds }: GraphRange): void {
    const { hideAxes, hideXAxis, hideGrid } = this.#parameters;
    const series = this.#styled();
    this.#drawTitles(series.some(({ isRight }) => isRight));
    this.#drawLegend(series);
    if (!hideAxes && !hideXAxis) this.#shrink({ bottom: 2 * this.#ascent });
    // Labels of values take room from the plot, whose width decides which values are labelled.
    let plot = this.#plotOf(series, fromSeconds, untilSeconds);
    for (let turn = 0; turn < 3 && this.#makeRoomForLabels(plot); turn++) {
      plot = this.#plotOf(series, fromSeconds, untilSeconds);
    }
    if (!hideAxes) {
      const times = timeAxis({
        fromSeconds,
        untilSeconds,
        widthPixels: Math.max(1, this.#box.right - this.#box.left),
        timeZone: this.#parameters.timeZone,
        widthOf: (text) => this.#widthOf(text),
        ...(this.#parameters.timeFormat === undefined ? {} : { format: this.#parameters.timeFormat }),
      });
      if (!hideGrid) this.#drawGrid(plot, times);
      this.#drawLabels(plot, times);
    }
    plot.draw(this.#canvas);
  }

  get #ascent(): number {
    return this.#text.face.ascent * this.#text.size;
  }

  get #lineHeight(): number {
    return (this.#text.face.ascent + this.#text.face.descent) * this.#text.size;
  }

  #widthOf(text: string): number {
    return this.#text.face.widthOf(text, this.#text.size);
  }

  #shrink({ left = 0, top = 0, right = 0, bottom = 0 }: Partial<Box>): void {
    const box = this.#box;
    this.#box = { left: box.left + left, top: box.top + top, right: box.right - right, bottom: box.bottom - bottom };
  }

  /** The series with their colours and widths. */
  #styled(): PlotSeries[] {
    const { colours, areaMode, left, right, lineWidth } = this.#parameters;
    const cycle = colours.map(parseColour);
    const hasRight = this.#series.some(({ draw }) => draw?.secondYAxis);
    let used = 0;
    return this.#series.map((series, at) => {
      const draw = series.draw ?? {};
      const isRight = draw.secondYAxis ?? false;
      const side = hasRight ? (isRight ? right : left) : {};
      const named = side.colour ?? draw.color;
      const colour = named === undefined ? cycle[used++ % cycle.length] : parseColour(named);
      const isFilled = areaMode === "first" ? at === 0 : areaMode !== "none";
      return {
        series,
        colour: colour ?? this.#foreground,
        lineWidth: Math.min(100, side.width ?? draw.lineWidth ?? lineWidth),
        dash: Math.min(1000, side.dashed ?? draw.dashed ?? 0),
        isArea: !draw.drawAsInfinite && (isFilled || (draw.stacked ?? false)),
        isRight,
      };
    });
  }

  #drawTitles(hasRight: boolean): void {
    const { title, verticalTitle, rightVerticalTitle, width, height, margin } = this.#parameters;
    const size = this.#text.size + Math.floor(Math.log(this.#text.size));
    const style = { ...this.#text, size };
    const { face } = style;
    const lineHeight = (face.ascent + face.descent) * size;
    const linesOf = (text: string, room: number) =>
      text
        .split("\n")
        .slice(0, 10)
        .map((line) => face.fitted(line, size, room));
    if (title !== "") {
      const lines = linesOf(title, width - 4);
      lines.forEach((line, at) => {
        const y = this.#box.top + at * lineHeight + face.ascent * size;
        this.#canvas.text(line, style, { x: width / 2, y, align: "center" });
      });
      this.#shrink({ top: lines.length * lineHeight + margin });
    }
    if (verticalTitle !== "") {
      const lines = linesOf(verticalTitle, height - 4);
      lines.forEach((line, at) => {
        const x = this.#box.left - 10 + face.ascent * size + at * lineHeight;
        this.#canvas.text(line, style, { x, y: height / 2, align: "center", degrees: -90 });
      });
      this.#labelInset = lines.length * lineHeight + margin / 2;
      this.#shrink({ left: this.#labelInset });
    }
    if (hasRight && rightVerticalTitle !== "") {
      const lines = linesOf(rightVerticalTitle, height - 4);
      lines.forEach((line, at) => {
        const x = this.#box.right - face.ascent * size - at * lineHeight;
        this.#canvas.text(line, style, { x, y: height / 2, align: "center", degrees: 90 });
      });
      this.#rightInset = lines.length * lineHeight + margin / 2;
      this.#shrink({ right: this.#rightInset });
    }
  }

  /** What titles on the sides take before labels begin. */
  #labelInset = 0;
  #rightInset = 0;

  #drawLegend(series: readonly PlotSeries[]): void {
    const { hideLegend, uniqueLegend, hideNullFromLegend, width, height, margin } = this.#parameters;
    if (hideLegend ?? series.length > legendMaxSeries) return;
    const seen = new Set<string>();
    const entries = series
      .filter(({ series: { name, values, draw } }) => {
        if (name === "" || draw?.invisible || (uniqueLegend && seen.has(name))) return false;
        seen.add(name);
        return !hideNullFromLegend || Array.prototype.some.call(values, (value) => value === value && value !== null);
      })
      .map(({ series: { name }, colour, isRight }) => ({ name, colour, isRight }));
    // A small picture is for its graph; who wants the legend all the same can ask for it.
    const room = this.#box.bottom - this.#box.top - 2 * this.#ascent - height / 4;
    if (hideLegend === undefined && room < this.#lineHeight + 5) return;
    const taken = drawLegend(this.#canvas, entries, {
      left: margin + 10,
      right: width - 4,
      bottom: this.#box.bottom,
      drop: margin / 2,
      maxHeight: height / 2,
      face: this.#text.face,
      size: this.#text.size,
      colour: this.#foreground,
      isItalic: this.#parameters.isItalic,
    });
    this.#shrink({ bottom: taken });
  }

  #plotOf(series: readonly PlotSeries[], fromSeconds: number, untilSeconds: number): Plot {
    // Something must be left, however much stands around.
    const { left, top } = this.#box;
    const box = { left, top, right: Math.max(left + 1, this.#box.right), bottom: Math.max(top + 1, this.#box.bottom) };
    this.#box = box;
    const labelRoom = Math.max(2, (box.bottom - box.top) / (this.#lineHeight * 1.05));
    return new Plot({ parameters: this.#parameters, series, box, fromSeconds, untilSeconds, labelRoom });
  }

  /** Whether the labels of values needed more room than they had. */
  #makeRoomForLabels(plot: Plot): boolean {
    const { hideAxes, hideYAxis, yAxisSide, margin, width } = this.#parameters;
    if (hideAxes || hideYAxis) return false;
    const widest = ({ labels }: ValueAxis) =>
      labels.reduce((most, { text }) => Math.max(most, this.#widthOf(text)), 0) * 1.02 + 3;
    const onRight = plot.right ?? (yAxisSide === "right" ? plot.left : undefined);
    const onLeft = plot.right !== undefined || yAxisSide === "left" ? plot.left : undefined;
    const { left, right } = this.#box;
    const wantedLeft = onLeft === undefined ? left : Math.max(left, margin + this.#labelInset + widest(onLeft));
    const wantedRight =
      onRight === undefined ? right : Math.min(right, width - margin / 2 - this.#rightInset - widest(onRight));
    this.#box = { ...this.#box, left: wantedLeft, right: wantedRight };
    return wantedLeft > left || wantedRight < right;
  }

  #drawGrid(plot: Plot, times: TimeAxis): void {
    const { majorGridLine, minorGridLine, minorY } = this.#parameters;
    const { left, top, right, bottom } = this.#box;
    const major = parseColour(majorGridLine);
    const minor = parseColour(minorGridLine);
    // Lines of one whole pixel, and paler for it, are clearer than those of half a pixel.
    const crisp = (at: number) => Math.floor(at) + 0.5;
    const across = (y: number): Polyline => [left, crisp(y), right, crisp(y)];
    const upright = (x: number): Polyline => [crisp(x), top, crisp(x), bottom];
    const isInside = (y: number | undefined): y is number => y !== undefined && y >= top - 1 && y <= bottom + 1;
    const { labels } = plot.left;
    const majorY = labels.map(({ value }) => plot.yOf(value)).filter(isInside);
    const betweenY = labels.flatMap(({ value }, at) => {
      const next = labels[at + 1]?.value;
      if (next === undefined) return [];
      return Array.from({ length: minorY }, (_, line) =>
        plot.yOf(value + ((next - value) * (line + 1)) / (1 + minorY)),
      );
    });
    const isWithin = (x: number) => x >= left && x < right;
    const minorX = times.minor.map((at) => plot.xOf(at)).filter(isWithin);
    const majorX = times.labels.map(({ atSeconds }) => plot.xOf(atSeconds)).filter(isWithin);
    const thin = { colour: withAlpha(minor, 0.3 * minor.alpha), width: 1 };
    const thick = { colour: withAlpha(major, 0.45 * major.alpha), width: 1 };
    this.#canvas.stroke([...betweenY.filter(isInside).map(across), ...minorX.map(upright)], thin);
    this.#canvas.stroke([...majorY.map(across), ...majorX.map(upright), upright(left), upright(right - 1)], thick);
  }

  #drawLabels(plot: Plot, times: TimeAxis): void {
    const { hideXAxis, hideYAxis, yAxisSide, width } = this.#parameters;
    const { left, right, bottom } = this.#box;
    const middle = ((this.#text.face.ascent - this.#text.face.descent) / 2) * this.#text.size;
    const beside = (axis: ValueAxis, side: "left" | "right") => {
      for (const { value, text } of axis.labels) {
        const y = plot.yOf(value, axis);
        const place =
          side === "left" ? { x: left - 3, align: "right" as const } : { x: right + 3, align: "left" as const };
        if (y !== undefined) this.#canvas.text(text, this.#text, { ...place, y: y + middle });
      }
    };
    if (!hideYAxis) {
      if (plot.right !== undefined) beside(plot.right, "right");
      beside(plot.left, plot.right === undefined ? yAxisSide : "left");
    }
    if (hideXAxis) return;
    let free = 0;
    for (const { atSeconds, text } of times.labels) {
      const x = plot.xOf(atSeconds);
      const half = this.#widthOf(text) / 2;
      // Neither over the edge of the picture nor over the label before.
      if (x - half < free || x + half > width) continue;
      this.#canvas.text(text, this.#text, { x, y: bottom + 1.9 * this.#ascent, align: "center" });
      free = x + half + this.#text.size / 4;
    }
  }
}
