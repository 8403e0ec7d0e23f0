/**
 * What a check becomes in Graphite: the predecessor's six names in their order, prefix verbatim, all 0 when the
 * asking failed; then, for checks of our own, whether it is up and how long it took.
 */
import type { Point } from "../../lib/graphite/path.ts";
import type { Outcome } from "./outcome.ts";
import type { Plan } from "./plan.ts";

/** The points of one outcome. `at` in epoch ms. */
export function pointsOf(plan: Plan, outcome: Outcome, isUp: boolean, at: number): Point[] {
  const { prefix } = plan;
  if (prefix === undefined) return [];
  const atSeconds = Math.floor(at / 1000);
  const { report } = outcome;
  const rows: [string, number][] = [];
  if (plan.kind === "smoketest") {
    rows.push(
      ["run", report?.run ?? 0],
      ["passed", report?.passed ?? 0],
      ["failed", report?.failed ?? 0],
      ["errored", report?.errored ?? 0],
      ["classes", report?.classes ?? 0],
      // The predecessor printed six decimals.
      ["time", Math.round((report?.timeMs ?? 0) * 1e6) / 1e6],
    );
  }
  if (!plan.onlyOriginal) {
    rows.push(["up", isUp ? 1 : 0], ["good", outcome.isGood ? 1 : 0]);
    rows.push(["latency", Math.round(outcome.latencyMs * 1000) / 1000]);
    if (outcome.status !== undefined) rows.push(["status", outcome.status]);
    if (outcome.expiresAt !== undefined) rows.push(["expires_days", Math.floor((outcome.expiresAt - at) / 86_400_000)]);
  }
  return rows.map(([name, value]) => ({ path: `${prefix}${name}`, value, atSeconds }));
}
