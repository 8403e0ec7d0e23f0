/** The state of the folders for programs: what `status.json` and the verb `check` print. */
import type { Mount } from "./mount-table.ts";
import type { FolderView } from "./rounds.ts";
import type { ProbeAnswer, Verdict } from "./verdict.ts";

/** All folders. */
export function statusOf(views: readonly FolderView[]) {
  return {
    mounts: views.map(({ answer, lookedAt, mount, sinceAt, verdict, watched }) => ({
      path: watched.path,
      metric: watched.metric,
      ...(answer && verdict ? folderStatus(answer, verdict, mount) : { condition: "unknown" }),
      ...(lookedAt === undefined ? {} : { lookedAt }),
      sinceAt,
    })),
  };
}

/** One look. */
export function folderStatus(answer: ProbeAnswer, verdict: Verdict, mount: Mount | undefined) {
  return {
    condition: verdict.condition,
    reasons: verdict.reasons,
    isMounted: verdict.isMounted ?? false,
    ...(mount ? { fsType: mount.fsType, source: mount.source, isReadOnly: mount.isReadOnly } : {}),
    ...(answer.kind === "seen"
      ? {
          usedBytes: answer.usedBytes,
          availableBytes: answer.availableBytes,
          inodes: answer.inodes,
          freeInodes: answer.freeInodes,
          latencyMs: Math.round(answer.latencyMs * 1000) / 1000,
          ...(answer.writeMs === undefined ? {} : { writeMs: Math.round(answer.writeMs * 1000) / 1000 }),
        }
      : {}),
  };
}
