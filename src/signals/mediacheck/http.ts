/**
 * The routes of Mediacheck: pages, states and reports for programs, and the ways to ask for a check: of a site, after a
 * deploy, or of any page. Who asks for any page may make this machine send requests, so that needs the right to write, and
 * addresses that are not public are refused unless the configuration says otherwise.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { wholeText } from "../../kit/http/body.ts";
import { headOf } from "../../kit/http/head.ts";
import { decodedPart, notAllowed, pathOf } from "../../kit/http/target.ts";
import type { Caller } from "../../kit/service.ts";
import type { SiteReport } from "./report.ts";
import { junitOf } from "./report-junit.ts";
import type { RunStore } from "./run-store.ts";
import type { Runner } from "./runner.ts";
import { statusOf } from "./status.ts";
import type { MediacheckPages } from "./views.ts";

/** What the routes stand on. */
export interface HttpParts {
  runner: Runner;
  store: RunStore;
  clock: Clock;
  mountPath: string;
  pages: MediacheckPages;
}

const noStore = { "Cache-Control": "no-store" };
const formMaxBytes = 16 * 1024;
const reportMax = 200_000;

/** The handler of all routes below the mount path. */
export function mediacheckRoutes(parts: HttpParts): (request: Request, caller: Caller) => Response | Promise<Response> {
  const { clock, mountPath, pages, runner, store } = parts;

  /** Tells of a run that was asked for: where it is, or, for who waits, what came of it. */
  const askedFor = async (request: Request, caller: Caller, id: number, words: URLSearchParams): Promise<Response> => {
    const path = `${mountPath}/run/${id}/`;
    if (isBrowser(request)) return new Response(null, { status: 303, headers: { Location: path } });
    if (!["1", "true", "yes"].includes(words.get("wait") ?? "")) {
      return Response.json(
        { run: id, report: `${mountPath}/run/${id}.json` },
        { status: 202, headers: { ...noStore, Location: path } },
      );
    }
    const report = await runner.outcome(id, caller.keepOpen("write"));
    if (report) return reportAnswer(report);
    throw new Fault(
      "unavailable",
      "mediacheck/ended",
      "Cannot tell what came of the check: the program is being stopped",
    );
  };

  const wordsOf = async (request: Request): Promise<URLSearchParams> => {
    const words = new URL(request.url).searchParams;
    const text = await wholeText(request, { maxBytes: formMaxBytes, clock });
    for (const [name, value] of parsedBody(text, request.headers.get("content-type") ?? "")) words.append(name, value);
    return words;
  };

  const reportOf = (id: number): SiteReport => {
    const run = store.find(id);
    if (!run) throw noSuchRun(id);
    if (!run.result) {
      throw new Fault("unavailable", "mediacheck/not-over", `Cannot give the report of run ${id} yet: it is not over`, {
        retryAfterMs: 2000,
      });
    }
    return { ...run.result, resources: store.resources(id, reportMax) };
  };

  const post = async (request: Request, caller: Caller, path: string): Promise<Response> => {
    if (path === "/check") {
      const words = await wordsOf(request);
      return askedFor(request, caller, runner.askOnce(wantedUrl(words.get("url") ?? "")), words);
    }
    const [, name, verb] = /^\/site\/([^/]+)\/(check|deployed)\/?$/.exec(path) ?? [];
    if (name === undefined) return notAllowed("GET, HEAD");
    const words = await wordsOf(request);
    const deploy = verb === "deployed" ? (words.get("what") ?? decodedPart(name)).slice(0, 300) : undefined;
    const id = runner.ask(decodedPart(name), deploy === undefined ? "asked" : "deploy", deploy);
    return askedFor(request, caller, id, words);
  };

  const get = (request: Request, caller: Caller, path: string): Response => {
    if (path === "/status.json") return Response.json(statusOf(runner.views()), { headers: noStore });
    const [, id, form] = /^\/run\/(\d{1,15})\.(json|xml)$/.exec(path) ?? [];
    if (form === "json") return reportAnswer(reportOf(Number(id)));
    if (form === "xml") {
      const headers = { ...noStore, "Content-Type": "application/xml; charset=utf-8" };
      return new Response(junitOf(reportOf(Number(id))), { headers });
    }
    const page = pages.answer(request, caller, path);
    if (page) return page;
    if (/^\/check$|^\/site\/[^/]+\/(?:check|deployed)\/?$/.test(path)) return notAllowed("POST");
    throw new Fault("missing", "mediacheck/no-page", `Cannot find "${path.slice(0, 200)}": there is no such page`);
  };

  return (request, caller) => {
    const path = pathOf(request.url).slice(mountPath.length) || "/";
    if (request.method === "POST") return post(request, caller, path);
    if (request.method === "GET") return get(request, caller, path);
    if (request.method === "HEAD") return headOf(request, async (asGet) => get(asGet, caller, path));
    return notAllowed("GET, HEAD, POST");
  };
}

/** The Fault for a run that is not kept. */
export function noSuchRun(id: number): Fault {
  return new Fault("missing", "mediacheck/no-run", `Cannot find run ${id}: it was never, or is no longer kept`);
}

function reportAnswer(report: SiteReport): Response {
  return Response.json(report, { headers: noStore });
}

/** Whether the one who asks wants to see a page next. */
function isBrowser(request: Request): boolean {
  return (request.headers.get("accept") ?? "").includes("text/html");
}

function parsedBody(text: string, type: string): [string, string][] {
  if (!type.includes("json")) return [...new URLSearchParams(text)];
  let raw: unknown;
  try {
    raw = JSON.parse(text === "" ? "{}" : text);
  } catch (thrown) {
    throw new Fault("invalid", "mediacheck/body", "Cannot read what is asked: the body is no JSON", { cause: thrown });
  }
  if (typeof raw !== "object" || raw === null) return [];
  return Object.entries(raw).flatMap(([name, value]: [string, unknown]) =>
    typeof value === "string" || typeof value === "boolean" ? [[name, String(value)] as [string, string]] : [],
  );
}

function wantedUrl(text: string): string {
  const parsed = URL.parse(text.trim());
  if (parsed === null || !/^https?:$/.test(parsed.protocol) || text.length > 4000) {
    throw new Fault("invalid", "mediacheck/url", `Cannot check "${text.slice(0, 200)}": wanted an http or https URL`);
  }
  parsed.hash = "";
  return parsed.href;
}
