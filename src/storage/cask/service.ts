/**
 * Cask as a service of the node: opens the store and the ledger, builds a node over them, tells the cluster about it and
 * serves it. Wiring only; every decision is made elsewhere.
 */
import { SQLiteError } from "bun:sqlite";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { createFailureLimit } from "../../kit/auth/failures.ts";
import type { Cluster } from "../../kit/cluster.ts";
import { replaceFile } from "../../kit/disk/atomic.ts";
import { databaseFault } from "../../kit/disk/sqlite.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import type { RunningService, Service, ServiceContext } from "../../kit/service.ts";
import type { Worker } from "../../kit/worker.ts";
import { Cask, type CaskEvent, type CaskSettings } from "./cask.ts";
import { caskCommands } from "./commands.ts";
import { type CaskOptions, caskSection } from "./config.ts";
import { digestBeside } from "./digest.ts";
import { caskFindings, repairIn } from "./findings.ts";
import { caskRoutes } from "./http.ts";
import { openSqliteLedger } from "./ledger-sqlite.ts";
import { caskNodes, type CaskTells, peerProtocol } from "./members.ts";
import { caskMetrics } from "./metrics.ts";
import { createOriginalCluster } from "./original-cluster.ts";
import type { RepairRow } from "./pages/view.ts";
import { httpPeer } from "./peer-http.ts";
import type { BlobStore } from "./store.ts";
import { openDiskStore } from "./store-disk.ts";
import { caskPages } from "./views.ts";

/** Cask. */
export const cask: Service<CaskOptions> = {
  name: "cask",
  config: caskSection,
  usesCluster: (options) => !options.joinOriginals,
  start,
  commands: caskCommands,
};

/** Free space and copies are looked at this often. */
const spaceEveryMs = 60_000;
/** How many repairs the overview remembers. */
const repairsKept = 50;
const shownAs: Partial<Record<CaskEvent, RepairRow["what"]>> = {
  quarantined: "put aside",
  repaired: "fetched",
  pulled: "fetched",
  pushed: "sent",
  "handed-off": "sent",
  dropped: "dropped",
};
const levels: Partial<Record<CaskEvent, "info" | "good" | "warn" | "bad">> = {
  quarantined: "warn",
  missed: "warn",
  repaired: "good",
  "handed-off": "good",
  "beyond-repair": "bad",
  "peer-bytes-wrong": "warn",
  "disk-full": "bad",
  "store-failed": "bad",
  "space-regained": "good",
};

async function start(context: ServiceContext<CaskOptions>): Promise<RunningService> {
  const ledgerPath = join(context.dataFolder, "ledger.sqlite");
  try {
    return await begin(context, ledgerPath);
  } catch (thrown) {
    throw thrown instanceof SQLiteError ? databaseFault(ledgerPath, thrown) : thrown;
  }
}

