/**
 * The routes of Hakmes: those of the predecessor, to the byte where programs depend on it, and our own beside them.
 * Requests become calls of the rules, results become answers; no decision about files is made here. Routes of others (tus,
 * nodes among each other) are mounted as they are.
 *
 * Failures are Faults, which the listener answers as the client likes best. Those who ask for neither JSON nor a page get
 * the predecessor's words where it had some, and its statuses where `originalFailureStatus` says so.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import { requestBody } from "../../kit/http/body.ts";
import { headOf } from "../../kit/http/head.ts";
import { streamOf } from "../../kit/http/stream.ts";
import { decodedPart, pathOf } from "../../kit/http/target.ts";
import type { Logger } from "../../kit/log.ts";
import type { Caller } from "../../kit/service.ts";
import { type Algorithm, type Key, parseKey } from "../cask/client.ts";
import type { Catalog } from "./catalog.ts";
import { ingestLines, recordLines, type SkippedLine } from "./exchange-lines.ts";
import type { Hakmes, ListQuery, Taken } from "./hakmes.ts";
import type { HakmesMetrics } from "./metrics.ts";
import { recordResponse, summaryOf } from "./record-json.ts";
import type { StoredFile } from "./record.ts";
import { serveContent } from "./serve-content.ts";
import { openUpload, type UploadLimits } from "./upload.ts";
import type { HakmesPages } from "./views.ts";

/** Routes that somebody else answers. `path` is what stands below the mount, beginning with a slash. */
export interface MountedRoutes {
  match(path: string): boolean;
  handle(request: Request, caller: Caller, path: string): Response | Promise<Response>;
}

/** What the routes stand on. */
export interface HttpParts {
  hakmes: Hakmes;
  catalog: Pick<Catalog, "all">;
  clock: Clock;
  log: Logger;
  metrics: HakmesMetrics;
  /** Where the routes begin, without a trailing slash; empty at the root. */
  mountPath: string;
  /** The hash of new files. */
  algorithm: Algorithm;
  limits: UploadLimits;
  /** Answer failures with the predecessor's statuses. */
  originalFailureStatus: boolean;
  /** Standing in for a predecessor: a path nobody knows is its 404. */
  alone: boolean;
  /** Whether files are only for those with a token: caches in between must not keep them. */
  guarded(): boolean;
  pages: HakmesPages;
  /** Waits until a found file is proven, or says that it takes longer. */
  prove(file: StoredFile): Promise<StoredFile>;
  /** The state for programs. */
  status(): unknown;
  /** Looks through Cask for files again. */
  reindex(): void;
  /** How that stands. */
  reindexState(): unknown;
  /** Records were entered. */
  learned(): void;
  routes: readonly MountedRoutes[];
}

/** What a key names never changes. */
const forGood = "max-age=31536000, immutable";
/** Lines that were skipped and are named in the answer and the log. */
const namedMax = 100;
/** Imports at a time. */
const importsMax = 2;

