/**
 * From the state of a node to what its pages show, and from a request for a page to the page. Forms without script come
 * here too: they change something through the node and lead back to a page. What the page of one image shows is gathered
 * in view-image.ts.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import { wholeText } from "../../kit/http/body.ts";
import type { Logger } from "../../kit/log.ts";
import type { Html } from "../../kit/pages/html.ts";
import { liveParts } from "../../kit/pages/live.ts";
import { countOf, formatSize } from "../../kit/pages/quantity.ts";
import type { PageShell } from "../../kit/pages/shell.ts";
import { uploadScriptAsset, uploadStyleAsset } from "../../kit/pages/upload-assets.ts";
import type { Caller, Finding } from "../../kit/service.ts";
import { targetOf } from "../../lib/resize/geometry.ts";
import type { SizeSpec } from "../../lib/resize/size-spec.ts";
import { type CaskClient, digestOf, type Key, parseKey } from "../cask/client.ts";
import type { ImageFormat } from "./engine.ts";
import type { ImageInfo } from "./image-info.ts";
import { extensionOf, keyOfHash } from "./image-url.ts";
import type { KnownImage } from "./known-images.ts";
import type { PageUrls } from "./page-urls.ts";
import { reticulumStyleAsset } from "./pages/assets.ts";
import { Copies } from "./pages/copies.tsx";
import { Image } from "./pages/image.tsx";
import { LightTable, tableParts, Taken } from "./pages/light-table.tsx";
import { State, stateParts } from "./pages/state.tsx";
import {
  type LightTableView,
  type PictureView,
  type PrintView,
  reticulumPaths,
  reticulumTabs,
  showPath,
  type StateView,
  type Verdict,
} from "./pages/view.ts";
import type { Reticulum, TakenImage } from "./reticulum.ts";
import { imageView } from "./view-image.ts";

/** What the pages stand on. */
export interface ViewParts {
  reticulum: Reticulum;
  cask: Pick<CaskClient, "whereIs">;
  urls: PageUrls;
  /** Formats other than the stored one may be asked for. */
  convert: boolean;
  /** Formats that are sent to browsers that accept them. */
  negotiate: readonly ImageFormat[];
  noEnlarge: boolean;
  clock: Clock;
  log: Logger;
  shell: PageShell;
  mountPath: string;
  keyWanted: boolean;
  maxUploadBytes: number;
  /** Where Cask's pages are in this program, without a trailing slash; undefined when it runs elsewhere. */
  caskPages: string | undefined;
  /** The name for people of a node of Cask. */
  nodeName(id: string): string;
  info(image: KnownImage, caller: Caller, signal: AbortSignal): Promise<ImageInfo>;
  /** Forgets the results of an image, on all nodes; how many there were here. */
  purge(key: Key): number;
  findings(): readonly Finding[];
  state(): Omit<StateView, "mountPath" | "now" | "verdict" | "findings">;
}

/** The pages of a node. */
export interface ReticulumPages {
  /** The page at a path below the mount, or undefined when there is none. */
  answer(request: Request, caller: Caller, path: string): Response | undefined | Promise<Response | undefined>;
  /** What a form of a page asks for, from one who may write; undefined when no form leads there. */
  act(request: Request, path: string): Promise<Response | undefined>;
  /** What became of an image that a form without script sent. */
  uploaded(request: Request, caller: Caller, outcome: TakenImage | Fault): Response;
}

/** Images on a page of the light table. */
const printsMax = 24;
/** On the light table. */
const printSpec = { kind: "square", side: 200 } as const;
/** A form with two numbers is shorter. */
const formBytesMax = 4096;

