/**
 * The routes of Hound: how rules stand for programs, what may be done with them, and the pages. Addresses in mails carry
 * their own right and are the pages' business.
 */
import { z } from "zod";

import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { wholeText } from "../../kit/http/body.ts";
import { notAllowed, pathOf } from "../../kit/http/target.ts";
import { parseDuration } from "../../kit/config/units.ts";
import type { Caller } from "../../kit/service.ts";
import type { HoundPages } from "./pages/hound-pages.ts";
import type { Replay } from "./replay.ts";
import { shownStanding } from "./shown.ts";
import type { HoundView } from "./standing.ts";
import { problemIn } from "../../kit/config/written-problem.ts";

/** What the routes stand on. */
export interface HttpParts {
  hound: HoundView;
  clock: Clock;
  mountPath: string;
  pages: Pick<HoundPages, "answer" | "act">;
  /** Runs a rule over the past: one there is, by name or id, or one as it is written. */
  replay(wanted: { rule: string | Record<string, unknown>; pastMs: number }, signal: AbortSignal): Promise<Replay>;
}

const noStore = { headers: { "Cache-Control": "no-store" } };
const bodyMaxBytes = 256 * 1024;
const historyMax = 1000;

const acknowledgeShape = z.strictObject({ id: z.string() });
const silenceShape = z.strictObject({
  matcher: z.string(),
  for: z.string().optional(),
  until: z.number().optional(),
  comment: z.string().default(""),
});
const replayShape = z.strictObject({
  rule: z.union([z.string(), z.record(z.string(), z.unknown())]),
  past: z.string().default("7d"),
});

/** The handler of all routes below the mount path. */
export function houndRoutes(parts: HttpParts): (request: Request, caller: Caller) => Response | Promise<Response> {
  const { clock, hound, mountPath, pages } = parts;

  const read = async <Value>(request: Request, shape: z.ZodType<Value>, wanted: string): Promise<Value> => {
    const body: unknown = jsonIn(await wholeText(request, { maxBytes: bodyMaxBytes, clock }));
    const parsed = shape.safeParse(body);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    const words = issue ? ` (${problemIn(issue, body)})` : "";
    throw new Fault("invalid", "hound/body", `Cannot read the body: wanted ${wanted}${words}`);
  };

  const post = async (request: Request, caller: Caller, path: string): Promise<Response> => {
    if (path === "/api/acknowledge") {
      const { id } = await read(request, acknowledgeShape, '{"id"} of a rule or a standing');
      return Response.json({ acknowledged: hound.acknowledge(id, caller.name) }, noStore);
    }
    if (path === "/api/silences") {
      const wanted = await read(request, silenceShape, '{"matcher", "for" or "until", "comment"}');
      if ((wanted.for === undefined) === (wanted.until === undefined))
        throw new Fault("invalid", "hound/silence", 'Cannot silence: wanted either "for" or "until"');
      const untilAt = wanted.until ?? clock.now() + spanOf(wanted.for ?? "");
      const { comment, matcher } = wanted;
      return Response.json(hound.silence({ matcher, untilAt, comment, by: caller.name }), { ...noStore, status: 201 });
    }
    if (path === "/api/test") {
      const { past, rule } = await read(request, replayShape, '{"rule": a name, an id or a rule, "past": "7d"}');
      return Response.json(await parts.replay({ rule, pastMs: spanOf(past) }, request.signal), noStore);
    }
    return notAllowed("GET, HEAD");
  };

  return (request, caller) => {
    const path = pathOf(request.url).slice(mountPath.length) || "/";
    const { method } = request;
    const reads = method === "GET" || method === "HEAD";
    if (!path.startsWith("/api/")) {
      const page = reads
        ? pages.answer(request, caller, path)
        : method === "POST"
          ? pages.act(request, caller, path)
          : undefined;
      if (page) return page;
      if (!reads) return notAllowed("GET, HEAD");
      throw new Fault("missing", "hound/no-page", `Cannot find "${path.slice(0, 200)}": there is no such page`);
    }
    if (method === "POST") return post(request, caller, path);
    const [, silenceId] = /^\/api\/silences\/([0-9a-f]{1,32})$/.exec(path) ?? [];
    if (method === "DELETE" && silenceId !== undefined) {
      if (hound.unsilence(silenceId, caller.name)) return new Response(null, { status: 204 });
      throw new Fault("missing", "hound/no-silence", `Cannot end silence "${silenceId}": there is none of that id`);
    }
    if (!reads) return notAllowed("GET, HEAD");
    const words = new URL(request.url).searchParams;
    if (path === "/api/standings") {
      const state = words.get("state")?.toLowerCase();
      const standings = hound.standings().filter((one) => state === undefined || one.state.toLowerCase() === state);
      return Response.json({ sight: hound.sight(), standings: standings.map(shownStanding) }, noStore);
    }
    if (path === "/api/history") {
      const limit = Math.min(historyMax, Math.max(1, Math.trunc(Number(words.get("limit") ?? "100")) || 100));
      const of = words.get("of");
      return Response.json(hound.history({ limit, ...(of === null ? {} : { of }) }), noStore);
    }
    if (path === "/api/silences") return Response.json(hound.silences(), noStore);
    const [, id] = /^\/api\/standings\/([\w:-]{1,64})$/.exec(path) ?? [];
    const standing = id === undefined ? undefined : hound.find(id);
    if (standing) return Response.json(shownStanding(standing), noStore);
    throw new Fault("missing", "hound/no-rule", `Cannot find "${path.slice(0, 200)}": there is no such thing`);
  };
}

function spanOf(text: string): number {
  try {
    return parseDuration(text);
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError || thrown instanceof RangeError)) throw thrown;
    throw new Fault("invalid", "hound/duration", thrown.message);
  }
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}
