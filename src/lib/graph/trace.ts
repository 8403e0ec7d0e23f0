/**
 * From values to lines and areas in pixels. A trace is one series on its way: its values at equal distances of pixels. A value
 * that stands alone shows as a short level line. Areas of one axis never cover each other: each begins where those before it end, above
 * zero and below it, so that colours which are seen through do not mix.
 */
import type { Polyline } from "./canvas.ts";
import type { LineMode } from "./graph-parameters.ts";

/** The values of one series, `stepPixels` from each other, the first at `leftPixels`. NaN is not known. */
export interface Trace {
  readonly values: Float64Array;
  readonly leftPixels: number;
  readonly stepPixels: number;
}

/** How a trace is made into lines. */
export interface TraceOptions {
  readonly mode: LineMode;
  readonly connectedLimit: number;
  /** The height of a value in pixels from above; undefined where it has no place. */
  yOf(value: number): number | undefined;
}

/** Beyond any picture, and still a number that drawing programs can take. */
const farPixels = 20_000;

/** The height of a value, or NaN for none. */
function heightOf(value: number, { yOf }: TraceOptions): number {
  if (Number.isNaN(value)) return Number.NaN;
  const y = yOf(value);
  return y === undefined || Number.isNaN(y) ? Number.NaN : Math.max(-farPixels, Math.min(farPixels, y));
}

/** The lines of a trace, one for each stretch without gaps. */
export function linesOf(trace: Trace, options: TraceOptions): Polyline[] {
  const { values, leftPixels, stepPixels } = trace;
  const { mode, connectedLimit } = options;
  const lines: number[][] = [];
  let line: number[] | undefined;
  let lastY = Number.NaN;
  let gap = 0;
  const endLevel = (x: number) => {
    // What stands alone would not show, and the last value holds for its whole step.
    if (line !== undefined && (mode === "slope" || line.length === 2)) line.push(x, lastY);
    line = undefined;
  };
  for (let index = 0; index < values.length; index++) {
    const x = leftPixels + index * stepPixels;
    const y = heightOf(values[index] ?? Number.NaN, options);
    if (Number.isNaN(y)) {
      if (mode !== "connected" && gap === 0) endLevel(x);
      gap++;
      continue;
    }
    if (mode === "connected" && gap > connectedLimit) endLevel(x - gap * stepPixels);
    if (line === undefined) {
      line = [];
      lines.push(line);
    }
    line.push(x, y);
    if (mode === "staircase") line.push(x + stepPixels, y);
    lastY = y;
    gap = 0;
  }
  if (line?.length === 2) line.push((line[0] ?? 0) + stepPixels, lastY);
  return lines;
}

/** Upright lines wherever a value is above zero. */
export function uprightsOf({ values, leftPixels, stepPixels }: Trace, top: number, bottom: number): Polyline[] {
  const lines: Polyline[] = [];
  values.forEach((value, index) => {
    const x = leftPixels + index * stepPixels;
    if (value > 0) lines.push([x, bottom, x, top]);
  });
  return lines;
}

/** Bridges gaps of at most `limit` values with a straight line. */
function bridged(values: Float64Array, limit: number): Float64Array {
  const made = Float64Array.from(values);
  let last = -1;
  for (let index = 0; index < made.length; index++) {
    const value = made[index] ?? Number.NaN;
    if (Number.isNaN(value)) continue;
    const before = made[last] ?? Number.NaN;
    if (last >= 0 && index - last - 1 <= limit) {
      for (let at = last + 1; at < index; at++) {
        made[at] = before + ((value - before) * (at - last)) / (index - last);
      }
    }
    last = index;
  }
  return made;
}

/** Whether all traces have their values at the same places. */
export function areAlike(traces: readonly Trace[]): boolean {
  const [first] = traces;
  return traces.every(
    ({ values, leftPixels, stepPixels }) =>
      leftPixels === first?.leftPixels && stepPixels === first.stepPixels && values.length === first.values.length,
  );
}

/** A trace with a value for each pixel, or `count` in all, for comparing it with others. */
export function perPixel(trace: Trace, options: TraceOptions, left: number, right: number, count: number): Trace {
  const { leftPixels, stepPixels } = trace;
  const values = options.mode === "connected" ? bridged(trace.values, options.connectedLimit) : trace.values;
  const distance = Math.max(1, (right - left) / Math.max(1, count));
  const made = new Float64Array(Math.max(1, Math.ceil((right - left) / distance) + 1));
  for (let column = 0; column < made.length; column++) {
    const place = (left + column * distance - leftPixels) / stepPixels;
    const index = Math.floor(place + 1e-9);
    const value = values[index] ?? Number.NaN;
    const next = values[index + 1] ?? Number.NaN;
    const isLevel = options.mode === "staircase" || Number.isNaN(next);
    const isPast = isLevel && options.mode !== "staircase" && index >= values.length - 1 && place > index + 1e-9;
    made[column] = isPast ? Number.NaN : isLevel ? value : value + (next - value) * (place - index);
  }
  return { values: made, leftPixels: left, stepPixels: distance };
}

