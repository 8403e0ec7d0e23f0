/** The state of the sites for programs: what `status.json` says. */
import type { SiteView } from "./runner.ts";

/** All sites with their newest run. */
export function statusOf(views: readonly SiteView[]) {
  return {
    sites: views.map(({ isRunning, last, nextAt, site }) => ({
      name: site.name,
      state: last?.result === undefined ? "unknown" : last.result.isGood ? "good" : "bad",
      isRunning,
      ...(nextAt === undefined ? {} : { nextAt }),
      ...(last?.result ? { run: last.id, cause: last.cause, ...last.result } : {}),
    })),
  };
}
