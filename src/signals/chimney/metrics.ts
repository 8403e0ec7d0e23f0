/** Every metric of Chimney in one place. Labels are the names of checks, which only the operator writes. */
import { gauge, latencyBuckets, type Metrics } from "../../kit/metrics.ts";
import { spread, tally } from "../../kit/tally.ts";
import type { CheckView } from "./checker.ts";
import type { Outcome } from "./outcome.ts";
import { checkKinds, type Plan } from "./plan.ts";

/** The counters that change as things happen. */
export interface ChimneyMetrics {
  asked(plan: Plan, outcome: Outcome): void;
  changed(to: "up" | "down"): void;
}

/** Declares the metrics and hooks up those that are read at each scrape. */
export function chimneyMetrics(
  metrics: Metrics,
  state: { views(): readonly CheckView[]; waiting(): number },
): ChimneyMetrics {
  const outcomes = tally(metrics, {
    name: "warren_chimney_outcomes_total",
    help: "Askings and beats by kind of check and outcome",
    labels: ["kind", "outcome"],
  });
  for (const kind of checkKinds) for (const outcome of ["good", "bad"]) outcomes.cell(kind, outcome);
  const changes = tally(metrics, {
    name: "warren_chimney_changes_total",
    help: "Checks that went up or down",
    labels: ["to"],
  });
  const seconds = spread(metrics, {
    name: "warren_chimney_check_duration_seconds",
    help: "Time from asking to the end of the answer",
    labels: ["kind"],
    buckets: latencyBuckets,
  });
  const perCheck = (name: string, help: string, read: (view: CheckView) => number | undefined) => {
    const declared = gauge<"check">(metrics, { name, help, labels: ["check"] });
    // Checks come and go; what is gone must not stay as it was last.
    Object.assign(declared, {
      collect() {
        declared.reset();
        for (const view of state.views()) {
          const value = read(view);
          if (value !== undefined) declared.set({ check: view.plan.name }, value);
        }
      },
    });
  };
  perCheck("warren_chimney_up", "1 for a check that is up, 0 for one that is down; absent while unknown", (view) =>
    view.standing.level === "unknown" ? undefined : view.standing.level === "up" ? 1 : 0,
  );
  perCheck(
    "warren_chimney_latency_seconds",
    "How long the newest answer took",
    ({ standing }) => standing.last && standing.last.latencyMs / 1000,
  );
  perCheck("warren_chimney_certificate_expires_timestamp_seconds", "When the certificate ends", ({ standing }) =>
    standing.last?.expiresAt === undefined ? undefined : standing.last.expiresAt / 1000,
  );
  gauge(metrics, { name: "warren_chimney_checks", help: "Checks there are", read: () => state.views().length });
  gauge(metrics, {
    name: "warren_chimney_waiting_checks",
    help: "Checks that wait for a place to be asked: parallel is too small when this stays above 0",
    read: () => state.waiting(),
  });
  return {
    asked(plan, outcome) {
      outcomes.cell(plan.kind, outcome.isGood ? "good" : "bad").count++;
      if (plan.kind !== "heartbeat") seconds.cell(plan.kind).observe(outcome.latencyMs / 1000);
    },
    changed(to) {
      changes.cell(to).count++;
    },
  };
}
