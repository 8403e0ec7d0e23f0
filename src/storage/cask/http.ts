/**
 * The routes of Cask: those of the original, to the byte where programs depend on it, and our own beside them. Requests
 * become calls of the rules, results become answers; no decision about blobs is made here.
 *
 * Blob bytes never get a type a browser would run: they are `application/octet` whatever they hold, wherever they came
 * from, with sniffing switched off.
 */
import { Hono } from "hono";

import type { FailureLimit } from "../../kit/auth/failures.ts";
import { createSharedSecret } from "../../kit/auth/shared-secret.ts";
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { wholeText } from "../../kit/http/body.ts";
import { headOf } from "../../kit/http/head.ts";
import { rangeResponse } from "../../kit/http/range.ts";
import { pathOf } from "../../kit/http/target.ts";
import { letGo } from "../../kit/let-go.ts";
import type { Caller } from "../../kit/service.ts";
import type { Cask } from "./cask.ts";
import { type Algorithm, algorithmOf, bucketCount, bucketOf, type Key, parseKey, type SizedKey } from "./key.ts";
import type { CaskMetrics } from "./metrics.ts";
import { secretHeader } from "./peer-http.ts";
import { openUpload } from "./upload.ts";
import { type FoundBlob, heldHere } from "./read.ts";
import type { CaskPages } from "./views.ts";
import type { PutResult } from "./write.ts";

/** What the routes stand on. */
export interface HttpParts {
  cask: Cask;
  clock: Clock;
  metrics: CaskMetrics;
  /** Where the routes begin, without a trailing slash; empty at the root. */
  mountPath: string;
  /** The hash of new blobs whose sender names none. */
  algorithm: Algorithm;
  uploadIdleMs: number;
  /** Answer 200 with `success:false` where the quorum was missed. */
  originalFailureStatus: boolean;
  /** Standing in for an original: a path nobody knows shows the status page instead of "not found". */
  alone: boolean;
  /** The secrets with which other nodes may come; empty when none is configured. */
  peerSecrets(): readonly string[];
  /** Counts wrong secrets by address. */
  failures: FailureLimit;
  /** Whether blobs are only for those with a token: caches in between must not keep them. */
  guarded(): boolean;
  pages: CaskPages;
  /** Answers `GET /config/`. */
  selfConfig(): Record<string, unknown>;
  /** Whether a text is the secret of the cluster, as its operator knows it. */
  isSecret(text: string): boolean;
  /** Answers `POST /join/`. */
  join(addresses: readonly string[]): Promise<number>;
  /** Forgets a node that is gone for good. */
  forget(id: string): Promise<void>;
  /** The state for `warren cask status` and scripts. */
  status(): unknown;
}

/** What a key names never changes. */
const forGood = "max-age=31536000, immutable";

type Bindings = { Bindings: { caller: Caller } };

/** A small fixed answer: text as Go's http.Error writes it. */
function plain(status: number, text: string): Response {
  return new Response(text, {
    status,
    headers: { "Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff" },
  });
}

