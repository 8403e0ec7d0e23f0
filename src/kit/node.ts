/**
 * A node: takes services from new to running and back, in order, with deadlines. Both `warren up` and `warren <service>`
 * come through here; tests start the same value on port 0 in a temporary folder.
 *
 * Order: data folder locked, tokens opened, addresses bound (answering "not ready"), services started one after another,
 * gossip joined, then ready. Stopping goes the other way: listeners drain first, services stop in reverse, each within
 * the stated time. Start failures are Faults and leave nothing running.
 */
import { join, resolve } from "node:path";

import { isLoopback } from "./auth/address.ts";
import { checkExposure, exposureWarning } from "./auth/exposure.ts";
import { createGate } from "./auth/gate.ts";
import { openTokens, tokensPath } from "./auth/tokens.ts";
import type { Clock } from "./clock.ts";
import { type Address, formatAddress } from "./config/address.ts";
import { advertisedUrl, gossipAddress, nameOf, type NodeOptions } from "./config/node.ts";
import type { ServiceSettings } from "./config/service-section.ts";
import { openDataFolder, rememberedId } from "./data-folder.ts";
import { makeFolders } from "./disk/atomic.ts";
import { lockFolder } from "./disk/lock.ts";
import { createEvents, type Events } from "./events.ts";
import { Fault, reasonOf, toFault } from "./fault.ts";
import { widestSettings } from "./http/socket.ts";
import { httpCounts, type Listener, type ListenerParts, type Mount, mountOf, openListener } from "./listener.ts";
import type { Log } from "./log.ts";
import { createMembership } from "./membership.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import { createShell, type PageShell } from "./pages/shell.ts";
import { processMetrics } from "./process-metrics.ts";
import type { Random } from "./random.ts";
import { reachWithin } from "./reach.ts";
import type { Caller, Finding, RunningService, Service, ServiceEntry } from "./service.ts";
import { type CertificateWatch, expiryWarning, watchCertificates } from "./tls.ts";

/** Where a service of a node is on its way. */
export type ServiceState = "starting" | "running" | "stopping" | "stopped" | "failed" | "off";

/** A service to be run, with its options. */
export interface Enlisted {
  entry: ServiceEntry;
  service: Service<object>;
  options: object & ServiceSettings;
}

/** What a node is made of. */
export interface NodeParts {
  options: NodeOptions;
  services: readonly Enlisted[];
  /** All services there are, for pages. */
  catalogue: readonly ServiceEntry[];
  /** The one service that is run, standing at the root. */
  alone: boolean;
  /** Listens nowhere and gossips with nobody: for a service on an errand. @default false */
  unheard?: boolean;
  version: string;
  clock: Clock;
  random: Random;
  log: Log;
  /** Makes what answers paths of no service: the console. Absent when a service stands at the root. */
  front?(parts: FrontParts): { handle(request: Request, caller: Caller): Response | Promise<Response> };
}

/** What the console may use. */
export interface FrontParts {
  node: Node;
  events: Events;
  shell: PageShell;
  clock: Clock;
  log: Log;
}

/** A service as it stands. */
export interface ServiceStatus {
  entry: ServiceEntry;
  state: ServiceState;
  address: string;
  running: RunningService | undefined;
  failure: string;
}

