/**
 * Series held in memory: a source for tests, samples and small tools. Answers as one whisper archive a series would.
 */
import { Glob } from "./glob.ts";
import { tagsOf } from "./path.ts";
import type { EventTime, FetchedSeries, SeriesQuery, SeriesSource } from "./source.ts";
import { matchesTags, parseTagExpressions } from "./tag-expression.ts";

/** An event with tags. */
export interface MemoryEvent extends EventTime {
  readonly tags: readonly string[];
}

/** The first and last time that a range gives at a step: `(from, until]`, one value at least. */
export function alignRange(fromSeconds: number, untilSeconds: number, stepSeconds: number): readonly [number, number] {
  const start = fromSeconds - (fromSeconds % stepSeconds) + stepSeconds;
  const end = untilSeconds - (untilSeconds % stepSeconds) + stepSeconds;
  return [start, end > start ? end : start + stepSeconds];
}

/** What goes with the series. */
export interface MemoryOptions {
  readonly events?: readonly MemoryEvent[];
  /** Nothing is known after it. @default the last value's time */
  readonly nowSeconds?: number;
}

/** A source over series that do not change. What lies before or after a series' values is cut off a range. */
export class MemorySource implements SeriesSource {
  readonly #series: readonly FetchedSeries[];
  readonly #options: MemoryOptions;

  constructor(series: readonly FetchedSeries[], options: MemoryOptions = {}) {
    this.#series = series;
    this.#options = options;
  }

  async fetch(query: SeriesQuery, fromSeconds: number, untilSeconds: number): Promise<FetchedSeries[]> {
    return this.#matching(query).flatMap((series) => {
      const { stepSeconds, startSeconds, values: all } = series;
      const oldest = startSeconds - stepSeconds;
      const newest = this.#options.nowSeconds ?? oldest + all.length * stepSeconds;
      if (fromSeconds > newest || untilSeconds < oldest) return [];
      const [start, end] = alignRange(Math.max(fromSeconds, oldest), Math.min(untilSeconds, newest), stepSeconds);
      const values = Float64Array.from({ length: (end - start) / stepSeconds }, (_, index) => {
        return all[(start - startSeconds) / stepSeconds + index] ?? Number.NaN;
      });
      return [{ ...series, startSeconds: start, values }];
    });
  }

  #matching(query: SeriesQuery): FetchedSeries[] {
    if (query.kind === "pattern") {
      const glob = new Glob(query.pattern);
      return this.#series.filter(({ path }) => path === query.pattern || (!path.includes(";") && glob.matches(path)));
    }
    const expressions = parseTagExpressions(query.expressions);
    return this.#series.filter(({ path }) => path.includes(";") && matchesTags(tagsOf(path), expressions));
  }

  async events(tags: readonly string[] | undefined, fromSeconds: number, untilSeconds: number): Promise<MemoryEvent[]> {
    return (this.#options.events ?? []).filter(
      ({ atSeconds, tags: own }) =>
        atSeconds >= fromSeconds && atSeconds < untilSeconds && (tags ?? []).every((tag) => own.includes(tag)),
    );
  }
}