/** The handler of all routes below the mount path. */
export function caskRoutes(parts: HttpParts): (request: Request, caller: Caller) => Response | Promise<Response> {
  const { cask, mountPath } = parts;
  const app = new Hono<Bindings>({ strict: true }).basePath(mountPath || "/");
  const cacheControl = () => `${parts.guarded() ? "private" : "public"}, ${forGood}`;
  const limits = { maxBlobBytes: cask.settings.maxBlobBytes, uploadIdleMs: parts.uploadIdleMs, clock: parts.clock };
  const filePrefix = `${mountPath}/file/`;
  const rootPath = `${mountPath}/`;
  const copiesPath = `${mountPath}/local/`;

  const serve = async (request: Request, text: string, fromPeers: boolean): Promise<Response> => {
    const key = parseKey(text);
    if (!key) return badKey(request, text);
    // As the original: a client that names the key has the bytes, whether or not we do.
    if (request.headers.get("if-none-match") === `"${key}"`) return new Response(null, { status: 304 });
    const found = !fromPeers
      ? await here(cask, key)
      : request.method === "HEAD"
        ? await headOnly(cask, key)
        : await cask.find(key);
    if (!found) {
      if (wantsProse(request)) {
        throw new Fault("missing", "cask/not-found", `Cannot find "${key}": no node of the cluster holds it`);
      }
      return plain(404, fromPeers ? "not found\n" : "not found\n\n");
    }
    try {
      if (request.method === "GET") parts.metrics.served(found.source === "here" ? "local" : "peer", found.sizeBytes);
      const record = fromPeers ? undefined : cask.holdings.ledger.find(key);
      return await rangeResponse(request, {
        sizeBytes: found.sizeBytes,
        etag: `"${key}"`,
        contentType: "application/octet",
        headers: {
          "Cache-Control": cacheControl(),
          "X-Content-Type-Options": "nosniff",
          ...(record ? { "X-Cask-Verified-At": String(record.verifiedAt) } : {}),
        },
        body: (start, end) => found.body(start === 0 && end === found.sizeBytes ? undefined : { start, end }),
      });
    } finally {
      found.dispose();
    }
  };

  const upload = async (request: Request, caller: Caller, expected?: Key): Promise<Response> => {
    const result = await put(request, caller, expected);
    return putAnswer(result, parts.originalFailureStatus);
  };

  /** The upload of a browser without script: it gets the form again, with what became of the file. */
  const uploadByForm = async (request: Request, caller: Caller): Promise<Response> => {
    try {
      return parts.pages.uploaded(request, await put(request, caller));
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      return parts.pages.uploaded(request, thrown);
    }
  };

  const put = async (request: Request, { within }: Caller, expected?: Key): Promise<PutResult> => {
    const startedMs = parts.clock.monotonicMs();
    let result: PutResult;
    try {
      const offered = await openUpload(request, limits, parts.algorithm, { expected, within });
      result = await cask.put(offered.bytes, { ...offered, signal: request.signal });
      // What came from this program is this request's alone, and nobody sends it any more.
      if (within && offered.bytes instanceof Uint8Array && result.underWay === 0) letGo(offered.bytes);
    } catch (thrown) {
      parts.metrics.put("failed", 0, 0);
      throw request.signal.aborted ? clientGone(thrown) : thrown;
    }
    const seconds = (parts.clock.monotonicMs() - startedMs) / 1000;
    parts.metrics.put(result.acknowledged ? "acknowledged" : "refused", result.sizeBytes, seconds);
    return result;
  };

  const secret = createSharedSecret({ secrets: parts.peerSecrets, failures: parts.failures, service: "cask" });
  const asPeer = (request: Request, caller: Caller) => {
    if (secret.isPeer(request.headers.get(secretHeader) ?? "", caller)) return;
    throw new Fault("forbidden", "cask/secret", "sorry, need the secret knock");
  };

  const joined = async (addresses: readonly string[]): Promise<{ answered: number } | { reason: string }> => {
    try {
      const answered = await parts.join(addresses);
      return answered > 0 ? { answered } : { reason: `Cannot join ${addresses.join(", ")}: no node answered` };
    } catch (thrown) {
      if (thrown instanceof SyntaxError) return { reason: thrown.message };
      throw thrown;
    }
  };

  // The original's routes.
  app.on(["GET", "HEAD"], "/file/:key/*", (c) => serve(c.req.raw, c.req.param("key"), true));
  app.on(["GET", "HEAD"], "/local/:key/*", (c) => {
    asPeer(c.req.raw, c.env.caller);
    return serve(c.req.raw, c.req.param("key"), false);
  });
  app.get("/local/", (c) => {
    asPeer(c.req.raw, c.env.caller);
    return plain(200, "show form/handle post\n");
  });
  const takeCopy = async (request: Request, caller: Caller) => {
    asPeer(request, caller);
    const announced = Number(request.headers.get("content-length") ?? 0);
    if (announced > limits.maxBlobBytes + 65_536) throw new Fault("too-large", "cask/too-large", "file too large");
    cask.requireWriteable();
    // Originals hash with SHA-1 and say nothing of it; ours name the algorithm.
    const offered = await openUpload(request, limits, "sha1");
    const record = await cask.keep(offered.bytes, { ...offered, signal: request.signal });
    return plain(200, record.key);
  };
  app.post("/local/*", (c) => takeCopy(c.req.raw, c.env.caller));
  app.put("/local/*", (c) => takeCopy(c.req.raw, c.env.caller));
  app.get("/config/", (c) => c.json(parts.selfConfig()));
  app.post("/join/", async (c) => {
    const type = c.req.header("content-type") ?? "";
    const text = await wholeText(c.req.raw, { maxBytes: 65_536, clock: parts.clock });
    const form = new URLSearchParams(type.startsWith("application/x-www-form-urlencoded") ? text : "");
    const query = new URL(c.req.url).searchParams;
    const url = form.get("url") ?? query.get("url") ?? "";
    const shown = form.get("secret") ?? query.get("secret") ?? "";
    if (url === "") return plain(200, "no url specified");
    const { caller } = c.env;
    if (!(parts.peerSecrets().length === 0 ? caller.may("admin") : secret.knows(shown, caller, parts.isSecret))) {
      return plain(403, "need to know the secret knock");
    }
    const addresses = url.split(",").map((part) => part.trim());
    const answered = await joined(addresses);
    if ((c.req.header("accept") ?? "").includes("text/html")) return parts.pages.joined(c.req.raw, url, answered);
    return "answered" in answered ? plain(200, "Added node") : plain(200, answered.reason);
  });

  // Our own.
  app.post("/upload/", (c) =>
    (c.req.header("accept") ?? "").includes("text/html")
      ? uploadByForm(c.req.raw, c.env.caller)
      : upload(c.req.raw, c.env.caller),
  );
  app.put("/file/:key/*", (c) => {
    const text = c.req.param("key");
    const key = parseKey(text);
    return key ? upload(c.req.raw, c.env.caller, key) : badKey(c.req.raw, text);
  });
  app.get("/status.json", (c) => c.json(parts.status() as object));
  app.get("/whereis/:key/", async (c) => {
    const text = c.req.param("key");
    const key = parseKey(text);
    if (!key) return badKey(c.req.raw, text);
    const places = await cask.whereIs(key);
    return c.json({
      key,
      wanted: cask.placement.copies,
      places: places.map(({ node, ...rest }) => ({ node: node.id, url: node.url, self: node.self, ...rest })),
    });
  });
  app.get("/keys/", async (c) => {
    const { bucket, after } = placeIn(c.req.query());
    const { keys, ...rest } = await cask.list(bucket, after);
    return c.json({ bucket, keys: pairsOf(keys), ...rest }, 200, { "Cache-Control": "no-store" });
  });
  app.post("/verify/:key/", async (c) => {
    const text = c.req.param("key");
    const key = parseKey(text);
    if (!key) return badKey(c.req.raw, text);
    return c.json({ key, verdict: await cask.holdings.verify(key) });
  });
  app.post("/drain/", (c) => {
    const { copies } = cask.placement;
    const others = cask.placement.onRing().filter((node) => !node.self && node.writeable).length;
    if (others < copies && cask.holdings.ledger.count() > 0) {
      throw new Fault(
        "conflict",
        "cask/drain",
        `Cannot drain this node: ${others} others take blobs and each blob is to have ${copies} copies; join another node, or set copies in [cask], first`,
      );
    }
    cask.drain(true);
    return c.json(parts.status() as object);
  });
  app.delete("/drain/", (c) => {
    cask.drain(false);
    return c.json(parts.status() as object);
  });
  app.post("/forget/:id/", async (c) => {
    await parts.forget(c.req.param("id"));
    return c.json(parts.status() as object);
  });
  app.get("/peer/digests/", (c) => {
    asPeer(c.req.raw, c.env.caller);
    const nodeId = c.req.query("node") ?? "";
    return c.json(
      Array.from({ length: bucketCount }, (_, bucket) => cask.holdings.shared.digest(bucket, nodeId, cask.placement)),
    );
  });
  app.get("/peer/keys/", (c) => {
    asPeer(c.req.raw, c.env.caller);
    const { bucket } = placeIn(c.req.query());
    return c.json(cask.holdings.shared.list(bucket, c.req.query("node") ?? "", cask.placement));
  });
  app.get("/peer/held/", async (c) => {
    asPeer(c.req.raw, c.env.caller);
    const { bucket, after } = placeIn(c.req.query());
    const { keys, more } = await cask.holdings.held.page(bucket, after);
    return c.json({ keys: pairsOf(keys), more });
  });
  app.get("/peer/prove/:key/", async (c) => {
    asPeer(c.req.raw, c.env.caller);
    const key = parseKey(c.req.param("key"));
    const nonce = c.req.query("nonce") ?? "";
    if (!key || !/^[0-9a-f]{16,64}$/.test(nonce)) {
      throw new Fault(
        "invalid",
        "cask/challenge",
        "Cannot answer the challenge: wanted a key and a nonce of hex digits",
      );
    }
    const proof = await cask.prove(key, nonce);
    return proof ? c.json(proof) : plain(404, "not found\n");
  });
  app.get("/debug/vars", (c) => {
    const memory = process.memoryUsage();
    return c.json({ cmdline: ["warren", "cask"], memstats: { Sys: memory.rss, HeapAlloc: memory.heapUsed } });
  });
  app.all("*", async (c) => {
    const { method } = c.req;
    const path = pathOf(c.req.url).slice(mountPath.length);
    // Below these the node asks for no scope, as nodes have their secret instead.
    if (/^\/(?:local|peer)(?:\/|$)/.test(path)) asPeer(c.req.raw, c.env.caller);
    if (method === "GET" || method === "HEAD") {
      const page = await parts.pages.answer(c.req.raw, c.env.caller, path);
      if (page) return page;
      if (parts.alone) return (await parts.pages.answer(c.req.raw, c.env.caller, "/")) ?? plain(404, "not found\n");
      throw new Fault("missing", "cask/no-page", `Cannot find "${path.slice(0, 200)}": there is no such page`);
    }
    // curl -T adds the file's name to the path; as with the original's POST any path nobody knows takes an upload.
    if ((method === "POST" || method === "PUT") && allowedOf(path) === undefined)
      return upload(c.req.raw, c.env.caller);
    const allow = allowedOf(path) ?? "GET, HEAD, POST";
    return new Response("Method Not Allowed\n", {
      status: 405,
      headers: { Allow: allow, "Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff" },
    });
  });
  // Faults are the listener's to answer.
  app.onError((thrown) => {
    throw thrown;
  });

  // A copy of ready headers is made in half the time of new ones.
  const usualHeaders = (kept: "private" | "public") =>
    new Headers({
      "Content-Type": "application/octet",
      "Content-Disposition": "inline",
      "Cache-Control": `${kept}, ${forGood}`,
      "Accept-Ranges": "bytes",
      "X-Content-Type-Options": "nosniff",
    });
  const [forOne, forAll] = [usualHeaders("private"), usualHeaders("public")];
  const plainHeaders = (key: Key, sizeBytes: number) => {
    const headers = new Headers(parts.guarded() ? forOne : forAll);
    headers.set("ETag", `"${key}"`);
    headers.set("Content-Length", String(sizeBytes));
    return headers;
  };

  return (request, caller) => {
    // The way of nearly every request: a whole blob, held here, known to be good. It takes no detour.
    if (request.method === "GET") {
      const { url } = request;
      const at = url.indexOf(filePrefix, 8);
      if (at > 0 && url.indexOf("/", 8) === at) {
        const start = at + filePrefix.length;
        const end = url.indexOf("/", start);
        const key = end > 0 && end + 1 === url.length ? parseKey(url.slice(start, end)) : undefined;
        const { headers } = request;
        if (key && !headers.has("range") && !headers.has("if-none-match") && !headers.has("if-match")) {
          const stat = cask.holdings.trusted(key);
          if (stat && !(stat instanceof Promise)) {
            const body = cask.holdings.store.body(key, stat);
            if (!(body instanceof Promise)) {
              parts.metrics.served("local", stat.sizeBytes);
              return new Response(body, { headers: plainHeaders(key, stat.sizeBytes) });
            }
          }
        }
      }
    }
    // Likewise uploads to the root, and copies from other nodes.
    if (request.method === "POST" || request.method === "PUT") {
      if (hasPath(request.url, rootPath)) return upload(request, caller);
      if (hasPath(request.url, copiesPath)) return takeCopy(request, caller);
    }
    // Blobs tell their length without being read; of everything else it is seen only when it is there.
    if (request.method === "HEAD" && !isBlobPath(request.url, mountPath)) {
      return headOf(request, (get) => app.fetch(get, { caller }));
    }
    return app.fetch(request, { caller });
  };
}

