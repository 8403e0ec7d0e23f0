/**
 * The routes of Chimney: beats of heartbeats, the state for programs, and the pages. A beat needs no token: its id is
 * the right to send it. After the id may stand `start`, `fail`, `log` or the exit status of a job, as with
 * Healthchecks; what a beat brings as its body is shown with it.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { limitBody } from "../../kit/http/body.ts";
import { decodedPart, notAllowed, pathOf } from "../../kit/http/target.ts";
import type { Caller } from "../../kit/service.ts";
import { type BeatKind, type Checker, noSuchCheck } from "./checker.ts";
import { historyOf } from "./days.ts";
import type { History } from "./history.ts";
import { statusOf } from "./status.ts";
import type { ChimneyPages } from "./views.ts";

/** What the routes stand on. */
export interface HttpParts {
  checker: Checker;
  history: History;
  clock: Clock;
  mountPath: string;
  pages: ChimneyPages;
}

const beatForm = /^\/beat\/([\w-]{16,100})(?:\/(start|fail|log|\d{1,3}))?\/?$/;
const noStore = { "Cache-Control": "no-store" };
/** What is read of a beat's body; the rest is left. */
const messageBytes = 10_000;

/** Whether a path, below the mount, is that of a beat. */
export function isBeat(path: string): boolean {
  return path.startsWith("/beat/");
}

/** The handler of all routes below the mount path. */
export function chimneyRoutes(parts: HttpParts): (request: Request, caller: Caller) => Response | Promise<Response> {
  const { checker, clock, history, mountPath, pages } = parts;

  const beat = async (request: Request, path: string): Promise<Response> => {
    const [, id, word] = beatForm.exec(path) ?? [];
    const message = request.method === "POST" ? await messageOf(request, clock) : "";
    const isKnown =
      id !== undefined && (word === "log" ? checker.hasBeat(id) : checker.beat(id, kindOf(word), message));
    if (!isKnown) throw new Fault("missing", "chimney/no-beat", "Cannot take the beat: no heartbeat has that id");
    return new Response("OK\n", { headers: { ...noStore, "Content-Type": "text/plain; charset=utf-8" } });
  };

  return (request, caller) => {
    const path = pathOf(request.url).slice(mountPath.length) || "/";
    const { method } = request;
    const reads = method === "GET" || method === "HEAD";
    if (isBeat(path)) return reads || method === "POST" ? beat(request, path) : notAllowed("GET, HEAD, POST");
    const asked = /^\/check\/([^/]+)\/ask\/?$/.exec(path)?.[1];
    if (asked !== undefined) {
      if (method !== "POST") return notAllowed("POST");
      const name = decodedPart(asked);
      if (!checker.runNow(name)) throw noSuchCheck(name);
      const to = `${mountPath}/check/${encodeURIComponent(name)}/`;
      return new Response(null, { status: 303, headers: { Location: to } });
    }
    if (!reads) return notAllowed("GET, HEAD");
    if (path === "/history.json") {
      const body = historyOf(checker, history, new URL(request.url).searchParams, clock.now());
      return Response.json(body, { headers: noStore });
    }
    if (path === "/status.json") return Response.json(statusOf(checker.views()), { headers: noStore });
    const page = pages.answer(request, caller, path);
    if (page) return page;
    throw new Fault("missing", "chimney/no-page", `Cannot find "${path.slice(0, 200)}": there is no such page`);
  };
}

function kindOf(word: string | undefined): BeatKind {
  if (word === undefined) return "good";
  return word === "start" || word === "fail" ? word : Number(word);
}

async function messageOf(request: Request, clock: Clock): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of limitBody(request.body, { maxBytes: Number.MAX_SAFE_INTEGER, clock })) {
    text += decoder.decode(chunk.subarray(0, messageBytes - text.length), { stream: true });
    if (text.length >= messageBytes) break;
  }
  return text;
}
