/**
 * One flush: what {@link Buckets.close} set aside, computed and named, handed to all targets value by value. Done in
 * slices, so that packets are read in between even with hundreds of thousands of names. Etsy's order of kinds and its own
 * figures at the end; values that are no finite number are left out, because no store can keep them.
 */
import { type Clock, sleep } from "../../kit/clock.ts";
import type { Buckets, TimerBucket } from "./buckets.ts";
import type { Naming } from "./naming.ts";
import type { FlushWriter } from "./output.ts";
import { idleFigures, timerFigures, type TimerRules } from "./timer-figures.ts";

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

/** Writes a flush and ends the writers. */
export async function writeFlush(parts: FlushParts): Promise<FlushResult> {
  const { buckets, naming, intervalSeconds, writers, clock } = parts;
  const startedMs = clock.monotonicMs();
  let stats = 0;
  let points = 0;
  let sliceStartedMs = startedMs;
  const emit = (path: string, value: number) => {
    if (!Number.isFinite(value)) return;
    points++;
    for (const writer of writers) writer.add(path, value);
  };
  const told = (): Promise<void> | undefined => {
    stats++;
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
  for (const [name, bucket] of buckets.timers) {
    if (bucket.closedTouched < 0) continue;
    writeTimer(name, bucket, parts, emit);
    bucket.closed = [];
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

const originalFigures = new Set(["mean", "upper", "lower", "count"]);

function writeTimer(
  name: string,
  bucket: TimerBucket,
  { naming, timers, intervalSeconds }: FlushParts,
  emit: (path: string, value: number) => void,
): void {
  const isOriginal = naming.style === "statsd-go";
  if (bucket.closed.length === 0) {
    const figures = isOriginal ? [...originalFigures, ...timers.percentiles.map((p) => `upper_${p}`)] : idleFigures;
    for (const figure of figures) {
      if (isOriginal || timers.only.length === 0 || timers.only.includes(figure)) emit(naming.timer(name, figure), 0);
    }
    return;
  }
  const quantiles: number[] = [];
  const values = Float64Array.from(bucket.closed);
  timerFigures(name, values, bucket.closedCount, intervalSeconds, timers, (figure, value) => {
    if (figure.startsWith("upper_")) quantiles.push(value);
    if (!isOriginal || originalFigures.has(figure) || figure.startsWith("upper_"))
      emit(naming.timer(name, figure), value);
  });
  bucket.quantiles = quantiles;
}
