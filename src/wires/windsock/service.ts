/**
 * Windsock as a service of the node: the hub, the doors by which clients come, the broker by which back ends do, and the
 * way to a broker elsewhere. Wiring only.
 */
import { join } from "node:path";

import { isLoopback, plainAddress } from "../../kit/auth/address.ts";
import { formatAddress } from "../../kit/config/address.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import { pathOf } from "../../kit/http/target.ts";
import { formatCount } from "../../kit/pages/quantity.ts";
import type { Caller, RunningService, Service, ServiceContext } from "../../kit/service.ts";
import { bindFault } from "./bind-fault.ts";
import { openBroker } from "./broker.ts";
import { windsockCommands } from "./commands.ts";
import { type WindsockOptions, windsockSection } from "./config.ts";
import { type VarsParts, varsResponse } from "./debug-vars.ts";
import type { Door, DoorParts } from "./door.ts";
import { createDoorkeeper } from "./doorkeeper.ts";
import { type OpenedDoors, openNewerDoors } from "./doors/open-newer.ts";
import { WithinDoor } from "./doors/within-door.ts";
import { windsockFindings } from "./findings.ts";
import { openHub } from "./hub-ordered.ts";
import { keptSecret } from "./kept-secret.ts";
import { type ChosenLink, openLink } from "./link-choice.ts";
import { Limits } from "./limits.ts";
import { mercureDoors } from "./mercure/chosen-door.ts";
import { type Measured, windsockMetrics } from "./metrics.ts";
import { originalFlags, readOriginalFile } from "./original-file.ts";
import { PagesDoor } from "./pages/pages-door.ts";
import type { Envelope } from "./publication.ts";
import { parseApplication } from "./pusher/application.ts";
import { openPusherDoor, type PusherDoor, usualPusherSettings } from "./pusher/door.ts";
import { hookPoster } from "./pusher/webhooks.ts";
import { openSocketDoor, type SocketDoor } from "./socket-door.ts";
import { openUplink } from "./uplink.ts";

/** Windsock. */
export const windsock: Service<WindsockOptions> = {
  name: "windsock",
  config: windsockSection,
  sockets: (options) =>
    options.role === "broker"
      ? undefined
      : {
          maxMessageBytes: options.maxMessageBytes,
          // One message more than that must always fit.
          maxWaitingBytes: options.waitingBytes * 4 + options.maxMessageBytes * 2,
          idleSeconds: Math.round(options.idleMs / 1000),
          deflate: options.deflate,
        },
  usesCluster: (options) => options.link === "direct",
  start,
  commands: windsockCommands,
  originalFlags,
};

/** Where the predecessor's broker told its figures. */
const brokerVars = { host: "0.0.0.0", port: 8081 };

