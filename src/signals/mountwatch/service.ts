/**
 * Mountwatch as a service of the node: decides what is watched, makes the rounds, and serves what came of them. Wiring
 * only; every decision is made elsewhere.
 */
import { openTargets } from "../../kit/carbon/targets.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import type { RunningService, Service, ServiceContext } from "../../kit/service.ts";
import { mountwatchCommands } from "./commands.ts";
import { type MountwatchOptions, mountwatchSection, originalFlags, watchDefaults } from "./config.ts";
import { mountwatchFindings } from "./findings.ts";
import { mountwatchRoutes } from "./http.ts";
import { thisMachine } from "./machine.ts";
import { memoryFile } from "./memory.ts";
import { mountwatchMetrics } from "./metrics.ts";
import { mountOf } from "./mount-table.ts";
import { createProber } from "./prober.ts";
import { Rounds } from "./rounds.ts";
import { readOriginal, type WatchDefaults, type Watched, watchedIn, withFound } from "./watched.ts";

/** Mountwatch. */
export const mountwatch: Service<MountwatchOptions> = {
  name: "mountwatch",
  config: mountwatchSection,
  start,
  originalFlags,
  commands: mountwatchCommands,
};

async function start(context: ServiceContext<MountwatchOptions>): Promise<RunningService> {
  const { clock, dataFolder, events, log, mountPath, options } = context;
  const defaults = watchDefaults(options);
  const configured = [
    ...watchedIn(options.mounts, defaults),
    ...(options.file === undefined ? [] : await readFile(options.file, defaults)),
  ];
  const memory = memoryFile(dataFolder, log);
  const remembered = await memory.read();
  const prober = createProber({ clock, timeoutMs: options.timeoutMs });
  const sink = openTargets(context, { store: "series", graphite: options.graphite });
  const rounds = new Rounds({
    clock,
    log,
    machine: thisMachine(log),
    prober,
    sink,
    prefix: options.prefix,
    onlyOriginal: options.file !== undefined,
    intervalMs: options.intervalMs,
    parallel: options.parallel,
    remembered,
    remember: (memories) => memory.write(memories),
    watched(mounts, fstab) {
      if (!options.find) return configured;
      // What this program itself needs is watched even where it lies on nothing that looks like a disk.
      const own = mountOf(mounts, dataFolder);
      const device = own && { ...own, source: "/dev/" };
      return withFound(
        configured,
        device ? [...mounts.filter((mount) => mount !== own), device] : mounts,
        fstab,
        defaults,
      );
    },
    changed(path, from, { condition, reasons }) {
      // That all is well at the first look is no news.
      if (condition === "good" && from === "unknown") return;
      const level = condition === "good" ? "good" : condition;
      events.add("mountwatch", level, `${path}: ${condition === "good" ? "well again" : reasons.join("; ")}`);
    },
  });
  mountwatchMetrics(context.metrics, { views: () => rounds.views(), stuck: () => prober.stuck() });
  rounds.start();
  return {
    handle: mountwatchRoutes({ rounds, clock, log, shell: context.shell, mountPath, intervalMs: options.intervalMs }),
    scopeOf: () => "read",
    health: () => mountwatchFindings(rounds.views()),
    facts: () => ({ watched: String(rounds.views().length) }),
    workers: [],
    async stop() {
      rounds.stop();
      await Promise.all([memory.flush(), sink.close()]);
    },
  };
}

async function readFile(path: string, defaults: WatchDefaults): Promise<Watched[]> {
  try {
    return readOriginal(await Bun.file(path).text(), path, defaults);
  } catch (thrown) {
    const reason = thrown instanceof SyntaxError ? thrown.message : `Cannot read "${path}": ${reasonOf(thrown)}`;
    throw new Fault("invalid", "mountwatch/file", reason);
  }
}
