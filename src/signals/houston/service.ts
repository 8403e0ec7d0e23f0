/**
 * Houston as a service of the node: opens the source of figures, reads the dashboards, and serves them. Wiring only; every
 * decision is made elsewhere.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { Fault } from "../../kit/fault.ts";
import { type MetricSourceOptions, openMetricSource } from "../../kit/metric-source/open.ts";
import type { RunningService, Service, ServiceContext } from "../../kit/service.ts";
import { startWorker } from "../../kit/worker.ts";
import { ChimneyClient } from "../chimney/client.ts";
import { WatchedSource } from "./answers.ts";
import { houstonCommands } from "./commands.ts";
import { type HoustonOptions, houstonSection } from "./config.ts";
import { Drawer } from "./drawer.ts";
import { houstonFindings } from "./findings.ts";
import { houstonRoutes, houstonScope, isPublicPath } from "./http.ts";
import { Library } from "./library.ts";
import { houstonMetrics } from "./metrics.ts";
import { originalDashboard, originalFlags, readOriginal } from "./original.ts";
import { rangeOf, zoneOf } from "./range.ts";
import { Stage } from "./stage.ts";
import { StatusBoard } from "./status.ts";
import { thisNode } from "./this-node.ts";
import { HoustonPages } from "./views.ts";

/** Houston. */
export const houston: Service<HoustonOptions> = {
  name: "houston",
  config: houstonSection,
  start,
  originalFlags: (words) => originalFlags(words, (path) => readFileSync(path, "utf8")),
  commands: houstonCommands,
};

const reloadMs = 2000;

async function start(context: ServiceContext<HoustonOptions>): Promise<RunningService> {
  const { clock, events, log, mountPath, options, shell } = context;
  const original = options.original === undefined ? undefined : await originalOf(options.original);
  const graphite = original === undefined || original.graphiteBase === "" ? undefined : original.graphiteBase;
  const url = options.source ?? graphite;
  const reach = () => context.reach("series");
  const source: WatchedSource = new WatchedSource(openMetricSource(sourceOptions(options, url), { clock, reach }), {
    clock,
    told: (...figures) => metrics.asked(...figures),
  });
  const folder = options.folder ?? join(context.dataFolder, "dashboards");
  const library = new Library({
    folder,
    files: options.files,
    ownDashboards: [
      ...(original ? [{ slug: "original", written: originalDashboard(original) }] : []),
      { slug: "this-node", written: thisNode },
    ],
    canChange: options.editable,
  });
  await library.look();
  const metrics = houstonMetrics(context.metrics, {
    dashboards: () => library.list().length,
    badFiles: () => library.troubles.length + library.list().filter(({ problems }) => problems.length > 0).length,
    isSourceAway: () => source.trouble !== undefined,
  });
  const chimney = context.reach("chimney");
  const status = new StatusBoard({
    client: chimney && new ChimneyClient(chimney),
    names: options.statusChecks,
    title: options.statusTitle,
    clock,
  });
  const drawer = new Drawer({
    clock,
    reach,
    timeoutMs: options.timeoutMs,
    url,
    kind: options.sourceKind,
    headers: credentials(options),
    verifyTls: options.verifyTls,
    failing: (query, signal) => {
      const [from, until] = [query.get("from") ?? "-24h", query.get("until") ?? "now"];
      const range = rangeOf(from, until, Math.floor(clock.now() / 1000), zoneOf(query.get("tz")) ?? "UTC");
      return source.failing(query.getAll("target"), { ...range, points: 1 }, signal);
    },
  });
  const pages = new HoustonPages({
    library,
    source,
    stage: new Stage(source, clock),
    drawer,
    status,
    clock,
    shell,
    mountPath,
    baseUrl: context.baseUrl,
    folder,
    isStatusPublic: options.publicStatus,
  });
  const workers = [
    startWorker(
      {
        name: "reload",
        summary: "Reads files of dashboards again when they have changed",
        async step() {
          if (await library.look()) log.info("Dashboards were read again", { dashboards: library.list().length });
          return { waitMs: reloadMs };
        },
      },
      { clock, log },
    ),
  ];
  return {
    handle: houstonRoutes({
      library,
      source,
      drawer,
      status,
      pages,
      events,
      clock,
      mountPath,
      reach,
      saved: () => metrics.saved(),
      home: context.alone && original ? "original" : undefined,
    }),
    scopeOf: (request, path) =>
      options.publicStatus && isPublicPath(path) && isReading(request) ? undefined : houstonScope(request, path),
    health: () =>
      houstonFindings({
        entries: library.list(),
        troubles: library.troubles,
        sourceName: source.source.name,
        sourceTrouble: source.trouble?.sentence,
      }),
    facts: () => ({ dashboards: String(library.list().length), source: source.source.name }),
    workers,
    async stop() {
      await Promise.all(workers.map((worker) => worker.stop()));
    },
  };
}

function isReading({ method }: Request): boolean {
  return method === "GET" || method === "HEAD";
}

function sourceOptions(options: HoustonOptions, url: string | undefined): MetricSourceOptions {
  const { parallel, sourceKind, sourcePassword, sourceToken, sourceUser, timeoutMs, verifyTls } = options;
  if (url === undefined) return { kind: "store", timeoutMs };
  return {
    kind: sourceKind,
    url,
    parallel,
    timeoutMs,
    verifyTls,
    ...(sourceUser === undefined ? {} : { user: sourceUser }),
    ...(sourcePassword === undefined ? {} : { password: sourcePassword }),
    ...(sourceToken === undefined ? {} : { token: sourceToken }),
  };
}

function credentials({ sourcePassword, sourceToken, sourceUser }: HoustonOptions): Record<string, string> {
  if (sourceToken !== undefined) return { Authorization: `Bearer ${sourceToken}` };
  if (sourceUser === undefined) return {};
  return { Authorization: `Basic ${Buffer.from(`${sourceUser}:${sourcePassword ?? ""}`).toString("base64")}` };
}

async function originalOf(path: string) {
  let text: string;
  try {
    text = await Bun.file(path).text();
  } catch (thrown) {
    throw new Fault(
      "invalid",
      "houston/original",
      `Cannot read "${path}", which original in [houston] names: there is no such file, or it may not be read`,
      { cause: thrown },
    );
  }
  return readOriginal(text, path);
}
