/** The store as lib/graphite wants series: pattern or tags in, series on their grids out. */
import type { FetchedSeries, SeriesQuery, SeriesSource } from "../../lib/graphite/source.ts";
import type { Consolidation } from "../../lib/graphite/series.ts";
import type { EventsStore } from "./events-store.ts";
import type { Schema } from "./schemas.ts";
import type { SeriesStore } from "./store.ts";
import type { Turns } from "./turns.ts";

/** How drawn values are thinned out: as they are rolled up, where a graph knows the way. */
const consolidations: Partial<Record<Schema["aggregation"], Consolidation>> = {
  sum: "sum",
  last: "last",
  max: "max",
  min: "min",
  avg_zero: "avg_zero",
};

/** Answers from the store at a moment. A series that has nothing to say about the time is left out. */
export function storeSource(store: SeriesStore, events: EventsStore, nowSeconds: number, turns?: Turns): SeriesSource {
  return {
    async fetch(
      query: SeriesQuery,
      fromSeconds: number,
      untilSeconds: number,
      signal?: AbortSignal,
    ): Promise<FetchedSeries[]> {
      const paths = query.kind === "pattern" ? store.paths(query.pattern) : store.pathsByTags(query.expressions);
      const found: FetchedSeries[] = [];
      for (const range of store.fetchEach(paths, fromSeconds, untilSeconds, nowSeconds)) {
        const { path, startSeconds, stepSeconds, values } = range;
        const aggregation = store.schemaOf(path)?.aggregation ?? "average";
        const consolidation = consolidations[aggregation] ?? "average";
        found.push({ path, startSeconds, stepSeconds, values, consolidation });
        const turn = turns?.next();
        if (turn) await turn;
        signal?.throwIfAborted();
      }
      return found;
    },
    events: (tags, fromSeconds, untilSeconds) =>
      Promise.resolve(events.list(fromSeconds, untilSeconds - 1e-3, tags ?? [])),
  };
}
