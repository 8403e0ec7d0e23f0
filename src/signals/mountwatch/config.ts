/**
 * What can be configured of Mountwatch, said once. Its predecessor knew four flags, which count when it is started alone
 * (see {@link originalFlags}); it had no environment.
 */
import { z } from "zod";

import { type OptionsOf, section } from "../../kit/config/declaration.ts";
import { address, count, duration, file, flag, shape, text } from "../../kit/config/fields.ts";
import { fromGoFlags } from "../../kit/config/go-flags.ts";
import { type WatchDefaults, watchedIn } from "./watched.ts";

const fields = {
  mounts: shape(z.array(z.record(z.string(), z.unknown())).max(10_000), {
    summary:
      "The folders that are watched: each a path and, where wanted, a metric, mounted, writable, write, full and nearly_full.",
    wanted: "tables with a path",
    default: [],
    example: [{ path: "/mnt/sata1", metric: "sata1", mounted: true }],
  }),
  file: file({
    summary:
      "The predecessor's config.json, whose folders are watched, too. With it, metrics are only the predecessor's.",
    unset: "none",
    example: "./config.json",
  }),
  find: flag({
    summary:
      "Whether to watch, beside those, every mount that holds files of people, whatever fstab says should be mounted, and where this program keeps its data.",
    default: true,
  }),
  intervalMs: duration({ summary: "How often each folder is looked at.", default: "60s", min: "1s", max: "30d" }),
  timeoutMs: duration({
    summary: "A look that takes longer is a failure: the disk or its server hangs.",
    default: "10s",
    min: "100ms",
    max: "10m",
  }),
  write: flag({
    summary:
      "Whether to write, sync, read back and remove a small file at each look in the folders that are configured.",
  }),
  full: count({ summary: "So many percent of space or inodes used are a failure.", default: 95, min: 1, max: 100 }),
  nearlyFull: count({ summary: "So many are a warning.", default: 90, min: 1, max: 100 }),
  slowMs: duration({ summary: "An answer that takes longer is a warning.", default: "1s", min: "1ms", max: "10m" }),
  parallel: count({
    summary: "Folders that are looked at at the same time, each in a process.",
    default: 4,
    min: 1,
    max: 64,
  }),
  prefix: text({
    summary: "The beginning of the names in Graphite; a dot and the folder's metric follow.",
    default: "stats",
    accepts: (prefix) => /^[^\s]+$/.test(prefix),
    wanted: "a name without space",
  }),
  graphite: address({
    summary: "A Graphite to which the metrics go as lines over TCP.",
    unset: "none; the store series of this program gets them anyway",
    example: "graphite.example:2003",
  }),
} as const;

/** The options of Mountwatch. */
export type MountwatchOptions = OptionsOf<typeof fields>;

/** The section `[mountwatch]`. */
export const mountwatchSection = section(
  "mountwatch",
  "asks disks how they are: mounted, answering, writable, with room left",
  fields,
  (options) => {
    const problems: string[] = [];
    if (options.nearlyFull > options.full)
      problems.push(`nearly_full is ${options.nearlyFull}, above full, ${options.full}: wanted it below, or the same`);
    try {
      watchedIn(options.mounts, watchDefaults(options));
    } catch (thrown) {
      if (!(thrown instanceof SyntaxError)) throw thrown;
      problems.push(thrown.message);
    }
    return problems;
  },
);

/** What a folder gets that says nothing itself. */
export function watchDefaults({ full, nearlyFull, slowMs, write }: MountwatchOptions): WatchDefaults {
  return { write, fullShare: full / 100, nearlyFullShare: nearlyFull / 100, slowMs };
}

/** The predecessor's flags as ours. Where there is one, only the folders of its file are watched, as it did. */
export function originalFlags(words: readonly string[]): string[] {
  const turned = fromGoFlags(words, {
    config: (value) => ["--file", value],
    graphite: (value) => (value === "" ? [] : ["--graphite", value]),
    interval: (value) => ["--interval", `${value}s`],
    prefix: (value) => ["--prefix", value],
  });
  if (!turned.isOriginal) return turned.words;
  const isNamed = turned.words.includes("--file");
  return [...(isNamed ? [] : ["--file", "config.json"]), "--no-find", ...turned.words];
}
