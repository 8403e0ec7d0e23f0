/**
 * From the state of a node to what its pages show, and from a request for a page to the page. Pure reading. A part of a
 * page that cannot be had (the chunks of a file while Cask is away) is told in its place; the rest of the page stands.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault, reasonOf, toFault } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import type { Html } from "../../kit/pages/html.ts";
import { liveParts } from "../../kit/pages/live.ts";
import { formatSize } from "../../kit/pages/quantity.ts";
import type { PageShell } from "../../kit/pages/shell.ts";
import { uploadScriptAsset, uploadStyleAsset } from "../../kit/pages/upload-assets.ts";
import type { Caller } from "../../kit/service.ts";
import { type Algorithm, parseKey } from "../cask/client.ts";
import type { Hakmes } from "./hakmes.ts";
import { hakmesStyleAsset } from "./pages/assets.ts";
import { File } from "./pages/file.tsx";
import { Overview, stateParts } from "./pages/overview.tsx";
import { type FileView, hakmesPaths, type OverviewView, type StateView } from "./pages/view.ts";
import type { Cut, FileName, StoredFile } from "./record.ts";

/** What the pages stand on. */
export interface ViewParts {
  hakmes: Hakmes;
  clock: Clock;
  log: Logger;
  shell: PageShell;
  mountPath: string;
  /** Where the chunks are kept, in words or as addresses. */
  cask: string;
  /** Where Cask's pages are in this program, without a trailing slash; undefined when it runs elsewhere. */
  caskPages: string | undefined;
  algorithm: Algorithm;
  maxUploadBytes: number;
  state(): StateView;
}

/** The pages of a node. */
export interface HakmesPages {
  /** The page at a path below the mount, or undefined when there is none. */
  answer(request: Request, caller: Caller, path: string): Response | undefined | Promise<Response | undefined>;
  /** The first page again, with why an upload was not taken. */
  refused(request: Request, fault: Fault): Response;
}

/** Files on a page of the list. */
const rowsMax = 50;
/** Chunks that the page of a file shows. */
const chunksMax = 50;

/** Makes the pages of a node. */
export function hakmesPages(parts: ViewParts): HakmesPages {
  const { hakmes, clock, mountPath, shell } = parts;
  const assets = [hakmesStyleAsset, uploadStyleAsset, uploadScriptAsset];
  const frame = () => ({ mountPath, now: clock.now() });
  shell.register(assets);

  const page = (
    request: Request,
    title: string,
    body: Html,
    extra: { status?: number; live?: string; headers?: Record<string, string> } = {},
  ) => shell.page({ title, service: "hakmes", body, assets, ...extra }, request);

  const listed = (query: OverviewView["query"]): Pick<OverviewView, "files" | "total" | "next" | "listFailure"> => {
    try {
      const { files, next, total } = hakmes.list({
        sort: query.sort,
        limit: rowsMax,
        ...(query.search === "" ? {} : { search: query.search }),
        ...(query.after === "" ? {} : { after: query.after }),
      });
      return { files: files.map(({ file, names }) => rowOf(file, names)), next, total };
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      return { files: [], total: 0, listFailure: `${thrown.message}.` };
    }
  };

  const overview = (request: Request, refused?: Fault): Response => {
    const words = new URL(request.url).searchParams;
    const sort = (["newest", "name", "size"] as const).find((known) => known === words.get("sort")) ?? "newest";
    const query = { search: (words.get("search") ?? "").trim().slice(0, 255), sort, after: words.get("after") ?? "" };
    const list = listed(query);
    const view: OverviewView = {
      ...frame(),
      ...list,
      query,
      state: parts.state(),
      cask: parts.cask,
      cut: cutWords(hakmes.cut),
      algorithm: parts.algorithm,
      maxUploadBytes: parts.maxUploadBytes,
      ...(refused ? { refusal: `${refused.message}.` } : {}),
    };
    return page(request, "Hakmes status", Overview(view), {
      status: refused?.status ?? (list.listFailure === undefined ? 200 : 400),
      live: `${mountPath}${hakmesPaths.live}`,
      // The rest of a refused body is unwanted.
      ...(refused && [408, 413].includes(refused.status) ? { headers: { Connection: "close" } } : {}),
    });
  };

  const show = async (request: Request, text: string): Promise<Response> => {
    const key = parseKey(text);
    if (!key) {
      throw new Fault("invalid", "hakmes/key", `Cannot show "${text.slice(0, 100)}": wanted the key of a file`);
    }
    const file = await hakmes.find(key, { signal: request.signal });
    if (!file) throw new Fault("missing", "hakmes/not-found", `Cannot show "${key}": no node has a file of that key`);
    const names = hakmes.names(key);
    const stored = new URL(request.url).searchParams.get("stored");
    const view: FileView = {
      ...frame(),
      key,
      names: names.map(({ name, mimetype, addedAt }) => ({ name, mimetype, addedAt })),
      extension: file.extension,
      mimetype: file.mimetype,
      sizeBytes: file.sizeBytes,
      createdAt: file.createdAt,
      chunkCount: file.chunkCount,
      cut: file.cut && cutWords(file.cut),
      manifest: file.manifest,
      isProven: file.isProven,
      stored: stored === "new" || stored === "existed" ? stored : undefined,
      caskPages: parts.caskPages,
      ...(await firstChunks(hakmes, file, request.signal)),
    };
    return page(request, names[0]?.name ?? key.slice(0, 19), File(view));
  };

  return {
    answer(request, caller, path) {
      if (path === hakmesPaths.overview || path === hakmesPaths.upload) return overview(request);
      if (path === hakmesPaths.live) {
        return liveParts(caller.keepOpen("read"), {
          clock,
          render: () => stateParts(parts.state()),
          failed: (thrown) => parts.log.error("A page of Hakmes could not be drawn", { reason: reasonOf(thrown) }),
        });
      }
      const shown = /^\/show\/([^/]+)\/?$/.exec(path);
      return shown?.[1] === undefined ? undefined : show(request, decodedKey(shown[1]));
    },
    refused: overview,
  };
}

async function firstChunks(
  hakmes: Hakmes,
  file: StoredFile,
  signal: AbortSignal,
): Promise<Pick<FileView, "chunks" | "chunksFailure">> {
  const chunks: FileView["chunks"][number][] = [];
  let startBytes = 0;
  try {
    for await (const { key, sizeBytes } of hakmes.chunks(file, { signal })) {
      chunks.push({ key, startBytes, sizeBytes });
      startBytes += sizeBytes;
      if (chunks.length === chunksMax) break;
    }
    return { chunks };
  } catch (thrown) {
    signal.throwIfAborted();
    return { chunks: [], chunksFailure: `${toFault(thrown).message}.` };
  }
}

function rowOf(file: StoredFile, names: readonly FileName[]): OverviewView["files"][number] {
  const { key, mimetype, sizeBytes, chunkCount, createdAt, isProven } = file;
  return { key, mimetype, sizeBytes, chunkCount, createdAt, isProven, names: names.map(({ name }) => name) };
}

/** A cut in words. */
export function cutWords({ rule, minBytes, averageBytes, maxBytes }: Cut): string {
  if (minBytes === maxBytes) return `every ${formatSize(maxBytes)}`;
  const lengths = `about every ${formatSize(averageBytes)}, from ${formatSize(minBytes)} to ${formatSize(maxBytes)}`;
  return `by content (${rule}), ${lengths}`;
}

function decodedKey(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
