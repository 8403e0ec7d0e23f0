/**
 * The routes of series: Graphite's, so that Grafana and whatever else asks a Graphite can ask here, and a few of its own
 * (`/write`, `/delete`, `/import`, `/export`). Paths work with and without a slash at the end, as graphite-web's do.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { requestBody } from "../../kit/http/body.ts";
import { sentStreamOf } from "../../kit/http/stream.ts";
import { pathOf } from "../../kit/http/target.ts";
import { LineDecoder } from "../../lib/graphite/line.ts";
import { parametersOf } from "./ask.ts";
import { eventRoute } from "./event-routes.ts";
import { markHeader } from "./forward/remote-write-delivery.ts";
import { expandNames, findNames } from "./finding-names.ts";
import { listFunctions, showFunction } from "./function-list.ts";
import type { Incoming } from "./incoming.ts";
import { decodeRemoteWrite, type RemoteWriteVersion } from "./remote-write.ts";
import { render, type RenderParts } from "./render.ts";
import { renderEach } from "./render-each.ts";
import { refusalReasons, type SeriesStore, type WriteResult } from "./store.ts";
import type { RuleFiles } from "./rule-files.ts";
import { tagRoute } from "./tag-routes.ts";
import { WholeBodies } from "./whole-bodies.ts";

/** What the routes stand on. */
export interface SeriesHttpParts extends RenderParts {
  store: SeriesStore;
  incoming: Incoming;
  files: RuleFiles;
  clock: Clock;
  mountPath: string;
  maxBodyBytes: number;
  /** What our own remote writes carry. */
  mark: string;
  status(): unknown;
  page(request: Request): Response;
}

/** What graphite-web this one can be taken for. */
const graphiteVersion = "1.1.8";

/** The handler of all routes below the mount path. */
export function seriesRoutes(parts: SeriesHttpParts): (request: Request) => Promise<Response> {
  const { clock, mountPath, store } = parts;
  const bodies = new WholeBodies(clock, parts.maxBodyBytes);
  return async (request) => {
    const raw = pathOf(request.url).slice(mountPath.length);
    const path = raw.replace(/\/+$/, "") || "/";
    switch (path) {
      case "/":
        return parts.page(request);
      case "/status.json":
        return Response.json(parts.status(), { headers: { "Cache-Control": "no-store" } });
      case "/write":
        need(request, "POST");
        return takeLines(request, parts);
      case "/api/v1/write":
        need(request, "POST");
        return takeRemoteWrite(request, bodies, parts);
      case "/version":
        return new Response(graphiteVersion, { headers: { "Content-Type": "text/plain; charset=utf-8" } });
      case "/delete":
        need(request, "POST");
        return remove(await parametersOf(request, clock), store);
      case "/reschema":
        need(request, "POST");
        return Response.json({ changed: await parts.files.readAgain() });
      case "/import":
        need(request, "POST");
        return takeWhisper(request, bodies, store);
      case "/export":
        return giveWhisper(new URL(request.url).searchParams, store);
      case "/metrics/index.json":
        return Response.json(store.allPaths());
      default:
    }
    if (path === "/functions") return listFunctions(new URL(request.url).searchParams);
    if (path.startsWith("/functions/")) return showFunction(path.slice("/functions/".length));
    if (path === "/events" || path.startsWith("/events/")) return eventRoute(path, request, parts);
    const parameters = await parametersOf(request, clock);
    if (path === "/render") {
      if (parameters.get("each") === "1") return renderEach(parameters, parts, request.signal);
      const { body, contentType } = await render(parameters, parts, request.signal);
      const sent =
        typeof body === "string" ? body : body instanceof Uint8Array ? new Uint8Array(body) : sentStreamOf(body);
      return new Response(sent, { headers: { "Content-Type": contentType, "Cache-Control": "no-store" } });
    }
    if (path === "/metrics" || path === "/metrics/find") return findNames(parameters, store);
    if (path === "/metrics/expand") return expandNames(parameters, store);
    const tags = await tagRoute(path, request.method, parameters, store);
    if (tags) return tags;
    throw new Fault("missing", "series/no-such-path", `Cannot find "${path.slice(0, 100)}": series has no such page`);
  };
}

/** What a path needs: those that change something need the right to write. */
export function seriesScope(request: Request, path: string): "read" | "write" | "admin" {
  const plain = path.replace(/\/+$/, "");
  if (["/delete", "/import", "/reschema", "/tags/delSeries"].includes(plain)) return "admin";
  if (["/write", "/tags/tagSeries", "/tags/tagMultiSeries", "/api/v1/write"].includes(plain)) return "write";
  // Grafana asks with POST where a question is too long for an address.
  return plain === "/events" && request.method === "POST" ? "write" : "read";
}

function need(request: Request, method: string): void {
  if (request.method === method) return;
  throw new Fault("invalid", "series/method", `Cannot do that here: wanted ${method}`, { status: 405 });
}

