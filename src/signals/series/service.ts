/**
 * series as a service of the node: the store, its ways in, its background work and its routes put together. Wiring only.
 */
import { hostname } from "node:os";
import { join } from "node:path";

import { formatCount, formatSize } from "../../kit/pages/quantity.ts";
import type { RunningService, Service, ServiceContext } from "../../kit/service.ts";
import { startWorker } from "../../kit/worker.ts";
import { seriesCommands } from "./commands.ts";
import { type SeriesOptions, seriesSection } from "./config.ts";
import { filesBelow } from "./disk-files.ts";
import { EventsStore } from "./events-store.ts";
import { seriesFindings } from "./findings.ts";
import { seriesRoutes, seriesScope } from "./http.ts";
import { HostGatherer } from "./host/gather.ts";
import { Incoming } from "./incoming.ts";
import { openForwards } from "./forward/forwards.ts";
import { Measuring } from "./measuring.ts";
import { seriesMetrics } from "./metrics.ts";
import { Overview } from "./pages/overview.tsx";
import { SeriesStore } from "./store.ts";
import { readRules, RuleFiles } from "./rule-files.ts";
import { openWaysIn } from "./ways-in.ts";

/** series. */
export const series: Service<SeriesOptions> = {
  name: "series",
  config: seriesSection,
  start,
  commands: seriesCommands,
};

/** A refusal is news for so long. */
const newsMs = 300_000;
const idleMs = 5000;

async function start(context: ServiceContext<SeriesOptions>): Promise<RunningService> {
  const { options, clock, log, events: nodeEvents } = context;
  const { rules, schemas } = await readRules(options);
  const store = await SeriesStore.open({
    disk: filesBelow(context.dataFolder),
    clock,
    schemas,
    settings: {
      windowMs: options.syncEveryMs,
      newSeriesPerMinute: options.newSeriesPerMinute,
      seriesMax: options.maxSeries,
      futureSeconds: Math.floor(options.futureMs / 1000),
      flushPoints: options.flushPoints,
      flushEveryMs: options.flushEveryMs,
      fetchPointsMax: options.maxQueryPoints,
      findMax: Math.max(100_000, options.maxQuerySeries),
    },
    trouble(sentence) {
      log.error("The store has trouble", { reason: sentence });
      nodeEvents.add("series", "bad", sentence);
    },
  });
  const kept = new EventsStore(join(context.dataFolder, "events.sqlite"));
  const forwards = openForwards(options, { clock, dataFolder: context.dataFolder, log });
  const isForwarding = options.forward.length + options.remoteWrite.length > 0;
  const incoming = new Incoming({
    store,
    keep: options.keep,
    forward: isForwarding ? (points) => forwards.send(points) : undefined,
  });
  incoming.use(rules);
  const files = new RuleFiles(options, { clock, incoming, reschema: (schemas) => store.reschema(schemas) });
  seriesMetrics(context.metrics, { store, incoming, forwards });
  let refusedAtMs = -Infinity;
  const waysIn = await openWaysIn(
    options,
    {
      nowSeconds: () => Math.floor(clock.now() / 1000),
      take(points) {
        if (incoming.take(points)["new-series"] > 0) refusedAtMs = clock.monotonicMs();
      },
      bad: (lines, count) => incoming.bad(lines, count),
      // A disk that refuses is told of elsewhere; the sender may go on once it was tried.
      holdBack: () => (store.busy ? store.eased().catch(() => undefined) : undefined),
    },
    log,
  );
  const { hostMetrics, ownMetrics } = options;
  const measuring = new Measuring({
    clock,
    host: hostMetrics ? new HostGatherer(clock, context.dataFolder) : undefined,
    metrics: ownMetrics ? context.metrics : undefined,
    hostname: hostname(),
    everyMs: options.measureEveryMs,
    take: (points) => void incoming.take(points),
  });
  const works = [...store.works(), files, ...(hostMetrics || ownMetrics ? [measuring] : [])];
  const workers = works.map((work) => startWorker(work, { clock, log, idleMs }));
  const findings = () =>
    seriesFindings({
      store,
      waysIn: waysIn.list,
      forwards: forwards.states(),
      others: files.findings(),
      isRefusing: clock.monotonicMs() - refusedAtMs < newsMs,
      isNews: (atMs) => clock.monotonicMs() - atMs < newsMs,
    });
  const view = () => ({
    figures: store.figures(),
    findings: findings(),
    waysIn: waysIn.list,
    connections: waysIn.connections(),
    badCount: incoming.badCount,
    badLines: incoming.badLines,
    unwanted: incoming.counts.unwanted,
    forwards: forwards.states(),
  });
  const handle = seriesRoutes({
    store,
    events: kept,
    incoming,
    files,
    clock,
    mountPath: context.mountPath,
    maxBodyBytes: options.maxBodyBytes,
    mark: forwards.mark,
    bounds: {
      maxSeries: options.maxQuerySeries,
      maxPoints: options.maxQueryPoints,
      timeoutMs: options.queryTimeoutMs,
    },
    status: view,
    page: (request) =>
      context.shell.page(
        { title: "series", service: "series", body: Overview({ ...view(), now: clock.now() }) },
        request,
      ),
  });
  return {
    handle,
    scopeOf: (request, path) => seriesScope(request, path),
    health: findings,
    facts: () => {
      const figures = store.figures();
      return { series: formatCount(figures.series), size: formatSize(figures.fileBytes) };
    },
    workers,
    addresses: waysIn.list.flatMap(({ purpose, address, failure }) =>
      failure === undefined ? [{ purpose: `series ${purpose}`, address }] : [],
    ),
    async stop() {
      await waysIn.close();
      await Promise.all(workers.map((worker) => worker.stop()));
      incoming.tell(Math.floor(clock.now() / 1000), true);
      await forwards.close();
      await store.close();
      kept.close();
    },
  };
}
