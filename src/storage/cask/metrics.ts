/**
 * Every metric of Cask in one place. The names without `warren_` are the predecessor's, kept for its dashboards; each
 * counts what it counted there, as far as that still exists.
 */
import { counter, gauge, latencyBuckets, type Metrics } from "../../kit/metrics.ts";
import { spread, tally } from "../../kit/tally.ts";
import { type Cask, type CaskEvent, caskEvents } from "./cask.ts";

/** The counters that change as things happen. */
export interface CaskMetrics {
  happened(event: CaskEvent, bytes: number): void;
  put(outcome: "acknowledged" | "refused" | "failed", bytes: number, seconds: number): void;
  served(source: "local" | "peer", bytes: number): void;
  members(kind: "join" | "leave"): void;
}

/** Declares the metrics of a node and hooks up those that are read at each scrape. */
export function caskMetrics(metrics: Metrics, cask: () => Cask): CaskMetrics {
  const events = counter(metrics, {
    name: "warren_cask_events_total",
    help: "What happened to copies, by kind: repaired, pulled, pushed, dropped, quarantined and so on",
    labels: ["event"],
  });
  const eventBytes = counter(metrics, {
    name: "warren_cask_event_bytes_total",
    help: "Bytes of the blobs that the events were about",
    labels: ["event"],
  });
  const puts = tally(metrics, { name: "warren_cask_puts_total", help: "Uploads by outcome", labels: ["outcome"] });
  const putBytes = tally(metrics, {
    name: "warren_cask_put_bytes_total",
    help: "Bytes of acknowledged uploads",
  }).cell();
  const putSeconds = spread(metrics, {
    name: "warren_cask_put_duration_seconds",
    help: "Time from the first byte of an upload to its acknowledgement",
    buckets: latencyBuckets,
  }).cell();
  const reads = tally(metrics, {
    name: "warren_cask_reads_total",
    help: "Blobs served, by where they came from",
    labels: ["source"],
  });
  const readBytes = tally(metrics, {
    name: "warren_cask_read_bytes_total",
    help: "Sizes of the blobs served, by where they came from",
    labels: ["source"],
  });
  gauge(metrics, { name: "warren_cask_blobs", help: "Blobs held here", read: () => cask().holdings.ledger.count() });
  gauge(metrics, {
    name: "warren_cask_blob_bytes",
    help: "Bytes of the blobs held here",
    read: () => cask().holdings.ledger.totalBytes(),
  });
  gauge(metrics, {
    name: "warren_cask_copies_wanted",
    help: "Copies that ought to exist of the blobs this node owns",
    read: () => cask().copiesKnown().wanted,
  });
  gauge(metrics, {
    name: "warren_cask_copies_had",
    help: "Copies known to exist of the blobs this node owns, as of the last comparisons",
    read: () => cask().copiesKnown().had,
  });
  gauge(metrics, {
    name: "warren_cask_nodes_alive",
    help: "Nodes that answer, this one included",
    read: () => [...cask().placement.nodes.values()].filter((node) => node.alive).length,
  });
  gauge(metrics, {
    name: "warren_cask_quorum",
    help: "Nodes that must have a blob on disk before a write is acknowledged",
    read: () => cask().placement.quorum,
  });
  gauge(metrics, {
    name: "warren_cask_handoffs_owed",
    help: "Copies promised to nodes that were away",
    read: () => cask().holdings.ledger.owed(),
  });
  gauge(metrics, {
    name: "warren_cask_scrub_lag_blobs",
    help: "Blobs not verified within the target time",
    read: () => cask().scrub().lagBlobs,
  });
  gauge(metrics, {
    name: "warren_cask_scrub_lag_bytes",
    help: "Bytes not verified within the target time",
    read: () => cask().scrub().lagBytes,
  });
  gauge(metrics, {
    name: "warren_cask_scrub_progress_ratio",
    help: "Share of bytes verified in the pass at hand",
    read: () => cask().scrub().progress,
  });
  gauge(metrics, {
    name: "warren_cask_scrub_remaining_seconds",
    help: "Until the pass at hand ends, at the target pace",
    read: () => cask().scrub().remainingMs / 1000,
  });
  gauge(metrics, {
    name: "warren_cask_writeable",
    help: "1 when the node takes new blobs",
    read: () => (cask().writeable() === "yes" ? 1 : 0),
  });
  gauge(metrics, {
    name: "cask_disk_free_bytes",
    help: "Bytes free where the blobs are",
    read: () => finite(cask().space().freeBytes),
  });
  gauge(metrics, {
    name: "cask_cluster_total",
    help: "Nodes known, this one included",
    read: () => cask().placement.nodes.size,
  });
  const joins = counter(metrics, { name: "cask_cluster_joins_total", help: "Nodes that came" });
  const leaves = counter(metrics, { name: "cask_cluster_leaves_total", help: "Nodes that went" });
  const rebalances = counter(metrics, {
    name: "cask_rebalance_total",
    help: "Copies brought where they belong, or dropped",
  });
  const rebalanceFailures = counter(metrics, {
    name: "cask_rebalance_failure_total",
    help: "Blobs of which no good copy could be had",
  });
  const rebalanceNoops = counter(metrics, {
    name: "cask_rebalance_noop_total",
    help: "Blobs verified and found in place",
  });
  const rebalanceDeletes = counter(metrics, { name: "cask_rebalance_delete_total", help: "Copies dropped" });
  // Alerts on a rate need the series to be there before the first event.
  for (const event of caskEvents) events.inc({ event }, 0);
  return {
    happened(event, bytes) {
      events.inc({ event });
      eventBytes.inc({ event }, bytes);
      if (event === "pulled" || event === "pushed" || event === "handed-off" || event === "dropped") rebalances.inc();
      if (event === "verified") rebalanceNoops.inc();
      if (event === "dropped") rebalanceDeletes.inc();
      if (event === "beyond-repair") rebalanceFailures.inc();
    },
    put(outcome, bytes, seconds) {
      puts.cell(outcome).count++;
      if (outcome !== "acknowledged") return;
      putBytes.count += bytes;
      putSeconds.observe(seconds);
    },
    served(source, bytes) {
      reads.cell(source).count++;
      readBytes.cell(source).count += bytes;
    },
    members(kind) {
      (kind === "join" ? joins : leaves).inc();
    },
  };
}

function finite(value: number): number {
  return Number.isFinite(value) ? value : 0;
}