/** Areas over the same places, one after the other. */
export class AreaStack {
  readonly #options: TraceOptions;
  readonly #zeroY: number;
  readonly #isSummed: boolean;
  /** Where the next area begins, above zero and below it, in pixels. */
  readonly #above: Float64Array;
  readonly #below: Float64Array;
  /** What is stacked so far, above zero and below it. */
  readonly #sumAbove: Float64Array;
  readonly #sumBelow: Float64Array;

  /** `zeroY` is where areas end; `length` how many places there are. Summed areas stand on each other. */
  constructor(options: TraceOptions, zeroY: number, length: number, isSummed: boolean) {
    this.#options = options;
    this.#zeroY = zeroY;
    this.#isSummed = isSummed;
    this.#above = new Float64Array(length + 1).fill(zeroY);
    this.#below = new Float64Array(length + 1).fill(zeroY);
    this.#sumAbove = new Float64Array(length + 1);
    this.#sumBelow = new Float64Array(length + 1);
  }

  /** Stacks a value on those below it. */
  #stacked(value: number, index: number): number {
    if (!this.#isSummed || Number.isNaN(value)) return value;
    const sums = value < 0 ? this.#sumBelow : this.#sumAbove;
    const sum = (sums[index] ?? 0) + value;
    sums[index] = sum;
    return sum;
  }

  /** The next area, and the line along its edge. */
  add(trace: Trace): { area: Polyline[]; edge: Polyline[] } {
    const { mode, connectedLimit } = this.#options;
    const { leftPixels, stepPixels } = trace;
    const values = mode === "connected" ? bridged(trace.values, connectedLimit) : trace.values;
    const summed = values.map((value, index) => this.#stacked(value, index));
    const area: number[][] = [];
    let upper: number[] = [];
    let lower: number[] = [];
    const end = () => {
      if (upper.length > 0) area.push([...upper, ...reversed(lower)]);
      upper = [];
      lower = [];
    };
    // Zero belongs to neither side; it goes with its neighbours, so that no line jumps over what is stacked.
    let isAbove = (values.find((value) => value !== 0 && !Number.isNaN(value)) ?? 1) > 0;
    const put = (x: number, y: number, index: number) => {
      const edges = isAbove ? this.#above : this.#below;
      const from = edges[index] ?? this.#zeroY;
      const to = isAbove ? Math.min(y, from) : Math.max(y, from);
      upper.push(x, to);
      lower.push(x, from);
      return () => {
        edges[index] = to;
      };
    };
    // Where the values change sides, the area shrinks to nothing and begins on the other side.
    const cross = (x: number, part: number, index: number) => {
      const fromEdges = isAbove ? this.#above : this.#below;
      const toEdges = isAbove ? this.#below : this.#above;
      const old = lower.at(-1) ?? this.#zeroY;
      const left = old + ((fromEdges[index] ?? this.#zeroY) - old) * part;
      upper.push(x, left);
      lower.push(x, left);
      end();
      const before = toEdges[index - 1] ?? this.#zeroY;
      const entered = before + ((toEdges[index] ?? this.#zeroY) - before) * part;
      upper.push(x, entered);
      lower.push(x, entered);
    };
    let lastY = Number.NaN;
    let lastValue = Number.NaN;
    for (let index = 0; index < summed.length; index++) {
      const x = leftPixels + index * stepPixels;
      const value = values[index] ?? Number.NaN;
      const y = heightOf(summed[index] ?? Number.NaN, this.#options);
      if (Number.isNaN(y)) {
        if (upper.length > 0 && mode !== "staircase") put(x, lastY, index)();
        end();
        continue;
      }
      const isOtherSide = value !== 0 && value > 0 !== isAbove;
      if (isOtherSide && upper.length > 0) {
        const ratio = Math.abs(lastValue) / (Math.abs(lastValue) + Math.abs(value));
        const part = Number.isNaN(ratio) ? 0.5 : ratio;
        if (mode === "staircase") end();
        else cross(x - stepPixels * (1 - part), part, index);
      }
      if (isOtherSide) isAbove = !isAbove;
      const settle = put(x, y, index);
      if (mode === "staircase") put(x + stepPixels, y, index);
      settle();
      lastY = y;
      lastValue = value;
    }
    if (upper.length === 2 && mode !== "staircase") put((upper[0] ?? 0) + stepPixels, lastY, summed.length);
    end();
    return { area, edge: linesOf({ ...trace, values: summed }, this.#options) };
  }
}

function reversed(line: readonly number[]): number[] {
  const made: number[] = [];
  for (let at = line.length - 2; at >= 0; at -= 2) made.push(line[at] ?? 0, line[at + 1] ?? 0);
  return made;
}