async function begin(context: ServiceContext<CaskOptions>, ledgerPath: string): Promise<RunningService> {
  const { options, clock, log, events, random } = context;
  const store = await openStore(context);
  await claimFolder(context, context.cluster.selfId);
  const ledger = openSqliteLedger({
    path: ledgerPath,
    clock,
    onTrouble: (fault) => log.error("The ledger could not be written", { reason: fault.message }),
    onLoss: () => node.holdings.held.doubt(),
  });
  const original = options.joinOriginals
    ? createOriginalCluster({
        id: context.cluster.selfId,
        baseUrl: context.baseUrl,
        gossip: options.originalGossip,
        neighbors: options.originalNeighbors,
        secret: options.originalSecret ?? "",
        clock,
        random,
        log,
        events,
      })
    : undefined;
  const cluster: Cluster = original ?? context.cluster;
  // Peers are shown what is derived from the cluster's secret, never the secret itself; originals know no better.
  const peerSecret = () => cluster.secretFor("cask peers");
  const repairs: RepairRow[] = [];
  let quarantined = 0;
  const node: Cask = new Cask({
    store,
    ledger,
    clock,
    log,
    settings: settingsOf(options),
    peerFor: (peer) => httpPeer(peer, peerSecret),
    digest: digestBeside,
    members: () => ({ nodes: caskNodes(cluster), nodesExpected: cluster.expected() }),
    nonce: () => Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("hex"),
    happened(event, sentence, bytes) {
      metrics.happened(event, bytes);
      const level = levels[event];
      if (level) events.add("cask", level, sentence);
      if (event === "quarantined") quarantined++;
      const what = shownAs[event];
      if (!what) return;
      repairs.unshift({ at: clock.now(), what, ...repairIn(sentence, cluster) });
      repairs.length = Math.min(repairs.length, repairsKept);
    },
    writeableChanged: () => tell(),
  });
  const metrics = caskMetrics(context.metrics, () => node);

  let told = "";
  const tell = () => {
    const { freeBytes, totalBytes } = node.space();
    const tells: CaskTells = {
      v: peerProtocol,
      w: node.writeable() === "yes" ? 1 : 0,
      ...(node.draining ? { d: 1 } : {}),
      ...(Number.isFinite(freeBytes) ? { f: rounded(freeBytes / 1_048_576), t: rounded(totalBytes / 1_048_576) } : {}),
      b: rounded(ledger.count()),
    };
    const text = JSON.stringify(tells);
    if (text === told) return;
    told = text;
    cluster.tell("cask", context.baseUrl, { ...tells });
  };

  // What lies half-written is of a former run: the folder is this node's alone, and nothing has been asked of it yet.
  const cleared = await store.sweep(0);
  if (cleared > 0) log.info("Cleared away what cut-off writes had left behind", { files: cleared });
  await node.lookAtSpace();
  tell();
  let before = new Set<string>();
  const membersChanged = () => {
    node.membersChanged();
    const alive = new Set(cluster.nodes().flatMap(({ id, state }) => (state === "alive" ? [id] : [])));
    for (const id of alive) if (!before.has(id)) metrics.members("join");
    for (const id of before) if (!alive.has(id)) metrics.members("leave");
    before = alive;
    for (const worker of workers) if (worker.name !== "scrub") worker.wake();
  };
  let workers: Worker[] = [];
  const unsubscribe = cluster.subscribe(membersChanged);
  if (original) await original.start();
  membersChanged();
  workers = node.startWorkers();
  const cancelTelling = every(clock, spaceEveryMs, tell);

  const pages = caskPages({
    cask: node,
    cluster,
    clock,
    log,
    recentLog: context.recentLog,
    shell: context.shell,
    mountPath: context.mountPath,
    workers: () => workers,
    repairs: () => repairs,
    quarantined: () => quarantined,
    secretWanted: () => peerSecret() !== "",
  });
  const status = () => ({
    id: cluster.selfId,
    writeable: node.writeable(),
    blobs: ledger.count(),
    bytes: ledger.totalBytes(),
    owed: ledger.owed(),
    copies: { perBlob: node.placement.copies, quorum: node.placement.quorum, ...node.copiesKnown() },
    scrub: node.scrub(),
    space: node.space(),
    surplus: Number(workers.find(({ name }) => name === "surplus")?.progress().surplus ?? 0),
    workers: workers.map((worker) => ({ name: worker.name, state: worker.state(), progress: worker.progress() })),
    nodes: pages.overview().nodes,
  });
  const handle = caskRoutes({
    cask: node,
    clock,
    metrics,
    mountPath: context.mountPath,
    algorithm: options.algorithm ?? "sha256",
    uploadIdleMs: options.uploadIdleMs,
    originalFailureStatus: options.originalFailureStatus,
    alone: context.alone,
    guarded: context.guarded,
    failures: createFailureLimit({ clock }),
    peerSecrets: () => [peerSecret()].filter((secret) => secret !== ""),
    pages,
    selfConfig: () => ({
      uuid: cluster.selfId,
      base_url: context.baseUrl,
      writeable: node.writeable() === "yes",
      last_seen: new Date(clock.now()).toISOString(),
      last_failed: "0001-01-01T00:00:00Z",
    }),
    isSecret: (text) => cluster.isSecret(text),
    join: (addresses) => cluster.join(addresses),
    forget: (id) => cluster.forget(id),
    status,
  });

  return {
    handle,
    scopeOf(request, path) {
      // Nodes come with their own secret; the routes look at it.
      if (path.startsWith("/local/") || path.startsWith("/peer/") || isJoining(request, path)) return undefined;
      if (request.method === "GET" || request.method === "HEAD") {
        // A key is what lets one read a blob: who may only read is to know it from whoever put the blob.
        if (path === "/keys/") return "write";
        return path.startsWith("/log/") ? "admin" : "read";
      }
      return /^\/(?:drain|verify|forget)\//.test(path) ? "admin" : "write";
    },
    health: () => caskFindings(node, cluster, { ...options, shutOut: context.guarded() && peerSecret() === "" }),
    facts: () => ({
      blobs: String(ledger.count()),
      nodes: String(node.placement.nodes.size),
      owed: String(ledger.owed()),
    }),
    get workers() {
      return workers;
    },
    addresses: original ? [{ purpose: "gossip with originals", address: original.address() }] : [],
    async stop() {
      cancelTelling();
      unsubscribe();
      await Promise.all(workers.map((worker) => worker.stop()));
      // Drained to the last blob, it is not coming back: the others need not wait for it.
      if (node.draining && ledger.count() === 0) await cluster.leave();
      node.close();
      await original?.stop();
      ledger.close();
      await store.close();
    },
  };
}

