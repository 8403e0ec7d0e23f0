/**
 * One address that answers HTTP. It finds the service a path belongs to, asks the gate who is calling, turns Faults into
 * answers, counts and logs; what a request means is the service's to know. What the node itself answers on every address
 * is in own-paths.ts.
 *
 * Requests beyond the way in are not delayed: nothing here awaits before the service's own handler has been called.
 */
import { type BunServer, Call, type CallParts, upgraded } from "./call.ts";
import { type Address, formatAddress } from "./config/address.ts";
import { Fault, reasonOf, toFault } from "./fault.ts";
import { preferredType } from "./http/accept.ts";
import { problemResponse } from "./http/problem.ts";
import { type SocketSettings, socketHandlers } from "./http/socket.ts";
import { pathOf, refuseUnreadable } from "./http/target.ts";
import type { Logger } from "./log.ts";
import { latencyBuckets, type Metrics } from "./metrics.ts";
import { ownPath, type OwnPathParts } from "./own-paths.ts";
import { portOwner } from "./port-owner.ts";
import type { RunningService, Scope } from "./service.ts";
import { spread, tally } from "./tally.ts";
import { bindReplaceable, replaceListener } from "./tls.ts";

/** A service, or a page of the node itself, below a path. */
export interface Mount {
  /** Begins with a slash, has none at its end; empty for the root. */
  path: string;
  service: string;
  handle: RunningService["handle"];
  scopeOf?: RunningService["scopeOf"];
  fromElsewhere?: RunningService["fromElsewhere"];
  ownTokens?: RunningService["ownTokens"];
  loggedPath?: RunningService["loggedPath"];
}

/** The mount of a running service. */
export function mountOf(path: string, service: string, running: RunningService): Mount {
  return {
    path,
    service,
    handle: (request, caller) => running.handle(request, caller),
    ...(running.fromElsewhere
      ? { fromElsewhere: (request, below) => running.fromElsewhere?.(request, below) ?? false }
      : {}),
    ...(running.ownTokens ? { ownTokens: (request, below) => running.ownTokens?.(request, below) ?? false } : {}),
    ...(running.loggedPath ? { loggedPath: (below) => running.loggedPath?.(below) ?? below } : {}),
    ...(running.scopeOf ? { scopeOf: (request, below) => running.scopeOf?.(request, below) } : {}),
  };
}

/** What listeners of one node share. */
export interface ListenerParts extends OwnPathParts {
  log: Logger;
  accessLog: boolean;
  counts: HttpCounts;
}

/** Certificate and key, in PEM form. */
export interface TlsPair {
  readonly cert: string;
  readonly key: string;
}

/** Counters of all listeners of a node. */
export interface HttpCounts {
  answered(service: string, method: string, status: number, seconds: number): void;
}

/** Declares the counters of HTTP. */
export function httpCounts(metrics: Metrics): HttpCounts {
  const requests = tally(metrics, {
    name: "warren_http_requests_total",
    help: "Requests answered",
    labels: ["service", "method", "status"],
  });
  const seconds = spread(metrics, {
    name: "warren_http_request_duration_seconds",
    help: "Time from a request's head to its answer's head",
    labels: ["service"],
    buckets: latencyBuckets,
  });
  return {
    answered(service, method, status, took) {
      requests.cell(service, method, String(status)).count++;
      seconds.cell(service).observe(took);
    },
  };
}

/** A bound address. */
export interface Listener {
  readonly bound: Address;
  /** The mounts, longest path first; may be changed while running. */
  mount(mounts: readonly Mount[]): void;
  /** Uses another certificate for new connections. */
  certify(tls: TlsPair): void;
  /** Sends to the websockets, here, that subscribed to a topic. */
  publish(topic: string, message: string | Uint8Array, compress?: boolean): void;
  /** Takes no new connections and resolves when the requests at hand are done, or cuts them when `deadline` aborts. */
  close(deadline: AbortSignal): Promise<void>;
}