/** Makes the pages of a node. */
export function reticulumPages(parts: ViewParts): ReticulumPages {
  const { clock, mountPath, noEnlarge, reticulum, shell, urls } = parts;
  const assets = [reticulumStyleAsset, uploadStyleAsset, uploadScriptAsset];
  const frame = () => ({ mountPath, now: clock.now() });
  shell.register(assets);

  const page = (
    request: Request,
    title: string,
    body: Html,
    extra: {
      status?: number;
      live?: string;
      tab?: "table" | "state";
      headers?: Record<string, string>;
    } = {},
  ) =>
    shell.page(
      { title, service: "reticulum", body, assets, tabs: reticulumTabs(mountPath, extra.tab), ...extra },
      request,
    );

  const verdict = (well: () => string): Verdict => {
    const findings = parts.findings();
    const worst =
      findings.find(({ state }) => state === "failed") ?? findings.find(({ state }) => state === "degraded");
    if (worst === undefined) return { tone: "good", sentence: `${well()}.` };
    return { tone: toneOf(worst), sentence: `${worst.sentence}.` };
  };

  const pictureOf = (image: KnownImage, spec: SizeSpec): PictureView | undefined => {
    const source = image.facts;
    if (source === undefined || !urls.canShow(spec)) return undefined;
    const wanted = { hash: digestOf(image.key), spec, filename: `image.${extensionOf[image.format]}` };
    const focus = spec.kind === "square" ? reticulum.notes.focus(image.key) : undefined;
    const version = focus === undefined ? {} : { version: `${focus.x}-${focus.y}` };
    const { height, width } = targetOf(spec, source, { noEnlarge });
    const now = clock.now();
    return {
      src: urls.shown({ ...wanted, ...version }, now),
      fineSrc: spec.kind === "full" ? undefined : urls.shown({ ...wanted, ...version, pixelRatio: 2 }, now),
      width,
      height,
    };
  };

  const printOf = (image: KnownImage): PrintView => {
    const { facts, format, key, name, sizeBytes, uploadedAt = 0 } = image;
    const listed = urls.canShow(printSpec) ? printSpec : urls.listed().find(({ kind }) => kind !== "full");
    return {
      hash: digestOf(key),
      name,
      picture: listed && pictureOf(image, listed),
      colour: facts?.dominantColour ?? "#808080",
      format,
      width: facts?.width ?? 0,
      height: facts?.height ?? 0,
      pages: facts?.pages ?? 1,
      bytes: sizeBytes,
      uploadedAt,
    };
  };

  const tableView = (before: string | null, refused?: Fault): LightTableView => {
    const mark = /^(\d{1,15})-(.{40,80})$/.exec(before ?? "");
    const key = mark?.[2] === undefined ? undefined : parseKey(mark[2]);
    const isMarkBad = before !== null && key === undefined;
    const found = isMarkBad ? [] : reticulum.known.recent(printsMax + 1, key && { uploadedAt: Number(mark?.[1]), key });
    const shown = found.slice(0, printsMax);
    const last = found.length > printsMax ? shown.at(-1) : undefined;
    const { uploaded } = reticulum.known.counts();
    return {
      ...frame(),
      verdict: verdict(() => {
        if (uploaded === 0) return "Ready for the first image";
        const { results, sizeBytes } = reticulum.results.state();
        return `${countOf(uploaded, "image")} came in through this node; ${countOf(results, "result is", "results are")} kept, ${formatSize(sizeBytes)}`;
      }),
      prints: shown.map(printOf),
      uploaded,
      ...(before === null ? {} : { newer: `${mountPath}${reticulumPaths.table}` }),
      ...(last === undefined
        ? {}
        : { older: `${mountPath}${reticulumPaths.table}?before=${last.uploadedAt ?? 0}-${last.key}#images` }),
      ...(isMarkBad ? { listFailure: "That is no mark of a page of this list." } : {}),
      keyWanted: parts.keyWanted,
      maxUploadBytes: parts.maxUploadBytes,
      ...(refused === undefined ? {} : { refusal: `${refused.message}.` }),
    };
  };

  const table = (request: Request, refused?: Fault): Response => {
    const view = tableView(refused === undefined ? new URL(request.url).searchParams.get("before") : null, refused);
    return page(request, "Light table", LightTable(view), {
      tab: "table",
      status: refused?.status ?? (view.listFailure === undefined ? 200 : 400),
      live: `${mountPath}${reticulumPaths.tableLive}`,
      // The rest of a refused body is unwanted.
      ...(refused && [408, 413].includes(refused.status) ? { headers: { Connection: "close" } } : {}),
    });
  };

  const stateView = (): StateView => ({
    ...frame(),
    ...parts.state(),
    verdict: verdict(() => parts.findings()[0]?.sentence ?? "All is well"),
    findings: parts.findings().map((one) => ({ name: one.name, tone: toneOf(one), sentence: `${one.sentence}.` })),
  });

  const live = (caller: Caller, render: () => Record<string, Html>): Response =>
    liveParts(caller.keepOpen("read"), {
      clock,
      render,
      failed: (thrown) => parts.log.error("A page of Reticulum could not be drawn", { reason: reasonOf(thrown) }),
    });

  /** The image of a hash or key in a path. Faults: `reticulum/hash`, `reticulum/not-found`, those of Cask. */
  const imageOf = async (text: string, signal: AbortSignal): Promise<KnownImage> => {
    const key = parseKey(text) ?? keyOfHash(text);
    if (key === undefined)
      throw new Fault("missing", "reticulum/hash", "invalid hash: wanted 40 or 64 lower-case hex digits");
    const image = await reticulum.originals.meet(key, signal);
    if (image === undefined)
      throw new Fault("missing", "reticulum/not-found", "not found in the cluster: there is no such image");
    return image;
  };

  const show = async (request: Request, caller: Caller, text: string): Promise<Response> => {
    const image = await imageOf(text, request.signal);
    const view = await imageView(parts, image, caller, request);
    return page(request, image.name === "" ? view.hash.slice(0, 12) : image.name, Image(view), {
      status: view.trial.failure === undefined ? 200 : 400,
    });
  };

  const copies = async (request: Request, hash: string): Promise<Response> => {
    const image = await imageOf(hash, request.signal);
    // Its size is wanted for the picture; without, the report is as good.
    if (image.facts === undefined) {
      await reticulum.originals.facts(image, request.signal).catch((thrown: unknown) => {
        if (!(thrown instanceof Fault)) throw thrown;
      });
    }
    const { places, wanted } = await parts.cask.whereIs(image.key, { signal: request.signal });
    const rows = places.map(({ held, node, owner, self, url, verifiedAt }) => ({
      node: parts.nodeName(node),
      id: node,
      url,
      self,
      owner,
      held,
      verifiedAt,
    }));
    const known = reticulum.known.find(image.key) ?? image;
    const view = {
      ...frame(),
      hash,
      key: image.key,
      name: image.name,
      bytes: image.sizeBytes,
      wanted,
      copies: rows.sort((one, other) => Number(other.owner) - Number(one.owner) || (one.node < other.node ? -1 : 1)),
      picture: pictureOf(known, { kind: "square", side: 100 }),
      caskPages: parts.caskPages,
    };
    return page(request, "Copies", Copies(view));
  };

  const find = (request: Request): Response => {
    const asked = (new URL(request.url).searchParams.get("hash") ?? "").trim();
    const hash = /(?:^|[:/])([0-9a-f]{64}|[0-9a-f]{40})(?:\/|$)/.exec(asked)?.[1];
    if (hash === undefined)
      throw new Fault(
        "invalid",
        "reticulum/hash",
        `Cannot find "${asked.slice(0, 100)}": wanted a hash of 40 or 64 lower-case hex digits, or the URL of an image`,
      );
    return seeOther(showPath(mountPath, hash));
  };

  return {
    answer(request, caller, path) {
      switch (path) {
        case reticulumPaths.table:
        case "/dashboard/":
        case "/upload/":
          return table(request);
        case reticulumPaths.tableLive:
          return live(caller, () => tableParts(tableView(null)));
        case reticulumPaths.state:
        case "/status/":
          return page(request, "Reticulum status", State(stateView()), {
            tab: "state",
            live: `${mountPath}${reticulumPaths.stateLive}`,
          });
        case reticulumPaths.stateLive:
          return live(caller, () => stateParts(stateView()));
        case reticulumPaths.show:
          return find(request);
        default: {
          const shown = /^\/show\/([^/]+)\/?$/.exec(path)?.[1];
          if (shown !== undefined) return show(request, caller, decodeKey(shown));
          const reported = /^\/image\/([^/]+)\/debug\/[^/]+$/.exec(path)?.[1];
          return reported === undefined ? undefined : copies(request, reported);
        }
      }
    },
    async act(request, path) {
      const [, text, verb] = /^\/show\/([^/]+)\/(purge|focus)$/.exec(path) ?? [];
      if (text === undefined) return undefined;
      const { key } = await imageOf(decodeKey(text), request.signal);
      const back = showPath(mountPath, digestOf(key));
      const fields = new URLSearchParams(await wholeText(request, { maxBytes: formBytesMax, clock }));
      if (verb === "purge") return seeOther(`${back}?done=purged-${parts.purge(key)}`);
      if (fields.has("clear")) {
        await reticulum.setFocus(key, null);
        return seeOther(`${back}?done=middle#focus`);
      }
      await reticulum.setFocus(key, pointIn(fields));
      return seeOther(`${back}?done=focus#focus`);
    },
    uploaded(request, caller, outcome) {
      const mayLook = caller.may("read");
      if (outcome instanceof Fault) {
        // The page shows what came before, which is not for everybody who may post.
        if (!mayLook) throw outcome;
        return table(request, outcome);
      }
      const hash = digestOf(outcome.image.key);
      if (mayLook) return seeOther(`${showPath(mountPath, hash)}?done=stored`);
      const filename = `image.${extensionOf[outcome.image.format]}`;
      const fullUrl = urls.lasting({ hash, spec: { kind: "full" }, filename });
      return page(request, "Stored", Taken({ ...frame(), hash, fullUrl: new URL(fullUrl, request.url).href }));
    },
  };
}

function toneOf({ state }: Finding): Verdict["tone"] {
  return state === "ok" ? "good" : state === "degraded" ? "warn" : "bad";
}

function seeOther(location: string): Response {
  return new Response(null, { status: 303, headers: { Location: location, "Cache-Control": "no-store" } });
}

/** Where a form says that squares should look: a click on the picture, or numbers in percent. */
function pointIn(fields: URLSearchParams): { x: number; y: number } {
  const read = (name: string) => {
    const text = fields.get(name) ?? "";
    return text === "" ? Number.NaN : Number(text);
  };
  const point = fields.has("point.x")
    ? { x: read("point.x") / read("width"), y: read("point.y") / read("height") }
    : { x: read("x") / 100, y: read("y") / 100 };
  if (point.x >= 0 && point.x <= 1 && point.y >= 0 && point.y <= 1) return point;
  throw new Fault("invalid", "reticulum/focus", "Cannot set the focal point: wanted two numbers from 0 to 100");
}

function decodeKey(text: string): string {
  return text.replaceAll("%3A", ":").replaceAll("%3a", ":");
}
