/** What a round becomes in Graphite: the predecessor's six names in their order, prefix verbatim. */
import type { Point } from "../../lib/graphite/path.ts";
import type { RoundReport } from "./hound.ts";
import { stepOf } from "./repeat.ts";

/** The points of a round that was judged; `errorsTold` counts the words about errors so far. */
export function pointsOf(report: RoundReport, prefix: string, errorsTold: number): Point[] {
  const { alertsSent, at, counts, recoveriesSent } = report;
  const atSeconds = Math.floor(at / 1000);
  const rows: [string, number][] = [
    ["alerts_sent", alertsSent],
    ["recoveries_sent", recoveriesSent],
    ["failures", counts.failed],
    ["errors", counts.errors],
    ["successes", counts.good],
    ["global_backoff", stepOf(errorsTold)],
  ];
  return rows.map(([name, value]) => ({ path: `${prefix}${name}`, value, atSeconds }));
}