/** Whether a URL is that of a blob, whose routes answer HEAD by themselves. */
function isBlobPath(url: string, mountPath: string): boolean {
  return /^\/(?:file|local)\/[^/]+\//.test(pathOf(url).slice(mountPath.length));
}

/** Whether a URL has just this path, with or without a query. */
function hasPath(url: string, path: string): boolean {
  const start = url.indexOf("/", 8);
  const end = start + path.length;
  return url.startsWith(path, start) && (url.length === end || url.charCodeAt(end) === 63);
}

/** The bucket, and the key behind which to go on, that a request for a list names. Faults: `cask/bucket`, `cask/key`. */
function placeIn(query: Record<string, string>): { bucket: number; after: Key | undefined } {
  const text = query.bucket ?? "";
  const bucket = /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN;
  if (!(bucket < bucketCount)) {
    throw new Fault(
      "invalid",
      "cask/bucket",
      `Cannot list the bucket "${text.slice(0, 100)}": wanted a number from 0 to ${bucketCount - 1}`,
    );
  }
  if (query.after === undefined) return { bucket, after: undefined };
  const after = parseKey(query.after);
  if (after !== undefined && bucketOf(after) === bucket) return { bucket, after };
  throw new Fault(
    "invalid",
    "cask/key",
    `Cannot go on behind "${query.after.slice(0, 100)}": wanted the key that the answer before named as next`,
  );
}

