/**
 * One flush: what {@link Buckets.close} set aside, computed and named, handed to all targets value by value. Done in
 * slices, so that packets are read in between even with hundreds of thousands of names. Etsy's order of kinds and its own
 * figures at the end; values that are no finite number are left out, because no store can keep them.
 */
import { type Clock, sleep } from "../../kit/clock.ts";
import { type Buckets, type TimerBucket, written } from "./buckets.ts";
import type { Naming } from "./naming.ts";
import type { FlushWriter } from "./output.ts";
import { createTimerFigures, idleFigures, percentileEnding, type TimerRules } from "./timer-figures.ts";

/** What a flush is made of. */
export interface FlushParts {
  buckets: Buckets;
  naming: Naming;
  timers: TimerRules;
  intervalSeconds: number;
  writers: readonly FlushWriter[];
  clock: Clock;
}

/** What it came to. */
export interface FlushResult {
  stats: number;
  points: number;
  tookMs: number;
}

/** How long values are written without a break, and how many names pass between two looks at the clock. */
const sliceMs = 4;
const lookEvery = 256;
/**
 * After so many values the collector is asked to take back what was made for them. It would wait for tens of megabytes,
 * and a flush of many names would leave all its texts in memory at once: some 25 MiB more with 100,000 names.
 */
const collectEvery = 20_000;

/** Writes a flush and ends the writers. */
export async function writeFlush(parts: FlushParts): Promise<FlushResult> {
  const { buckets, naming, intervalSeconds, writers, clock } = parts;
  const startedMs = clock.monotonicMs();
  let stats = 0;
  let points = 0;
  let sliceStartedMs = startedMs;
  let collectAt = collectEvery;
  const emit = (path: string, value: number) => {
    if (!Number.isFinite(value)) return;
    points++;
    for (const writer of writers) writer.add(path, value);
  };
  const told = (): Promise<void> | undefined => {
    stats++;
    if (points >= collectAt) {
      collectAt = points + collectEvery;
      Bun.gc(false);
    }
    if (stats % lookEvery !== 0 || clock.monotonicMs() - sliceStartedMs < sliceMs) return undefined;
    return sleep(clock, 0).then(() => {
      sliceStartedMs = clock.monotonicMs();
    });
  };
  const isOriginal = naming.style === "statsd-go";

  for (const [name, bucket] of buckets.counters) {
    if (bucket.closedTouched < 0 || (isOriginal && bucket.idle === -Infinity)) continue;
    emit(naming.counterRate(name), bucket.closed / intervalSeconds);
    if (naming.flushCounts) emit(naming.counterCount(name), bucket.closed);
    const rest = told();
    if (rest) await rest;
  }
  const writeTimer = timerWriter(parts, emit);
  for (const [name, bucket] of buckets.timers) {
    if (bucket.closedTouched < 0) continue;
    writeTimer(name, bucket);
    written(bucket);
    const rest = told();
    if (rest) await rest;
  }
  for (const [name, bucket] of buckets.gauges) {
    if (bucket.closedTouched < 0 || (isOriginal && bucket.own)) continue;
    emit(naming.gauge(name), bucket.closed);
    const rest = told();
    if (rest) await rest;
  }
  for (const [name, bucket] of buckets.sets) {
    if (bucket.closedTouched < 0) continue;
    emit(naming.set(name), bucket.closed);
    const rest = told();
    if (rest) await rest;
  }
  emit(naming.numStats(), stats);
  const tookMs = clock.monotonicMs() - startedMs;
  if (!isOriginal) {
    emit(naming.own("graphiteStats.calculationtime"), Math.round(tookMs));
    emit(naming.own("processing_time"), Math.round(tookMs));
  }
  for (const writer of writers) writer.end();
  return { stats, points, tookMs };
}

/** All that statsd-go told of a timer, whether it has values or not; `upper_` is of each threshold. */
const originalFigures = ["mean", "upper", "lower", "count"];

/** What writes a timer's figures. */
function timerWriter(
  { naming, timers, intervalSeconds }: FlushParts,
  emit: (path: string, value: number) => void,
): (name: string, bucket: TimerBucket) => void {
  const figures = createTimerFigures(timers);
  const uppers = timers.percentiles
    .filter((percentile) => percentile >= 0)
    .map((percentile) => `upper_${percentileEnding(percentile)}`);
  const isOriginal = naming.style === "statsd-go";
  const idle = isOriginal
    ? [...originalFigures, ...uppers]
    : idleFigures.filter((figure) => timers.only.length === 0 || timers.only.includes(figure));
  const told = new Set(idle);
  // The mean of statsd-go is of what lies within its threshold; it was meant to be, but there the threshold was all.
  const meanWithin = isOriginal ? timers.percentiles.find((percentile) => percentile > 0) : undefined;
  const meanFigure = meanWithin === undefined ? "mean" : `mean_${percentileEnding(meanWithin)}`;
  const quantiles: number[] = [];
  return (name, bucket) => {
    if (bucket.closed.length === 0) {
      for (const figure of idle) emit(naming.timer(name, figure), 0);
      return;
    }
    quantiles.length = 0;
    let mean: number | undefined;
    figures(name, bucket.closed, bucket.closedCount, intervalSeconds, (figure, value, percentile) => {
      if (percentile !== undefined) quantiles.push(percentile, value);
      // That of all comes last, for where the threshold leaves none.
      if (isOriginal && (figure === "mean" || figure === meanFigure)) mean ??= value;
      else if (!isOriginal || told.has(figure)) emit(naming.timer(name, figure), value);
    });
    if (mean !== undefined) emit(naming.timer(name, "mean"), mean);
    // Written over where it can be: a fresh list for each would be left to the collector's rare full rounds.
    if (bucket.quantiles.length !== quantiles.length) bucket.quantiles = [...quantiles];
    else for (let at = 0; at < quantiles.length; at++) bucket.quantiles[at] = quantiles[at] as number;
  };
}
