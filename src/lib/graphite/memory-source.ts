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

/** A source over series that do not change. */
export class MemorySource implements SeriesSource {
  readonly #series: readonly FetchedSeries[];
  readonly #events: readonly MemoryEvent[];

  constructor(series: readonly FetchedSeries[], events: readonly MemoryEvent[] = []) {
    this.#series = series;
    this.#events = events;
  }

  async fetch(query: SeriesQuery, fromSeconds: number, untilSeconds: number): Promise<FetchedSeries[]> {
    return this.#matching(query).map((series) => {
      const { stepSeconds } = series;
      const [start, end] = alignRange(fromSeconds, untilSeconds, stepSeconds);
      const values = Float64Array.from({ length: (end - start) / stepSeconds }, (_, index) => {
        return series.values[(start - series.startSeconds) / stepSeconds + index] ?? Number.NaN;
      });
      return { ...series, startSeconds: start, values };
    });
  }

  #matching(query: SeriesQuery): FetchedSeries[] {
    if (query.kind === "pattern") {
      const glob = new Glob(query.pattern);
      return this.#series.filter(
        (series) => series.path === query.pattern || (!series.path.includes(";") && glob.matches(series.path)),
      );
    }
    const expressions = parseTagExpressions(query.expressions);
    return this.#series.filter((series) => series.path.includes(";") && matchesTags(tagsOf(series.path), expressions));
  }

  async events(tags: readonly string[] | undefined, fromSeconds: number, untilSeconds: number): Promise<MemoryEvent[]> {
    return this.#events.filter(
      ({ atSeconds, tags: own }) =>
        atSeconds >= fromSeconds && atSeconds < untilSeconds && (tags ?? []).every((tag) => own.includes(tag)),
    );
  }
}
