/**
 * Reticulum as a service of the node: opens its stores, finds its Cask, starts the engine's front and background work, and
 * serves it. Wiring only; every decision is made elsewhere.
 */
import { availableParallelism } from "node:os";
import { join } from "node:path";

import program from "../../../package.json" with { type: "json" };
import { createFailureLimit } from "../../kit/auth/failures.ts";
import { createSharedSecret } from "../../kit/auth/shared-secret.ts";
import { reasonOf } from "../../kit/fault.ts";
import type { Caller, RunningService, Service, ServiceContext } from "../../kit/service.ts";
import { startWorker } from "../../kit/worker.ts";
import { caskOf, digestOf } from "../cask/client.ts";
import { reticulumCommands } from "./commands.ts";
import { type ReticulumOptions, reticulumSection } from "./config.ts";
import { createEngine } from "./engine-pool.ts";
import { reticulumFindings } from "./findings.ts";
import { reticulumRoutes, scopeOfPath } from "./http.ts";
import { ImageRoute, type ServingRules } from "./image-route.ts";
import { imageInfo } from "./image-info.ts";
import { type KnownImage, KnownImages } from "./known-images.ts";
import { reticulumMetrics } from "./metrics.ts";
import { NotesSearch } from "./notes-search.ts";
import { NotesSpread, peerHeader } from "./notes-spread.ts";
import { Notes } from "./notes-sqlite.ts";
import { Originals } from "./originals.ts";
import { PageUrls } from "./page-urls.ts";
import { ReadyAnswers } from "./ready.ts";
import { Results } from "./results.ts";
import { Reticulum } from "./reticulum.ts";
import { signPath } from "./signing.ts";
import { sniff } from "./sniff.ts";
import { UploadRoom } from "./upload.ts";
import { reticulumPages } from "./views.ts";

/** Reticulum. */
export const reticulum: Service<ReticulumOptions> = {
  name: "reticulum",
  config: reticulumSection,
  usesCluster: () => true,
  start,
  commands: reticulumCommands,
};

/** Rises whenever results of before should not be used any more. The image library's version counts too. */
const encoderVersion = `1-${program.dependencies.sharp}`;
/** Uses of results are written down this often. */
const usesEveryMs = 30_000;
/** More processes than this are started only when configured. */
const usualProcessesMax = 4;
/** So many images as large as may be can come in at once. */
const uploadsAtOnce = 4;
/** Between two looks for something to make better. */
const refineEveryMs = 5000;

