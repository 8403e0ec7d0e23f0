/**
 * From the state of a node to what its pages show, and from a request for a page to the page. Pure reading: nothing
 * here changes a blob, but for the upload form that works without script.
 */
import type { Clock } from "../../kit/clock.ts";
import type { Cluster } from "../../kit/cluster.ts";
import { type Fault, reasonOf, toFault } from "../../kit/fault.ts";
import type { LogEntry, Logger } from "../../kit/log.ts";
import type { Html } from "../../kit/pages/html.ts";
import { liveParts } from "../../kit/pages/live.ts";
import { countOf } from "../../kit/pages/quantity.ts";
import type { PageShell } from "../../kit/pages/shell.ts";
import { uploadScriptAsset, uploadStyleAsset } from "../../kit/pages/upload-assets.ts";
import type { Caller, Scope } from "../../kit/service.ts";
import type { Worker } from "../../kit/worker.ts";
import type { Cask } from "./cask.ts";
import { parseKey } from "./key.ts";
import { fullness } from "./members.ts";
import { caskStyleAsset } from "./pages/assets.ts";
import { Join } from "./pages/join.tsx";
import { Log, logParts } from "./pages/log.tsx";
import { Lookup } from "./pages/lookup.tsx";
import { Overview, overviewParts } from "./pages/overview.tsx";
import { Upload } from "./pages/upload.tsx";
import {
  caskPaths,
  caskTabs,
  type LookupOutcome,
  type OverviewView,
  type RepairRow,
  type UploadView,
} from "./pages/view.ts";
import type { PutResult } from "./write.ts";

/** What the pages stand on. */
export interface ViewParts {
  cask: Cask;
  cluster: Cluster;
  clock: Clock;
  log: Logger;
  recentLog(): readonly LogEntry[];
  shell: PageShell;
  mountPath: string;
  workers(): readonly Worker[];
  /** Newest first. */
  repairs(): readonly RepairRow[];
  quarantined(): number;
  secretWanted(): boolean;
}

/** The pages of a node. */
export interface CaskPages {
  overview(): OverviewView;
  /** The page at a path below the mount, or undefined when there is none. */
  answer(request: Request, caller: Caller, path: string): Response | undefined | Promise<Response | undefined>;
  /** The upload form again, with what became of the file. */
  uploaded(request: Request, result: PutResult | Fault): Response;
  /** The join form again. */
  joined(request: Request, url: string, outcome: { answered: number } | { reason: string }): Response;
}

