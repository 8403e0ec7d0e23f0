/** Every metric of statsd about itself in one place; what others send it is told by `exposition.ts`. */
import { gauge, type Metrics } from "../../kit/metrics.ts";
import { type TallyCell, tally } from "../../kit/tally.ts";
import type { Statsd } from "./statsd.ts";
import type { WayIn } from "./ways-in.ts";

/** Declares the metrics; they are read when they are asked for. */
export function statsdMetrics(metrics: Metrics, statsd: Statsd, waysIn: () => readonly WayIn[]): void {
  const read = (name: string, help: string, value: () => number) => {
    const cell: TallyCell = tally(metrics, { name, help }).cell();
    // A tally reports the cell at each scrape; its number is the rule's own.
    Object.defineProperty(cell, "count", { get: value });
  };
  read("warren_statsd_packets_total", "Datagrams and runs of lines that came", () => statsd.counts.packets);
  read("warren_statsd_lines_total", "Lines that came, bad ones included", () => statsd.counts.lines);
  read("warren_statsd_bad_lines_total", "Lines or values that are no metric", () => statsd.counts.bad);
  read("warren_statsd_events_total", "Events that came", () => statsd.counts.events);
  read(
    "warren_statsd_events_kept_back_total",
    "Events not passed on because too many came",
    () => statsd.counts.eventsKeptBack,
  );
  read("warren_statsd_flushes_total", "Flushes that were written", () => statsd.counts.flushes);
  read("warren_statsd_flushes_skipped_total", "Flushes left out because one still ran", () => statsd.counts.skipped);
  read("warren_statsd_points_total", "Values that were made by flushes", () => statsd.counts.points);
  read(
    "warren_statsd_names_refused_total",
    "Values not taken because there were enough names",
    () => statsd.buckets.refused.names,
  );
  read(
    "warren_statsd_values_sampled_total",
    "Values of timers beyond what is kept",
    () => statsd.buckets.refused.timerValues,
  );
  read(
    "warren_statsd_members_refused_total",
    "Members of sets beyond what is kept",
    () => statsd.buckets.refused.setMembers,
  );
  read("warren_statsd_kernel_drops_total", "Datagrams that the kernel dropped before they could be read", () =>
    waysIn().reduce((sum, { drops }) => sum + drops, 0),
  );
  read(
    "warren_statsd_node_dropped_lines_total",
    "Lines that no node was sent, of those that nodes share",
    () =>
      (statsd.cluster?.unshared ?? 0) +
      (statsd.cluster?.state() ?? []).reduce((total, { dropped }) => total + dropped, 0),
  );
  const sum = (of: (state: ReturnType<Statsd["outputs"][number]["state"]>) => number) => () =>
    statsd.outputs.reduce((total, output) => total + of(output.state()), 0);
  read(
    "warren_statsd_sent_points_total",
    "Values that targets took",
    sum((state) => state.sentPoints),
  );
  read(
    "warren_statsd_dropped_points_total",
    "Values that were lost because a target was away too long",
    sum((state) => state.droppedPoints),
  );
  gauge(metrics, {
    name: "warren_statsd_spool_bytes",
    help: "Bytes on disk that wait for targets",
    read: sum((state) => state.spooledBytes),
  });
  gauge(metrics, {
    name: "warren_statsd_nodes_shared",
    help: "Nodes that have a share of the metrics",
    read: () => statsd.cluster?.shared().length ?? 0,
  });
  gauge(metrics, { name: "warren_statsd_names", help: "Distinct names", read: () => statsd.buckets.names });
  gauge(metrics, {
    name: "warren_statsd_flush_seconds",
    help: "How long the newest flush took",
    read: () => (statsd.lastFlush?.tookMs ?? 0) / 1000,
  });
}