/** Keys as lists give them: shorter than with names. */
function pairsOf(keys: readonly SizedKey[]): [Key, number][] {
  return keys.map(({ key, sizeBytes }) => [key, sizeBytes]);
}

/** Methods of the fixed paths, for 405. Undefined for paths that take uploads, as every unknown path does. */
function allowedOf(path: string): string | undefined {
  if (path.startsWith("/file/")) return "GET, HEAD, PUT";
  if (path.startsWith("/local/")) return "GET, HEAD, POST, PUT";
  if (path.startsWith("/peer/") || path.startsWith("/whereis/")) return "GET, HEAD";
  if (["/config/", "/keys/", "/status.json", "/debug/vars", "/log/", "/upload/", "/lookup/"].includes(path))
    return "GET, HEAD";
  if (path.startsWith("/verify/") || path.startsWith("/forget/")) return "POST";
  if (path === "/drain/") return "POST, DELETE";
  return undefined;
}

function wantsProse(request: Request): boolean {
  const accept = request.headers.get("accept") ?? "";
  return accept.includes("text/html") || accept.includes("json");
}

function badKey(request: Request, text: string): Response {
  if (!wantsProse(request)) return plain(400, "invalid key\n\n");
  throw new Fault(
    "invalid",
    "cask/key",
    `Cannot read the key "${text.slice(0, 100)}": wanted sha256: and 64, or sha1: and 40, lower-case hex digits`,
  );
}