async function start(context: ServiceContext<WindsockOptions>): Promise<RunningService> {
  const { clock, log, mountPath, options, random } = context;
  const original = options.originalConfig === undefined ? {} : readOriginalFile(options.originalConfig);
  const startedMs = clock.monotonicMs();
  const closers: (() => void)[] = [];
  const closeAll = () => {
    for (const close of closers.splice(0).reverse()) close();
  };
  let chosen: ChosenLink | undefined;
  try {
    const secret = options.secret ?? original.secret ?? "";
    // An empty one, which the predecessor took, would let everybody in.
    const secrets = [secret === "" ? await keptSecret(context.dataFolder) : secret, ...options.formerSecrets];
    const hub = openHub({
      clock,
      maxMessageBytes: options.maxMessageBytes,
      addressPerSecond: options.addressPerSecond,
      bounds: { count: options.historyCount, sizeBytes: options.historySizeBytes, ageMs: options.historyAgeMs },
      ...(options.historyStore === "disk" ? { path: join(context.dataFolder, "history.sqlite") } : {}),
      broken: (error) => log.error("A listener failed and hears nothing any more", { reason: reasonOf(error) }),
      untrimmed: (error) => log.error("The history cannot be shortened; trying again", { reason: reasonOf(error) }),
    });
    closers.push(() => hub.close());
    const limits = new Limits(options);
    // Only the end of the list is what proxies have put down: what stands before it may be the client's own words.
    const seenAddresses = (request: Request, caller: Caller): string =>
      (options.forwarded ? request.headers.get("x-forwarded-for") : null) ||
      // Where both families are heard, one of IPv4 is written as one of IPv6.
      plainAddress(caller.address);
    const doorParts: DoorParts = {
      hub,
      limits,
      doorkeeper: createDoorkeeper(
        {
          secrets,
          maxAgeSeconds: options.tokenAgeMs / 1000,
          maxAheadSeconds: options.tokenAheadMs / 1000,
          isBounded: options.boundary === "segments",
          isSingleUse: options.singleUse,
          checksAddress: options.checkAddress,
          refuse: (token) => newer?.revocations.check(token),
        },
        clock,
      ),
      options,
      clock,
      log,
      sockets: context.sockets,
      mountPath,
      addressOf: (request, caller) => seenAddresses(request, caller).split(",").at(-1)?.trim() || caller.address,
      seenOf: seenAddresses,
    };
    const newer: OpenedDoors | undefined =
      options.role === "broker" ? undefined : openNewerDoors(doorParts, context.dataFolder, secrets);
    const doors: Door[] = [];
    let sockets: SocketDoor | undefined;
    let pusher: PusherDoor | undefined;
    if (newer) {
      const { doors: own, webhooks } = newer;
      const { roster } = own;
      const publish = (envelope: Envelope, user: string) => own.publish(envelope, user);
      sockets = openSocketDoor({ ...doorParts, roster, webhooks, publish });
      const pages = new PagesDoor({ hub, limits, doors: own, clock, log, shell: context.shell, mountPath });
      pusher = pusherDoor(doorParts, context);
      doors.push(sockets, own, pages, ...(pusher ? [pusher] : []), ...mercureDoors(doorParts));
      // What has to go through a broker elsewhere may be lost there, or be kept back by sub_key: no page could rely on it.
      if (options.reqSocket.length === 0) doors.push(new WithinDoor(own.desk, clock));
    }
    closers.push(() => {
      for (const door of doors) door.stop?.();
    });
    const uplink =
      options.reqSocket.length > 0 ? openUplink({ settings: options, hub, clock, random, log }) : undefined;
    if (uplink) closers.push(() => uplink.close());
    const { baseUrl, cluster } = context;
    chosen = await openLink({ options, hub, cluster, clock, log, baseUrl, revocations: newer?.revocations });
    const direct = chosen?.direct;
    if (direct) {
      doors.push({
        takes: (path) => direct.takes(path),
        handle: (request, caller) => direct.handle(request, caller),
        scopeOf: () => undefined,
        fromElsewhere: () => false,
      });
    }
    const broker = options.role === "windsock" ? undefined : openBroker({ settings: options, hub, clock, random, log });
    if (broker) closers.push(() => broker.close());
    const measured: Measured = { hub, limits, sockets, broker, uplink, link: chosen?.link, pusher };
    windsockMetrics(context.metrics, measured);
    const vars: VarsParts = { clock, startedMs, figures: () => figuresOf(measured) };
    const ownVars = options.vars ?? (options.role === "broker" && context.alone ? brokerVars : undefined);
    const varsServer = ownVars && openVars(ownVars, vars);
    if (varsServer) closers.push(() => void varsServer.stop(true));
    // Clients are told to come back before their connections are ended.
    context.signal.addEventListener("abort", () => doors.forEach((door) => door.stop?.()), { once: true });

    const doorOf = (path: string) => doors.find((door) => door.takes(path));
    const below = (request: Request) => pathOf(request.url).slice(mountPath.length) || "/";
    return {
      handle(request, caller) {
        const path = below(request);
        const door = doorOf(path);
        if (door) return door.handle(request, caller, path);
        if (path === "/debug/vars") {
          // Without tokens everybody may read; the world is not shown this even then.
          if (!context.guarded() && !isLoopback(caller.address)) throw noPage(path);
          return varsResponse(vars);
        }
        throw noPage(path);
      },
      scopeOf(request, path) {
        const door = doorOf(path || "/");
        if (door) return door.scopeOf(request, path);
        return request.method === "GET" || request.method === "HEAD" ? "read" : "write";
      },
      fromElsewhere: (request, path) => doorOf(path || "/")?.fromElsewhere(request, path) ?? false,
      ownTokens: (request, path) => doorOf(path || "/")?.ownTokens?.(request, path) ?? false,
      health: () => windsockFindings({ ...measured, secrets }),
      facts: () => ({
        clients: formatCount(limits.now),
        publications: formatCount(hub.figures.publications),
      }),
      workers: newer?.workers ?? [],
      get addresses() {
        return [
          ...(broker?.addresses ?? []).map(({ address, purpose }) => ({ purpose: `windsock ${purpose}`, address })),
          ...(varsServer && ownVars
            ? [
                {
                  purpose: "windsock vars",
                  address: formatAddress({ host: ownVars.host, port: varsServer.port ?? ownVars.port }),
                },
              ]
            : []),
        ];
      },
      async stop() {
        await Promise.all([chosen?.link.stop(), ...(newer?.workers ?? []).map((worker) => worker.stop())]);
        closeAll();
      },
    };
  } catch (thrown) {
    await chosen?.link.stop();
    closeAll();
    throw thrown;
  }
}

/** The door of Pusher's clients, where applications are named for it. */
function pusherDoor(parts: DoorParts, context: ServiceContext<WindsockOptions>): PusherDoor | undefined {
  const { addressOf, clock, hub, limits, log, options } = parts;
  if (options.pusherApps.length === 0) return undefined;
  const webhooks = new Map(options.pusherWebhooks.map((text) => splitAt(text, "=")));
  const applications = options.pusherApps.map(parseApplication).map((application) => {
    const webhook = webhooks.get(application.id);
    return webhook === undefined ? application : { ...application, webhook };
  });
  return openPusherDoor({
    hub,
    clock,
    log,
    applications,
    settings: usualPusherSettings,
    origins: options.origins,
    nodeId: context.cluster.selfId,
    enter: (address) => limits.enter("", address),
    addressOf,
    post: hookPoster(clock, context.signal),
  });
}

function splitAt(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  return [text.slice(0, at), text.slice(at + 1)];
}

function figuresOf({ broker, hub, limits, uplink }: Measured): Record<string, number> {
  return {
    ...(broker ? { NumMessages: hub.figures.publications } : {}),
    NumZMQMessages: uplink?.messages ?? broker?.counts.messages ?? 0,
    NumClients: limits.now,
    TotalClients: limits.ever,
  };
}

/** Tells the figures at an address of their own. Fault `windsock/bind` (unavailable). */
function openVars(address: { host: string; port: number }, vars: VarsParts) {
  try {
    return Bun.serve({
      hostname: address.host,
      port: address.port,
      fetch: (request) =>
        pathOf(request.url) === "/debug/vars"
          ? varsResponse(vars)
          : new Response("404 page not found\n", { status: 404 }),
    });
  } catch (thrown) {
    throw bindFault(formatAddress(address), "/debug/vars", "vars", thrown);
  }
}

function noPage(path: string): Fault {
  return new Fault("missing", "windsock/no-page", `Cannot find "${path.slice(0, 200)}": there is no such page`);
}
