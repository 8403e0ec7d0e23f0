/**
 * What every address of a node answers by itself, whatever services stand there: whether it lives and is ready, metrics,
 * assets, and signing in and out.
 */
import { cookieFor, type Gate } from "./auth/gate.ts";
import type { Call } from "./call.ts";
import type { Clock } from "./clock.ts";
import { Fault, toFault } from "./fault.ts";
import { wholeText } from "./http/body.ts";
import type { Metrics } from "./metrics.ts";
import type { PageShell } from "./pages/shell.ts";
import type { Finding } from "./service.ts";

/** What these answers are made of. */
export interface OwnPathParts {
  gate: Gate;
  shell: PageShell;
  metrics: Metrics;
  clock: Clock;
  /** Whether the node serves, and what is wrong with it. */
  readiness(): { ready: boolean; findings: readonly Finding[] };
}

/** The answer to a path of the node's own; undefined for any other. */
export function ownPath(
  request: Request,
  path: string,
  call: Call,
  parts: OwnPathParts,
): Response | Promise<Response> | undefined {
  // One comparison for nearly all requests.
  const second = path.charCodeAt(1);
  if (second === 104 && path === "/healthz") return new Response("ok\n", { headers: { "Cache-Control": "no-store" } });
  if (second === 114 && path === "/readyz") {
    const { ready, findings } = parts.readiness();
    // Whoever balances load needs the status; names and folders are for those who may read them.
    const lines = mayRead(call, parts)
      ? findings.map((finding) => `${finding.state}  ${finding.name}: ${finding.sentence}`)
      : [];
    return new Response(`${[ready ? "ready" : "not ready", ...lines].join("\n")}\n`, {
      status: ready ? 200 : 503,
      headers: { "Cache-Control": "no-store", "Content-Type": "text/plain; charset=utf-8" },
    });
  }
  if (second === 109 && path === "/metrics") {
    call.enter(parts.gate, "node");
    call.require("read");
    return parts.metrics
      .metrics()
      .then((text) => new Response(text, { headers: { "Content-Type": parts.metrics.contentType } }));
  }
  if (second === 97 && path.startsWith("/assets/")) return parts.shell.asset(request);
  if (second === 102 && path === "/favicon.ico")
    return new Response(null, { headers: { "Cache-Control": "max-age=86400" } });
  if (second === 115 && path === "/sign-in") return signIn(request, call, parts);
  if (second === 115 && path === "/sign-out" && request.method === "POST") {
    call.enter(parts.gate, "node");
    const secure = request.url.startsWith("https:");
    return new Response(null, { status: 303, headers: { Location: "/", "Set-Cookie": cookieFor("", { secure }) } });
  }
  return undefined;
}

function mayRead(call: Call, parts: OwnPathParts): boolean {
  try {
    call.enter(parts.gate, "node");
    return call.may("read");
  } catch (thrown) {
    if (thrown instanceof Fault) return false;
    throw thrown;
  }
}

async function signIn(request: Request, call: Call, parts: OwnPathParts): Promise<Response> {
  if (request.method !== "POST") return parts.shell.signIn({ to: "/" }, request);
  // Whoever has a cookie that is no longer right must still get in.
  call.enter(parts.gate, "node");
  const form = new URLSearchParams(await wholeText(request, { maxBytes: 8192, clock: parts.clock }));
  const asked = form.get("to") ?? "/";
  // Only a path of this node: never "//elsewhere" or "/\elsewhere".
  const to = /^\/(?![/\\])[\w/.~%?&=+-]*$/.test(asked) ? asked : "/";
  const token = (form.get("token") ?? "").trim();
  try {
    parts.gate.check(token, call.address);
  } catch (thrown) {
    const fault = toFault(thrown);
    if (fault.kind !== "unauthorized" && fault.kind !== "limited") throw fault;
    return parts.shell.signIn({ to, failure: fault.message }, request);
  }
  const secure = request.url.startsWith("https:");
  return new Response(null, { status: 303, headers: { Location: to, "Set-Cookie": cookieFor(token, { secure }) } });
}
