/**
 * `warren cask adopt`: brings the blobs of a predecessor's folder into the store of a node that is not running. Where that
 * is comes from the configuration, as it does when the node starts; the node's own lock keeps both from running at once.
 */
import { join, resolve } from "node:path";

import { systemClock } from "../../kit/clock.ts";
import { findConfigFile } from "../../kit/config/config-file.ts";
import { loadConfig } from "../../kit/config/load.ts";
import { nodeSection } from "../../kit/config/node.ts";
import { formatProblem } from "../../kit/config/problem.ts";
import { serviceSection } from "../../kit/config/service-section.ts";
import { makeFolders } from "../../kit/disk/atomic.ts";
import { lockFolder } from "../../kit/disk/lock.ts";
import { Fault } from "../../kit/fault.ts";
import { countOf, formatSize } from "../../kit/pages/quantity.ts";
import { startProgress } from "../../kit/terminal/progress.ts";
import type { Screen } from "../../kit/terminal/screen.ts";
import { adopt, type AdoptReport } from "./adopt.ts";
import { caskSection } from "./config.ts";
import { openSqliteLedger } from "./ledger-sqlite.ts";
import { openDiskStore } from "./store-disk.ts";

/** What the verb was given. */
export interface AdoptFlags {
  config?: string;
  data?: string;
  folder?: string;
  copy?: boolean;
}

/** Adopts a folder. Resolves to the exit code: 1 when anything could not be brought over. Ends early on Ctrl-C. */
export async function adoptVerb(screen: Screen, folder: string, flags: AdoptFlags): Promise<number> {
  const { blobs, data } = await placesOf(flags);
  await makeFolders(join(data, "cask"));
  using lock = lockFolder(data);
  const store = await openDiskStore({ root: blobs, clock: systemClock });
  let trouble: Fault | undefined;
  const ledger = openSqliteLedger({
    path: join(lock.folder, "cask", "ledger.sqlite"),
    clock: systemClock,
    onTrouble: (fault) => {
      trouble = fault;
    },
  });
  const stop = new AbortController();
  const interrupted = () => stop.abort();
  process.once("SIGINT", interrupted);
  process.once("SIGTERM", interrupted);
  const progress = startProgress({ screen, clock: systemClock, label: "adopt", total: 1_000_000, unit: "blobs" });
  try {
    const report = await adopt(folder, store, ledger, {
      clock: systemClock,
      copy: flags.copy === true,
      signal: stop.signal,
      // The number of blobs is not known before the end, the part of the key space that was walked is.
      onProgress: (now) => {
        progress.expect(now.fraction > 0 ? Math.round(now.seen / now.fraction) : undefined);
        progress.at(now.seen, `${formatSize(now.adoptedBytes)} brought over`);
      },
    });
    progress.end();
    for (const line of reportLines(report, folder)) screen.note(line);
    if (trouble !== undefined) throw trouble;
    return report.finished && report.bad === 0 && report.failed === 0 ? 0 : 1;
  } finally {
    process.off("SIGINT", interrupted);
    process.off("SIGTERM", interrupted);
    ledger.close();
    await store.close();
  }
}

/** Where a node with this configuration keeps its blobs. */
async function placesOf(flags: AdoptFlags): Promise<{ data: string; blobs: string }> {
  const loaded = await loadConfig({
    sections: [nodeSection, serviceSection(caskSection, true)],
    file: findConfigFile({}, flags.config),
  });
  if (loaded.problems.length > 0) {
    throw new Fault("invalid", "warren/config", loaded.problems.map(formatProblem).join("\n"));
  }
  const options = loaded.get(caskSection);
  if (options.store !== "disk") {
    throw new Fault("invalid", "cask/adopt-store", `Cannot adopt into the store "${options.store}": wanted a disk`);
  }
  const data = resolve(flags.data ?? loaded.get(nodeSection).data);
  return { data, blobs: resolve(flags.folder ?? options.folder ?? join(data, "cask", "blobs")) };
}

function reportLines(report: AdoptReport, folder: string): string[] {
  const lines = [
    `${countOf(report.adopted, "blob")} brought over, ${formatSize(report.adoptedBytes)}; ${report.already} were there already`,
  ];
  if (report.bad > 0) lines.push(`${countOf(report.bad, "blob")} put aside, whose bytes are not those of their key:`);
  for (const { key, reason } of report.badBlobs) lines.push(`  ${key}: ${reason}`);
  if (report.failed > 0) lines.push(`${countOf(report.failed, "blob")} left where they were:`);
  for (const { path, reason } of report.failedBlobs) lines.push(`  ${path}: ${reason}`);
  if (report.stray > 0)
    lines.push(`${countOf(report.stray, "entry", "entries")} in ${folder} that no blob belongs to:`);
  for (const path of report.strayPaths) lines.push(`  ${path}`);
  if (!report.finished) lines.push("Not all was looked at: run it again to go on");
  return lines;
}
