/**
 * What a rule makes of measurements: which stretches of time it asks for, and a verdict from the answers. Pure: values
 * in, verdicts out. A value that is no number counts as none, and the newest value counts only within the rule's grace,
 * so points that have yet to arrive are not taken for silence, nor an old value for a new one.
 */
import type { SourceSeries, TargetAnswer } from "../../kit/metric-source/source.ts";
import type { Grade } from "./memory.ts";
import type { Rule } from "./rule.ts";

/** One question to the source; epoch seconds. */
export interface Ask {
  target: string;
  fromSeconds: number;
  untilSeconds: number;
}

/** What came of a rule, or of one series of it. */
export interface Verdict {
  series: string | undefined;
  outcome: "good" | "bad" | "error" | "no-data";
  value: number | undefined;
  /** Where it is bad, and the rule has two thresholds: which of them it is past. */
  grade?: Grade;
  /** Empty when good. */
  message: string;
}

/** A rule for each of its series may have so many. */
export const seriesMax = 1000;

const weekSeconds = 604_800;

/** What has to be asked to judge a rule at an instant. */
export function asksOf(rule: Rule, atSeconds: number): Ask[] {
  const { measure, target } = rule;
  const windowSeconds = Math.max(1, Math.ceil(rule.windowMs / 1000));
  const ask = (backSeconds: number, lengthSeconds: number): Ask => ({
    target,
    fromSeconds: atSeconds - backSeconds - lengthSeconds,
    untilSeconds: atSeconds - backSeconds,
  });
  if (measure.kind === "change") return [ask(0, windowSeconds + Math.ceil(measure.overMs / 1000))];
  if (measure.kind === "value") return [ask(0, windowSeconds)];
  return Array.from({ length: measure.weeks + 1 }, (_, week) => ask(week * weekSeconds, windowSeconds));
}

/** The verdicts on a rule: one, or one for each series. `answers` are those to {@link asksOf}, in its order. */
export function verdictsOf(rule: Rule, answers: readonly TargetAnswer[], atSeconds: number): Verdict[] {
  const failed = answers.find(({ fault }) => fault !== undefined)?.fault;
  if (failed) return [without("error", undefined, failed.message)];
  const [present, ...earlier] = answers.map(({ series }) => series ?? []);
  if (!present) return [without("error", undefined, "Nothing was answered")];
  if (rule.isPerSeries && present.length > seriesMax) {
    const message = `Its target gives ${present.length} series: wanted at most ${seriesMax} where each is judged`;
    return [without("error", undefined, message)];
  }
  const earlierByName = earlier.map((series) => new Map(series.map((one) => [one.name, one])));
  const measured = present.map((series) => {
    const value = measure(rule, series, earlierByName, atSeconds);
    // What is left of two infinities is no number.
    return { series: series.name, value: Number.isNaN(value) ? ("none" as const) : value };
  });
  if (rule.isPerSeries) return measured.map(({ series, value }) => compared(rule, series, value));
  let worst: number | "none" | "nothing to compare" = "none";
  for (const { value } of measured) {
    if (typeof value !== "number") {
      if (worst === "none") worst = value;
    } else if (typeof worst !== "number" || isWorse(rule, value, worst)) {
      worst = value;
    }
  }
  return [compared(rule, undefined, worst)];
}

/** No value, or one that has nothing to be held against. */
type Measured = number | "none" | "nothing to compare";

function compared(rule: Rule, series: string | undefined, measured: Measured): Verdict {
  if (measured === "none") return without("no-data", series, "There are no values");
  // A new metric has no past: that is no reason to wake anybody.
  if (measured === "nothing to compare") return { series, outcome: "good", value: undefined, message: "" };
  const { criticalThreshold, direction } = rule;
  const value = sized(rule, measured);
  const isPast = (bound: number) => (direction === "above" ? value >= bound : value <= bound);
  if (!isPast(rule.threshold)) return { series, outcome: "good", value, message: "" };
  const sign = direction === "above" ? ">=" : "<=";
  const isCritical = criticalThreshold !== undefined && isPast(criticalThreshold);
  const threshold = isCritical ? criticalThreshold : rule.threshold;
  const message = `${value.toFixed(6)} ${sign} ${threshold.toFixed(6)}${aboutMeasure(rule)}`;
  if (criticalThreshold === undefined) return { series, outcome: "bad", value, message };
  return { series, outcome: "bad", value, grade: isCritical ? "critical" : "warning", message };
}

function without(outcome: "error" | "no-data", series: string | undefined, message: string): Verdict {
  return { series, outcome, value: undefined, message };
}

function sized(rule: Rule, value: number): number {
  return rule.isEitherWay ? Math.abs(value) : value;
}

function isWorse(rule: Rule, value: number, than: number): boolean {
  const [one, other] = [sized(rule, value), sized(rule, than)];
  return rule.direction === "above" ? one > other : one < other;
}

function measure(
  rule: Rule,
  series: SourceSeries,
  earlier: readonly ReadonlyMap<string, SourceSeries>[],
  atSeconds: number,
): Measured {
  const newest = newestIn(series, atSeconds);
  if (!newest || atSeconds - newest[1] > rule.graceMs / 1000) return "none";
  const { measure: how } = rule;
  if (how.kind === "value") return newest[0];
  if (how.kind === "change") {
    const before = newestIn(series, newest[1] - how.overMs / 1000);
    if (!before) return "nothing to compare";
    const difference = newest[0] - before[0];
    if (how.as === "difference") return difference;
    if (how.as === "per-second") return difference / (newest[1] - before[1]);
    if (before[0] === 0) return difference === 0 ? 0 : "nothing to compare";
    return (difference / Math.abs(before[0])) * 100;
  }
  const past = earlier.flatMap((week) => valuesIn(week.get(series.name)));
  if (past.length === 0) return "nothing to compare";
  const difference = meanOf(valuesIn(series)) - meanOf(past);
  const size = Math.abs(meanOf(past));
  if (difference === 0) return 0;
  if (how.as === "percent") return size === 0 ? "nothing to compare" : (difference / size) * 100;
  // A line that never moved must not make a hair's breadth a sensation.
  const unit = Math.max(deviationOf(past), size / 100);
  return unit === 0 ? "nothing to compare" : difference / unit;
}

/** The newest value at or before an instant. */
function newestIn(series: SourceSeries, atSeconds: number): readonly [number, number] | undefined {
  const { points } = series;
  for (let position = points.length - 1; position >= 0; position--) {
    const [value, at] = points[position] as readonly [number | null, number];
    if (at <= atSeconds && value !== null && !Number.isNaN(value)) return [value, at];
  }
  return undefined;
}

function valuesIn(series: SourceSeries | undefined): number[] {
  const values: number[] = [];
  for (const [value] of series?.points ?? []) if (value !== null && Number.isFinite(value)) values.push(value);
  return values;
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The standard deviation of all of them, not of a sample. */
function deviationOf(values: readonly number[]): number {
  const mean = meanOf(values);
  return Math.sqrt(meanOf(values.map((value) => (value - mean) ** 2)));
}

function aboutMeasure({ measure: how, isEitherWay }: Rule): string {
  const size = isEitherWay ? ", either way" : "";
  if (how.kind === "value") return isEitherWay ? " (either way)" : "";
  if (how.kind === "weeks") return ` (${how.as} against ${how.weeks} weeks before${size})`;
  return ` (${how.as} over ${how.overMs / 1000} s${size})`;
}
