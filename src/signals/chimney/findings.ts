/** What is to be said about Chimney's own state and that of the checks. A check that is down is no fault of this node. */
import { countOf } from "../../kit/pages/quantity.ts";
import type { Finding } from "../../kit/service.ts";
import type { CheckView } from "./checker.ts";

/** How the checks are, worst last. */
export function chimneyFindings(
  views: readonly CheckView[],
  trouble: string | undefined,
  keepFailure: string | undefined,
): Finding[] {
  const down = views.filter(({ standing }) => standing.level === "down").map(({ plan }) => plan.name);
  const names = `${down.slice(0, 5).join(", ")}${down.length > 5 ? ` and ${down.length - 5} more` : ""}`;
  const findings: Finding[] = [
    {
      name: "checks",
      state: "ok",
      sentence:
        views.length === 0
          ? "No checks are configured"
          : down.length === 0
            ? `${countOf(views.length, "check")}, none down`
            : `${down.length} of ${countOf(views.length, "check")} down: ${names}`,
    },
  ];
  if (trouble !== undefined) {
    findings.push({
      name: "file",
      state: "degraded",
      sentence: `The file of checks is not in effect as it stands: ${trouble}. The checks from before go on`,
    });
  }
  if (keepFailure !== undefined) {
    findings.push({
      name: "history",
      state: "degraded",
      sentence: `Outcomes are not kept: ${keepFailure}. Checks are asked and told all the same`,
    });
  }
  return findings;
}
