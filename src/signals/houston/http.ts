/**
 * The routes of Houston: pages, figures for charts, pictures, files of dashboards, the status page and badges. Whoever may
 * read here may ask any target of the source: that is what the explorer is for.
 */
import { z } from "zod";

import type { Clock } from "../../kit/clock.ts";
import { problemIn } from "../../kit/config/written-problem.ts";
import type { Events } from "../../kit/events.ts";
import { Fault } from "../../kit/fault.ts";
import { wholeText } from "../../kit/http/body.ts";
import { checkConditions } from "../../kit/http/conditional.ts";
import { decodedPart, notAllowed, pathOf } from "../../kit/http/target.ts";
import type { Reach } from "../../kit/reach.ts";
import type { Caller, Scope } from "../../kit/service.ts";
import type { WatchedSource } from "./answers.ts";
import { fileMaxBytes } from "./dashboard-file.ts";
import { type Drawer, drawingFormats } from "./drawer.ts";
import { changed, textOf } from "./editing.ts";
import { happeningsIn } from "./happenings.ts";
import { etagOf, type Library, titleOf } from "./library.ts";
import { pictureQuery, pictureWordsOf } from "./picture.ts";
import { rangeOf, zoneOf } from "./range.ts";
import { graphOn } from "./stage.ts";
import { badge, type StatusBoard } from "./status.ts";
import type { HoustonPages } from "./views.ts";
import { functionList } from "./wrapping.ts";

/** What the routes stand on. */
export interface HttpParts {
  library: Library;
  source: WatchedSource;
  drawer: Drawer;
  status: StatusBoard;
  pages: HoustonPages;
  events: Events;
  clock: Clock;
  mountPath: string;
  reach(): Reach | undefined;
  saved(): void;
  /** Where `/` leads when the program stands in for its predecessor. */
  home: string | undefined;
}

const noStore = { "Cache-Control": "no-store" };
const questionMaxBytes = 1024 * 1024;
const target = z.string().min(1).max(20_000);
const moment = z.union([z.string().max(100), z.number().transform(String)], {
  error: 'wanted a time: epoch seconds, or a text such as "-6h"',
});
const question = z.object({
  from: moment,
  until: moment,
  tz: z.string().max(50).optional(),
  points: z.number().int().min(1).max(10_000).default(800),
  charts: z
    .array(z.object({ targets: z.array(target).max(100), spanSeconds: z.number().positive().max(4e9).optional() }))
    .max(500),
});

/** Whether a path, below the mount, is of what the public may see once the operator says so. */
export function isPublicPath(path: string): boolean {
  return path === "/status" || path === "/status/" || path === "/status.json" || path.startsWith("/badge/");
}

/** What a request needs. Asking for figures is reading, though it comes by POST. */
export function houstonScope(request: Request, path: string): Scope {
  if (request.method === "GET" || request.method === "HEAD")
    return /^\/d\/[^/]+\/(?:edit|text)\//.test(path) ? "write" : "read";
  return path === "/data" ? "read" : "write";
}

