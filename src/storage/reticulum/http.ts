/**
 * The routes of Reticulum: those of the predecessor that its clients use, and our own beside them. Requests become calls,
 * results become answers; what is decided about a URL is in image-route.ts.
 *
 * Whoever may upload by a key need not have a token; whoever asks for an image may show a signature instead. So these two
 * look after the rights themselves, and the listener asks for no scope.
 */
import { Hono } from "hono";
import { z } from "zod";

import { sameText } from "../../kit/auth/same-text.ts";
import type { SharedSecret } from "../../kit/auth/shared-secret.ts";
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { preferredType } from "../../kit/http/accept.ts";
import { wholeText } from "../../kit/http/body.ts";
import { headOf } from "../../kit/http/head.ts";
import { pathOf } from "../../kit/http/target.ts";
import type { Caller, Scope } from "../../kit/service.ts";
import { formatSizeSpec } from "../../lib/resize/size-spec.ts";
import type { Key } from "../cask/client.ts";
import type { ImageInfo } from "./image-info.ts";
import { type ImageRoute, redirect } from "./image-route.ts";
import { extensionOf, formatNamed, keyOfHash, parseHints, parseImagePath } from "./image-url.ts";
import type { KnownImage } from "./known-images.ts";
import { checkedNote } from "./notes.ts";
import { pageNotes, peerHeader } from "./notes-spread.ts";
import type { Reticulum, TakenImage } from "./reticulum.ts";
import { sourceSet } from "./source-set.ts";
import { readUpload, type UploadLimits, type UploadRoom } from "./upload.ts";
import { uploadAnswer } from "./upload-answer.ts";
import type { ReticulumPages } from "./views.ts";

/** What the routes stand on. */
export interface HttpParts {
  reticulum: Reticulum;
  route: ImageRoute;
  /** Judges who is another node. */
  peers: SharedSecret;
  room: UploadRoom;
  limits: UploadLimits;
  uploadKeys: readonly string[];
  /** Signs a path for ever or until an instant; undefined without keys. */
  sign: ((path: string, expiresAt?: number) => string) | undefined;
  clock: Clock;
  mountPath: string;
  /** Standing in for the predecessor: an unknown path shows the form, and takes uploads. */
  alone: boolean;
  /** Absent in tests of routes alone. */
  pages: ReticulumPages | undefined;
  /** What `/info/` says of an image. */
  info(image: KnownImage, caller: Caller, signal: AbortSignal): Promise<ImageInfo>;
  stats(): Record<string, unknown>;
  /** Whether `POST` to another node's purge is passed on. */
  purgeOthers(hash: string): void;
}

type Bindings = { Bindings: { caller: Caller } };

const pointShape = z.object({ x: z.number().min(0).max(1), y: z.number().min(0).max(1) }).nullable();
const signShape = z.object({
  path: z.string().startsWith("/image/").max(500),
  /** Seconds from now. */
  expires_in: z.number().positive().max(3_153_600_000).optional(),
});

/** The scope that the listener asks for; undefined where the routes decide. */
export function scopeOfPath(method: string, path: string): Scope | undefined {
  if (path.startsWith("/peer/")) return undefined;
  const reads = method === "GET" || method === "HEAD" || method === "OPTIONS";
  if (reads) return /^\/(?:image|retrieve)\//.test(path) ? undefined : "read";
  if (path.startsWith("/image/") || path.startsWith("/show/") || path === "/sign/") return "write";
  return undefined;
}