const knownMethods = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]);
/** Bun cuts connections without traffic after this many seconds, and takes no more than this. */
const idleSeconds = 255;

/** Where no service takes websockets: nothing is ever upgraded. */
const noSockets: SocketSettings = { maxMessageBytes: 1, maxWaitingBytes: 1, idleSeconds: 120, deflate: false };

/** How long streams may take to end by themselves when the listener stops. */
const lastWordsMs = 150;

/** Binds an address, for websockets too where `sockets` are wanted. Throws `node/port-taken` or `node/address`. */
export function openListener(
  address: Address,
  tls: TlsPair | undefined,
  parts: ListenerParts,
  sockets?: SocketSettings,
): Listener {
  let mounts: readonly Mount[] = [];
  let streams = 0;
  let closing = false;
  const calls: CallParts = {
    clock: parts.clock,
    opened: () => streams++,
    closed: () => streams--,
    takesSockets: sockets !== undefined,
  };
  /** Listeners of former certificates, as long as anything runs on them. */
  const predecessors = new Map<BunServer, Promise<unknown>>();

  const answer = (request: Request, server: BunServer): Response | undefined | Promise<Response | undefined> => {
    const startedMs = parts.clock.monotonicMs();
    const path = pathOf(request.url);
    const call = new Call(request, server, calls);
    let service = "node";
    let logged = path;
    const finish = (response: Response): Response | undefined => {
      const took = parts.clock.monotonicMs() - startedMs;
      const method = knownMethods.has(request.method) ? request.method : "other";
      const status = response === upgraded ? 101 : response.status;
      parts.counts.answered(service, method, status, took / 1000);
      if (parts.accessLog) {
        parts.log.info("Request", {
          method,
          path: logged.slice(0, 500),
          status,
          ms: Math.round(took * 10) / 10,
          from: call.address,
          by: call.name,
          request: call.requestId,
        });
      }
      if (response === upgraded) return undefined;
      if (closing) response.headers.set("Connection", "close");
      return response;
    };
    const fail = async (thrown: unknown): Promise<Response | undefined> =>
      finish(await failed(thrown, request, { path, logged }, call, parts));
    try {
      const own = ownPath(request, path, call, parts);
      if (own) return own instanceof Promise ? own.then(finish, fail) : finish(own);
      refuseUnreadable(request.url, path);
      const mount = mounts.find((candidate) => isBelow(path, candidate.path));
      if (!mount)
        throw new Fault("missing", "node/no-page", `Cannot find "${path.slice(0, 200)}": there is no such page`);
      ({ service } = mount);
      const below = path.slice(mount.path.length);
      if (mount.loggedPath) logged = `${mount.path}${mount.loggedPath(below)}`;
      call.enter(parts.gate, mount.service, mount.fromElsewhere?.(request, below), mount.ownTokens?.(request, below));
      const scope = mount.scopeOf ? mount.scopeOf(request, below) : usualScope(request.method);
      if (scope !== undefined) call.require(scope);
      const response = mount.handle(request, call);
      return response instanceof Promise ? response.then(finish, fail) : finish(response);
    } catch (thrown) {
      return fail(thrown);
    }
  };

  const options = (port: number, pair: TlsPair | undefined, reusePort: boolean) => ({
    hostname: address.host,
    port,
    reusePort,
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    idleTimeout: idleSeconds,
    ...(pair ? { tls: pair } : {}),
    websocket: socketHandlers(sockets ?? noSockets),
    fetch: answer,
    error(thrown: Error) {
      parts.log.error("A request failed outside of its handler", { reason: reasonOf(thrown) });
      return new Response("Something went wrong inside\n", { status: 500 });
    },
  });
  let server: BunServer;
  try {
    server = tls
      ? bindReplaceable(address.port, (port, reusePort) => Bun.serve(options(port, tls, reusePort)))
      : Bun.serve(options(address.port, undefined, false));
  } catch (thrown) {
    throw cannotBind(address, thrown);
  }
  const bound = { host: server.hostname ?? address.host, port: server.port ?? address.port };
  return {
    bound,
    mount(wanted) {
      mounts = [...wanted].sort((left, right) => right.path.length - left.path.length);
    },
    certify(pair) {
      // Bun keeps the certificate a socket was opened with, so another socket takes the port over; connections stay.
      const old = server;
      const replaced = replaceListener(old, () => Bun.serve(options(bound.port, pair, true)));
      server = replaced.listener;
      predecessors.set(
        old,
        replaced.drained.finally(() => predecessors.delete(old)),
      );
    },
    publish(topic, message, compress) {
      server.publish(topic, message, compress);
      for (const old of predecessors.keys()) old.publish(topic, message, compress);
    },
    async close(deadline) {
      closing = true;
      const drained = server.stop(false);
      // Streams end only when their reader leaves; they are not waited for.
      while (server.pendingRequests > streams && !deadline.aborted) {
        await new Promise<void>((resolve) => parts.clock.schedule(20, resolve));
      }
      // Yet whoever writes one may have last words, said when the stop was ordered: they get a moment to go out.
      const untilMs = parts.clock.monotonicMs() + lastWordsMs;
      while (server.pendingRequests > 0 && parts.clock.monotonicMs() < untilMs && !deadline.aborted) {
        await new Promise<void>((resolve) => parts.clock.schedule(10, resolve));
      }
      await Promise.race([
        Promise.all([server.stop(true), drained, ...predecessors.values()]),
        new Promise((resolve) => parts.clock.schedule(500, () => resolve(undefined))),
      ]);
    },
  };
}

