/**
 * Every metric of Reticulum in one place. What the predecessor counted in memory and never showed is among them: images
 * served from what was there and made anew, failures, the queue.
 */
import { counter, gauge, type Metrics } from "../../kit/metrics.ts";
import { tally } from "../../kit/tally.ts";
import type { ReadyAnswers } from "./ready.ts";
import { type Reticulum, type ReticulumEvent, reticulumEvents } from "./reticulum.ts";

/** Where the bytes of an answer came from. */
export const servedFrom = ["ready", "kept", "made", "original"] as const;

/** The counters that change as things happen. */
export interface ReticulumMetrics {
  served(from: (typeof servedFrom)[number]): void;
  happened(event: ReticulumEvent): void;
  /** How often each was counted, for `/stats.json`. */
  counts(): { served: Record<string, number>; events: Record<string, number> };
}

/** Declares the metrics of a node and hooks up those that are read at each scrape. */
export function reticulumMetrics(
  metrics: Metrics,
  parts: () => { reticulum: Reticulum; ready: ReadyAnswers },
): ReticulumMetrics {
  const served = tally(metrics, {
    name: "warren_reticulum_served_total",
    help: "Images sent, by where their bytes came from: memory, disk, the engine, or the original itself",
    labels: ["from"],
  });
  const cells = Object.fromEntries(servedFrom.map((from) => [from, served.cell(from)]));
  const events = counter(metrics, {
    name: "warren_reticulum_events_total",
    help: "What happened to images, by kind: made, make-failed, refined, upload and so on",
    labels: ["event"],
  });
  const eventCounts: Record<string, number> = {};
  // Alerts on a rate need the series to be there before the first event.
  for (const event of reticulumEvents) {
    events.inc({ event }, 0);
    eventCounts[event] = 0;
  }
  const read = (name: string, help: string, of: (now: { reticulum: Reticulum; ready: ReadyAnswers }) => number) =>
    gauge(metrics, { name: `warren_reticulum_${name}`, help, read: () => of(parts()) });
  read("queue_jobs", "Jobs that wait for the engine", ({ reticulum }) => reticulum.engine.state().waiting);
  read(
    "queue_max_jobs",
    "Jobs that may wait before more are refused",
    ({ reticulum }) => reticulum.engine.state().waitingMax,
  );
  read("engine_busy_processes", "Processes that work on an image", ({ reticulum }) => reticulum.engine.state().busy);
  read("engine_processes", "Processes that decode images", ({ reticulum }) => reticulum.engine.state().processes);
  read(
    "engine_restarts",
    "Processes that were started again, since the start",
    ({ reticulum }) => reticulum.engine.state().restarts,
  );
  read(
    "engine_refused_jobs",
    "Jobs that were refused, since the start",
    ({ reticulum }) => reticulum.engine.state().refused,
  );
  read("results_bytes", "Bytes of results kept on disk", ({ reticulum }) => reticulum.results.state().sizeBytes);
  read(
    "results_max_bytes",
    "Bytes that results may take on disk",
    ({ reticulum }) => reticulum.results.state().maxBytes,
  );
  read("results", "Results kept on disk", ({ reticulum }) => reticulum.results.state().results);
  read(
    "results_evicted",
    "Results dropped to make room, since the start",
    ({ reticulum }) => reticulum.results.state().evicted,
  );
  read("ready_bytes", "Bytes of answers kept in memory", ({ ready }) => ready.state().sizeBytes);
  read("images_uploaded", "Images uploaded through this node", ({ reticulum }) => reticulum.known.counts().uploaded);
  read(
    "coalesced_requests",
    "Requests that waited for a result another had asked for, since the start",
    ({ reticulum }) => reticulum.making.joined,
  );
  return {
    served(from) {
      const cell = cells[from];
      if (cell) cell.count++;
    },
    happened(event) {
      events.inc({ event });
      eventCounts[event] = (eventCounts[event] ?? 0) + 1;
    },
    counts: () => ({
      served: Object.fromEntries(Object.entries(cells).map(([from, cell]) => [from, cell.count])),
      events: { ...eventCounts },
    }),
  };
}
