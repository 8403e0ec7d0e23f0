/**
 * The axis of values: limits, steps that people like, and labels with units. The data's limits are widened to whole steps;
 * of the ways to divide an axis the one is taken that wastes least room. Limits that were asked for are kept to the letter.
 * Source: the behaviour of graphite-web 1.1, so that dashboards keep their look.
 */
import type { UnitSystem, ValueAxisParameters } from "./graph-parameters.ts";

/** A value beside the axis. */
export interface ValueLabel {
  readonly value: number;
  readonly text: string;
}

/** A finished axis. */
export interface ValueAxis {
  readonly bottom: number;
  readonly top: number;
  readonly labels: readonly ValueLabel[];
  /** How far up a value lies, 0 at the bottom to 1 at the top; undefined where it has no place (zero on a logarithmic axis). */
  positionOf(value: number): number | undefined;
}

/** What an axis is made for. */
export interface ValueAxisOptions {
  readonly least: number;
  readonly most: number;
  readonly wanted: ValueAxisParameters;
  readonly unitSystem: UnitSystem;
  readonly divisors: readonly number[];
  readonly logBase?: number;
  /** How many labels there is room for. */
  readonly labelRoom: number;
}

/** Smaller than a pixel of any picture. */
const slight = 0.0001;

const units: Readonly<Record<UnitSystem, readonly (readonly [string, number])[]>> = {
  si: [
    ["P", 1e15],
    ["T", 1e12],
    ["G", 1e9],
    ["M", 1e6],
    ["k", 1e3],
  ],
  binary: [
    ["Pi", 2 ** 50],
    ["Ti", 2 ** 40],
    ["Gi", 2 ** 30],
    ["Mi", 2 ** 20],
    ["Ki", 2 ** 10],
  ],
  sec: [
    ["Y", 31_536_000],
    ["M", 2_592_000],
    ["D", 86_400],
    ["H", 3600],
    ["m", 60],
  ],
  msec: [
    ["Y", 31_536_000_000],
    ["M", 2_592_000_000],
    ["D", 86_400_000],
    ["H", 3_600_000],
    ["m", 60_000],
    ["s", 1000],
  ],
  none: [],
};

/** The fewest decimals that tell multiples of `step` apart, up to `most`. */
function decimalsOf(step: number, most: number): number {
  for (let decimals = 0; decimals < most; decimals++) {
    const scaled = step * 10 ** decimals;
    if (Math.abs(scaled - Math.round(scaled)) < 1e-6 * scaled) return decimals;
  }
  return most;
}

/** A value as the axis labels it, where neighbours are `step` apart. */
export function labelOf(value: number, step: number, unitSystem: UnitSystem): string {
  const size = Math.abs(value);
  const [unit, unitSize] = units[unitSystem].find(([, each]) => size >= each && step >= each) ?? ["", 1];
  const shown = value / unitSize;
  const suffix = unit === "" ? "" : ` ${unit}`;
  if (size !== 0 && (Math.abs(shown) >= 1e15 || step / unitSize < 1e-6)) {
    return `${String(Number(shown.toPrecision(6)))}${suffix}`;
  }
  const isDecimal = unitSize === 1 || unitSystem === "si";
  const text = shown.toFixed(decimalsOf(step / unitSize, isDecimal ? 8 : 2));
  return `${Number(text) === 0 ? text.replace("-", "") : text}${suffix}`;
}

/** Steps that people like, from the least that is not below `least`. */
function* niceSteps(least: number, isBinary: boolean): Generator<number> {
  const base = isBinary ? 2 : 10;
  const first = Math.floor(Math.log(least) / Math.log(base) - slight);
  for (let exponent = first; exponent < first + 50; exponent++) {
    for (const factor of isBinary ? [1] : [1, 2, 5]) {
      const step = factor * base ** exponent;
      if (step >= least * (1 - slight)) yield step;
    }
  }
}

/** The step that wastes least room. */
function chosenStep(least: number, most: number, divisors: readonly number[], isBinary: boolean): number {
  const span = most - least;
  const fewest = Math.min(...divisors);
  let best: { step: number; waste: number } | undefined;
  for (const step of niceSteps(span / Math.max(...divisors), isBinary)) {
    // Beyond this, the parts themselves waste more.
    if (best !== undefined && step * fewest >= 2 * best.waste + span) break;
    for (const divisor of divisors) {
      const bottom = step * Math.floor(least / step + slight);
      const top = bottom + step * divisor;
      if (top < most - slight * step) continue;
      const waste = Math.max(top - most, least - bottom);
      if (best === undefined || waste < best.waste) best = { step, waste };
    }
  }
  return best?.step ?? span;
}

interface Limits {
  least: number;
  most: number;
  isLeastFixed: boolean;
  isMostFixed: boolean;
  ceiling: number;
}

/** A distance that an axis may have when one limit is all that is known. */
function reach(value: number): number {
  return Math.abs(value) < 1e-9 ? 1 : 0.1 * Math.abs(value);
}

