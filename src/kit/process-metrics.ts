/**
 * What the process itself costs: version, time since the start, memory, processor. Read at each scrape.
 */
import type { Clock } from "./clock.ts";
import { gauge, type Metrics } from "./metrics.ts";

/** Declares the metrics of the process. `startedMs` is on the monotonic clock. */
export function processMetrics(metrics: Metrics, version: string, clock: Clock, startedMs: number): void {
  gauge(metrics, { name: "warren_node_info", help: "1; the version is its label", labels: ["version"] }).set(
    { version },
    1,
  );
  gauge(metrics, {
    name: "warren_node_uptime_seconds",
    help: "Time since the node started",
    read: () => (clock.monotonicMs() - startedMs) / 1000,
  });
  gauge(metrics, {
    name: "process_resident_memory_bytes",
    help: "Resident memory of the process",
    read: () => process.memoryUsage.rss(),
  });
  gauge(metrics, {
    name: "process_cpu_seconds",
    help: "Processor time used, user and system",
    read: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    },
  });
}
