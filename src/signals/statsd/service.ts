/**
 * statsd as a service of the node: rules, ways in and targets put together, and changed while it runs when Etsy's file
 * changes. Wiring only.
 */
import { readFileSync } from "node:fs";

import { Fault, reasonOf } from "../../kit/fault.ts";
import { liveParts } from "../../kit/pages/live.ts";
import { formatCount } from "../../kit/pages/quantity.ts";
import type { RunningService, Service, ServiceContext } from "../../kit/service.ts";
import { fileMarkAt } from "../../kit/watched-file.ts";
import type { AdminParts } from "./admin.ts";
import { type Cluster, openCluster } from "./cluster/cluster.ts";
import { statsdCommands } from "./commands.ts";
import { originalFlags, settingsOf, type StatsdOptions, statsdSection } from "./config.ts";
import { etsySettings, readEtsyFile } from "./etsy-file.ts";
import { statsdFindings } from "./findings.ts";
import { statsdRoutes } from "./http.ts";
import { statsdMetrics } from "./metrics.ts";
import type { Output } from "./output.ts";
import { Overview, overviewParts, type OverviewView } from "./pages/overview.tsx";
import { Rates } from "./rates.ts";
import { createRepeaters, isOwnAddress } from "./repeater.ts";
import type { StatsdSettings } from "./settings.ts";
import type { SentEvent } from "./sink.ts";
import { Statsd } from "./statsd.ts";
import { openTargets, sameTargets } from "./targets.ts";
import { openWaysIn, sameWaysIn, type WaysIn } from "./ways-in.ts";

/** statsd. */
export const statsd: Service<StatsdOptions> = {
  name: "statsd",
  config: statsdSection,
  start,
  commands: statsdCommands,
  originalFlags,
};

const lookEveryMs = 1000;
const reloadEveryMs = 2000;
const ratesKept = 60;
/** Drops are news for so many looks. */
const dropLooks = 300;