/** A node that runs. */
export interface Node {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly startedAt: number;
  readonly dataFolder: string;
  /** The node's own URL on the shared address. */
  readonly url: string;
  readonly metrics: Metrics;
  readonly events: Events;
  addresses(): readonly { purpose: string; address: string }[];
  services(): readonly ServiceStatus[];
  findings(): readonly Finding[];
  ready(): boolean;
  /** Drains and stops everything; may be called twice. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** How long services may take to stop once no request is left. */
const closingMs = 5000;

/** Starts a node. Throws a Fault, after undoing what it had begun, when it cannot run. */
export async function startNode(parts: NodeParts): Promise<Node> {
  const undo: (() => void | Promise<void>)[] = [];
  try {
    return await start(parts, undo);
  } catch (thrown) {
    for (const step of undo.reverse()) {
      try {
        await step();
      } catch (failure) {
        parts.log.warn("Cannot clean up after a failed start", { reason: reasonOf(failure) });
      }
    }
    throw thrown;
  }
}

async function start(parts: NodeParts, undo: (() => void | Promise<void>)[]): Promise<Node> {
  const { options, clock, log, random } = parts;
  const startedAt = clock.now();
  const startedMs = clock.monotonicMs();
  const dataFolder = resolve(options.data);
  await openDataFolder(dataFolder);
  const lock = lockFolder(dataFolder);
  undo.push(() => lock.release());
  const id = options.id ?? (await rememberedId(dataFolder));
  const tokens = openTokens(tokensPath(dataFolder), { clock, log });
  undo.push(() => tokens.close());

  const own = parts.services.filter((enlisted) => enlisted.options.listen !== undefined && !parts.alone);
  const aloneAt = parts.alone ? parts.services[0]?.options.listen : undefined;
  const shared = aloneAt ?? options.listen;
  const events = createEvents(clock);
  events.subscribe(({ level, service, sentence }) =>
    log[level === "bad" ? "error" : level === "warn" ? "warn" : "info"](sentence, { service }),
  );
  const listeners: Listener[] = [];
  const certificates =
    options.tlsCertificate !== undefined && options.tlsKey !== undefined
      ? watchCertificates({
          certificatePath: options.tlsCertificate,
          keyPath: options.tlsKey,
          clock,
          log,
          onChange({ tls }) {
            for (const listener of listeners) listener.certify(tls);
          },
        })
      : undefined;
  if (certificates) undo.push(() => certificates.stop());
  if (!parts.unheard)
    refuseExposure([shared, ...own.map(({ options: { listen } }) => listen as Address)], options, tokens.any(), log);
  const gossip = gossipAddress({ ...options, listen: shared });
  const gossips = parts.services.some(({ service, options: own }) => service.usesCluster?.(own) ?? false);
  if (gossips && !isLoopback(gossip.host) && options.clusterSecret === undefined) {
    throw new Fault(
      "forbidden",
      "node/open-gossip",
      `Cannot gossip on ${formatAddress(gossip)} without a secret: set cluster_secret (or cluster_secret_file) in [node], the same on every node, or gossip on 127.0.0.1`,
    );
  }

  const metrics = createMetrics();
  processMetrics(metrics, parts.version, clock, startedMs);
  const shell = createShell({
    navigation: navigationOf(parts),
    version: parts.version,
    nodeName: nameOf(options),
    clock,
  });
  const membership = createMembership({
    id,
    name: nameOf(options),
    gossip,
    join: options.join,
    secret: options.clusterSecret,
    dataFolder,
    clock,
    random,
    log,
    events,
  });

  const statuses: ServiceStatus[] = parts.catalogue.map((entry) => ({
    entry,
    state: "off",
    address: "",
    running: undefined,
    failure: "",
  }));
  const statusOf = (name: string) => statuses.find((status) => status.entry.name === name) as ServiceStatus;
  for (const { entry } of parts.services) statusOf(entry.name).state = "starting";
  let ready = false;
  const findings = (): Finding[] => [
    ...certificateFindings(certificates, clock),
    ...statuses.flatMap((status) => [
      ...(status.failure ? [{ name: status.entry.name, state: "failed" as const, sentence: status.failure }] : []),
      ...(status.running?.health() ?? []),
    ]),
  ];

  const gate = createGate({ tokens, clock, log, hosts: options.hosts, waived: options.openBeyondLoopback });
  const listening: ListenerParts = {
    gate,
    shell,
    metrics,
    clock,
    log,
    accessLog: options.accessLog,
    counts: httpCounts(metrics),
    readiness: () => {
      const found = findings();
      return { ready: ready && found.every((finding) => finding.state !== "failed"), findings: found };
    },
  };
  const stopping = new AbortController();
  const cut = new AbortController();
  const bind = (address: Address, heard: readonly Enlisted[]): Listener => {
    const wishes = heard.flatMap(({ service, options: wanted }) => service.sockets?.(wanted) ?? []);
    const listener = parts.unheard
      ? unheardListener(address)
      : openListener(address, certificates?.current().tls, listening, widestSettings(wishes));
    listener.mount([stillStarting]);
    listeners.push(listener);
    return listener;
  };
  undo.push(async () => {
    cut.abort();
    stopping.abort();
    await Promise.all(listeners.map((listener) => listener.close(cut.signal)));
  });
  const main = bind(
    shared,
    parts.services.filter((enlisted) => !own.includes(enlisted)),
  );
  const url = advertisedUrl({ ...options, listen: shared }, main.bound);

  const running: { name: string; baseUrl: string; mountPath: string; listener: Listener; service: RunningService }[] =
    [];
  undo.push(async () => {
    for (const { service } of running.reverse()) await service.stop();
  });
  undo.push(() => membership.stop());
  const mounts: Mount[] = [];
  const failures: Fault[] = [];
  for (const enlisted of parts.services) {
    const { entry, service, options: serviceOptions } = enlisted;
    const status = statusOf(entry.name);
    try {
      const listener = serviceOptions.listen && !parts.alone ? bind(serviceOptions.listen, [enlisted]) : main;
      const atRoot = parts.alone || listener !== main;
      const mountPath = atRoot ? "" : `/${entry.name}`;
      const origin = listener === main ? url : advertisedUrl({ ...options, advertise: undefined }, listener.bound);
      const folder = join(dataFolder, entry.name);
      await makeFolders(folder, 0o700);
      const handle = await service.start({
        options: serviceOptions,
        log: log.child({ service: entry.name }),
        recentLog: () => log.recent(),
        metrics,
        events,
        clock,
        random,
        dataFolder: folder,
        mountPath,
        baseUrl: `${origin}${mountPath}`,
        alone: parts.alone,
        guarded: () => tokens.any(),
        cluster: membership,
        reach(wanted) {
          const found = running.find(({ name }) => name === wanted);
          if (!found) return undefined;
          const pagePath = found.listener === listener ? found.mountPath : undefined;
          return reachWithin(found.service, found.baseUrl, entry.name, log, pagePath);
        },
        sockets: {
          publish(topic, message, compress) {
            for (const each of listeners) each.publish(topic, message, compress);
          },
        },
        shell,
        signal: stopping.signal,
      });
      running.push({ name: entry.name, baseUrl: `${origin}${mountPath}`, mountPath, listener, service: handle });
      const mount = mountOf(mountPath, entry.name, handle);
      if (listener === main) mounts.push(mount);
      else listener.mount([mount]);
      status.running = handle;
      status.state = "running";
      status.address = `${origin}${mountPath}/`;
    } catch (thrown) {
      const fault = toFault(thrown);
      if (fault.kind === "internal")
        log.error("A service could not start", { service: entry.name, reason: reasonOf(fault) });
      failures.push(fault);
      status.state = "failed";
      status.failure = fault.kind === "internal" ? reasonOf(fault) : fault.message;
    }
  }
  if (failures.length > 0) {
    throw failures.length === 1 && failures[0]
      ? failures[0]
      : new Fault("unavailable", "node/services", failures.map((fault) => fault.message).join("\n"));
  }
  if (gossips) await membership.start(url);

  let stopped: Promise<void> | undefined;
  const node: Node = {
    id,
    name: nameOf(options),
    version: parts.version,
    startedAt,
    dataFolder,
    url,
    metrics,
    events,
    addresses: () => [
      { purpose: "http", address: url },
      ...(gossips ? [{ purpose: "gossip", address: membership.address() }] : []),
      ...statuses.flatMap((status) => status.running?.addresses ?? []),
    ],
    services: () => statuses,
    findings,
    ready: () => ready,
    stop() {
      stopped ??= stop();
      return stopped;
    },
    [Symbol.asyncDispose]: () => node.stop(),
  };
  const stop = async () => {
    ready = false;
    stopping.abort();
    const late = new AbortController();
    const cancelCut = clock.schedule(options.stopTimeoutMs, () => cut.abort());
    await Promise.all(listeners.map((listener) => listener.close(cut.signal)));
    // Requests that had to be cut have used up their time, not that of the services: those have stores to close.
    const cancelLate = clock.schedule(closingMs, () => late.abort());
    for (const { name, service } of [...running].reverse()) {
      const status = statusOf(name);
      status.state = "stopping";
      try {
        await withDeadline(service.stop(), late.signal, () =>
          log.error("A service did not stop in time", { service: name }),
        );
      } catch (thrown) {
        // The others have things of their own to put away.
        log.error("A service did not stop cleanly", { service: name, reason: reasonOf(thrown) });
      }
      status.state = "stopped";
    }
    cancelLate();
    cancelCut();
    await membership.stop();
    certificates?.stop();
    tokens.close();
    lock.release();
  };

  const front = parts.front?.({ node, events, shell, clock, log });
  if (front) mounts.push({ path: "", service: "node", handle: (request, caller) => front.handle(request, caller) });
  main.mount(mounts);
  ready = true;
  if (!parts.unheard)
    events.add("node", "good", `Node ${node.name} is ready after ${Math.round(clock.monotonicMs() - startedMs)} ms`);
  return node;
}

function refuseExposure(listen: readonly Address[], options: NodeOptions, tokensExist: boolean, log: Log): void {
  const asked = {
    listen: listen.map(formatAddress),
    tokensExist,
    waived: options.openBeyondLoopback,
    tls: options.tlsCertificate !== undefined,
    waiver: "--open-beyond-loopback",
  };
  const refused = checkExposure(asked);
  if (refused) throw refused;
  const warning = exposureWarning(asked);
  if (warning) log.warn(warning);
}

/** What comes while services start: to be asked again, where "there is no such page" would send clients away for good. */
const stillStarting: Mount = {
  path: "",
  service: "node",
  scopeOf: () => undefined,
  // Whoever asks: what they show is judged once there is somebody who knows it.
  fromElsewhere: () => true,
  ownTokens: () => true,
  handle() {
    throw new Fault("unavailable", "node/starting", "Cannot answer yet: the node is starting", { retryAfterMs: 1000 });
  },
};

/** Stands where a listener would, and hears nothing. */
function unheardListener(address: Address): Listener {
  return { bound: address, mount() {}, certify() {}, publish() {}, async close() {} };
}

function navigationOf(parts: NodeParts) {
  if (parts.alone) {
    return parts.services.map(({ entry }) => ({
      name: entry.name,
      summary: entry.summary,
      href: "/",
      group: entry.group,
    }));
  }
  return [
    { name: "console", summary: "How this node fares", href: "/" },
    ...parts.services
      .filter(({ options }) => options.listen === undefined)
      .map(({ entry }) => ({ name: entry.name, summary: entry.summary, href: `/${entry.name}/`, group: entry.group })),
  ];
}

function certificateFindings(certificates: CertificateWatch | undefined, clock: Clock): Finding[] {
  const sentence = certificates && (certificates.problem() ?? expiryWarning(certificates.current(), clock.now()));
  return sentence === undefined ? [] : [{ name: "certificate", state: "degraded", sentence }];
}

async function withDeadline(work: Promise<void>, deadline: AbortSignal, late: () => void): Promise<void> {
  if (deadline.aborted) {
    late();
    return;
  }
  await Promise.race([
    work,
    new Promise<void>((resolve) =>
      deadline.addEventListener(
        "abort",
        () => {
          late();
          resolve();
        },
        { once: true },
      ),
    ),
  ]);
}