/** The handler of all routes below the mount path. */
export function houstonRoutes(parts: HttpParts): (request: Request, caller: Caller) => Promise<Response> {
  const { clock, drawer, library, mountPath, pages, source, status } = parts;
  const now = () => Math.floor(clock.now() / 1000);

  const read = async (request: Request, caller: Caller, path: string): Promise<Response> => {
    const words = new URL(request.url).searchParams;
    switch (path) {
      case "/":
        return parts.home === undefined ? pages.list(request, caller) : seeOther(`${mountPath}/d/${parts.home}/`);
      case "/dashboards":
      case "/dashboards/":
        return pages.list(request, caller);
      case "/dashboards.json":
        return Response.json(library.list().map(listed), { headers: noStore });
      case "/explore/":
        return pages.explore(request);
      case "/functions.json":
        return Response.json(functionList(), { headers: { "Cache-Control": "private, max-age=300" } });
      case "/find.json":
        return Response.json(
          (await source.find((words.get("query") ?? "*").slice(0, 2000), request.signal)).slice(0, 1000),
          {
            headers: noStore,
          },
        );
      case "/annotations": {
        const range = rangeOf(words.get("from") ?? "-6h", words.get("until") ?? "now", now());
        const found = await happeningsIn(range, {
          reach: parts.reach,
          recent: parts.events.recent(),
          signal: request.signal,
        });
        return Response.json(found, { headers: noStore });
      }
      case "/render": {
        const format = drawingFormats.find((each) => each === words.get("format")) ?? "png";
        const targets = words.getAll("target").slice(0, 100);
        return drawer.draw(
          pictureQuery({ targets, attrs: {}, thresholds: [] }, pictureWordsOf(words)),
          format,
          request.signal,
        );
      }
      case "/status":
      case "/status/":
        needStatus(status);
        return pages.statusPage();
      case "/status.json": {
        needStatus(status);
        const { rows, trouble } = await status.view();
        return Response.json({ ...(trouble === undefined ? {} : { trouble }), checks: rows }, { headers: noStore });
      }
      default:
    }
    const badged = /^\/badge\/(.+)\.svg$/.exec(path)?.[1];
    if (badged !== undefined) return badgeOf(decodedPart(badged));
    const [, slug = "", id = "", format] = /^\/graph\/([^/]+)\/([^/]+)\.(png|svg|json|csv)$/.exec(path) ?? [];
    if (format !== undefined) {
      const staged = await pages.stage(library.get(decodedPart(slug)), words, request.signal);
      const graph = graphOn(staged, decodedPart(id));
      const known = drawingFormats.find((each) => each === format) ?? "png";
      return drawer.draw(pictureQuery(graph, pictureWordsOf(words)), known, request.signal);
    }
    const [, name = "", rest] = /^\/d\/([^/]+?)(\/.*|\.toml|\.json)$/.exec(path) ?? [];
    if (rest === "/") return pages.dashboard(decodedPart(name), request, caller);
    if (rest === "/edit/") return pages.edit(decodedPart(name), {}, request);
    if (rest === "/text/") return pages.edit(decodedPart(name), { text: true }, request);
    const graphName = /^\/edit\/([^/]+)\/$/.exec(rest ?? "")?.[1];
    if (graphName !== undefined) return pages.edit(decodedPart(name), { name: decodedPart(graphName) }, request);
    if (rest === ".toml" || rest === ".json") return fileOf(decodedPart(name), rest, request);
    throw nothing(path);
  };

  const write = async (request: Request, path: string): Promise<Response> => {
    if (path === "/data" && request.method === "POST") return figures(request);
    const [, file, ending] = /^\/d\/([^/]+?)(\.toml|\.json)$/.exec(path) ?? [];
    if (file !== undefined && ending !== undefined) return changeFile(decodedPart(file), ending, request);
    if (request.method !== "POST") return notAllowed("GET, HEAD, POST");
    const form = new URLSearchParams(await wholeText(request, { maxBytes: 2 * fileMaxBytes, clock }));
    if (path === "/new") {
      const title = (form.get("title") ?? "").trim().slice(0, 200);
      const slug = slugFor(title, library);
      await library.saveWritten(
        slug,
        { title: title === "" ? slug : title, variables: {}, graphs: {}, sections: [] },
        undefined,
      );
      parts.saved();
      return seeOther(`${mountPath}/d/${slug}/edit/`);
    }
    const [, raw = "", kind, graphName] = /^\/d\/([^/]+)\/(edit|text|remove)\/?(?:([^/]+)\/)?$/.exec(path) ?? [];
    const slug = decodedPart(raw);
    // Whoever was asked which of two versions shall count has seen a newer one than that the form began with.
    const etag = form.get("over") ?? form.get("etag") ?? "";
    if (kind === "remove") {
      await library.remove(slug, etag);
      parts.saved();
      return seeOther(`${mountPath}/`);
    }
    const place = graphName === undefined ? {} : { name: decodedPart(graphName) };
    try {
      if (kind === "text") await library.save(slug, textOf(form), etag);
      else if (kind === "edit") {
        const { written } = library.get(slug);
        if (!written) throw nothing(path);
        await library.saveWritten(slug, changed(written, form), etag);
      } else throw nothing(path);
      parts.saved();
      return seeOther(`${mountPath}/d/${slug}/${kind}/`);
    } catch (thrown) {
      const isKept = thrown instanceof Fault && ["invalid", "conflict", "unavailable"].includes(thrown.kind);
      if (!isKept) throw thrown;
      // What somebody else saved is shown beside.
      if (thrown.kind === "conflict") await library.look();
      if (!library.find(slug)?.canChange) throw thrown;
      return kind === "text"
        ? pages.edit(slug, { text: true, form }, request, thrown)
        : pages.edit(slug, { ...place, form }, request, thrown);
    }
  };

  const figures = async (request: Request): Promise<Response> => {
    const written = json(await wholeText(request, { maxBytes: questionMaxBytes, clock }));
    const parsed = question.safeParse(written);
    if (!parsed.success) {
      const words = parsed.error.issues.slice(0, 10).map((issue) => problemIn(issue, written));
      throw new Fault("invalid", "houston/question", `Cannot read the question: ${words.join("; ")}`);
    }
    const { charts, points, until, from, tz } = parsed.data;
    const range = rangeOf(from, until, now(), zoneOf(tz) ?? "UTC");
    const answers = await source.charts(charts, { ...range, points }, request.signal);
    return Response.json({ from: range.fromSeconds, until: range.untilSeconds, charts: answers }, { headers: noStore });
  };

  const fileOf = (slug: string, ending: string, request: Request): Response => {
    const { etag, file, text, written } = library.get(slug);
    const isFile = (file ?? ".toml").endsWith(ending);
    if (!isFile && !written) throw nothing(`/d/${slug}${ending}`);
    const body = isFile ? text : `${JSON.stringify(written, undefined, 2)}\n`;
    const headers = {
      ...noStore,
      ETag: isFile ? etag : etagOf(body),
      "Content-Type": ending === ".json" ? "application/json" : "application/toml; charset=utf-8",
      "X-Content-Type-Options": "nosniff",
    };
    const { outcome } = checkConditions(request, { etag: headers.ETag });
    return outcome === "not-modified" ? new Response(null, { status: 304, headers }) : new Response(body, { headers });
  };

  const changeFile = async (slug: string, ending: string, request: Request): Promise<Response> => {
    const { method } = request;
    if (method !== "PUT" && method !== "DELETE") return notAllowed("GET, HEAD, PUT, DELETE");
    const entry = library.find(slug);
    if (entry?.file !== undefined && !entry.file.endsWith(ending))
      throw new Fault("conflict", "houston/form", `Cannot change "${slug}${ending}": its file is of the other form`);
    const given = request.headers.get("if-match");
    // Whatever it is now, as long as there is one.
    const match = given?.trim() === "*" ? (entry?.etag ?? given) : given;
    if (match === null && request.headers.get("if-none-match") !== "*") {
      const sentence = `Cannot change "${slug}": wanted If-Match with what it is now, or If-None-Match: * for a new one`;
      throw new Fault("invalid", "houston/if-match", sentence, { status: 428 });
    }
    if (method === "DELETE") {
      await library.remove(slug, match ?? "");
      parts.saved();
      return new Response(null, { status: 204 });
    }
    if (entry?.file === undefined && ending !== ".toml")
      throw new Fault("invalid", "houston/form", `Cannot make "${slug}${ending}": new ones are .toml`);
    const text = await wholeText(request, { maxBytes: fileMaxBytes, clock });
    const { etag } = await library.save(slug, text, match ?? undefined);
    parts.saved();
    return new Response(null, { status: match === null ? 201 : 204, headers: { ETag: etag } });
  };

  const badgeOf = async (name: string): Promise<Response> => {
    needStatus(status);
    const row = (await status.view()).rows.find((each) => each.name === name);
    if (!row)
      throw new Fault(
        "missing",
        "houston/no-badge",
        `Cannot find a badge "${name.slice(0, 100)}": no such check is shown`,
      );
    return new Response(badge(row.name, row.level, row.share), {
      headers: {
        "Content-Type": "image/svg+xml",
        "Cache-Control": "public, max-age=60",
        "X-Content-Type-Options": "nosniff",
        // Badges are made to be shown elsewhere.
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Content-Security-Policy": "default-src 'none'; sandbox",
      },
    });
  };

  return async (request, caller) => {
    const path = pathOf(request.url).slice(mountPath.length) || "/";
    return request.method === "GET" || request.method === "HEAD" ? read(request, caller, path) : write(request, path);
  };
}

function listed(entry: ReturnType<Library["get"]>) {
  const { canChange, etag, file, problems, slug } = entry;
  return { slug, title: titleOf(entry), ...(file === undefined ? {} : { file }), etag, canChange, problems };
}

/** A name for a new dashboard that no other has. */
function slugFor(title: string, library: Library): string {
  const plain = title
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 50);
  const stem = plain === "" ? "dashboard" : plain;
  for (let count = 1; ; count++) {
    const slug = count === 1 ? stem : `${stem}-${count}`;
    if (!library.find(slug)) return slug;
  }
}

function needStatus(status: StatusBoard): void {
  if (status.isThere) return;
  throw new Fault("missing", "houston/no-status", "Cannot show the status page: no checks are chosen in status_checks");
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    throw new Fault("invalid", "houston/question", "Cannot read the question: it is no JSON", { cause: thrown });
  }
}

function seeOther(location: string): Response {
  return new Response(null, { status: 303, headers: { Location: location } });
}

function nothing(path: string): Fault {
  return new Fault("missing", "houston/no-page", `Cannot find "${path.slice(0, 200)}": there is no such page`);
}
