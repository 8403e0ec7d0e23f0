/**
 * Many charts asked at once: targets that several of them share are asked once, charts with a span of their own together
 * with others of the same span, and each chart gets its own series and its own problems. Also remembers how the source
 * fares, for whoever wants to know whether it is there.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { inParallel } from "../../kit/in-parallel.ts";
import type { MetricSource, SourceSeries, TargetAnswer } from "../../kit/metric-source/source.ts";

/** What one chart wants. */
export interface ChartQuestion {
  readonly targets: readonly string[];
  /** A span of its own, up to the end of the range. */
  readonly spanSeconds?: number | undefined;
}

/** The range of a question, in epoch seconds. */
export interface ChartRange {
  readonly fromSeconds: number;
  readonly untilSeconds: number;
  /** The most points of a series. */
  readonly points: number;
}

/** One line of a chart: evenly spaced where it has `start` and `step` (epoch seconds), else with its times. */
export type ChartSeries = { name: string; values: (number | null)[] } & (
  { start: number; step: number; times?: never } | { times: number[]; start?: never; step?: never }
);

/** What a chart gets. */
export interface ChartAnswer {
  readonly series: readonly ChartSeries[];
  /** Why something is missing, a sentence each, without final periods. */
  readonly problems: readonly string[];
}

/** Series of one chart that are sent; nobody sees more. */
const seriesMax = 200;
/** Points of one question; a page of fifty charts with forty lines each stays below. */
const pointsMax = 2_000_000;
/** Targets that are asked for at a time, so that what is too much is noticed on the way. */
const portionTargets = 200;
/** Different spans that are asked for at a time. */
const spansAtOnce = 4;
const leftOut: ChartAnswer = {
  series: [],
  problems: [`Left out: one question gets ${pointsMax.toLocaleString("en")} points at most, ask for less at once`],
};

/** A source that is watched. */
export class WatchedSource {
  readonly source: MetricSource;
  readonly #clock: Clock;
  readonly #told: (outcome: "good" | "bad", elapsedMs: number, targets: number) => void;
  #trouble: { sinceAt: number; sentence: string } | undefined;

  constructor(
    source: MetricSource,
    parts: { clock: Clock; told(outcome: "good" | "bad", elapsedMs: number, targets: number): void },
  ) {
    this.source = source;
    this.#clock = parts.clock;
    this.#told = (outcome, elapsedMs, targets) => parts.told(outcome, elapsedMs, targets);
  }

  /** Since when and why it does not answer; undefined when the last question was answered. */
  get trouble(): { readonly sinceAt: number; readonly sentence: string } | undefined {
    return this.#trouble;
  }

  /** One answer for each chart, in their order. Faults: those of the source as a whole. */
  async charts(questions: readonly ChartQuestion[], range: ChartRange, signal: AbortSignal): Promise<ChartAnswer[]> {
    const answers: ChartAnswer[] = [];
    let pointsLeft = pointsMax;
    const groups = Map.groupBy(questions.keys(), (at) => questions[at]?.spanSeconds ?? 0);
    await inParallel([...groups], spansAtOnce, async ([spanSeconds, places]) => {
      // A span that is nearly nothing, or goes back before time began, is no reason to leave the other charts without.
      const fromSeconds =
        spanSeconds > 0 ? Math.max(0, range.untilSeconds - Math.max(1, Math.floor(spanSeconds))) : range.fromSeconds;
      for (const portion of portionsOf(places, (at) => questions[at]?.targets.length ?? 0)) {
        const targets = [...new Set(portion.flatMap((at) => questions[at]?.targets ?? []))];
        const found = pointsLeft > 0 ? await this.#render(targets, { ...range, fromSeconds }, signal) : [];
        const byTarget = new Map(targets.map((target, at) => [target, found[at]]));
        for (const at of portion) {
          const answer = pointsLeft > 0 ? chartAnswer(questions[at]?.targets ?? [], byTarget) : leftOut;
          pointsLeft -= answer.series.reduce((sum, { values }) => sum + values.length, 0);
          answers[at] = pointsLeft >= 0 ? answer : leftOut;
        }
      }
    });
    return answers;
  }

  #render(targets: readonly string[], { points, ...range }: ChartRange, signal: AbortSignal) {
    return this.#watched(targets.length, () =>
      this.source.render(targets, { ...range, maxDataPoints: points }, signal),
    );
  }

  /** Why each of those targets that cannot be answered cannot, a sentence each. Faults: those of the source as a whole. */
  async failing(targets: readonly string[], range: ChartRange, signal: AbortSignal): Promise<Map<string, string>> {
    const found = await this.#render(targets, range, signal);
    const failed = targets.map((target, at): [string, string | undefined] => [target, found[at]?.fault?.message]);
    return new Map(failed.filter((each): each is [string, string] => each[1] !== undefined));
  }

  /** The nodes one level below what a pattern matches, by name. Faults: those of the source. */
  async find(pattern: string, signal: AbortSignal) {
    return this.#watched(0, () => this.source.find(pattern, signal));
  }

  async #watched<T>(targets: number, ask: () => Promise<T>): Promise<T> {
    const startedMs = this.#clock.monotonicMs();
    try {
      const answer = await ask();
      this.#trouble = undefined;
      this.#told("good", this.#clock.monotonicMs() - startedMs, targets);
      return answer;
    } catch (thrown) {
      const isSource = thrown instanceof Fault && ["unavailable", "timeout", "limited"].includes(thrown.kind);
      if (isSource) this.#trouble = { sinceAt: this.#trouble?.sinceAt ?? this.#clock.now(), sentence: thrown.message };
      this.#told("bad", this.#clock.monotonicMs() - startedMs, targets);
      throw thrown;
    }
  }
}

/** Charts in order, in portions of about so many targets, of one chart at least. */
function portionsOf(places: readonly number[], targetsOf: (at: number) => number): number[][] {
  const portions: number[][] = [];
  let room = 0;
  for (const at of places) {
    room -= targetsOf(at);
    if (room < 0 || portions.length === 0) {
      portions.push([]);
      room = portionTargets - targetsOf(at);
    }
    portions.at(-1)?.push(at);
  }
  return portions;
}

function chartAnswer(targets: readonly string[], found: ReadonlyMap<string, TargetAnswer | undefined>): ChartAnswer {
  const series: ChartSeries[] = [];
  const problems: string[] = [];
  for (const target of targets) {
    const answer = found.get(target);
    if (answer?.fault) problems.push(targets.length === 1 ? answer.fault.message : named(target, answer.fault.message));
    else series.push(...(answer?.series ?? []).map(chartSeries));
  }
  if (series.length > seriesMax) problems.push(`${series.length - seriesMax} of ${series.length} series are left out`);
  return { series: series.slice(0, seriesMax), problems };
}

/** A reason with the target that it is about, unless it names it already. */
export function named(target: string, reason: string): string {
  if (reason.includes(target)) return reason;
  return `${target.length > 60 ? `${target.slice(0, 59)}…` : target}: ${reason}`;
}

/** A series without what can be counted from its beginning. */
export function chartSeries({ name, points }: SourceSeries): ChartSeries {
  const values = points.map(([value]) => (value === null || Number.isFinite(value) ? value : null));
  const start = points[0]?.[1] ?? 0;
  const step = (points[1]?.[1] ?? start + 1) - start;
  const isEven = points.every(([, at], slot) => at === start + slot * step);
  return isEven ? { name, start, step, values } : { name, times: points.map(([, at]) => at), values };
}
