/** `warren mountwatch check`: looks at folders once, without a server, for scripts and for the first look. */
import { resolve } from "node:path";

import { systemClock } from "../../kit/clock.ts";
import { wholeNumber } from "../../kit/commands/remote.ts";
import { parseDuration } from "../../kit/config/units.ts";
import { Fault } from "../../kit/fault.ts";
import { createLog } from "../../kit/log.ts";
import { formatShare, formatSize, formatSpan } from "../../kit/pages/quantity.ts";
import { plainLine } from "../../kit/terminal/plain-text.ts";
import type { Screen } from "../../kit/terminal/screen.ts";
import { thisMachine } from "./machine.ts";
import { createProber } from "./prober.ts";
import { folderStatus } from "./status.ts";
import { type ProbeAnswer, type Verdict, verdictOf } from "./verdict.ts";
import { metricOf, type WatchDefaults, type Watched, withFound } from "./watched.ts";

/** What the flags say. */
export interface CheckFlags {
  timeout: string;
  mounted?: boolean;
  writable?: boolean;
  write?: boolean;
  full: string;
  json?: boolean;
  quiet?: boolean;
}

/** Looks at every folder; the exit code. */
export async function checkVerb(screen: Screen, paths: readonly string[], flags: CheckFlags): Promise<number> {
  let timeoutMs: number;
  let full: number;
  try {
    timeoutMs = parseDuration(flags.timeout);
    full = wholeNumber(flags.full, "--full", 1, 100);
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError || thrown instanceof RangeError || thrown instanceof Fault)) throw thrown;
    screen.note(thrown.message);
    return 2;
  }
  const defaults: WatchDefaults = {
    write: flags.write === true,
    fullShare: full / 100,
    nearlyFullShare: Math.min(0.9, full / 100),
    slowMs: 1000,
  };
  const machine = thisMachine(createLog({ level: "error", format: "text", clock: systemClock }));
  const [mounts, fstab] = [await machine.mounts(), await machine.fstab()];
  const named = paths.map((path): Watched => ({
    ...defaults,
    path: resolve(path),
    metric: metricOf(path),
    mounted: flags.mounted,
    writable: flags.writable,
    isFound: false,
  }));
  const prober = createProber({ clock: systemClock, timeoutMs });
  let isWell = true;
  for (const watched of named.length > 0 ? named : withFound([], mounts, fstab, defaults)) {
    const mount = mounts.find(({ mountPoint }) => mountPoint === watched.path);
    const wanted = fstab.find(({ mountPoint }) => mountPoint === watched.path);
    const answer = await prober.look(watched.path, watched.write);
    const verdict = verdictOf(watched, answer, mount, wanted, { wasMounted: false, wasWritable: false });
    if (verdict.condition === "bad") isWell = false;
    else if (flags.quiet === true) continue;
    if (flags.json === true) {
      screen.print(JSON.stringify({ path: watched.path, ...folderStatus(answer, verdict, mount) }));
    } else screen.print(plainLine(lineOf(watched.path, answer, verdict)));
  }
  return isWell ? 0 : 1;
}

function lineOf(path: string, answer: ProbeAnswer, { condition, reasons }: Verdict): string {
  const word = condition.padEnd(4);
  if (answer.kind !== "seen") return `${word}  ${path}  ${reasons.join("; ")}`;
  const room = answer.usedBytes + answer.availableBytes;
  const space =
    room === 0 ? "" : `, ${formatShare(answer.usedBytes / room)} used, ${formatSize(answer.availableBytes)} left`;
  return `${word}  ${path}  ${reasons.join("; ")}  (${formatSpan(answer.latencyMs)}${space})`;
}