/** Whoever joins a node shows the cluster's secret instead of a token. */
function isJoining(request: Request, path: string): boolean {
  return path === "/join/" && request.method === "POST";
}

/**
 * Writes into a blob folder outside the data folder whose it is, and refuses one that is another node's. Two nodes on one
 * folder would count its files as two copies, and either would drop the other's. Fault: `cask/folder-of-other`.
 */
async function claimFolder({ options, log, dataFolder }: ServiceContext<CaskOptions>, nodeId: string): Promise<void> {
  if (options.store !== "disk" || options.folder === undefined) return;
  const folder = resolve(options.folder);
  if (folder.startsWith(`${dataFolder}/`)) return;
  const path = join(folder, "node-id");
  let owner = "";
  try {
    owner = existsSync(path) ? readFileSync(path, "utf8").trim() : "";
    if (owner === "") await replaceFile(path, `${nodeId}\n`);
  } catch (thrown) {
    // A disk that takes no writes can still be read.
    log.warn("The blob folder cannot be marked as this node's: no other node may use it", { reason: reasonOf(thrown) });
    return;
  }
  if (owner === "" || owner === nodeId) return;
  throw new Fault(
    "conflict",
    "cask/folder-of-other",
    `Cannot use blob folder "${folder}": it belongs to node "${owner.slice(0, 64)}"; give this node a folder of its own, or, if that node is gone for good, give this one its id (id in [node]) or remove ${path}`,
  );
}

async function openStore({ options, dataFolder, clock, alone }: ServiceContext<CaskOptions>): Promise<BlobStore> {
  if (options.store === "s3") {
    const { s3Bucket, s3AccessKey, s3SecretKey } = options;
    if (!s3Bucket || !s3AccessKey || !s3SecretKey) {
      throw new Fault("invalid", "cask/s3-config", "Cannot use S3: wanted s3_bucket, s3_access_key and s3_secret_key");
    }
    const { openS3Store } = await import("./store-s3.ts");
    return openS3Store({
      bucket: s3Bucket,
      accessKeyId: s3AccessKey,
      secretAccessKey: s3SecretKey,
      region: options.s3Region,
      prefix: options.s3Prefix,
      spool: join(dataFolder, "spool"),
      clock,
      ...(options.s3Endpoint === undefined ? {} : { endpoint: options.s3Endpoint }),
    });
  }
  const disk = await openDiskStore({ root: resolve(options.folder ?? join(dataFolder, "blobs")), clock });
  if (options.originalFolder === undefined) return disk;
  const { LegacyLayoutStore } = await import("./store-legacy-layout.ts");
  try {
    return new LegacyLayoutStore(disk, options.originalFolder);
  } catch (thrown) {
    // A predecessor that never stored anything left no layout to serve.
    if (alone && thrown instanceof Fault && thrown.code === "cask/no-legacy-layout") return disk;
    throw thrown;
  }
}

function settingsOf(options: CaskOptions): CaskSettings {
  return {
    copies: options.copies,
    quorum: options.quorum,
    rebuildAfterMs: options.rebuildAfterMs,
    stableMs: options.stableMs,
    graceMs: options.graceMs,
    exchangeEveryMs: options.exchangeEveryMs,
    askMs: options.askMs,
    verifyEveryMs: options.verifyEveryMs,
    maxBlobBytes: options.maxBlobBytes,
    peerTimeoutMs: options.peerTimeoutMs,
    settleMs: options.settleMs,
    hedgeMs: options.hedgeMs,
    scrubEveryMs: options.scrubEveryMs,
    scrubPauseMs: options.scrubPauseMs,
    reconcileEveryMs: options.reconcileEveryMs,
    writeable: !options.readOnly,
    keepFreeBytes: options.keepFreeBytes,
    spaceEveryMs,
  };
}

/** Two digits are enough for others, and change seldom. */
function rounded(value: number): number {
  return Number(value.toPrecision(2));
}

function every(clock: ServiceContext<CaskOptions>["clock"], intervalMs: number, action: () => void): () => void {
  let cancel = clock.schedule(intervalMs, run);
  function run(): void {
    action();
    cancel = clock.schedule(intervalMs, run);
  }
  return () => cancel();
}
