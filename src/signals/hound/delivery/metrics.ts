/** What is measured of getting word out. Labels are the names of channels, which only the operator writes. */
import { gauge, type Metrics } from "../../../kit/metrics.ts";
import { tally } from "../../../kit/tally.ts";
import type { DeliveryCounts } from "./queue.ts";

/** The counters that change as things happen. */
export interface DeliveryMetrics {
  ended(channel: string, outcome: "sent" | "deferred" | "failed"): void;
}

/** Declares the metrics and hooks up those that are read at each scrape. */
export function deliveryMetrics(
  metrics: Metrics,
  state: { counts(): DeliveryCounts; now(): number; channels: readonly string[] },
): DeliveryMetrics {
  const outcomes = tally(metrics, {
    name: "warren_hound_deliveries_total",
    help: "Attempts to deliver a notice, by channel and outcome; failed ones are given up, deferred ones tried again",
    labels: ["channel", "outcome"],
  });
  for (const channel of state.channels) {
    for (const outcome of ["sent", "deferred", "failed"]) outcomes.cell(channel, outcome);
  }
  gauge(metrics, {
    name: "warren_hound_deliveries_waiting",
    help: "Deliveries that wait to be sent",
    read: () => state.counts().waiting,
  });
  gauge(metrics, {
    name: "warren_hound_deliveries_failed",
    help: "Deliveries that were given up and are still kept",
    read: () => state.counts().failed,
  });
  gauge(metrics, {
    name: "warren_hound_deliveries_oldest_seconds",
    help: "For how long the oldest waiting delivery has been tried",
    read() {
      const { oldestWaitingAt } = state.counts();
      return oldestWaitingAt === undefined ? 0 : Math.max(0, (state.now() - oldestWaitingAt) / 1000);
    },
  });
  return {
    ended(channel, outcome) {
      outcomes.cell(channel, outcome).count++;
    },
  };
}
