/** Every metric of Houston in one place. */
import { gauge, latencyBuckets, type Metrics } from "../../kit/metrics.ts";
import { spread, tally } from "../../kit/tally.ts";

/** The counters that change as things happen. */
export interface HoustonMetrics {
  /** The source was asked. */
  asked(outcome: "good" | "bad", elapsedMs: number, targets: number): void;
  /** A dashboard was saved or removed by hand. */
  saved(): void;
}

/** Declares the metrics and hooks up those that are read at each scrape. */
export function houstonMetrics(
  metrics: Metrics,
  state: { dashboards(): number; badFiles(): number; isSourceAway(): boolean },
): HoustonMetrics {
  const questions = tally(metrics, {
    name: "warren_houston_questions_total",
    help: "Questions to the source of figures by outcome",
    labels: ["outcome"],
  });
  for (const outcome of ["good", "bad"]) questions.cell(outcome);
  const targets = tally(metrics, {
    name: "warren_houston_targets_total",
    help: "Targets that the source was asked for",
  });
  const seconds = spread(metrics, {
    name: "warren_houston_question_duration_seconds",
    help: "Time that the source took for a question",
    buckets: latencyBuckets,
  });
  const saves = tally(metrics, { name: "warren_houston_saves_total", help: "Dashboards changed by hand" });
  gauge(metrics, { name: "warren_houston_dashboards", help: "Dashboards there are", read: state.dashboards });
  gauge(metrics, {
    name: "warren_houston_bad_files",
    help: "Files of dashboards that cannot be used as they stand",
    read: state.badFiles,
  });
  gauge(metrics, {
    name: "warren_houston_source_up",
    help: "0 while the source of figures does not answer",
    read: () => (state.isSourceAway() ? 0 : 1),
  });
  return {
    asked(outcome, elapsedMs, count) {
      questions.cell(outcome).count++;
      targets.cell().count += count;
      seconds.cell().observe(elapsedMs / 1000);
    },
    saved() {
      saves.cell().count++;
    },
  };
}