/** The scope that a method needs where a service does not say otherwise. */
export function usualScope(method: string): Scope {
  return method === "GET" || method === "HEAD" || method === "OPTIONS" ? "read" : "write";
}

function isBelow(path: string, mount: string): boolean {
  return (
    path.startsWith(mount) && (path.length === mount.length || mount === "" || path.charCodeAt(mount.length) === 47)
  );
}

async function failed(
  thrown: unknown,
  request: Request,
  { logged, path }: { path: string; logged: string },
  call: Call,
  parts: ListenerParts,
): Promise<Response> {
  const fault = toFault(thrown);
  if (fault.status >= 500) {
    parts.log[fault.kind === "internal" ? "error" : "warn"]("A request failed", {
      code: fault.code,
      reason: reasonOf(fault),
      ...(fault.kind === "internal" && fault.cause instanceof Error ? { stack: fault.cause.stack } : {}),
      method: request.method,
      path: logged.slice(0, 500),
      request: call.requestId,
    });
  }
  const asksHtml =
    request.headers.has("accept") &&
    preferredType(request.headers.get("accept"), ["text/plain", "text/html"]) === "text/html";
  if (!asksHtml) return problemResponse(fault, request, { requestId: call.requestId });
  if (fault.status === 401 && request.method === "GET") return parts.shell.signIn({ to: path }, request);
  return parts.shell.problem(fault, request, { requestId: call.requestId });
}

function cannotBind(address: Address, thrown: unknown): Fault {
  const shown = formatAddress(address);
  const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
  if (code === "EADDRINUSE") {
    const owner = portOwner("tcp", address.port);
    return new Fault(
      "unavailable",
      "node/port-taken",
      `Cannot listen on ${shown}: another program has that address${owner === undefined ? "" : `, ${owner}`}; stop it, or set listen to another one`,
      { cause: thrown },
    );
  }
  const why =
    code === "EACCES"
      ? "this user may not use that port"
      : code === "EADDRNOTAVAIL"
        ? "this machine has no such address"
        : reasonOf(thrown);
  return new Fault("unavailable", "node/address", `Cannot listen on ${shown}: ${why}`, { cause: thrown });
}