/** Makes the pages of a node. */
export function caskPages(parts: ViewParts): CaskPages {
  const { cask, clock, cluster, mountPath, shell } = parts;
  const frame = () => ({ mountPath, now: clock.now() });
  shell.register([caskStyleAsset, uploadStyleAsset, uploadScriptAsset]);

  const page = (
    request: Request,
    current: "overview" | "lookup" | "upload" | "log" | "join",
    title: string,
    body: Html,
    extra: { status?: number; live?: string } = {},
  ) =>
    shell.page(
      {
        title,
        service: "cask",
        body,
        tabs: caskTabs(mountPath, current),
        assets: current === "upload" ? [caskStyleAsset, uploadStyleAsset, uploadScriptAsset] : [caskStyleAsset],
        ...extra,
      },
      request,
    );

  const overview = (): OverviewView => {
    const { placement, settings } = cask;
    const shares = placement.ring.shares();
    const known = cask.copiesKnown();
    const scrub = cask.scrub();
    const worker = parts.workers().find(({ name }) => name === "scrub");
    const space = cask.space();
    const { ledger, store } = cask.holdings;
    return {
      ...frame(),
      nodes: cluster
        .nodes()
        .filter((node) => node.services.cask)
        .map((node) => ({
          id: node.id,
          name: node.name,
          self: node.self,
          state: node.state,
          stateSince: clock.now() - node.goneMs,
          url: node.services.cask?.url,
          writeable: node.services.cask?.tells.w === 1,
          share: shares.get(node.id),
          freeBytes: undefined,
          totalBytes: undefined,
          blobs: undefined,
          ...fullness(node),
          ...(node.self ? { ...space, blobs: ledger.count() } : {}),
        })),
      copies: { perBlob: placement.copies, quorum: placement.quorum, ...known },
      handOff: { waiting: ledger.owed() },
      scrub: {
        state: worker?.state() ?? "stopped",
        done: scrub.progress,
        position: countOf(ledger.count(), "blob"),
        bytesPerSecond: scrub.bytesPerSecond,
        etaMs: scrub.remainingMs,
        targetMs: settings.scrubEveryMs,
        lagMs: scrub.lagMs,
        bad: parts.quarantined(),
        ...(worker && worker.failures().count > 0 ? { failure: worker.failures().reason } : {}),
      },
      repairs: parts.repairs(),
      store: {
        kind: store.kind,
        place: store.place,
        blobs: ledger.count(),
        bytes: ledger.totalBytes(),
        freeBytes: space.freeBytes,
        totalBytes: space.totalBytes,
        writeable: cask.writeable() === "yes",
        quarantined: parts.quarantined(),
      },
    };
  };

  const lookUp = async (query: string): Promise<LookupOutcome> => {
    const key = parseKey(query.trim());
    if (!key) return { kind: "invalid", reason: "A key is sha256: and 64, or sha1: and 40, lower-case hex digits." };
    const places = await cask.whereIs(key);
    const held = places.filter((place) => place.held === true);
    if (held.length === 0) {
      const unreachable = places.filter((place) => place.held === undefined).length;
      return { kind: "missing", key, asked: places.length - unreachable, unreachable };
    }
    const record = cask.holdings.ledger.find(key);
    return {
      kind: "found",
      key,
      sizeBytes: record?.sizeBytes ?? held.find((place) => place.sizeBytes !== undefined)?.sizeBytes ?? 0,
      wanted: cask.placement.copies,
      storedAt: record?.storedAt,
      holders: places.map(({ node, owner, held: has, verifiedAt }) => ({
        node: cluster.nodes().find(({ id }) => id === node.id)?.name ?? node.id,
        self: node.self,
        url: node.url,
        owner,
        has: has === undefined ? "unreachable" : has ? (verifiedAt === undefined ? "held" : "verified") : "missing",
        verifiedAt,
      })),
    };
  };

  const live = (caller: Caller, scope: Scope, render: () => Record<string, Html>): Response => {
    return liveParts(caller.keepOpen(scope), {
      clock,
      render,
      subscribe: (changed) => cluster.subscribe(changed),
      failed: (thrown) => parts.log.error("A page of Cask could not be drawn", { reason: reasonOf(thrown) }),
    });
  };

  const uploadPage = (request: Request, outcome: UploadView["outcome"], status: number) => {
    const writeable = cask.writeable();
    return page(
      request,
      "upload",
      "Upload",
      Upload({
        ...frame(),
        maxBytes: cask.settings.maxBlobBytes,
        ...(cask.placement.onRing().some((node) => node.alive && node.writeable)
          ? {}
          : {
              refusal: `No node takes new files: this one is ${writeable === "yes" ? "not on the ring" : writeable}.`,
            }),
        outcome,
      }),
      { status },
    );
  };
  const joinPage = (request: Request, url: string, outcome?: { answered: number } | { reason: string }) =>
    page(
      request,
      "join",
      "Join",
      Join({
        ...frame(),
        url,
        known: cluster.nodes().length,
        secretWanted: parts.secretWanted(),
        ...(outcome === undefined
          ? {}
          : "answered" in outcome
            ? { outcome: { kind: "joined", ...outcome } }
            : { outcome: { kind: "failed", ...outcome } }),
      }),
    );

  return {
    overview,
    answer(request, caller, path) {
      switch (path) {
        case "":
        case "/":
        case "/status/":
          return page(request, "overview", "Cask", Overview(overview()), { live: `${mountPath}${caskPaths.live}` });
        case caskPaths.live:
          return live(caller, "read", () => overviewParts(overview()));
        case caskPaths.lookup: {
          const query = new URL(request.url).searchParams.get("key") ?? "";
          if (query === "") return page(request, "lookup", "Look up", Lookup({ ...frame(), query }));
          return lookUp(query).then((outcome) =>
            page(request, "lookup", "Look up", Lookup({ ...frame(), query, outcome }), {
              status: outcome.kind === "invalid" ? 400 : outcome.kind === "missing" ? 404 : 200,
            }),
          );
        }
        case caskPaths.upload:
          return uploadPage(request, undefined, 200);
        case caskPaths.log:
          return page(request, "log", "Log", Log({ ...frame(), entries: parts.recentLog() }), {
            live: `${mountPath}${caskPaths.logLive}`,
          });
        case caskPaths.logLive:
          return live(caller, "admin", () => logParts({ ...frame(), entries: parts.recentLog() }));
        case caskPaths.join:
          return joinPage(request, "");
        default:
          return undefined;
      }
    },
    uploaded(request, result) {
      if ("holders" in result && result.acknowledged) {
        const { key, sizeBytes, wanted } = result;
        return uploadPage(request, { kind: "stored", key, sizeBytes, made: result.holders.length, wanted }, 200);
      }
      const reason =
        "holders" in result
          ? `It is on ${result.holders.length} of the ${result.quorum} nodes that must have it; try again when more nodes are there.`
          : toFault(result).message;
      return uploadPage(request, { kind: "failed", reason }, "holders" in result ? 503 : result.status);
    },
    joined: joinPage,
  };
}