async function start(context: ServiceContext<StatsdOptions>): Promise<RunningService> {
  const { options, clock, log, random, events } = context;
  const own = settingsOf(options);
  let settings = fromFile(options, own, log);
  const happened = (event: SentEvent) => {
    events.add("statsd", event.kind === "error" ? "bad" : event.kind === "warning" ? "warn" : "info", event.title);
    tellSeries(context, event);
  };
  const rules = new Statsd({ settings, clock, random, log, happened });
  const health = { state: settings.health };
  const admin = adminParts(rules, health, () => settings, context);
  const place = () => (options.etsyConfig === undefined ? "[statsd]" : options.etsyConfig);
  const open = () =>
    openWaysIn({
      settings,
      clock,
      place: place(),
      log,
      admin,
      receive: (packet, sender) => rules.receive(packet, sender),
      tooLong(sender) {
        rules.buckets.sender = sender;
        rules.bad("", "its line is longer than a datagram can be");
      },
    });
  const openOutputs = (only?: "series"): Output[] =>
    openTargets({
      settings: only === undefined ? settings : { ...settings, graphite: [], toConsole: false },
      naming: rules.naming,
      dataFolder: context.dataFolder,
      clock,
      log,
      startedAt: rules.startedAt,
      series: context.reach("series"),
      print: (text) => process.stdout.write(text),
    });
  rules.outputs = openOutputs();
  rules.repeaters = createRepeaters(settings.repeat, settings, clock);
  rules.cluster = await clusterOf(settings, context);
  let waysIn: WaysIn = await open();
  rules.start();
  statsdMetrics(context.metrics, rules, () => waysIn.list());

  let isReloading = false;
  const packets = new Rates(() => rules.counts.packets, clock, ratesKept);
  const lines = new Rates(() => rules.counts.lines, clock, ratesKept);
  const drops: number[] = [];
  const recentDrops = () => drops.reduce((sum, one) => sum + one, 0);
  const cancelLooks = every(clock, lookEveryMs, () => {
    // The store may stand later in the table of services, and be there only now.
    const isThere = rules.outputs.some((output) => output.state().kind === "series");
    if (settings.toSeries && !isThere && !isReloading && context.reach("series"))
      rules.outputs = [...openOutputs("series"), ...rules.outputs];
    packets.look();
    lines.look();
    drops.push(waysIn.lookForDrops());
    if (drops.length > dropLooks) drops.shift();
  });

  let reloadFailure = "";
  const reload = async () => {
    try {
      const next = fromFile(options, own, log);
      const before = settings;
      settings = next;
      reloadFailure = "";
      rules.configure(next);
      health.state = next.health;
      if (!sameTargets(before, next)) {
        const old = rules.outputs;
        isReloading = true;
        // What is flushed while there is no output would be gone.
        rules.isHeld = true;
        try {
          await rules.written();
          rules.outputs = [];
          await Promise.all(old.map((output) => output.close()));
          rules.outputs = openOutputs();
        } finally {
          rules.isHeld = false;
          isReloading = false;
        }
      }
      if (JSON.stringify(before.repeat) !== JSON.stringify(next.repeat) || !sameWaysIn(before, next)) {
        const old = rules.repeaters;
        rules.repeaters = createRepeaters(next.repeat, next, clock);
        await Promise.all(old.map((repeater) => repeater.close()));
      }
      if (!sameCluster(before, next)) {
        const old = rules.cluster;
        rules.cluster = await clusterOf(next, context);
        old?.close();
      }
      if (!sameWaysIn(before, next)) {
        await waysIn.close();
        waysIn = await open();
      }
      events.add("statsd", "good", "The configuration was read again");
    } catch (thrown) {
      // A Fault's sentence has its cause in it already.
      const reason = thrown instanceof Fault ? thrown.message : reasonOf(thrown);
      reloadFailure = `The changed configuration is not in effect: ${reason}`;
      events.add("statsd", "bad", reloadFailure);
    }
  };
  const cancelReloads = watchFile(context, () => void reload());

  const findings = () =>
    statsdFindings({
      statsd: rules,
      waysIn: waysIn.list(),
      recentDrops: recentDrops(),
      reloadFailure,
      maxNames: settings.limits.names,
    });
  const view = (): OverviewView => ({
    now: clock.now(),
    findings: findings(),
    packetRates: packets.list(),
    lineRates: lines.list(),
    names: rules.buckets.names,
    maxNames: settings.limits.names,
    bad: rules.counts.bad,
    drops: waysIn.list().reduce((sum, way) => sum + way.drops, 0),
    flushMs: settings.flushMs,
    lastFlush: rules.lastFlush,
    waysIn: waysIn.list(),
    outputs: rules.outputs.map((output) => output.state()),
    nodes: rules.cluster?.state() ?? [],
    busiest: rules.busiest(15),
    makers: rules.buckets.makers.top("name", 10),
    senders: rules.buckets.makers.top("sender", 5),
    badLines: rules.badLines.slice(-10).reverse(),
    events: rules.events.slice(-10).reverse(),
    checks: [...rules.checks.values()].slice(-20).reverse(),
  });
  const handle = statsdRoutes({
    statsd: rules,
    clock,
    mountPath: context.mountPath,
    exposes: () => settings.exposes,
    status: () => ({
      ...view(),
      counts: rules.counts,
      refused: rules.buckets.refused,
      repeaters: rules.repeaters.map((repeater) => repeater.state()),
      health: health.state,
    }),
    page: (request) =>
      context.shell.page(
        { title: "statsd", service: "statsd", body: Overview(view()), live: `${context.mountPath}/live` },
        request,
      ),
    live: (_request, caller) =>
      liveParts(caller.keepOpen("read"), {
        clock,
        render: () => overviewParts(view()),
        failed: (thrown) => log.error("A page of statsd could not be drawn", { reason: reasonOf(thrown) }),
      }),
  });

  return {
    handle,
    scopeOf: (_request, path) => (path.startsWith("/send") ? "write" : "read"),
    health: findings,
    facts: () => ({
      names: formatCount(rules.buckets.names),
      metrics: `${formatCount(lines.list().at(-1) ?? 0)}/s`,
    }),
    workers: [],
    get addresses() {
      return waysIn
        .list()
        .flatMap(({ purpose, address, failure }) =>
          failure === undefined ? [{ purpose: `statsd ${purpose}`, address }] : [],
        );
    },
    async stop() {
      cancelReloads();
      cancelLooks();
      await waysIn.close();
      rules.cluster?.close();
      await rules.stop();
      await Promise.all([
        ...rules.outputs.map((output) => output.close()),
        ...rules.repeaters.map((repeater) => repeater.close()),
      ]);
    },
  };
}

/** The settings with those of Etsy's file, where there is one. Fault `statsd/etsy-config` when it cannot be read. */
function fromFile(
  options: StatsdOptions,
  own: StatsdSettings,
  log: ServiceContext<StatsdOptions>["log"],
): StatsdSettings {
  const path = options.etsyConfig;
  if (path === undefined) return own;
  try {
    const { config, unknown } = readEtsyFile(readFileSync(path, "utf8"));
    if (unknown.length > 0)
      log.warn("Keys of the configuration file that nobody knows were passed over", { path, unknown });
    if (config.forkCount !== undefined && config.forkCount !== 0)
      log.info("forkCount has no effect: one process takes it all", { path });
    return etsySettings(config, own);
  } catch (thrown) {
    throw new Fault(
      "invalid",
      "statsd/etsy-config",
      `Cannot use the configuration file "${path}": ${reasonOf(thrown)}`,
      {
        cause: thrown,
      },
    );
  }
}

