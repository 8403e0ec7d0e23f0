/**
 * Mediacheck as a service of the node: opens the runs, checks the sites, and serves what came of it. Started with its
 * predecessor's flags it is no service but one run (commands.ts). Wiring only; every decision is made elsewhere.
 */
import { SQLiteError } from "bun:sqlite";
import { join } from "node:path";

import { BelievedTime } from "../../kit/believed-time.ts";
import { openTargets } from "../../kit/carbon/targets.ts";
import { databaseFault } from "../../kit/disk/sqlite.ts";
import { reasonOf } from "../../kit/fault.ts";
import { countOf } from "../../kit/pages/quantity.ts";
import type { RunningService, Service, ServiceContext } from "../../kit/service.ts";
import { startWorker, type Work } from "../../kit/worker.ts";
import { mediacheckCommands, originalFlags } from "./commands.ts";
import { type MediacheckOptions, mediacheckSection, settingsOf } from "./config.ts";
import { mediacheckFindings } from "./findings.ts";
import { mediacheckRoutes } from "./http.ts";
import { mediacheckMetrics } from "./metrics.ts";
import { eventOf, pointsOf } from "./points.ts";
import type { SiteReport } from "./report.ts";
import { RunStore } from "./run-store.ts";
import { Runner } from "./runner.ts";
import { sitesIn } from "./site.ts";
import { mediacheckPages } from "./views.ts";

/** Mediacheck. */
export const mediacheck: Service<MediacheckOptions> = {
  name: "mediacheck",
  config: mediacheckSection,
  start,
  originalFlags,
  commands: mediacheckCommands,
};

const forgetMs = 3_600_000;
const eventMs = 10_000;

async function start(context: ServiceContext<MediacheckOptions>): Promise<RunningService> {
  const path = join(context.dataFolder, "runs.sqlite");
  try {
    return begin(context, path);
  } catch (thrown) {
    throw thrown instanceof SQLiteError ? databaseFault(path, thrown) : thrown;
  }
}

function begin(context: ServiceContext<MediacheckOptions>, path: string): RunningService {
  const { clock, events, log, mountPath, options, random, reach, shell } = context;
  const settings = settingsOf(options);
  const store = new RunStore(path);
  const forget = forgetWork(context, store);
  const sinks = openTargets(context, { store: "series", graphite: options.graphite });

  /** Tells the store of metrics that something was deployed. What it does not take is logged, and lost. */
  const post = async (report: SiteReport, name: string, deploy: string): Promise<void> => {
    const way = reach("series");
    if (!way) return;
    const late = new AbortController();
    const cancel = clock.schedule(eventMs, () => late.abort());
    try {
      const answer = await way.fetch(`${way.baseUrl}/events`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(eventOf(report, { name, deploy })),
        signal: late.signal,
      });
      await answer.body?.cancel();
      if (!answer.ok) throw new Error(`it answered ${answer.status}`);
    } catch (thrown) {
      log.warn("The event of a deploy could not be posted", { site: name, reason: reasonOf(thrown) });
    } finally {
      cancel();
    }
  };

  const runner: Runner = new Runner({
    clock,
    log,
    random,
    store,
    sites: sitesIn(options.sites, { intervalMs: options.intervalMs, settings }),
    onceSettings: { ...settings, depth: 0, maxPages: 1 },
    finished({ deploy, site }, report, before) {
      metrics.ran(report);
      if (site === undefined) return;
      sinks.send(pointsOf(report, `${options.prefix}.${site.replaceAll(/[^\w-]+/g, "_")}`));
      if (deploy !== undefined) void post(report, site, deploy);
      if (!report.isGood && before?.result?.isGood !== false) {
        const bad = report.resources.find(({ verdict }) => verdict === "bad");
        const words = `${countOf(report.counts.bad, "address is", "addresses are")} bad`;
        events.add("mediacheck", "bad", `${site}: ${words}, such as ${bad?.url.slice(0, 200) ?? ""}`);
      } else if (report.isGood && before?.result?.isGood === false) {
        events.add("mediacheck", "good", `${site}: all that its pages ask for is there again`);
      }
    },
  });
  const metrics = mediacheckMetrics(context.metrics, () => runner.views());
  const workers = [...runner.workers, startWorker(forget, { clock, log })];
  const pages = mediacheckPages({ runner, store, clock, log, shell, mountPath, guard: options.guard });
  return {
    handle: mediacheckRoutes({ runner, store, clock, mountPath, pages }),
    scopeOf: (request) => (request.method === "GET" || request.method === "HEAD" ? "read" : "write"),
    health: () => mediacheckFindings(runner.views()),
    facts() {
      const views = runner.views();
      return {
        sites: String(views.length),
        bad: String(views.filter(({ last }) => last?.result?.isGood === false).length),
      };
    },
    workers,
    async stop() {
      await Promise.all([runner.stop(), ...workers.slice(-1).map((worker) => worker.stop())]);
      await sinks.close();
      store.close();
    },
  };
}

/** Lets go of what is old. To be made before anything new is entered, so that it sees how old the newest run is. */
export function forgetWork(
  { clock, options }: Pick<ServiceContext<MediacheckOptions>, "clock"> & { options: Pick<MediacheckOptions, "keepMs"> },
  store: RunStore,
): Work {
  const time = new BelievedTime(clock, store.newestAt());
  return {
    name: "forget",
    summary: "Forgets runs that are old enough",
    step: async () => ({ waitMs: store.forget(time.now() - options.keepMs) ? 100 : forgetMs }),
  };
}
