/**
 * Hakmes as a service of the node: opens the catalog and finds its Cask, builds a node over them, stands it among its
 * neighbours and serves it. Wiring only; every decision is made elsewhere.
 */
import { SQLiteError } from "bun:sqlite";
import { join } from "node:path";

import { createFailureLimit } from "../../kit/auth/failures.ts";
import { databaseFault } from "../../kit/disk/sqlite.ts";
import { Fault } from "../../kit/fault.ts";
import { formatCount } from "../../kit/pages/quantity.ts";
import type { RunningService, Service, ServiceContext } from "../../kit/service.ts";
import { startWorker } from "../../kit/worker.ts";
import { caskOf } from "../cask/client.ts";
import { openSqliteCatalog } from "./catalog-sqlite.ts";
import { watchCask } from "./cask-watch.ts";
import { CaskChunkStore } from "./chunk-store-cask.ts";
import { hakmesCommands } from "./commands.ts";
import { cutPlanOf, type HakmesOptions, hakmesSection } from "./config.ts";
import { ingest, serialize } from "./errand.ts";
import { hakmesFindings } from "./findings.ts";
import { manifestReader } from "./found-manifest.ts";
import { hakmesRoutes } from "./http.ts";
import { hakmesMetrics } from "./metrics.ts";
import { createNeighbourhood } from "./neighbourhood.ts";
import { createHakmes, type HakmesOnCask } from "./on-cask.ts";
import type { StateView } from "./pages/view.ts";
import { secretPurpose } from "./peers-http.ts";
import { peerRoutes } from "./peers-routes.ts";
import type { StoredFile } from "./record.ts";
import { caskShelf } from "./shelf-cask.ts";
import { tusCleaning } from "./tus-clean.ts";
import { tusRoutes, tusScope } from "./tus.ts";
import { TusUploads } from "./tus-uploads.ts";
import { hakmesPages } from "./views.ts";

/** Hakmes. */
export const hakmes: Service<HakmesOptions> = {
  name: "hakmes",
  config: hakmesSection,
  usesCluster: (options) => !isErrand(options),
  runsErrand: isErrand,
  start,
  commands: hakmesCommands,
};

/** Resumable uploads that may be unfinished at a time. */
const unfinishedMax = 10_000;
/** A download of a file that was merely found waits this long for the proof that it is what its key says. */
const proveMs = 60_000;

function isErrand({ serialize: prints, ingest: reads }: HakmesOptions): boolean {
  return prints || reads;
}

async function start(context: ServiceContext<HakmesOptions>): Promise<RunningService> {
  const path = join(context.dataFolder, "catalog.sqlite");
  try {
    return await begin(context, path);
  } catch (thrown) {
    throw thrown instanceof SQLiteError ? databaseFault(path, thrown) : thrown;
  }
}

