/**
 * The routes of statsd: its page, its state, Prometheus's text, a live stream of lines, and a way in by HTTP for those who
 * cannot send datagrams.
 */
import { Fault } from "../../kit/fault.ts";
import { wholeText } from "../../kit/http/body.ts";
import { pathOf } from "../../kit/http/target.ts";
import { eventStream } from "../../kit/pages/live.ts";
import type { Caller } from "../../kit/service.ts";
import type { Clock } from "../../kit/clock.ts";
import { exposition, expositionType } from "./exposition.ts";
import type { Statsd } from "./statsd.ts";

/** What the routes stand on. */
export interface HttpParts {
  statsd: Statsd;
  clock: Clock;
  mountPath: string;
  exposes(): boolean;
  status(): unknown;
  page(request: Request): Response;
  live(request: Request, caller: Caller): Response;
}

const bodyMaxBytes = 1024 * 1024;
/** Lines that a slow reader of the stream may be behind. */
const tailKeep = 2000;

/** The handler of all routes below the mount path. */
export function statsdRoutes(parts: HttpParts): (request: Request, caller: Caller) => Response | Promise<Response> {
  const { statsd, mountPath } = parts;
  return async (request, caller) => {
    const path = pathOf(request.url).slice(mountPath.length) || "/";
    const isReading = request.method === "GET" || request.method === "HEAD";
    if (path === "/send" || path === "/send/") {
      if (request.method !== "POST") throw notAllowed("POST");
      const text = await wholeText(request, { maxBytes: bodyMaxBytes, clock: parts.clock });
      const before = statsd.counts.bad;
      statsd.receiveText(text, caller.address);
      return Response.json({ bad: statsd.counts.bad - before }, { status: 202 });
    }
    if (!isReading) throw notAllowed("GET");
    switch (path) {
      case "/":
        return parts.page(request);
      case "/live":
        return parts.live(request, caller);
      case "/status.json":
        return Response.json(parts.status(), { headers: { "Cache-Control": "no-store" } });
      case "/prometheus":
      case "/prometheus/":
        if (!parts.exposes()) break;
        return new Response(streamed(exposition(statsd.buckets)), {
          headers: { "Content-Type": expositionType, "Cache-Control": "no-store" },
        });
      case "/tail":
        return tail(request, caller, parts);
      default:
    }
    throw new Fault("missing", "statsd/no-such-path", `Cannot find "${path.slice(0, 100)}": statsd has no such page`);
  };
}

function tail(request: Request, caller: Caller, { statsd, clock }: HttpParts): Response {
  const wanted = new URL(request.url).searchParams;
  const match = wanted.get("match") ?? "";
  const onlyBad = wanted.has("bad");
  return eventStream(
    caller.keepOpen("read"),
    (send) => {
      let number = 0;
      return statsd.taps.open(({ line, sender, reason }) => {
        if ((onlyBad && reason === undefined) || (match !== "" && !line.includes(match))) return;
        number++;
        // The number tells the reader what it missed.
        send({
          topic: "line",
          id: String(number),
          data: JSON.stringify({ line, sender, ...(reason ? { reason } : {}) }),
        });
      });
    },
    { clock, keep: tailKeep },
  );
}

function streamed(parts: Iterable<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const next = parts[Symbol.iterator]();
  return new ReadableStream({
    pull(controller) {
      let text = "";
      while (text.length < 65_536) {
        const part = next.next();
        if (part.done) {
          if (text !== "") controller.enqueue(encoder.encode(text));
          controller.close();
          return;
        }
        text += part.value;
      }
      controller.enqueue(encoder.encode(text));
    },
  });
}

function notAllowed(method: string): Fault {
  return new Fault("invalid", "statsd/method", `Cannot do that here: wanted ${method}`, { status: 405 });
}