/** The blob as this node holds it, verified; undefined when it has no good copy. */
async function here(cask: Cask, key: Key): Promise<FoundBlob | undefined> {
  const stat = await cask.holdings.trusted(key);
  return stat && heldHere(cask.holdings, key, stat);
}

/** Enough for the head of an answer: a peer's word that it holds a verified copy saves fetching all of it. */
async function headOnly(cask: Cask, key: Key) {
  const local = await here(cask, key);
  if (local) return local;
  const told = (await cask.whereIs(key)).find((place) => place.held === true && place.sizeBytes !== undefined);
  if (told?.sizeBytes === undefined) return cask.find(key);
  return { sizeBytes: told.sizeBytes, source: told.node.id, body: () => new Uint8Array(0), dispose() {} };
}

function putAnswer(result: PutResult, originalFailureStatus: boolean): Response {
  const body = {
    key: result.key,
    success: result.acknowledged,
    size: result.sizeBytes,
    algorithm: algorithmOf(result.key),
    copies: result.holders.length,
    wanted: result.wanted,
    quorum: result.quorum,
    ...(result.existed ? { existed: true } : {}),
  };
  if (result.acknowledged || originalFailureStatus) return Response.json(body);
  return Response.json(
    {
      ...body,
      title: "Service Unavailable",
      status: 503,
      code: "cask/no-quorum",
      detail: `Stored on ${result.holders.length} of the ${result.quorum} nodes that must have it before it is safe: try again when more nodes are there`,
      failures: result.failures,
    },
    { status: 503, headers: { "Content-Type": "application/problem+json", "Retry-After": "5" } },
  );
}

/** What a request that nobody waits for any more comes to: a matter of its sender, not of this node. */
function clientGone(cause: unknown): Fault {
  return cause instanceof Fault
    ? cause
    : new Fault("invalid", "http/body-cut", "Cannot take the upload: the connection was closed before its end", {
        cause,
      });
}
