/** Every metric of Mountwatch in one place. The label is the path, of which there are as many as the machine has mounts. */
import { gauge, type Metrics } from "../../kit/metrics.ts";
import type { FolderView } from "./rounds.ts";

/** Declares the metrics, all read at each scrape. */
export function mountwatchMetrics(metrics: Metrics, state: { views(): readonly FolderView[]; stuck(): number }): void {
  const perPath = (name: string, help: string, read: (view: FolderView) => number | undefined) => {
    const declared = gauge<"path">(metrics, { name, help, labels: ["path"] });
    // Folders come and go; what is gone must not stay as it was last.
    Object.assign(declared, {
      collect() {
        declared.reset();
        for (const view of state.views()) {
          const value = read(view);
          if (value !== undefined) declared.set({ path: view.watched.path }, value);
        }
      },
    });
  };
  const seen = ({ answer }: FolderView) => (answer?.kind === "seen" ? answer : undefined);
  perPath(
    "warren_mountwatch_ok",
    "1 for a folder that can be used as what it is, 0 for one that cannot",
    ({ verdict }) => verdict && (verdict.isBroken ? 0 : 1),
  );
  perPath("warren_mountwatch_size_bytes", "Size of the file system", (view) => seen(view)?.totalBytes);
  perPath("warren_mountwatch_used_bytes", "Bytes used", (view) => seen(view)?.usedBytes);
  perPath(
    "warren_mountwatch_available_bytes",
    "Bytes that others than root can still write",
    (view) => seen(view)?.availableBytes,
  );
  perPath("warren_mountwatch_inodes", "Inodes there are; 0 where they are not numbered", (view) => seen(view)?.inodes);
  perPath("warren_mountwatch_free_inodes", "Inodes left", (view) => seen(view)?.freeInodes);
  perPath(
    "warren_mountwatch_read_only",
    "1 for a mount that is read-only",
    ({ mount }) => mount && (mount.isReadOnly ? 1 : 0),
  );
  perPath("warren_mountwatch_latency_seconds", "How long the newest look took", (view) => {
    const latencyMs = seen(view)?.latencyMs;
    return latencyMs === undefined ? undefined : latencyMs / 1000;
  });
  perPath("warren_mountwatch_write_seconds", "How long the newest test write took", (view) => {
    const writeMs = seen(view)?.writeMs;
    return writeMs === undefined ? undefined : writeMs / 1000;
  });
  gauge(metrics, {
    name: "warren_mountwatch_stuck_processes",
    help: "Processes that look at a folder and cannot end: its disk or server hangs",
    read: () => state.stuck(),
  });
}