/** The handler of all routes below the mount path. */
export function hakmesRoutes(parts: HttpParts): (request: Request, caller: Caller) => Response | Promise<Response> {
  const { hakmes, mountPath, log } = parts;
  const cacheControl = () => `${parts.guarded() ? "private" : "public"}, ${forGood}`;

  const known = async (request: Request, key: Key): Promise<StoredFile | Response> => {
    const file = await hakmes.find(key, { signal: request.signal });
    if (file) return file;
    if (!wantsProse(request)) return plain(404, "file not found\n");
    throw new Fault("missing", "hakmes/not-found", `Cannot find "${key}": no node has a file of that key`);
  };

  const serve = async (request: Request, text: string): Promise<Response> => {
    const key = parseKey(text);
    if (!key) return badKey(request, text);
    const file = await known(request, key);
    if (file instanceof Response) return file;
    try {
      return await serveContent(request, hakmes, file, {
        cacheControl: cacheControl(),
        prove: parts.prove,
        served: parts.metrics.served,
      });
    } catch (thrown) {
      const isTheirs = thrown instanceof Fault && parts.originalFailureStatus && !wantsProse(request);
      if (!isTheirs || request.signal.aborted) throw goneOr(request, thrown);
      log.warn("A file could not be read", { key, reason: reasonOf(thrown) });
      return plain(500, "cask retrieve failed\n");
    }
  };

  const info = async (request: Request, text: string): Promise<Response> => {
    const key = parseKey(text);
    if (!key) return badKey(request, text);
    const headers = { ETag: `"${key}"`, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff" };
    // As the predecessor: a client that names the key has the record, whether or not we do.
    if (request.headers.get("if-none-match") === `"${key}"`) return new Response(null, { status: 304, headers });
    const file = await known(request, key);
    return file instanceof Response ? file : recordResponse(hakmes, file, headers, request.signal);
  };

  const take = async (request: Request, about: { name?: string; expected?: Key } = {}): Promise<Taken> => {
    const startedMs = parts.clock.monotonicMs();
    const done = (outcome: "stored" | "existed" | "failed") =>
      parts.metrics.uploaded(outcome, (parts.clock.monotonicMs() - startedMs) / 1000);
    try {
      const { bytes, label, expected } = await openUpload(request, parts.limits, parts.algorithm, about);
      const taken = await hakmes.take(bytes, label, {
        signal: request.signal,
        ...(expected === undefined ? {} : { expected }),
      });
      done(taken.existed ? "existed" : "stored");
      return taken;
    } catch (thrown) {
      done("failed");
      throw goneOr(request, thrown);
    }
  };

  const upload = async (request: Request, about?: { name?: string; expected?: Key }): Promise<Response> => {
    try {
      const { file } = await take(request, about);
      return await recordResponse(hakmes, file, { "Cache-Control": "no-store" }, request.signal);
    } catch (thrown) {
      const words = originalWords(thrown);
      if (words === undefined || !parts.originalFailureStatus || request.method !== "POST" || wantsProse(request)) {
        throw thrown;
      }
      log.warn("An upload failed", { reason: reasonOf(thrown) });
      return plain(500, `${words}\n`);
    }
  };

  /** The upload of a browser without script: on to the file's own page, or back to the form with the reason. */
  const uploadByForm = async (request: Request): Promise<Response> => {
    try {
      const { file, existed } = await take(request);
      const to = `${mountPath}/show/${file.key}/?stored=${existed ? "existed" : "new"}`;
      return new Response(null, { status: 303, headers: { Location: to } });
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      return parts.pages.refused(request, thrown);
    }
  };

  const putUnder = (request: Request, text: string): Promise<Response> | Response => {
    const expected = parseKey(text);
    return expected ? upload(request, { expected }) : badKey(request, text);
  };

  const list = (request: Request): Response => {
    const query = listQuery(new URL(request.url).searchParams);
    const { files, next, total } = hakmes.list(query);
    return Response.json(
      { files: files.map(({ file, names }) => summaryOf(file, names)), ...(next === undefined ? {} : { next }), total },
      { headers: { "Cache-Control": "no-store" } },
    );
  };

  const exportAll = (request: Request): Response => {
    let failures = 0;
    const lines = async function* () {
      yield* recordLines(hakmes, parts.catalog, {
        signal: request.signal,
        failed(key, reason) {
          failures++;
          log.warn("The record of a file could not be written", { key, reason });
        },
        leftOut: (key, reason) => log.warn("A file that is not proven is left out of the records", { key, reason }),
      });
      // Whoever reads must not take what is there for all there is.
      if (failures > 0) throw new Error(`${failures} records could not be written`);
    };
    const headers = { "Content-Type": "application/jsonl", "Cache-Control": "no-store" };
    return new Response(request.method === "HEAD" ? null : streamOf(lines()), { headers });
  };

  let imports = 0;
  const importAll = async (request: Request): Promise<Response> => {
    const { clock, uploadIdleMs: idleTimeoutMs } = parts.limits;
    const reasons: SkippedLine[] = [];
    // Each may hold a line as long as may be.
    if (imports >= importsMax) {
      throw new Fault("unavailable", "hakmes/import-busy", "Cannot take records now: others are being taken", {
        retryAfterMs: 10_000,
      });
    }
    imports++;
    try {
      const body = requestBody(request, { maxBytes: Number.MAX_SAFE_INTEGER, idleTimeoutMs, clock });
      const counts = await ingestLines(body, hakmes, {
        signal: request.signal,
        skipped(line) {
          if (reasons.length >= namedMax) return;
          reasons.push(line);
          log.warn("A line was no record and is skipped", { ...line });
        },
      });
      return Response.json({ ...counts, reasons }, { headers: { "Cache-Control": "no-store" } });
    } catch (thrown) {
      throw goneOr(request, thrown);
    } finally {
      imports--;
      parts.learned();
    }
  };

  const elsewhere = async (request: Request, caller: Caller, path: string): Promise<Response> => {
    const { method } = request;
    const reads = method === "GET" || method === "HEAD";
    const page = reads ? await parts.pages.answer(request, caller, path) : undefined;
    if (page) return page;
    const allow = allowedOf(path);
    if (allow !== undefined) return notAllowed(allow);
    const isTaken = /^\/(?:file|info|show|tus|peer)(?:\/|$)/.test(path);
    // curl -T adds the file's name to the path.
    if (method === "PUT" && !isTaken) return upload(request, nameIn(path));
    if (!(reads || method === "POST" || isTaken)) return notAllowed("PUT");
    if (parts.alone && !wantsProse(request)) return plain(404, "404 page not found\n");
    throw new Fault("missing", "hakmes/no-page", `Cannot find "${path.slice(0, 200)}": there is no such page`);
  };

  const answer = (request: Request, caller: Caller, path: string): Response | Promise<Response> => {
    const { method } = request;
    const reads = method === "GET" || method === "HEAD";
    const keyed = /^\/(file|info)\/([^/]+)/.exec(path);
    if (keyed?.[2] !== undefined) {
      const text = decodedPart(keyed[2]);
      if (reads) return keyed[1] === "file" ? serve(request, text) : info(request, text);
      if (method === "PUT" && keyed[1] === "file") return putUnder(request, text);
    }
    if (path === "/" && (method === "POST" || method === "PUT")) return upload(request);
    if (path === "/upload/" && method === "POST") {
      return (request.headers.get("accept") ?? "").includes("text/html") ? uploadByForm(request) : upload(request);
    }
    if (path === "/list.json" && reads) return list(request);
    if (path === "/status.json" && reads) return Response.json(parts.status());
    if (path === "/export.jsonl" && reads) return exportAll(request);
    if (path === "/import.jsonl" && method === "POST") return importAll(request);
    if (path === "/reindex/" && (reads || method === "POST")) {
      if (!reads) parts.reindex();
      return Response.json(parts.reindexState());
    }
    return elsewhere(request, caller, path);
  };

  return (request, caller) => {
    const path = pathOf(request.url).slice(mountPath.length) || "/";
    for (const routes of parts.routes) if (routes.match(path)) return routes.handle(request, caller, path);
    // Files tell their length without being read; that of all records is known to nobody.
    if (request.method === "HEAD" && !/^\/(?:file\/[^/]|export\.jsonl$)/.test(path)) {
      return headOf(request, async (get) => answer(get, caller, path));
    }
    return answer(request, caller, path);
  };
}

/** A small fixed answer: text as Go's http.Error writes it. */
function plain(status: number, text: string): Response {
  return new Response(text, {
    status,
    headers: { "Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff" },
  });
}

function notAllowed(allow: string): Response {
  const refusal = plain(405, "Method Not Allowed\n");
  refusal.headers.set("Allow", allow);
  return refusal;
}

/** Methods of the paths that are something, for 405. Undefined for those that are nothing, which PUT may take. */
function allowedOf(path: string): string | undefined {
  if (path === "/") return "GET, HEAD, POST, PUT";
  if (/^\/file\/[^/]/.test(path)) return "GET, HEAD, PUT";
  if (/^\/(?:info|show)\/[^/]/.test(path)) return "GET, HEAD";
  if (path === "/upload/" || path === "/reindex/") return "GET, HEAD, POST";
  if (path === "/import.jsonl") return "POST";
  if (["/list.json", "/status.json", "/export.jsonl", "/live"].includes(path)) return "GET, HEAD";
  return undefined;
}

function nameIn(path: string): { name: string } {
  return { name: decodedPart(path.slice(path.lastIndexOf("/") + 1)) };
}

function wantsProse(request: Request): boolean {
  const accept = request.headers.get("accept") ?? "";
  return accept.includes("text/html") || accept.includes("json");
}

function badKey(request: Request, text: string): Response {
  if (!wantsProse(request)) return plain(400, "invalid key\n");
  throw new Fault(
    "invalid",
    "hakmes/key",
    `Cannot read the key "${text.slice(0, 100)}": wanted sha256: and 64, or sha1: and 40, lower-case hex digits`,
  );
}

const sorts = ["newest", "name", "size"] as const;

/** What a query string asks to be listed. Faults: `hakmes/list-query`. */
export function listQuery(words: URLSearchParams): ListQuery {
  const { search, sort: sortText, limit: limitText, after } = Object.fromEntries(words);
  const sort = sorts.find((known) => known === sortText);
  const limit = limitText === undefined || limitText === "" ? undefined : Number(limitText);
  if (sortText && sort === undefined) throw badQuery(`sort "${sortText.slice(0, 40)}"`, sorts.join(", "));
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 1 && limit <= 1000)) {
    throw badQuery(`limit "${limitText?.slice(0, 40)}"`, "a whole number from 1 to 1000");
  }
  return {
    ...(search ? { search } : {}),
    ...(sort === undefined ? {} : { sort }),
    ...(limit === undefined ? {} : { limit }),
    ...(after ? { after } : {}),
  };
}

function badQuery(what: string, wanted: string): Fault {
  return new Fault("invalid", "hakmes/list-query", `Cannot list by ${what}: wanted ${wanted}`);
}

/** What the predecessor said when an upload failed, each with status 500; undefined for what it did not know. */
function originalWords(thrown: unknown): string | undefined {
  if (!(thrown instanceof Fault)) return undefined;
  if (thrown.code === "hakmes/no-file" || /^http\/(?:not-)?(?:multipart|boundary|part)/.test(thrown.code)) {
    return "couldn't read file";
  }
  return ["unavailable", "timeout", "internal", "missing"].includes(thrown.kind) && !thrown.code.startsWith("http/")
    ? "failed to write to cask"
    : undefined;
}

/** What a request that nobody waits for any more comes to: a matter of its sender, not of this node. */
function goneOr(request: Request, thrown: unknown): unknown {
  if (!request.signal.aborted || thrown instanceof Fault) return thrown;
  return new Fault("invalid", "http/body-cut", "Cannot go on: the connection was closed before the end", {
    cause: thrown,
  });
}