async function begin(context: ServiceContext<HakmesOptions>, catalogPath: string): Promise<RunningService> {
  const { options, clock, log, cluster, mountPath } = context;
  const algorithm = options.algorithm ?? "sha256";
  const isCaskHere = options.cask.length === 0;
  const client = caskOf(context, { baseUrls: options.cask, token: options.caskToken, option: "cask in [hakmes]" });
  const catalog = openSqliteCatalog(catalogPath);
  const counts = () => catalog.counts();
  const metrics = hakmesMetrics(context.metrics, counts);
  const seal = () => cluster.secretFor("hakmes manifests");
  const manifests = manifestReader(seal);

  const node: HakmesOnCask = createHakmes({
    chunks: new CaskChunkStore(client),
    catalog,
    clock,
    settings: {
      algorithm,
      plan: cutPlanOf(options),
      parallel: options.parallel,
      readAheadBytes: options.readAheadBytes,
    },
    seal,
    tell: (file, root, names) => neighbours.tell(file, root, names),
    askOthers: (key, signal) => neighbours.askOthers(key, signal),
    prove: (key) => neighbours.prove(key, proveMs),
    happened: metrics.happened,
  });
  const neighbours = createNeighbourhood({
    catalog,
    cluster,
    clock,
    log,
    baseUrl: context.baseUrl,
    shelf: caskShelf(client, isCaskHere ? { unmet: () => cluster.expected() - cluster.nodes().length } : {}),
    manifests,
    isCaskHere,
    prove: (file, signal) => node.prove(file, { signal }),
    anchor: (file, signal) => node.anchor(file, { signal }),
  });
  if (context.alone && isErrand(options)) {
    const parts = { hakmes: node, catalog, log };
    return {
      handle: () => new Response(null, { status: 503 }),
      health: () => [],
      workers: [],
      errand: (signal) => (options.serialize ? serialize(parts, signal) : ingest(parts, signal)),
      async stop() {
        neighbours.stop();
        catalog.close();
      },
    };
  }

  const uploads = await TusUploads.open({
    hakmes: node,
    folder: context.dataFolder,
    clock,
    log,
    limits: {
      maxBytes: options.maxUploadBytes,
      keepMs: options.unfinishedAfterMs,
      maxUnfinished: unfinishedMax,
      senderIdleMs: options.uploadIdleMs,
    },
  });
  context.signal.addEventListener("abort", () => void uploads.stop(), { once: true });
  const watch = watchCask(client);
  const workers = [
    ...neighbours.startWorkers(),
    startWorker(tusCleaning(uploads), { clock, log }),
    ...(isCaskHere ? [] : [startWorker(watch.work, { clock, log })]),
  ];

  const state = (): StateView => {
    const { open, openBytes } = uploads.counts();
    const trouble = watch.trouble();
    return {
      ...counts(),
      unfinished: open,
      unfinishedBytes: openBytes,
      ...(trouble === undefined ? {} : { trouble: `Files can be neither taken nor given: ${trouble}.` }),
    };
  };
  const caskWords = isCaskHere ? "of this program" : options.cask.join(", ");
  const prove = async (file: StoredFile): Promise<StoredFile> => {
    const verdict = await neighbours.prove(file.key, proveMs);
    const now = catalog.find(file.key);
    if (verdict === "proven" && now) return now;
    throw new Fault(
      "unavailable",
      "hakmes/unproven",
      `Cannot give out "${file.key}" yet: it was found or imported, and is still being read to see that it is what its key says`,
      { retryAfterMs: 10_000 },
    );
  };
  const tus = tusRoutes({ uploads, path: `${mountPath}/tus`, log });
  const peers = peerRoutes({
    catalog,
    manifests,
    clock,
    secrets: () => [cluster.secretFor(secretPurpose)].filter((secret) => secret !== ""),
    failures: createFailureLimit({ clock }),
    isWhole: () => neighbours.isWhole(),
    learned: () => neighbours.learned(),
  });
  const handle = hakmesRoutes({
    hakmes: node,
    catalog,
    clock,
    log,
    metrics,
    mountPath,
    algorithm,
    limits: { maxUploadBytes: options.maxUploadBytes, uploadIdleMs: options.uploadIdleMs, clock },
    originalFailureStatus: options.originalFailureStatus,
    alone: context.alone,
    guarded: context.guarded,
    pages: hakmesPages({
      hakmes: node,
      clock,
      log,
      shell: context.shell,
      mountPath,
      cask: caskWords,
      caskPages: isCaskHere ? context.reach("cask")?.baseUrl : undefined,
      algorithm,
      maxUploadBytes: options.maxUploadBytes,
      state,
    }),
    prove,
    status: () => ({
      id: cluster.selfId,
      ...counts(),
      algorithm,
      cut: node.cut,
      cask: caskWords,
      uploads: uploads.counts(),
      search: neighbours.reindexState(),
      workers: workers.map((worker) => ({ name: worker.name, state: worker.state(), progress: worker.progress() })),
    }),
    reindex: () => neighbours.reindex(),
    reindexState: () => neighbours.reindexState(),
    learned: () => neighbours.learned(),
    routes: [
      { match: (path) => /^\/tus(?:\/|$)/.test(path), handle: tus },
      { match: (path) => path.startsWith("/peer/"), handle: peers },
    ],
  });

  return {
    handle,
    scopeOf(request, path) {
      // Nodes come with their own secret; the routes look at it.
      if (path.startsWith("/peer/")) return undefined;
      if (/^\/tus(?:\/|$)/.test(path)) return tusScope(request);
      if (request.method === "GET" || request.method === "HEAD") return "read";
      return path === "/reindex/" ? "admin" : "write";
    },
    health: () =>
      hakmesFindings({
        counts: counts(),
        caskTrouble: watch.trouble(),
        isWhole: neighbours.isWhole(),
        listing: neighbours.reindexState().listing,
      }),
    facts: () => ({ files: formatCount(counts().files), names: formatCount(counts().names) }),
    workers,
    async stop() {
      neighbours.stop();
      await Promise.all([...workers.map((worker) => worker.stop()), uploads.close()]);
      catalog.close();
    },
  };
}