function limitsOf({ least, most, wanted }: ValueAxisOptions): Limits {
  const limits: Limits = {
    least: wanted.min ?? least,
    most: typeof wanted.max === "number" ? wanted.max : most,
    isLeastFixed: wanted.min !== undefined,
    isMostFixed: wanted.max !== undefined,
    ceiling: wanted.limit ?? Infinity,
  };
  if (limits.ceiling < limits.most) {
    limits.most = limits.ceiling;
    limits.isMostFixed = true;
    limits.ceiling = Infinity;
  }
  if (!(limits.most - limits.least < Infinity))
    throw new RangeError(`The axis cannot reach from ${limits.least} to ${limits.most}`);
  // Closer together than numbers can be divided counts as the same.
  if (limits.most - limits.least > 1e-300) return limits;
  const isMostAsked = limits.isMostFixed && wanted.max !== "max";
  if (limits.isLeastFixed && isMostAsked)
    throw new RangeError(`yMin must be below yMax, but ${limits.least} is not below ${limits.most}`);
  if (limits.isLeastFixed) limits.most = limits.least + reach(limits.least);
  else if (isMostAsked) limits.least = limits.most - reach(limits.most);
  else {
    const middle = (limits.least + limits.most) / 2;
    const distance = reach(Math.max(Math.abs(limits.least), Math.abs(limits.most)));
    limits.least = middle - distance;
    limits.most = middle + distance;
  }
  return limits;
}

function linearAxis(options: ValueAxisOptions): ValueAxis {
  const { wanted, unitSystem, divisors, labelRoom } = options;
  const { least, most, isLeastFixed, isMostFixed, ceiling } = limitsOf(options);
  const isBinary = unitSystem === "binary";
  // Whatever is beyond the last digit of a number cannot be divided further.
  const finest = Math.max(Math.abs(least), Math.abs(most)) * 1e-12;
  const asked = wanted.step !== undefined && most - least <= 1000 * wanted.step ? wanted.step : undefined;
  const step = asked ?? Math.max(chosenStep(least, most, divisors, isBinary), finest, Number.MIN_VALUE);
  const bottom = isLeastFixed ? least : step * Math.floor(least / step + slight);
  const wholeTop = isMostFixed ? most : Math.min(step * Math.ceil(most / step - slight), Math.max(ceiling, most));
  const top = wholeTop > bottom ? wholeTop : bottom + 1;
  // Without a sign, should it be zero.
  const first = Math.ceil(bottom / step - slight) + 0;
  const count = Math.min(1001, Math.floor(top / step + slight) - first + 1);
  // Where labels would run into each other, only each second, fifth or tenth is shown.
  const stride = [1, 2, 5, 10, 20, 50, 100, 200, 500].find((each) => count / each <= labelRoom) ?? 1000;
  const labels: ValueLabel[] = [];
  for (let number = Math.ceil(first / stride) * stride; number < first + count; number += stride) {
    labels.push({ value: number * step, text: labelOf(number * step, step * stride, unitSystem) });
  }
  return { bottom, top, labels, positionOf: (value) => (value - bottom) / (top - bottom) };
}

function logarithmicAxis(options: ValueAxisOptions, base: number): ValueAxis {
  const { unitSystem, labelRoom } = options;
  const { least, most } = limitsOf(options);
  if (least <= 0) throw new RangeError(`logBase needs values above zero, but ${least} is the least`);
  const scale = Math.log(base);
  const first = Math.floor(Math.log(least) / scale + slight);
  const last = Math.max(first + 1, Math.ceil(Math.log(most) / scale - slight));
  if (last - first > 1e6) throw new RangeError(`logBase ${base} is too small for values from ${least} to ${most}`);
  const stride = Math.max(1, Math.ceil((last - first + 1) / Math.max(1, labelRoom)));
  const labels: ValueLabel[] = [];
  for (let exponent = first; exponent <= last; exponent += stride) {
    const value = base ** exponent;
    const isWhole = Number.isInteger(base);
    labels.push({ value, text: labelOf(isWhole ? value : Number(value.toPrecision(3)), value, unitSystem) });
  }
  return {
    bottom: base ** first,
    top: base ** last,
    labels,
    positionOf: (value) => (value > 0 ? (Math.log(value) / scale - first) / (last - first) : undefined),
  };
}

/** The axis for some values. @throws RangeError for limits that exclude each other, and for what a logarithm has no place for. */
export function valueAxis(options: ValueAxisOptions): ValueAxis {
  const axis = options.logBase === undefined ? linearAxis(options) : logarithmicAxis(options, options.logBase);
  if (Number.isFinite(axis.bottom) && Number.isFinite(axis.top) && axis.top - axis.bottom < Infinity) return axis;
  throw new RangeError(`The axis cannot reach from ${axis.bottom} to ${axis.top}`);
}
