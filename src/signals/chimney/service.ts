/**
 * Chimney as a service of the node: opens the history, reads the checks, asks them, and serves what came of it. Wiring
 * only; every decision is made elsewhere.
 */
import { SQLiteError } from "bun:sqlite";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { BelievedTime } from "../../kit/believed-time.ts";
import { openTargets } from "../../kit/carbon/targets.ts";
import { fromGoFlags } from "../../kit/config/go-flags.ts";
import { databaseFault } from "../../kit/disk/sqlite.ts";
import { formatSpan } from "../../kit/pages/quantity.ts";
import type { RunningService, Service, ServiceContext } from "../../kit/service.ts";
import { startWorker, type Work } from "../../kit/worker.ts";
import { Checker } from "./checker.ts";
import { chimneyCommands } from "./commands.ts";
import { type ChimneyOptions, chimneySection, planDefaults } from "./config.ts";
import { plansIn } from "./check-file.ts";
import { chimneyFindings } from "./findings.ts";
import { History } from "./history.ts";
import { chimneyRoutes, isBeat } from "./http.ts";
import { chimneyMetrics } from "./metrics.ts";
import { failingOf, type Outcome } from "./outcome.ts";
import type { Plan } from "./plan.ts";
import { createProbe } from "./probe.ts";
import { checkSource } from "./source.ts";
import type { Change } from "./standing.ts";
import { statusOf } from "./status.ts";
import { chimneyPages } from "./views.ts";

/** Chimney. */
export const chimney: Service<ChimneyOptions> = {
  name: "chimney",
  config: chimneySection,
  start,
  originalFlags: (words) => fromGoFlags(words, { config: (value) => ["--file", value] }).words,
  commands: chimneyCommands,
};

/** Where the predecessor looks when nobody says where. */
const originalPath = "/etc/chimney/config.json";
const reloadMs = 2000;
const forgetMs = 3_600_000;

async function start(context: ServiceContext<ChimneyOptions>): Promise<RunningService> {
  const path = join(context.dataFolder, "history.sqlite");
  try {
    return await begin(context, path);
  } catch (thrown) {
    throw thrown instanceof SQLiteError ? databaseFault(path, thrown) : thrown;
  }
}

async function begin(context: ServiceContext<ChimneyOptions>, historyPath: string): Promise<RunningService> {
  const { clock, events, log, mountPath, options, random } = context;
  const defaults = planDefaults(options);
  const isFallback = context.alone && options.checks.length === 0 && existsSync(originalPath);
  const source = checkSource(
    plansIn(options.checks, defaults),
    options.file ?? (isFallback ? originalPath : undefined),
    defaults,
  );
  const first = await source.first();
  const history = new History(historyPath);
  const forget = forgetWork(context, history, () => new Set(checker.views().map(({ plan }) => plan.name)));
  const sinks = openTargets(context, { store: "series", graphite: options.graphite ?? first.graphite });

  const checker: Checker = new Checker({
    clock,
    random,
    log,
    probe: createProbe({ clock }),
    history,
    sink: sinks,
    parallel: options.parallel,
    makeId: () => Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("hex"),
    happened(plan: Plan, outcome: Outcome, change: Change | undefined) {
      metrics.asked(plan, outcome);
      if (!change || change.to === "unknown") return;
      metrics.changed(change.to);
      const failing = failingOf(outcome).length > 0 ? ` (${failingOf(outcome)[0]?.slice(0, 120)})` : "";
      const after = change.from === "unknown" ? "" : ` after ${formatSpan(change.lastedMs)}`;
      if (change.to === "down") events.add("chimney", "bad", `${plan.name} is down: ${outcome.reason}${failing}`);
      else events.add("chimney", "good", `${plan.name} is up${after}`);
    },
  });
  const metrics = chimneyMetrics(context.metrics, {
    views: () => checker.views(),
    waiting: () => checker.counts().waiting,
  });
  checker.setPlans(first.plans);

  const workers = [startWorker(forget, { clock, log })];
  if (source.path !== undefined) {
    // Kept until they are taken: a full disk may refuse new checks for a while.
    let wanted: readonly Plan[] | undefined;
    workers.push(
      startWorker(
        {
          name: "reload",
          summary: "Reads the file of checks again when it has changed",
          async step() {
            const before = source.trouble;
            const changed = await source.changed();
            wanted = changed?.plans ?? wanted;
            if (wanted) {
              checker.setPlans(wanted);
              log.info("The file of checks was read again", { checks: wanted.length });
              wanted = undefined;
            } else if (source.trouble !== undefined && source.trouble !== before) {
              log.warn("The file of checks cannot be used and is left out", { reason: source.trouble });
            }
            return { waitMs: reloadMs };
          },
        },
        { clock, log },
      ),
    );
  }

  const pages = chimneyPages({
    checker,
    history,
    clock,
    log,
    shell: context.shell,
    mountPath,
    baseUrl: context.baseUrl,
    source,
  });
  return {
    handle: chimneyRoutes({ checker, history, clock, mountPath, pages }),
    scopeOf(request, path) {
      // The id in its path is the right to beat.
      if (isBeat(path)) return undefined;
      return request.method === "GET" || request.method === "HEAD" ? "read" : "write";
    },
    fromElsewhere: (_, path) => isBeat(path),
    loggedPath: (path) => (isBeat(path) ? "/beat/***" : path),
    health: () => chimneyFindings(checker.views(), source.trouble, checker.keepFailure),
    facts(): Record<string, string> {
      const { down, up } = statusOf(checker.views());
      return { up: String(up), down: String(down) };
    },
    workers,
    async stop() {
      checker.stop();
      await Promise.all([...workers.map((worker) => worker.stop()), sinks.close()]);
      history.close();
    },
  };
}

/** Lets go of what is old. To be made before anything new is entered, so that it sees how old the newest entry is. */
export function forgetWork(
  {
    clock,
    options,
  }: Pick<ServiceContext<ChimneyOptions>, "clock"> & {
    options: Pick<ChimneyOptions, "keepResultsMs" | "keepHoursMs">;
  },
  history: History,
  known: () => ReadonlySet<string>,
): Work {
  const time = new BelievedTime(clock, history.newestAt());
  return {
    name: "forget",
    summary: "Forgets outcomes that are old enough",
    async step() {
      const now = time.now();
      const before = { resultsAt: now - options.keepResultsMs, hoursAt: now - options.keepHoursMs };
      return { waitMs: history.forget(before, known()) ? 100 : forgetMs };
    },
  };
}