/** Points as lines. Answered when they are synced, with what became of them. */
async function takeLines(
  request: Request,
  { store, incoming, clock, maxBodyBytes }: SeriesHttpParts,
): Promise<Response> {
  const decoder = new LineDecoder();
  const total = {
    accepted: 0,
    bad: 0,
    ...Object.fromEntries(refusalReasons.map((reason) => [reason, 0])),
  } as WriteResult & {
    bad: number;
  };
  const options = () => ({ nowSeconds: Math.floor(clock.now() / 1000) });
  const took = ({ points, bad, badCount }: ReturnType<LineDecoder["push"]>) => {
    const result = incoming.take(points);
    total.accepted += result.accepted;
    for (const reason of refusalReasons) total[reason] += result[reason];
    if (badCount > 0) incoming.bad(bad, badCount);
    total.bad += badCount;
  };
  for await (const chunk of requestBody(request, { maxBytes: maxBodyBytes, clock }))
    took(decoder.push(chunk, options()));
  took(decoder.end(options()));
  await synced(store);
  if (total.memory > 0) {
    throw new Fault("unavailable", "series/overfull", "Cannot take points: the disk is behind, and memory is full", {
      retryAfterMs: 5000,
      details: { ...total },
    });
  }
  return Response.json(total);
}

/** Prometheus's remote write. Answered when the points are synced; by 2.0 with what of them was kept. */
async function takeRemoteWrite(
  request: Request,
  bodies: WholeBodies,
  { store, incoming, mark }: SeriesHttpParts,
): Promise<Response> {
  if (request.headers.get(markHeader) === mark) {
    const sentence = "Cannot take these points: they come from here, so remote_write leads back to this series";
    throw new Fault("unavailable", "series/forward", sentence, { status: 508 });
  }
  const version = remoteWriteVersion(request.headers);
  const { points, stale, nameless, histograms } = await bodies.read(request, (bytes) =>
    decodeRemoteWrite(bytes, version),
  );
  const { accepted, ...refused } = incoming.take(points);
  if (nameless > 0) {
    const reason = `${nameless} samples of series without a name, or with more labels than a path holds`;
    incoming.bad([{ line: "a write request", reason }], nameless);
  }
  incoming.leave(histograms);
  await synced(store);
  if (refused.memory > 0) {
    throw new Fault("unavailable", "series/overfull", "Cannot take points: the disk is behind, and memory is full", {
      retryAfterMs: 5000,
    });
  }
  if (version === 1) return new Response(null, { status: 204 });
  const headers = {
    "X-Prometheus-Remote-Write-Samples-Written": String(accepted + stale),
    "X-Prometheus-Remote-Write-Histograms-Written": "0",
    "X-Prometheus-Remote-Write-Exemplars-Written": "0",
  };
  const lost = Object.entries({ ...refused, nameless, "native histograms, which are not kept": histograms });
  const words = lost.flatMap(([what, count]) => (count > 0 ? [`${count} ${what}`] : []));
  if (words.length === 0) return new Response(null, { status: 204, headers });
  return new Response(`Some of it was not taken: ${words.join("; ")}\n`, { status: 400, headers });
}

/** What a request of remote write says it is. Fault `series/remote-write` (415) for what cannot be read here. */
function remoteWriteVersion(headers: Headers): RemoteWriteVersion {
  const unknown = (what: string, given: string, wanted: string) =>
    new Fault("invalid", "series/remote-write", `Cannot take ${what} "${given.slice(0, 100)}": wanted ${wanted}`, {
      status: 415,
    });
  const encoding = headers.get("content-encoding") ?? "snappy";
  if (encoding.toLowerCase() !== "snappy") throw unknown("Content-Encoding", encoding, "snappy");
  const proto = /;\s*proto="?([^";\s]*)/i.exec(headers.get("content-type") ?? "")?.[1] ?? "prometheus.WriteRequest";
  if (proto === "prometheus.WriteRequest") return 1;
  if (proto === "io.prometheus.write.v2.Request") return 2;
  throw unknown("proto", proto, "prometheus.WriteRequest or io.prometheus.write.v2.Request");
}

/** Waits until everything written survives a crash. Fault `series/disk` when the disk refuses. */
export async function synced(store: SeriesStore): Promise<void> {
  try {
    await store.committed();
  } catch (thrown) {
    throw new Fault("unavailable", "series/disk", "Cannot keep points: the disk refuses them", {
      cause: thrown,
      retryAfterMs: 5000,
    });
  }
}

async function remove(parameters: URLSearchParams, store: SeriesStore): Promise<Response> {
  const pattern = parameters.get("pattern") ?? "";
  if (pattern === "") throw new Fault("invalid", "series/pattern", "Cannot delete: wanted the parameter pattern");
  if (parameters.get("dry") !== null) return Response.json({ deleted: 0, matching: store.paths(pattern) });
  try {
    return Response.json({ deleted: await store.delete(pattern) });
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
    throw new Fault("unavailable", "series/disk", "Cannot delete: the disk refuses it", { cause: thrown });
  }
}

async function takeWhisper(request: Request, bodies: WholeBodies, store: SeriesStore): Promise<Response> {
  const path = new URL(request.url).searchParams.get("path") ?? "";
  if (path === "") throw new Fault("invalid", "series/import", "Cannot import: wanted the parameter path");
  try {
    return Response.json({ points: await bodies.read(request, (bytes) => store.importWhisper(path, bytes)) });
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
    throw new Fault("unavailable", "series/disk", "Cannot import: the disk refuses it", { cause: thrown });
  }
}

function giveWhisper(parameters: URLSearchParams, store: SeriesStore): Response {
  const path = parameters.get("path") ?? "";
  const bytes = store.exportWhisper(path);
  if (!bytes)
    throw new Fault(
      "missing",
      "series/no-such-series",
      `Cannot export "${path.slice(0, 200)}": there is no such series`,
    );
  return new Response(new Uint8Array(bytes), { headers: { "Content-Type": "application/octet-stream" } });
}