async function start(context: ServiceContext<ReticulumOptions>): Promise<RunningService> {
  const { clock, cluster, dataFolder, log, options } = context;
  const cask = caskOf(context, { baseUrls: options.cask, token: options.caskToken, option: "cask in [reticulum]" });
  const engine = createEngine({
    limits: {
      inputPixels: options.maxPixels,
      inputBytes: options.maxUploadBytes,
      pages: options.maxFrames,
      outputSide: options.maxSide,
      outputPixels: options.maxResultPixels,
      timeMs: options.jobTimeMs,
      memoryBytes: options.workerMemoryBytes,
    },
    folder: join(dataFolder, "library"),
    clock,
    log,
    processes: options.workers ?? Math.min(usualProcessesMax, availableParallelism()),
    waitingMax: options.maxWaiting,
  });
  const known = new KnownImages(join(dataFolder, "images.sqlite"), (thrown) =>
    log.warn("What was learnt of an image could not be kept", { reason: reasonOf(thrown) }),
  );
  const notes = new Notes(join(dataFolder, "notes.sqlite"));
  const results = new Results({
    path: join(dataFolder, "results.sqlite"),
    folder: join(dataFolder, "results"),
    maxBytes: options.cacheBytes,
    clock,
  });
  const ready = new ReadyAnswers({ maxBytes: options.memoryBytes, clock });
  const originals = new Originals({
    cask,
    known,
    engine,
    sniff(head) {
      const found = sniff(head);
      return found.kind === "image" ? found.format : undefined;
    },
    maxBytes: options.maxUploadBytes,
    memoryBytes: options.sourceBytes,
  });
  const secret = () => cluster.secretFor("reticulum peers");
  const spread = new NotesSpread({ notes, cluster, clock, log, secret, learn: (found) => node.learnNotes(found) });
  const metrics = reticulumMetrics(context.metrics, () => ({ reticulum: node, ready }));
  const nodeName = (id: string) => cluster.nodes().find((one) => one.id === id)?.name ?? id;
  const node: Reticulum = new Reticulum({
    cask,
    engine,
    originals,
    known,
    results,
    notes,
    clock,
    log,
    settings: {
      noEnlarge: options.noEnlarge,
      attention: options.attention,
      quality: options.quality,
      maxSide: options.maxSide,
      maxResultPixels: options.maxResultPixels,
      encoder: encoderVersion,
    },
    algorithm: options.algorithm ?? "sha256",
    nodeName,
    spread: (note) => spread.send(note),
    changed: (hash) => ready.forget(hash),
    happened: (event) => metrics.happened(event),
  });
  const rules: ServingRules = {
    urls: options.urls,
    sizes: new Set(options.sizes),
    signingKeys: options.signingKeys,
    publicImages: options.publicImages,
    convert: options.convert,
    negotiate: options.negotiate,
  };
  const route = new ImageRoute({
    reticulum: node,
    ready,
    metrics,
    rules,
    clock,
    mountPath: context.mountPath,
    guarded: context.guarded,
  });
  const others = () => cluster.nodes().filter((one) => !one.self && one.services.reticulum && one.state === "alive");
  const workers = [
    startWorker(spread.work(), { clock, log }),
    startWorker(new NotesSearch({ cask, notes, clock, learn: (found) => node.learnNotes(found) }).work(), {
      clock,
      log,
    }),
    startWorker(
      {
        name: "refine",
        summary: "makes AVIF results smaller that were made in a hurry, when nobody waits for an image",
        step: async (signal) => ((await node.refineOne(signal)) ? { waitMs: 50 } : { waitMs: refineEveryMs }),
        progress: () => ({ refined: metrics.counts().events.refined ?? 0 }),
      },
      { clock, log },
    ),
  ];
  // Others know where to send their notes.
  cluster.tell("reticulum", context.baseUrl, { v: 1 });
  const unsubscribe = cluster.subscribe(() => workers[0]?.wake());
  const writeUses = () => {
    for (const name of ready.takeUsed()) results.used(name);
    results.flush();
  };
  let cancelUses = clock.schedule(usesEveryMs, function again() {
    writeUses();
    cancelUses = clock.schedule(usesEveryMs, again);
  });
  let isStopped = false;
  const sweeping = results.sweep().then(
    (files) => {
      if (files > 0 && !isStopped) log.info("Cleared away what no result names", { files });
    },
    (thrown: unknown) => log.warn("The folder of results could not be tidied", { reason: reasonOf(thrown) }),
  );

  const stats = () => ({
    images: known.counts(),
    notes: notes.count(),
    results: results.state(),
    memory: ready.state(),
    making: node.making,
    engine: engine.state(),
    ...metrics.counts(),
  });
  const purgeOthers = (hash: string) => {
    for (const other of others()) {
      const url = `${other.services.reticulum?.url}/peer/purge/${hash}/`;
      const headers: Record<string, string> = secret() === "" ? {} : { [peerHeader]: secret() };
      fetch(url, { method: "POST", headers, redirect: "manual", signal: AbortSignal.timeout(3000) }).catch(
        (thrown: unknown) =>
          log.debug("A node did not hear of a purge", { node: other.name, reason: reasonOf(thrown) }),
      );
    }
  };
  const info = (image: KnownImage, caller: Caller, signal: AbortSignal) =>
    imageInfo({ reticulum: node, route, showLocation: options.showLocation }, image, caller, signal);
  const health = () =>
    reticulumFindings(node, {
      guarded: context.guarded(),
      secretWanted: secret() === "",
      otherNodes: others().length,
    });
  const caskPages = options.cask.length > 0 ? undefined : context.reach("cask")?.baseUrl;
  const pages = reticulumPages({
    reticulum: node,
    cask,
    urls: new PageUrls(rules, context.mountPath),
    convert: options.convert,
    negotiate: options.negotiate,
    noEnlarge: options.noEnlarge,
    clock,
    log,
    shell: context.shell,
    mountPath: context.mountPath,
    keyWanted: options.uploadKeys.length > 0,
    maxUploadBytes: options.maxUploadBytes,
    caskPages,
    nodeName,
    info,
    purge(key) {
      const purged = node.purge(key);
      purgeOthers(digestOf(key));
      return purged;
    },
    findings: health,
    state() {
      const { events, served } = metrics.counts();
      const { contents, evicted, maxBytes, results: count, sizeBytes, torn } = results.state();
      const { answers, sizeBytes: heldBytes } = ready.state();
      const { ready: fromMemory = 0, kept = 0, made = 0, original = 0 } = served;
      return {
        served: { ready: fromMemory, kept, made, original },
        results: { count, contents, bytes: sizeBytes, maxBytes, evicted, torn },
        memory: { answers, bytes: heldBytes, maxBytes: options.memoryBytes },
        engine: engine.state(),
        making: node.making,
        images: { ...known.counts(), refused: events["upload-refused"] ?? 0 },
        workers: workers.map((worker) => ({
          name: worker.name,
          summary: worker.summary,
          state: worker.state(),
          ...(worker.failures().count > 0 ? { failure: worker.failures().reason } : {}),
        })),
        cask: options.cask.length > 0 ? options.cask.join(", ") : "of this program",
        algorithm: options.algorithm ?? "sha256",
        urls: urlWords(options),
      };
    },
  });
  const handle = reticulumRoutes({
    reticulum: node,
    route,
    peers: createSharedSecret({
      secrets: () => [secret()].filter((text) => text !== ""),
      failures: createFailureLimit({ clock }),
      service: "reticulum",
    }),
    room: new UploadRoom(uploadsAtOnce * (options.maxUploadBytes + 65_536)),
    limits: { maxUploadBytes: options.maxUploadBytes, uploadIdleMs: options.uploadIdleMs, clock },
    uploadKeys: options.uploadKeys,
    sign:
      rules.signingKeys.length === 0 ? undefined : (path, expiresAt) => signPath(path, rules.signingKeys, expiresAt),
    clock,
    mountPath: context.mountPath,
    alone: context.alone,
    pages,
    info,
    stats,
    purgeOthers,
  });

  return {
    handle,
    scopeOf: (request, path) => scopeOfPath(request.method, path),
    // The form of any site may send an image with a key; without keys that would be everybody's right.
    fromElsewhere: (request, path) =>
      options.uploadKeys.length > 0 && request.method === "POST" && !/^\/(?:peer|image|show|sign)\//.test(path),
    health,
    facts: () => ({
      images: String(known.counts().uploaded),
      results: String(results.state().results),
      waiting: String(engine.state().waiting),
    }),
    workers,
    async stop() {
      isStopped = true;
      cancelUses();
      unsubscribe();
      await Promise.all(workers.map((worker) => worker.stop()));
      await engine.close();
      await sweeping;
      writeUses();
      results.close();
      notes.close();
      known.close();
    },
  };
}

/** Which sizes are made, in words. */
function urlWords({ sizes, urls }: ReticulumOptions): string {
  if (urls === "open") return "any";
  if (urls === "signed") return "only those in signed URLs";
  return `${sizes.join(", ")}; others in signed URLs`;
}
