/** Every metric of Hakmes in one place. The predecessor had none of its own. */
import { gauge, latencyBuckets, type Metrics } from "../../kit/metrics.ts";
import { spread, tally } from "../../kit/tally.ts";
import { type HakmesEvents, hakmesEvents } from "./hakmes.ts";

/** The counters that change as things happen. */
export interface HakmesMetrics {
  happened: HakmesEvents;
  uploaded(outcome: "stored" | "existed" | "failed", seconds: number): void;
  served(sizeBytes: number): void;
}

/** Declares the metrics of a node and hooks up those that are read at each scrape. */
export function hakmesMetrics(
  metrics: Metrics,
  counts: () => { files: number; names: number; bytes: number; unproven: number; unanchored: number },
): HakmesMetrics {
  const events = tally(metrics, {
    name: "warren_hakmes_events_total",
    help: "What happened to files, by kind: taken, existed, upload-failed, chunk-retried, anchored, proven, refuted",
    labels: ["event"],
  });
  const eventBytes = tally(metrics, {
    name: "warren_hakmes_event_bytes_total",
    help: "Sizes of the files that the events were about",
    labels: ["event"],
  });
  for (const event of hakmesEvents) events.cell(event);
  const uploads = tally(metrics, {
    name: "warren_hakmes_uploads_total",
    help: "Uploads in one request, by outcome",
    labels: ["outcome"],
  });
  const uploadSeconds = spread(metrics, {
    name: "warren_hakmes_upload_duration_seconds",
    help: "Time from an upload's head to its answer",
    buckets: latencyBuckets,
  }).cell();
  const reads = tally(metrics, { name: "warren_hakmes_reads_total", help: "Files and parts of files sent" }).cell();
  const readBytes = tally(metrics, {
    name: "warren_hakmes_read_bytes_total",
    help: "Bytes of files that were asked for and begun to be sent",
  }).cell();
  gauge(metrics, { name: "warren_hakmes_files", help: "Files in the catalog", read: () => counts().files });
  gauge(metrics, {
    name: "warren_hakmes_file_bytes",
    help: "Bytes of the files in the catalog",
    read: () => counts().bytes,
  });
  gauge(metrics, {
    name: "warren_hakmes_unproven_files",
    help: "Files whose content was not yet read and compared with its key",
    read: () => counts().unproven,
  });
  gauge(metrics, {
    name: "warren_hakmes_unanchored_files",
    help: "Imported files whose manifest is not in Cask yet",
    read: () => counts().unanchored,
  });
  return {
    happened(event, sizeBytes) {
      events.cell(event).count++;
      eventBytes.cell(event).count += sizeBytes;
    },
    uploaded(outcome, seconds) {
      uploads.cell(outcome).count++;
      uploadSeconds.observe(seconds);
    },
    served(sizeBytes) {
      reads.count++;
      readBytes.count += sizeBytes;
    },
  };
}
