/** What is to be said about the sites, for health checks and the console. A site that lacks something harms no program. */
import { countOf } from "../../kit/pages/quantity.ts";
import type { Finding } from "../../kit/service.ts";
import type { SiteView } from "./runner.ts";

/** How the sites are, worst last. */
export function mediacheckFindings(views: readonly SiteView[]): Finding[] {
  const good = views.filter(({ last }) => last?.result?.isGood).length;
  const findings: Finding[] = [
    {
      name: "sites",
      state: "ok",
      sentence: `${good} of ${countOf(views.length, "site")} with all that its pages ask for`,
    },
  ];
  for (const { last, site } of views) {
    if (last?.result === undefined || last.result.isGood) continue;
    const { bad, checked } = last.result.counts;
    findings.push({
      name: site.name,
      state: "degraded",
      sentence: `${site.name}: ${bad} of ${countOf(checked, "address", "addresses")} bad; its page says which`,
    });
  }
  return findings;
}
