/** Every metric of Hound in one place. Labels are the names of rules, which only the operator writes. */
import { gauge, latencyBuckets, type Metrics } from "../../kit/metrics.ts";
import { spread, tally } from "../../kit/tally.ts";
import type { RoundReport } from "./hound.ts";
import type { RuleStanding, StandingState } from "./standing.ts";

const states: readonly StandingState[] = ["OK", "Pending", "Failed", "Error", "NoData", "Unknown"];

/** The counters that change as things happen. */
export interface HoundMetrics {
  round(report: RoundReport): void;
}

/** Declares the metrics and hooks up those that are read at each scrape. */
export function houndMetrics(
  metrics: Metrics,
  state: { standings(): readonly RuleStanding[]; rules(): number; blindSinceAt(): number | undefined },
): HoundMetrics {
  const told = tally(metrics, {
    name: "warren_hound_told_total",
    help: "Alerts and recoveries that went out",
    labels: ["kind"],
  });
  const rounds = tally(metrics, {
    name: "warren_hound_rounds_total",
    help: "Rounds by outcome: judged, or blind",
    labels: ["outcome"],
  });
  for (const kind of ["alert", "recovery"]) told.cell(kind);
  for (const outcome of ["judged", "blind"]) rounds.cell(outcome);
  const seconds = spread(metrics, {
    name: "warren_hound_round_duration_seconds",
    help: "Time of a round, from asking to what is kept",
    buckets: latencyBuckets,
  });
  const standings = gauge<"state">(metrics, {
    name: "warren_hound_standings",
    help: "Rules, and series of rules, by how they stand",
    labels: ["state"],
  });
  Object.assign(standings, {
    collect() {
      const counts = new Map<StandingState, number>(states.map((one) => [one, 0]));
      for (const { state: one } of state.standings()) counts.set(one, (counts.get(one) ?? 0) + 1);
      for (const [one, count] of counts) standings.set({ state: one }, count);
    },
  });
  gauge(metrics, { name: "warren_hound_rules", help: "Rules there are", read: () => state.rules() });
  gauge(metrics, {
    name: "warren_hound_blind",
    help: "1 while the source of measurements cannot be read",
    read: () => (state.blindSinceAt() === undefined ? 0 : 1),
  });
  return {
    round({ alertsSent, blind, recoveriesSent, tookMs }) {
      told.cell("alert").count += alertsSent;
      told.cell("recovery").count += recoveriesSent;
      rounds.cell(blind === undefined ? "judged" : "blind").count++;
      seconds.cell().observe(tookMs / 1000);
    },
  };
}
