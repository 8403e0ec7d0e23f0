/** What is to be said about Houston's own state: whether the source answers, and whether all files can be used. */
import { countOf } from "../../kit/pages/quantity.ts";
import type { Finding } from "../../kit/service.ts";
import { problemText } from "./dashboard-file.ts";
import type { Entry } from "./library.ts";

/** The findings, worst last. */
export function houstonFindings(state: {
  entries: readonly Entry[];
  troubles: readonly string[];
  sourceName: string;
  sourceTrouble: string | undefined;
}): Finding[] {
  const { entries, sourceName, sourceTrouble, troubles } = state;
  const bad = entries.filter(({ problems }) => problems.length > 0);
  const findings: Finding[] = [
    { name: "dashboards", state: "ok", sentence: `${countOf(entries.length, "dashboard")}, drawn from ${sourceName}` },
  ];
  const [first] = bad;
  const reason = first?.problems[0] ? `"${first.slug}": ${problemText(first.problems[0])}` : troubles[0];
  if (reason !== undefined) {
    findings.push({
      name: "files",
      state: "degraded",
      sentence: `${countOf(bad.length + troubles.length, "file")} cannot be used as ${bad.length + troubles.length === 1 ? "it stands" : "they stand"}: ${reason}`,
    });
  }
  if (sourceTrouble !== undefined)
    findings.push({ name: "source", state: "degraded", sentence: `${sourceName} does not answer: ${sourceTrouble}` });
  return findings;
}