/** Calls back when Etsy's file has changed. Looks again and again, which works on every kind of disk. */
function watchFile({ options, clock }: ServiceContext<StatsdOptions>, changed: () => void): () => void {
  const path = options.etsyConfig;
  if (path === undefined) return () => undefined;
  let before = fileMarkAt(path);
  return every(clock, reloadEveryMs, () => {
    const now = fileMarkAt(path);
    // While an editor replaces the file there is none.
    if (now === before || now === undefined) return;
    before = now;
    changed();
  });
}

/** Those who share what comes, where the settings name any. */
function clusterOf(
  { checkNodesEveryMs, nodes, udp }: StatsdSettings,
  { clock, events }: ServiceContext<StatsdOptions>,
): Promise<Cluster> | undefined {
  if (nodes.length === 0) return undefined;
  return openCluster({
    nodes,
    checkEveryMs: checkNodesEveryMs,
    clock,
    own: (node) => isOwnAddress(node, udp),
    changed(node, trouble) {
      events.add(
        "statsd",
        trouble === undefined ? "good" : "bad",
        trouble === undefined ? `The node ${node} takes its share again` : `The node ${node} has no share: ${trouble}`,
      );
    },
  });
}

/** The same nodes would be opened. */
function sameCluster(one: StatsdSettings, other: StatsdSettings): boolean {
  const written = ({ checkNodesEveryMs, nodes, udp }: StatsdSettings) =>
    JSON.stringify(nodes.length === 0 ? [] : [nodes, checkNodesEveryMs, udp]);
  return written(one) === written(other);
}

/** Events are kept by the store beside the values, for graphs to show. */
function tellSeries(context: ServiceContext<StatsdOptions>, event: SentEvent): void {
  const series = context.reach("series");
  if (!series) return;
  const body = JSON.stringify({
    what: event.title,
    data: event.text,
    tags: [event.kind, ...event.tags.map((tag) => tag.replace("=", ":"))],
    when: event.atSeconds ?? Math.floor(context.clock.now() / 1000),
  });
  series
    .fetch(`${series.baseUrl}/events/`, { method: "POST", headers: { "Content-Type": "application/json" }, body })
    .then((answer) => answer.body?.cancel())
    .catch((thrown: unknown) => context.log.debug("An event was not taken by the store", { reason: reasonOf(thrown) }));
}

function adminParts(
  rules: Statsd,
  health: AdminParts["health"],
  settings: () => StatsdSettings,
  { clock }: ServiceContext<StatsdOptions>,
): AdminParts {
  const { buckets } = rules;
  const since = (at: number) => Math.round(clock.now() / 1000) - Math.round(at / 1000);
  return {
    health,
    stats: () => [
      ["uptime", since(rules.startedAt)],
      ["messages.last_msg_seen", since(rules.lastPacketAt)],
      ["messages.bad_lines_seen", rules.counts.bad],
      ...rules.outputs.flatMap((output): [string, number][] => {
        const { kind, lastFailedAt, lastLengthBytes, lastSentAt, lastWriteMs } = output.state();
        if (kind !== "graphite") return [];
        return [
          ["graphite.last_flush", since(lastSentAt || rules.startedAt)],
          ["graphite.last_exception", since(lastFailedAt)],
          ["graphite.flush_time", Math.round(lastWriteMs)],
          ["graphite.flush_length", lastLengthBytes],
        ];
      }),
    ],
    *counters() {
      for (const [name, { value }] of buckets.counters) yield [name, value];
    },
    *gauges() {
      for (const [name, { value }] of buckets.gauges) yield [name, value];
    },
    *timers() {
      for (const [name, { values }] of buckets.timers) yield [name, values];
    },
    names: (kind) => buckets[kind].keys(),
    nodes: () => rules.cluster?.shared(),
    remove: (kind, name) => !rules.isOwn(name) && buckets.remove(kind, name),
    config: () =>
      Object.entries(settings()).flatMap(([key, value]): [string, string][] =>
        typeof value === "object" && value !== null
          ? Object.entries(value).map(([sub, inner]) => [
              `${key} > ${sub}`,
              typeof inner === "object" ? JSON.stringify(inner) : String(inner),
            ])
          : [[key, String(value)]],
      ),
  };
}

function every(clock: ServiceContext<StatsdOptions>["clock"], intervalMs: number, action: () => void): () => void {
  let cancel = clock.schedule(intervalMs, run);
  function run(): void {
    action();
    cancel = clock.schedule(intervalMs, run);
  }
  return () => cancel();
}
