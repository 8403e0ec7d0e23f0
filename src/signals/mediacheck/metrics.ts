/** Every metric of Mediacheck in one place. The label is a site's name, of which there are as many as are configured. */
import { gauge, latencyBuckets, type Metrics } from "../../kit/metrics.ts";
import { spread, tally } from "../../kit/tally.ts";
import type { SiteView } from "./runner.ts";
import type { SiteReport } from "./report.ts";

/** What changes as runs end. */
export interface MediacheckMetrics {
  ran(report: SiteReport): void;
}

/** Declares the metrics; those of sites are read at each scrape. */
export function mediacheckMetrics(metrics: Metrics, views: () => readonly SiteView[]): MediacheckMetrics {
  const perSite = (name: string, help: string, read: (view: SiteView) => number | undefined) => {
    const declared = gauge<"site">(metrics, { name, help, labels: ["site"] });
    Object.assign(declared, {
      collect() {
        declared.reset();
        for (const view of views()) {
          const value = read(view);
          if (value !== undefined) declared.set({ site: view.site.name }, value);
        }
      },
    });
  };
  perSite("warren_mediacheck_ok", "1 for a site that has all its pages ask for, 0 for one that has not", ({ last }) =>
    last?.result === undefined ? undefined : Number(last.result.isGood),
  );
  perSite(
    "warren_mediacheck_bad_resources",
    "Resources that were bad in the newest run",
    ({ last }) => last?.result?.counts.bad,
  );
  perSite(
    "warren_mediacheck_resources",
    "Resources that the newest run looked at",
    ({ last }) => last?.result?.counts.checked,
  );
  const runs = tally(metrics, { name: "warren_mediacheck_runs_total", help: "Runs, by outcome", labels: ["outcome"] });
  for (const outcome of ["good", "bad"] as const) runs.cell(outcome);
  const requests = tally(metrics, { name: "warren_mediacheck_requests_total", help: "Requests that were sent" }).cell();
  const durations = spread(metrics, {
    name: "warren_mediacheck_run_duration_seconds",
    help: "How long runs took",
    buckets: [...latencyBuckets, 60, 300],
  }).cell();
  return {
    ran({ counts, elapsedMs, isGood }) {
      runs.cell(isGood ? "good" : "bad").count++;
      requests.count += counts.requests;
      durations.observe(elapsedMs / 1000);
    },
  };
}
