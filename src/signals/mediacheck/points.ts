/** What a run becomes in the store of metrics: figures under a prefix, and an event for what was deployed. */
import type { Point } from "../../lib/graphite/path.ts";
import { resourceKinds } from "./reference.ts";
import type { SiteReport } from "./report.ts";

/** The points of a run, of the instant at which it ended. */
export function pointsOf(report: SiteReport, prefix: string): Point[] {
  const atSeconds = Math.floor((report.startedAt + report.elapsedMs) / 1000);
  const { bad, bytes, checked, pages, requests, warn } = report.counts;
  const points: Point[] = [];
  const add = (name: string, value: number) => points.push({ path: `${prefix}.${name}`, value, atSeconds });
  add("ok", report.isGood ? 1 : 0);
  add("checked", checked);
  add("bad", bad);
  add("warnings", warn);
  add("pages", pages);
  add("requests", requests);
  add("bytes", bytes);
  add("duration_ms", report.elapsedMs);
  add(
    "slowest_ms",
    report.resources.reduce((most, { elapsedMs = 0 }) => Math.max(most, elapsedMs), 0),
  );
  for (const kind of resourceKinds) {
    const own = report.resources.filter(({ kinds, verdict }) => kinds[0] === kind && verdict !== "skipped");
    if (own.length === 0) continue;
    add(`kinds.${kind}.checked`, own.length);
    add(
      `kinds.${kind}.bytes`,
      own.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0),
    );
  }
  return points;
}

/** An event as Graphite takes it. */
export function eventOf(
  { counts, elapsedMs, isGood, resources, startedAt }: SiteReport,
  { deploy, name }: { name: string; deploy: string },
): { what: string; tags: string[]; when: number; data: string } {
  const found = isGood ? "all that its pages ask for is there" : `${counts.bad} of ${counts.checked} addresses are bad`;
  const bad = resources.filter(({ verdict }) => verdict === "bad").slice(0, 20);
  return {
    what: `Deployed ${deploy}: ${found}`.slice(0, 1000),
    tags: ["deploy", "mediacheck", isGood ? "ok" : "failed"],
    when: Math.floor((startedAt + elapsedMs) / 1000),
    data: [name, ...bad.map(({ troubles, url }) => `${url}: ${troubles[0]?.sentence ?? ""}`)]
      .join("\n")
      .slice(0, 20_000),
  };
}
