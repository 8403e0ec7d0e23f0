/**
 * The port through which targets get their series. A store, another Graphite or a test's memory stand behind it.
 */
import type { Consolidation } from "./series.ts";

/** What series are asked for: paths by a pattern, or tags by expressions such as `name=cpu`, `dc!=x`, `host=~web.*`. */
export type SeriesQuery =
  | { readonly kind: "pattern"; readonly pattern: string }
  | { readonly kind: "tags"; readonly expressions: readonly string[] };

/** One series as a store gives it. */
export interface FetchedSeries {
  /** The canonical path. */
  readonly path: string;
  /** Of the first value. Whole steps since the epoch. */
  readonly startSeconds: number;
  readonly stepSeconds: number;
  /** NaN where nothing is known. The evaluator does not change them. */
  readonly values: Float64Array;
  /** @default "average" */
  readonly consolidation?: Consolidation;
}

/** An event, as `events()` counts them. */
export interface EventTime {
  readonly atSeconds: number;
}

/** Where series come from. */
export interface SeriesSource {
  /**
   * All series that match, with their values in (fromSeconds, untilSeconds]: the first is at
   * `from - from % step + step`, the end is found from `until` the same way, and an empty range has one value.
   * @param maxPoints a source that would give more values than this had better throw QueryLimitError than read them.
   */
  fetch(
    query: SeriesQuery,
    fromSeconds: number,
    untilSeconds: number,
    signal?: AbortSignal,
    maxPoints?: number,
  ): Promise<readonly FetchedSeries[]>;
  /** Events in [fromSeconds, untilSeconds) that have all of the tags; all events when `tags` is undefined. */
  events?(
    tags: readonly string[] | undefined,
    fromSeconds: number,
    untilSeconds: number,
  ): Promise<readonly EventTime[]>;
}