/** The handler of all routes below the mount path. */
export function reticulumRoutes(parts: HttpParts): (request: Request, caller: Caller) => Response | Promise<Response> {
  const { clock, mountPath, reticulum, route } = parts;
  const app = new Hono<Bindings>({ strict: true }).basePath(mountPath || "/");
  const below = (request: Request) => pathOf(request.url).slice(mountPath.length);
  const queryOf = (request: Request) => {
    const at = request.url.indexOf("?");
    return at < 0 ? "" : request.url.slice(at + 1);
  };

  const imageOf = async (hash: string, signal: AbortSignal): Promise<KnownImage> => {
    const key = keyOfHash(hash);
    if (key === undefined)
      throw new Fault("missing", "reticulum/hash", "invalid hash: wanted 40 or 64 lower-case hex digits");
    const image = await reticulum.originals.meet(key, signal);
    if (image === undefined)
      throw new Fault("missing", "reticulum/not-found", "not found in the cluster: there is no such image");
    return image;
  };

  const asPeer = (request: Request, caller: Caller) => {
    if (parts.peers.isPeer(request.headers.get(peerHeader) ?? "", caller)) return;
    throw new Fault("forbidden", "reticulum/secret", "Cannot let you in: this is for nodes of the cluster");
  };

  const isUploadKey = (given: readonly string[]) =>
    given.some((key) => parts.uploadKeys.map((own) => sameText(own, key)).includes(true));

  /** Whether the caller may upload without a key: by a token, or because nobody asks for keys. */
  const mayUpload = (caller: Caller) =>
    caller.may("write") && (parts.uploadKeys.length === 0 || caller.name !== "anonymous");

  const refuseUpload = () =>
    parts.uploadKeys.length > 0
      ? new Fault(
          "forbidden",
          "reticulum/upload-key",
          "invalid upload key: wanted one of the configured keys in the field key",
        )
      : new Fault(
          "unauthorized",
          "reticulum/token-missing",
          "Cannot take the image: wanted a token with the scope write",
        );

  const freeHints = (text: string) =>
    parseHints(text)
      .filter((spec) => route.isFree(spec))
      .map(formatSizeSpec)
      .join();

  const take = async (request: Request, caller: Caller): Promise<TakenImage> => {
    const mayAnyway = mayUpload(caller);
    const isForm = (request.headers.get("content-type") ?? "").toLowerCase().startsWith("multipart/");
    const keyInQuery = isUploadKey(new URL(request.url).searchParams.getAll("key"));
    // A key may still come in a form; nobody else need be listened to.
    if (!mayAnyway && !keyInQuery && (parts.uploadKeys.length === 0 || !isForm)) throw refuseUpload();
    return parts.room.during(async (takeRoom) => {
      const upload = await readUpload(request, parts.limits, takeRoom);
      if (!mayAnyway && !isUploadKey(upload.keys)) throw refuseUpload();
      // Who could not ask for a size, nor sign a URL of it, cannot have it made ahead either.
      const sizeHints = caller.may("write") ? upload.sizeHints : freeHints(upload.sizeHints);
      return reticulum.take({ ...upload, sizeHints }, request.signal);
    });
  };

  const upload = async (request: Request, caller: Caller): Promise<Response> => {
    const asksHtml =
      parts.pages !== undefined &&
      preferredType(request.headers.get("accept"), ["application/json", "text/html"]) === "text/html";
    if (!asksHtml) {
      const taken = await take(request, caller);
      return Response.json(
        uploadAnswer(taken, (hash, spec, filename) => route.urlOf(hash, spec, filename)),
        { headers: { "Cache-Control": "no-store" } },
      );
    }
    let outcome: TakenImage | Fault;
    try {
      outcome = await take(request, caller);
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      outcome = thrown;
    }
    return parts.pages?.uploaded(request, caller, outcome) ?? new Response(null, { status: 204 });
  };

  const json = (value: unknown) => Response.json(value, { headers: { "Cache-Control": "no-store" } });

  // Images.
  app.on(["GET", "HEAD"], "/image/:hash/debug/:filename", async (c) => {
    const { caller } = c.env;
    if (!caller.may("read"))
      throw new Fault("unauthorized", "reticulum/token-missing", "Wanted a token with the scope read");
    const page = await parts.pages?.answer(c.req.raw, caller, below(c.req.raw));
    if (page) return page;
    const key = keyOfHash(c.req.param("hash"));
    if (key === undefined)
      throw new Fault("missing", "reticulum/hash", "invalid hash: wanted 40 or 64 lower-case hex digits");
    return json(await parts.info(await imageOf(c.req.param("hash"), c.req.raw.signal), caller, c.req.raw.signal));
  });
  app.on(["GET", "HEAD"], "/image/*", (c) => {
    const path = below(c.req.raw);
    const found = parseImagePath(path);
    if (found === undefined) return unknownPath(c.req.raw, c.env.caller, path);
    return route.answer(c.req.raw, c.env.caller, found, path, queryOf(c.req.raw));
  });
  app.on(["GET", "HEAD"], "/retrieve/:hash/:size/:extension/", (c) => {
    const { extension, hash, size } = c.req.param();
    const path = `/image/${hash}/${size}/image.${extension}`;
    const found = parseImagePath(path);
    if (found === undefined) return unknownPath(c.req.raw, c.env.caller, path);
    return route.answer(c.req.raw, c.env.caller, found, path, queryOf(c.req.raw));
  });
  app.on(["GET", "HEAD"], "/retrieve_info/:hash/:size/:extension/", async (c) => {
    const { extension, hash } = c.req.param();
    const key = keyOfHash(hash);
    if (key === undefined) throw new Fault("missing", "reticulum/hash", "bad hash: invalid hash");
    const image = await reticulum.originals.meet(key, c.req.raw.signal);
    return json({ hash, extension: `.${extension}`, local: image !== undefined && isServedAs(image, extension) });
  });
  const isServedAs = (image: KnownImage, extension: string) =>
    extension === extensionOf[image.format] ||
    (formatNamed(extension) !== undefined && reticulum.notes.isServedAs(image.key, extension));

  const purge = async (hash: string, signal: AbortSignal) => {
    const { key } = await imageOf(hash, signal);
    const purged = reticulum.purge(key);
    parts.purgeOthers(hash);
    return json({ hash, purged });
  };
  app.delete("/image/:hash/", (c) => purge(c.req.param("hash"), c.req.raw.signal));
  app.delete("/image/:hash", (c) => purge(c.req.param("hash"), c.req.raw.signal));

  const setFocus = async (hash: string, request: Request, isDeleting: boolean) => {
    const image = await imageOf(hash, request.signal);
    const parsed = isDeleting ? { success: true, data: null } : pointShape.safeParse(await bodyJson(request));
    if (!parsed.success || parsed.data === undefined)
      throw new Fault(
        "invalid",
        "reticulum/focus",
        'Cannot set the focal point: wanted {"x":0.5,"y":0.5}, each from 0 to 1',
      );
    await reticulum.setFocus(image.key, parsed.data);
    return json({ hash, focus: reticulum.notes.focus(image.key) ?? null });
  };
  app.put("/image/:hash/focus", (c) => setFocus(c.req.param("hash"), c.req.raw, false));
  app.delete("/image/:hash/focus", (c) => setFocus(c.req.param("hash"), c.req.raw, true));

  // Forms of pages.
  app.post("/show/:hash/:verb", async (c) => {
    const done = await parts.pages?.act(c.req.raw, below(c.req.raw));
    return done ?? unknownPath(c.req.raw, c.env.caller, below(c.req.raw));
  });

  // What there is to know.
  const info = async (hash: string, request: Request, caller: Caller) =>
    json(await parts.info(await imageOf(hash, request.signal), caller, request.signal));
  app.get("/info/:hash/", (c) => info(c.req.param("hash"), c.req.raw, c.env.caller));
  app.get("/info/:hash", (c) => info(c.req.param("hash"), c.req.raw, c.env.caller));
  app.get("/srcset/:hash/", (c) => srcset(c.req.param("hash"), c.req.raw, c.env.caller));
  app.get("/srcset/:hash", (c) => srcset(c.req.param("hash"), c.req.raw, c.env.caller));
  const srcset = async (hash: string, request: Request, caller: Caller) => {
    const image = await imageOf(hash, request.signal);
    const facts = await reticulum.originals.facts(image, request.signal);
    const query = new URL(request.url).searchParams;
    const made = sourceSet({ hash, extension: extensionOf[image.format], facts }, query, (spec, filename) =>
      // A signature is given to those who could ask for one.
      caller.may("write") || parts.sign === undefined
        ? route.urlOf(hash, spec, filename)
        : `${mountPath}/image/${hash}/${spec.width}w/${filename}`,
    );
    if (preferredType(request.headers.get("accept"), ["application/json", "text/html"]) === "application/json")
      return json(made);
    return new Response(`${made.html}\n`, {
      headers: { "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store" },
    });
  };
  app.get("/stats.json", () => json(parts.stats()));
  app.post("/sign/", async (c) => {
    if (parts.sign === undefined)
      throw new Fault("conflict", "reticulum/no-keys", "Cannot sign a URL: set signing_keys in [reticulum]");
    const parsed = signShape.safeParse(await bodyJson(c.req.raw));
    if (!parsed.success)
      throw new Fault("invalid", "reticulum/sign", 'Cannot sign: wanted {"path":"/image/…","expires_in":3600}');
    const { expires_in: seconds, path } = parsed.data;
    const expiresAt = seconds === undefined ? undefined : clock.now() + seconds * 1000;
    return json({
      url: `${mountPath}${parts.sign(path, expiresAt)}`,
      ...(expiresAt === undefined ? {} : { expires: Math.floor(expiresAt / 1000) }),
    });
  });

  // Other nodes.
  app.get("/peer/notes/", (c) => {
    asPeer(c.req.raw, c.env.caller);
    const { notes } = reticulum;
    const after = c.req.query("after");
    if (after === undefined) return json({ id: notes.id, notes: [], sequence: notes.sequence() });
    if (!/^\d{1,15}$/.test(after)) throw new Fault("invalid", "reticulum/after", "Cannot list notes: wanted a number");
    return json(notes.after(Number(after), pageNotes));
  });
  app.post("/peer/notes/", async (c) => {
    asPeer(c.req.raw, c.env.caller);
    const raw = await bodyJson(c.req.raw);
    const notes = (Array.isArray(raw) ? raw.slice(0, pageNotes) : []).flatMap(
      (one: unknown) => checkedNote(one, clock.now()) ?? [],
    );
    return json({ taken: reticulum.learnNotes(notes).length });
  });
  app.post("/peer/purge/:hash/", (c) => {
    asPeer(c.req.raw, c.env.caller);
    const key: Key | undefined = keyOfHash(c.req.param("hash"));
    return json({ purged: key === undefined ? 0 : reticulum.purge(key) });
  });

  const unknownPath = async (request: Request, caller: Caller, path: string): Promise<Response> => {
    // Bases with a slash too many are in many a page; the predecessor led them on.
    const clean = path.replaceAll(/\/{2,}/g, "/");
    const query = queryOf(request);
    if (clean !== path) return redirect(`${mountPath}${clean}${query === "" ? "" : `?${query}`}`, true);
    if (path.startsWith("/peer/")) asPeer(request, caller);
    // Below /image/ the listener asks for nothing.
    else if (!caller.may("read"))
      throw new Fault("unauthorized", "reticulum/token-missing", "Wanted a token with the scope read");
    const page = await parts.pages?.answer(request, caller, path);
    if (page) return page;
    if (path === "/" || parts.alone) {
      const front = await parts.pages?.answer(request, caller, "/");
      return front ?? json(parts.stats());
    }
    throw new Fault("missing", "reticulum/no-page", `Cannot find "${path.slice(0, 200)}": there is no such page`);
  };

  const bodyJson = async (request: Request): Promise<unknown> => {
    const text = await wholeText(request, { maxBytes: 1024 * 1024, clock });
    try {
      return JSON.parse(text);
    } catch (thrown) {
      if (!(thrown instanceof SyntaxError)) throw thrown;
      throw new Fault("invalid", "reticulum/json", "Cannot read the request: its body is no JSON", { cause: thrown });
    }
  };

  app.all("*", async (c) => {
    const { method } = c.req;
    const { caller } = c.env;
    const path = below(c.req.raw);
    if (method === "GET" || method === "HEAD") return unknownPath(c.req.raw, caller, path);
    if (path.startsWith("/peer/")) asPeer(c.req.raw, caller);
    // curl -T adds the file's name to the path; the predecessor took uploads at any path.
    const takesUpload =
      method === "POST"
        ? path === "/" || path === "/upload/" || parts.alone
        : method === "PUT" && /^\/[^/]*$/.test(path);
    if (takesUpload && allowedOf(path) === undefined) return upload(c.req.raw, caller);
    return new Response("Method Not Allowed\n", {
      status: 405,
      headers: {
        Allow: allowedOf(path) ?? (path === "/" ? "GET, HEAD, POST, PUT" : "GET, HEAD"),
        "Content-Type": "text/plain; charset=utf-8",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
      },
    });
  });
  // Faults are the listener's to answer.
  app.onError((thrown) => {
    throw thrown;
  });

  return (request, caller) => {
    if (request.method === "GET") {
      const ready = route.shortcut(request, caller);
      if (ready) return ready;
      // Images are what is asked for most; they need no look at all the other routes.
      const path = below(request);
      const found = parseImagePath(path);
      if (found && found.sizeText !== "debug")
        return orGone(request, route.answer(request, caller, found, path, queryOf(request)));
    }
    if (request.method === "HEAD" && !/^\/(?:image|retrieve)\/(?!.*\/debug\/)/.test(below(request)))
      return headOf(request, (get) => orGone(get, app.fetch(get, { caller })));
    return orGone(request, app.fetch(request, { caller }));
  };
}

/** What stopped because nobody waits any more is a matter of the client, and no failure of this node. */
async function orGone(request: Request, answer: Response | Promise<Response>): Promise<Response> {
  try {
    return await answer;
  } catch (thrown) {
    if (!request.signal.aborted || thrown instanceof Fault) throw thrown;
    throw new Fault("invalid", "http/client-gone", "Nobody waits for the answer any more", { cause: thrown });
  }
}

/** Methods of the fixed paths, for 405; undefined for paths that may take an upload. */
function allowedOf(path: string): string | undefined {
  if (/^\/image\/[^/]+\/focus$/.test(path)) return "PUT, DELETE";
  if (/^\/image\/[^/]+\/?$/.test(path)) return "DELETE";
  if (/^\/(?:image|info|srcset|retrieve|retrieve_info)\//.test(path) || path === "/stats.json") return "GET, HEAD";
  if (path === "/peer/notes/") return "GET, HEAD, POST";
  if (path.startsWith("/peer/") || path === "/sign/") return "POST";
  return undefined;
}
