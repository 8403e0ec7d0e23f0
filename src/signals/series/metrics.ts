/** Every metric of series about itself in one place. */
import { gauge, type Metrics } from "../../kit/metrics.ts";
import { type TallyCell, tally } from "../../kit/tally.ts";
import type { Forwards } from "./forward/forwards.ts";
import type { Incoming } from "./incoming.ts";
import { refusalReasons, type SeriesStore } from "./store.ts";

/** Declares the metrics; they are read when they are asked for. */
export function seriesMetrics(
  metrics: Metrics,
  { store, incoming, forwards }: { store: SeriesStore; incoming: Incoming; forwards: Forwards },
): void {
  const figures = () => store.figures();
  const read = (cell: TallyCell, value: () => number) => {
    // A tally reports the cell at each scrape; its number is the store's own.
    Object.defineProperty(cell, "count", { get: value });
  };
  const rising = (name: string, help: string, value: () => number) =>
    read(tally(metrics, { name, help }).cell(), value);
  rising("warren_series_points_total", "Points that were taken", () => figures().pointsAccepted);
  rising("warren_series_bad_lines_total", "Lines and items that are no points", () => incoming.badCount);
  rising("warren_series_created_total", "New series that were taken", () => figures().created);
  rising("warren_series_log_syncs_total", "Syncs of the log", () => figures().logSyncs);
  rising("warren_series_log_bytes_total", "Bytes written to the log", () => figures().logBytes);
  rising("warren_series_files_put_aside_total", "Damaged files that were put aside", () => figures().filesPutAside);
  rising("warren_series_unwanted_total", "Points that the lists of names keep out", () => incoming.counts.unwanted);
  rising("warren_series_aggregated_total", "Points that aggregation rules made", () => incoming.counts.aggregated);
  rising(
    "warren_series_unaggregated_total",
    "Points that aggregation rules could not count in: too many series to make, or intervals of one",
    () => incoming.counts.unaggregated,
  );
  rising(
    "warren_series_histograms_left_total",
    "Native histograms that came by remote write and are not kept",
    () => incoming.counts.histograms,
  );
  const handed = tally(metrics, {
    name: "warren_series_forwarded_points_total",
    help: "Points that were handed on, by target",
    labels: ["target"],
  });
  const lost = tally(metrics, {
    name: "warren_series_forward_lost_points_total",
    help: "Points lost to a target: its spool was full, or it refused them",
    labels: ["target"],
  });
  forwards.states().forEach(({ name }, at) => {
    read(handed.cell(name), () => forwards.states()[at]?.sentPoints ?? 0);
    read(lost.cell(name), () => {
      const { droppedPoints = 0, refusals } = forwards.states()[at] ?? {};
      return droppedPoints + (refusals?.points ?? 0);
    });
  });
  gauge(metrics, {
    name: "warren_series_forward_waiting_bytes",
    help: "Bytes that wait for targets that points are handed on to",
    read: () => forwards.states().reduce((sum, { waitingBytes }) => sum + waitingBytes, 0),
  });
  const refused = tally(metrics, {
    name: "warren_series_points_refused_total",
    help: "Points that were not taken: late for what is kept, of the future, no points, of new series past the bound, or while memory was full",
    labels: ["reason"],
  });
  for (const reason of refusalReasons) read(refused.cell(reason), () => figures().refused[reason]);
  gauge(metrics, { name: "warren_series_series", help: "Series", read: () => figures().series });
  gauge(metrics, {
    name: "warren_series_memory_points",
    help: "Points that are in memory and the log only",
    read: () => figures().memoryPoints,
  });
  gauge(metrics, { name: "warren_series_files", help: "Chunk files", read: () => figures().files });
  gauge(metrics, { name: "warren_series_file_bytes", help: "Bytes of chunk files", read: () => figures().fileBytes });
  gauge(metrics, {
    name: "warren_series_file_points",
    help: "Points in chunk files",
    read: () => figures().filePoints,
  });
}
