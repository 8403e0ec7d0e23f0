/**
 * The routes of cbp: its page, the state for programs, the predecessor's figures, and what an operator can want of a proxy:
 * breakers forced, no more connections taken, connections taken again. Each answers a program with JSON and a form with the
 * page.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import { preferredType } from "../../kit/http/accept.ts";
import { wholeText } from "../../kit/http/body.ts";
import { decodedPart, notAllowed, pathOf } from "../../kit/http/target.ts";
import type { Logger } from "../../kit/log.ts";
import { liveParts } from "../../kit/pages/live.ts";
import type { PageShell } from "../../kit/pages/shell.ts";
import type { Caller } from "../../kit/service.ts";
import { type BreakerMode, breakerModes } from "./breaker.ts";
import type { Guard } from "./guard.ts";
import { cbpStyleAsset } from "./pages/assets.ts";
import { Overview, overviewParts } from "./pages/overview.tsx";
import { debugVars, proxyStatus } from "./status.ts";

/** What the routes stand on. */
export interface HttpParts {
  guard: Guard;
  clock: Clock;
  log: Logger;
  shell: PageShell;
  mountPath: string;
  commandLine: readonly string[];
  /** Told of what somebody wanted, in a sentence. */
  wanted(sentence: string): void;
}

const noStore = { headers: { "Cache-Control": "no-store" } };
const bodyMaxBytes = 10_000;

/** The handler of all routes below the mount path. */
export function cbpRoutes(parts: HttpParts): (request: Request, caller: Caller) => Response | Promise<Response> {
  const { clock, guard, log, mountPath, shell } = parts;
  const assets = [cbpStyleAsset];
  shell.register(assets);
  const statuses = () => guard.all.map((guarded) => proxyStatus(guarded, clock));
  const view = (mayWrite: boolean) => ({
    mountPath,
    now: clock.now(),
    mayWrite,
    proxies: guard.all.map((guarded) => ({
      ...proxyStatus(guarded, clock),
      acceptedRates: guarded.rates.list("accepted"),
      refusedRates: guarded.rates.list("refused"),
      upRates: guarded.rates.list("up"),
      downRates: guarded.rates.list("down"),
    })),
  });

  const act = async (request: Request, caller: Caller, name: string, verb: string): Promise<Response> => {
    const body = await bodyOf(request, clock);
    const guarded = guard.get(name);
    const who = caller.name === "anonymous" ? "somebody" : caller.name;
    if (verb === "force") {
      const mode = modeOf(body["mode"]);
      const upstream = body["upstream"];
      guard.force(name, upstream === undefined || upstream === "" ? undefined : upstream, mode, who);
      parts.wanted(`${name}${upstream ? ` to ${upstream}` : ""}: ${who} set the breaker to ${mode}`);
    } else if (verb === "drain") {
      if (!guarded.proxy.isDraining) void guarded.proxy.drain(Number.POSITIVE_INFINITY);
      parts.wanted(`${name}: ${who} let it take no more connections`);
    } else {
      guarded.proxy.listen();
      parts.wanted(`${name}: ${who} let it take connections again`);
    }
    return preferredType(request.headers.get("accept"), ["application/json", "text/html"]) === "text/html"
      ? new Response(null, { status: 303, headers: { Location: `${mountPath}/` } })
      : Response.json(proxyStatus(guarded, clock), noStore);
  };

  return (request, caller) => {
    const path = pathOf(request.url).slice(mountPath.length) || "/";
    const [, name, verb] = /^\/proxy\/([^/]+)(?:\/(?:(force|drain|listen)\/?)?)?$/.exec(path) ?? [];
    if (name !== undefined && verb !== undefined) {
      if (request.method !== "POST") return notAllowed("POST");
      return act(request, caller, decodedPart(name), verb);
    }
    if (request.method !== "GET" && request.method !== "HEAD") return notAllowed("GET, HEAD");
    if (name !== undefined) return Response.json(proxyStatus(guard.get(decodedPart(name)), clock), noStore);
    switch (path) {
      case "/status.json":
        return Response.json({ proxies: statuses() }, noStore);
      case "/debug/vars":
        return Response.json(debugVars(guard, parts.commandLine), noStore);
      case "/live": {
        return liveParts(caller.keepOpen("read"), {
          clock,
          everyMs: 1000,
          render: () => overviewParts(view(caller.may("write"))),
          failed: (thrown) => log.error("The page of cbp could not be drawn", { reason: reasonOf(thrown) }),
        });
      }
      case "/": {
        const body = Overview(view(caller.may("write")));
        return shell.page({ title: "cbp", service: "cbp", body, assets, live: `${mountPath}/live` }, request);
      }
      default:
        throw new Fault("missing", "cbp/no-page", `Cannot find "${path.slice(0, 200)}": there is no such page`);
    }
  };
}

/** The fields of a form, or of a JSON object. */
async function bodyOf(request: Request, clock: Clock): Promise<Record<string, string>> {
  const text = await wholeText(request, { maxBytes: bodyMaxBytes, clock });
  if (!(request.headers.get("content-type") ?? "").startsWith("application/json"))
    return Object.fromEntries(new URLSearchParams(text));
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== "object" || parsed === null) throw new SyntaxError("no object");
    return Object.fromEntries(Object.entries(parsed).map(([key, value]) => [key, String(value)]));
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    throw new Fault("invalid", "cbp/body", 'Cannot read the body: wanted a JSON object such as {"mode":"open"}');
  }
}

function modeOf(text: string | undefined): BreakerMode {
  const mode = breakerModes.find((known) => known === text);
  if (mode !== undefined) return mode;
  throw new Fault(
    "invalid",
    "cbp/mode",
    `Cannot set the breaker to "${(text ?? "").slice(0, 40)}": wanted one of ${breakerModes.join(", ")}`,
  );
}
