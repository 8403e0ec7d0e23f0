/**
 * Hound as a service of the node: opens what is kept, reads the rules, judges them in rounds, and serves what came of it.
 * Wiring only; every decision is made elsewhere.
 */
import { SQLiteError } from "bun:sqlite";
import { existsSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";

import { openTargets } from "../../kit/carbon/targets.ts";
import { fromGoFlags } from "../../kit/config/go-flags.ts";
import { databaseFault } from "../../kit/disk/sqlite.ts";
import { Fault } from "../../kit/fault.ts";
import { openMetricSource } from "../../kit/metric-source/open.ts";
import type { RunningService, Service, ServiceContext } from "../../kit/service.ts";
import { startWorker } from "../../kit/worker.ts";
import { houndCommands } from "./commands.ts";
import { type HoundOptions, houndSection } from "./config.ts";
import { alertActions } from "./delivery/action-links.ts";
import { channelPlans } from "./delivery/channel-plan.ts";
import { openDelivery } from "./delivery/delivery.ts";
import { houndFindings } from "./findings.ts";
import { Hound, type HoundPolicy, type RoundReport } from "./hound.ts";
import { houndRoutes } from "./http.ts";
import { KeptFile } from "./kept.ts";
import { houndMetrics } from "./metrics.ts";
import { houndPages } from "./pages/hound-pages.ts";
import { pointsOf } from "./points.ts";
import { replay } from "./replay.ts";
import type { Rule } from "./rule.ts";
import { readRules, RuleProblems } from "./rule-file.ts";
import { type RuleSource, ruleSource } from "./rule-source.ts";
import { samplesBeside } from "./samples.ts";
import { signOfLife } from "./sign-of-life.ts";
import { seriesEvents } from "./series-events.ts";
import {
  graphBaseOf,
  mailFromOf,
  relayOf,
  ruleDefaults,
  settingsIn,
  sourceOptions,
  tellsAnybody,
  warningsOf,
} from "./settings.ts";
import { changeWords, manyChangesWords, titleOf } from "./words.ts";

/** Hound. */
export const hound: Service<HoundOptions> = {
  name: "hound",
  config: houndSection,
  start,
  originalFlags: (words) => fromGoFlags(words, { config: (value) => ["--file", value] }).words,
  commands: houndCommands,
};

/** Where the predecessor looks when nobody says where. */
const originalPath = "./config.json";
const reloadMs = 2000;
const forgetMs = 3_600_000;
const manyChanges = 20;
/** A round may be so much later than it should be before that is told. */
const roundSlackMs = 60_000;

async function start(context: ServiceContext<HoundOptions>): Promise<RunningService> {
  const path = join(context.dataFolder, "hound.sqlite");
  try {
    return await begin(context, path);
  } catch (thrown) {
    throw thrown instanceof SQLiteError ? databaseFault(path, thrown) : thrown;
  }
}

async function begin(context: ServiceContext<HoundOptions>, keptPath: string): Promise<RunningService> {
  const { baseUrl, clock, dataFolder, events, log, mountPath, options, random, reach } = context;
  const isFallback = context.alone && options.rules.length === 0 && existsSync(originalPath);
  const defaults = ruleDefaults(options);
  const rulePath = options.file ?? (isFallback ? originalPath : undefined);
  const wanted = sourceOptions(options);
  for (const warning of warningsOf(options, baseUrl)) log.warn(warning);
  const isStore = wanted.kind === "store";
  const source =
    isStore && !reach("series")
      ? undefined
      : openMetricSource(wanted, { clock, ...(isStore ? { reach: () => reach("series") } : {}) });
  const own = ruleSource(options.rules, rulePath, defaults);
  const withSamples = (rules: readonly Rule[]): readonly Rule[] => {
    if (!options.samples || !isStore || !source || context.alone || !tellsAnybody(options)) return rules;
    return [...rules, ...readRules(samplesBeside(new Set(rules.map(({ name }) => name))), undefined, defaults)];
  };
  const first = withSamples(await own.first());

  const relay = relayOf(options);
  const delivery = await openDelivery({
    clock,
    random,
    log,
    metrics: context.metrics,
    events,
    dataFolder,
    baseUrl,
    mail: relay && { relay, from: mailFromOf(options, hostname()) },
    channels: channelPlans(options.channels),
    ...(source ? { source } : {}),
  });
  const kept = new KeptFile(keptPath);
  const points = openTargets(context, { store: "series", graphite: options.graphite });
  const note = seriesEvents({ reach: () => reach("series"), log });
  const settings = settingsIn(options);
  const policy: HoundPolicy = {
    ...settings,
    everybody: options.mailTo,
    throttle: options.throttle,
    groupFrom: options.groupFrom,
    graphBase: graphBaseOf(options.url, source?.language, reach("series")?.baseUrl),
    actionsOf: (standingId) => alertActions(delivery.links, standingId),
    tellsErrors: options.tellErrors,
    tellsSilences: options.tellSilences,
    blindAfterMs: options.blindAfterMs,
    calmMs: options.flapCalmMs,
    level: {
      flap: { failures: options.flapFailures, windowMs: options.flapWindowMs, calmMs: options.flapCalmMs },
      gapMs: 5 * options.checkIntervalMs + 60_000,
    },
    forgetSeriesMs: options.forgetSeriesMs,
    warmsUp: isStore,
  };
  const watch = new Hound({
    clock,
    log,
    source,
    kept,
    sink: delivery.sink,
    policy,
    askBatch: isStore ? 1000 : 100,
    askTimeoutMs: options.requestTimeoutMs,
    makeId: () => Buffer.from(crypto.getRandomValues(new Uint8Array(4))).toString("hex"),
  });
  watch.setRules(first);
  const metrics = houndMetrics(context.metrics, {
    standings: () => watch.standings(),
    rules: () => watch.rules.length,
    blindSinceAt: () => watch.sight().blind?.sinceAt,
  });

  const sign =
    options.heartbeatUrl === undefined
      ? undefined
      : signOfLife({ url: options.heartbeatUrl, clock, log, signal: context.signal });
  let roundEndedMs = clock.monotonicMs();
  const overdue = (): { sinceAt: number; reason: string } | undefined => {
    const lateMs = clock.monotonicMs() - roundEndedMs;
    const isLate = lateMs > 3 * options.checkIntervalMs + options.requestTimeoutMs + roundSlackMs;
    if (!isLate || watch.rules.length === 0 || !source) return undefined;
    return { sinceAt: clock.now() - lateMs, reason: round.failures().reason };
  };

  const tellNode = ({ changes }: RoundReport) => {
    if (changes.length > manyChanges) {
      const isGood = changes.every(({ to }) => to === "OK");
      events.add("hound", isGood ? "good" : "bad", manyChangesWords(changes));
      return;
    }
    for (const change of changes) {
      const words = `${titleOf(change.watched)} ${changeWords(change)}`;
      if (change.to === "OK") events.add("hound", "good", words);
      else events.add("hound", "bad", `${words}: ${change.watched.memory.message}`);
    }
  };
  const round = startWorker(
    {
      name: "judge",
      summary: "Judges all rules and tells what has to be told",
      async step(signal) {
        const beganMs = clock.monotonicMs();
        if (watch.rules.length === 0 || !source) {
          await watch.handOn();
          roundEndedMs = clock.monotonicMs();
          return { waitMs: options.checkIntervalMs };
        }
        const report = await watch.round(signal);
        metrics.round(report);
        roundEndedMs = clock.monotonicMs();
        if (report.blind === undefined && !delivery.isStuck()) sign?.give();
        if (report.blind === undefined) points.send(pointsOf(report, options.metricPrefix, watch.errorsTold));
        tellNode(report);
        await note(report, signal);
        return { waitMs: Math.max(100, options.checkIntervalMs - (clock.monotonicMs() - beganMs)) };
      },
      progress: () => ({ rules: watch.rules.length, "last ms": Math.round(watch.sight().roundMs ?? 0) }),
    },
    { clock, log },
  );
  const workers = [round, forgetWorker(context, watch)];
  const reload = reloadWorker(
    context,
    own,
    (rules) => {
      watch.setRules(withSamples(rules));
      round.wake();
    },
    (trouble) => {
      watch.fileTrouble = trouble;
    },
  );
  if (reload) workers.push(reload);
  const wakeReload = () => reload?.wake();
  // Whoever stood in the predecessor's place is told of a new file so.
  if (reload) process.on("SIGHUP", wakeReload);

  let isReplaying = false;
  const pages = houndPages({
    hound: watch,
    deliveries: delivery.view,
    links: delivery.links,
    clock,
    log,
    shell: context.shell,
    mountPath,
    source,
    ownPrefix: source ? options.metricPrefix : undefined,
  });
  return {
    handle: houndRoutes({
      hound: watch,
      clock,
      mountPath,
      pages,
      async replay({ pastMs, rule }, signal) {
        if (!source)
          throw new Fault(
            "unavailable",
            "hound/no-source",
            "Cannot run the rule: there is nowhere to read measurements",
          );
        if (isReplaying)
          throw new Fault("limited", "hound/busy", "Cannot run the rule: another is run already", {
            retryAfterMs: 5000,
          });
        const untilAt = clock.now();
        const chosen = ruleWanted(rule, watch.rules, options);
        isReplaying = true;
        return replay(chosen, {
          source,
          policy,
          fromAt: untilAt - pastMs,
          untilAt,
          everyMs: options.checkIntervalMs,
          clock,
          log,
          signal: AbortSignal.any([signal, context.signal]),
        }).finally(() => {
          isReplaying = false;
        });
      },
    }),
    scopeOf(request, path) {
      // An address in a mail carries the right to do what it says.
      if (pages.isLink(path)) return undefined;
      // Running a rule over the past changes nothing.
      return request.method === "GET" || request.method === "HEAD" || path === "/api/test" ? "read" : "write";
    },
    loggedPath: (path) => (pages.isLink(path) ? "/act/***" : path),
    health: () => [
      ...houndFindings({
        now: clock.now(),
        rules: watch.rules,
        standings: watch.standings(),
        sight: watch.sight(),
        everybody: options.mailTo,
        routed: settings.routes.flatMap(({ recipients }) => recipients),
        refusal: (recipient) => delivery.refusal(recipient),
        overdue: overdue(),
        signTrouble: sign?.trouble(),
      }),
      ...delivery.findings(),
    ],
    facts(): Record<string, string> {
      const failing = watch.standings().filter(({ state }) => state === "Failed").length;
      return { rules: String(watch.rules.length), failing: String(failing) };
    },
    workers: [...workers, ...delivery.workers],
    async stop() {
      process.off("SIGHUP", wakeReload);
      await Promise.all([...workers.map((worker) => worker.stop()), points.close()]);
      await delivery.stop();
      kept.close();
    },
  };
}

function forgetWorker({ clock, log, options }: ServiceContext<HoundOptions>, watch: Hound) {
  return startWorker(
    {
      name: "forget",
      summary: "Forgets history and rules that are gone for long enough",
      step() {
        return Promise.resolve({ waitMs: watch.forget(options.keepHistoryMs) ? 100 : forgetMs });
      },
    },
    { clock, log },
  );
}

function reloadWorker(
  { clock, log }: ServiceContext<HoundOptions>,
  own: RuleSource,
  take: (rules: readonly Rule[]) => void,
  tell: (trouble: string | undefined) => void,
) {
  if (own.path === undefined) return undefined;
  return startWorker(
    {
      name: "reload",
      summary: "Reads the file of rules again when it has changed",
      async step() {
        const before = own.trouble;
        const changed = await own.changed();
        tell(own.trouble);
        if (changed) {
          take(changed);
          log.info("The file of rules was read again", { rules: changed.length });
        } else if (own.trouble !== undefined && own.trouble !== before) {
          log.warn("The file of rules cannot be used and is left out", { reason: own.trouble });
        }
        return { waitMs: reloadMs };
      },
    },
    { clock, log },
  );
}

function ruleWanted(wanted: string | Record<string, unknown>, rules: readonly Rule[], options: HoundOptions): Rule {
  if (typeof wanted === "string") {
    const found = rules.find(({ id, name }) => name === wanted || id === wanted);
    if (found) return found;
    throw new Fault("missing", "hound/no-rule", `Cannot find rule "${wanted.slice(0, 100)}": none has that name or id`);
  }
  try {
    const [rule] = readRules([{ ...wanted, depends_on: [] }], undefined, ruleDefaults(options));
    if (rule) return rule;
  } catch (thrown) {
    if (!(thrown instanceof RuleProblems)) throw thrown;
    throw new Fault("invalid", "hound/rule", `Cannot use the rule: ${thrown.problems.join("; ")}`);
  }
  throw new Fault("invalid", "hound/rule", "Cannot use the rule: there is none");
}
