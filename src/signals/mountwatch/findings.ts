/** What is to be said about the disks of this machine, for health checks and the console. */
import { countOf } from "../../kit/pages/quantity.ts";
import type { Finding } from "../../kit/service.ts";
import type { FolderView } from "./rounds.ts";

/** How the folders are, worst last. A disk that fails makes the machine degraded; this program goes on. */
export function mountwatchFindings(views: readonly FolderView[]): Finding[] {
  const good = views.filter(({ verdict }) => verdict?.condition === "good").length;
  const findings: Finding[] = [
    { name: "mounts", state: "ok", sentence: `${good} of ${countOf(views.length, "folder")} well` },
  ];
  for (const condition of ["warn", "bad"] as const) {
    for (const { verdict, watched } of views) {
      if (verdict?.condition !== condition) continue;
      findings.push({
        name: watched.path,
        state: condition === "bad" ? "degraded" : "ok",
        sentence: `${watched.path}: ${verdict.reasons.join("; ")}`,
      });
    }
  }
  return findings;
}
