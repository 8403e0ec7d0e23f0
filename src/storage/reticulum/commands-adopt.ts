/**
 * `warren reticulum adopt`: brings a predecessor's images into a running node. Ends early on Ctrl-C and says where it
 * stands; run again, it goes on, because what is there is not sent twice.
 */
import { systemClock } from "../../kit/clock.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import { countOf, formatSize } from "../../kit/pages/quantity.ts";
import { plainLine, plainText } from "../../kit/terminal/plain-text.ts";
import { startProgress } from "../../kit/terminal/progress.ts";
import { adopt, type AdoptReport, type Found } from "./adopt.ts";
import { folderImages } from "./adopt-folder.ts";
import { listedImages, recentImages } from "./adopt-server.ts";
import type { VerbContext } from "./commands.ts";

/** What the verb was given. */
export interface AdoptFlags {
  isDry: boolean;
  quiet: boolean;
  maxBytes: number;
  timeMs: number;
  parallel: number;
  /** A file, or `-`. */
  list?: string;
}

/** Strays are counted, and the first of them named. */
const straysNamed = 100;

/** Adopts a folder or what a server has. Resolves to the exit code: 1 when anything was left, or not all was looked at. */
export async function adoptVerb({ client, screen }: VerbContext, source: string, flags: AdoptFlags): Promise<number> {
  const stop = new AbortController();
  const interrupted = () => stop.abort();
  process.once("SIGINT", interrupted);
  process.once("SIGTERM", interrupted);
  const isServer = /^https?:\/\//.test(source);
  const strays: string[] = [];
  let strayCount = 0;
  const stray = (place: string, reason: string) => {
    strayCount++;
    if (strays.length < straysNamed) strays.push(`${plainLine(place)}: ${plainText(reason)}`);
  };
  const progress = flags.quiet
    ? undefined
    : startProgress({ screen, clock: systemClock, label: "adopt", unit: "blobs" });
  try {
    const report = await adopt(found(), client, {
      clock: systemClock,
      signal: stop.signal,
      parallel: flags.parallel,
      isDry: flags.isDry,
      onProgress(now) {
        // How many there are is not known before the end; the hashes are spread evenly, and a folder's come in order.
        const share = isServer ? 0 : Number.parseInt(now.lastHash.slice(0, 6), 16) / 0x1000000;
        progress?.expect(share > 0.01 ? Math.round(now.seen / share) : undefined);
        progress?.at(now.seen, `${formatSize(now.adoptedBytes)} brought over`);
      },
    });
    progress?.end();
    for (const line of reportLines(report, flags.isDry)) {
      if (!flags.quiet || report.left.length > 0 || !report.finished) screen.note(line);
    }
    if (strayCount > 0) {
      screen.note(
        isServer
          ? `${countOf(strayCount, "line")} passed over:`
          : `${countOf(strayCount, "entry", "entries")} that no image belongs to:`,
      );
      for (const line of strays) screen.note(`  ${line}`);
    }
    return report.finished && report.left.length === 0 ? 0 : 1;
  } finally {
    progress?.end();
    process.off("SIGINT", interrupted);
    process.off("SIGTERM", interrupted);
  }

  function found(): AsyncGenerator<Found, void> {
    if (!isServer) {
      if (flags.list !== undefined)
        throw new Fault("invalid", "command/flag", "Cannot use --list with a folder: wanted the URL of a server");
      return folderImages(source, { maxBytes: flags.maxBytes, notes: { stray } });
    }
    const options = { maxBytes: flags.maxBytes, timeMs: flags.timeMs, signal: stop.signal, stray };
    if (flags.list !== undefined) return listedImages(source, listBytes(flags.list), options);
    screen.note("A server lists only the images it was busy with last: give all of them with --list");
    return recentImages(source, options);
  }
}

async function* listBytes(path: string): AsyncGenerator<Uint8Array, void> {
  try {
    yield* path === "-" ? Bun.stdin.stream() : Bun.file(path).stream();
  } catch (thrown) {
    throw new Fault("invalid", "command/flag", `Cannot read the list "${path}": ${reasonOf(thrown)}`);
  }
}

function reportLines(report: AdoptReport, isDry: boolean): string[] {
  const { adopted, adoptedBytes, already, bad, failed, left, refused, seen } = report;
  const lines = [
    `${countOf(seen, "image")} looked at: ${adopted} ${isDry ? "would be brought over" : "brought over"}, ${formatSize(adoptedBytes)}; ${already} there already`,
  ];
  if (bad > 0) lines.push(`${countOf(bad, "image")} left, whose bytes are not those of their hash`);
  if (refused > 0) lines.push(`${countOf(refused, "image")} left, which the server does not take`);
  if (failed > 0) lines.push(`${countOf(failed, "image")} left, which could not be read`);
  for (const { place, reason } of left) lines.push(`  ${plainLine(place)}: ${plainText(reason)}`);
  if (bad + refused + failed > left.length) lines.push(`  and ${bad + refused + failed - left.length} more`);
  if (!report.finished) lines.push("Not all was looked at: run it again to go on");
  return lines;
}
