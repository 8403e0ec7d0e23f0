/**
 * Fitor as a service of the node: opens what is kept, connects to the networks and to the broker, and serves the page. Wiring
 * only; every decision is made elsewhere. Without a network it opens nothing but its file.
 */
import { SQLiteError } from "bun:sqlite";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { BelievedTime } from "../../kit/believed-time.ts";
import { databaseFault } from "../../kit/disk/sqlite.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import type { RunningService, Service, ServiceContext } from "../../kit/service.ts";
import { startWorker, type Work } from "../../kit/worker.ts";
import { systemDial } from "../../lib/irc/dial.ts";
import { Bridge, roomKey } from "./bridge.ts";
import { type Bus, type BusEvents, ZeromqBus } from "./bus.ts";
import { WindsockBus } from "./bus-windsock.ts";
import { fitorCommands } from "./commands.ts";
import { type FitorOptions, fitorSection, networkPlans, usualReqSocket, usualSubSocket } from "./config.ts";
import { fitorFindings } from "./findings.ts";
import { History } from "./history.ts";
import { fitorRoutes } from "./http.ts";
import { fitorMetrics } from "./metrics.ts";
import { Network } from "./network.ts";
import { Nudges } from "./nudges.ts";
import type { NetworkPlan } from "./plan.ts";
import { statusOf } from "./status.ts";
import { fitorPages } from "./views.ts";

/** Fitor. */
export const fitor: Service<FitorOptions> = { name: "fitor", config: fitorSection, start, commands: fitorCommands };

const forgetMs = 600_000;

async function start(context: ServiceContext<FitorOptions>): Promise<RunningService> {
  const path = join(context.dataFolder, "history.sqlite");
  const { clock, cluster, log } = context;
  const reach = context.reach("windsock");
  const nudges = reach && (await Nudges.open({ reach, clock, log, nodeId: cluster.selfId }));
  try {
    return begin(context, path, nudges);
  } catch (thrown) {
    throw thrown instanceof SQLiteError ? databaseFault(path, thrown) : thrown;
  }
}

function begin(context: ServiceContext<FitorOptions>, historyPath: string, nudges: Nudges | undefined): RunningService {
  const { clock, events, log, mountPath, options, random } = context;
  const plans = networkPlans(options);
  for (const { identity, name, tls } of plans) {
    if (!tls && identity.credentials?.mechanism === "PLAIN") {
      log.warn("The password of an account goes over the network unencrypted: tls = true would hide it", {
        network: name,
      });
    }
  }
  const dials = plans.map((plan) => systemDial(tlsOf(plan)));
  const history = new History(historyPath);
  const forget = forgetWork(context, history);
  const bridge = new Bridge({
    clock,
    history,
    bridged: new Set(options.bridge),
    privateMessages: options.privateMessages,
    formatting: options.formatting,
    maxLines: options.maxLines,
    segments: options.segments,
    happened: (level, sentence) => events.add("fitor", level, sentence),
  });
  const networks = plans.map((plan, index) => {
    const network = new Network(plan, {
      clock,
      random,
      dial: dials[index] ?? systemDial(tlsOf(plan)),
      version: options.versionReply,
      quitMessage: options.quitMessage,
      flood: { lineMs: options.floodLineMs, bytesPerSecond: options.floodBytes, burstMs: options.floodBurstMs },
      pingMs: options.pingMs,
      reconnectMs: options.reconnectMs,
      reconnectMaxMs: options.reconnectMaxMs,
      rejoinMs: options.rejoinMs,
      regainMs: options.regainMs,
      hold: options.hold,
      holdForMs: options.holdForMs,
      markNicks: options.markNicks,
      breakMentions: options.breakMentions,
      relaymsg: options.relaymsg,
      lastAt: (channel) => history.lastHeardAt(roomKey(plan.name, channel.name)),
      tell: (event, from) => bridge.take(event, from),
    });
    bridge.add(network);
    return network;
  });
  const bus =
    networks.length === 0 ? undefined : openBus(context, plans, (address, content) => bridge.hear(address, content));
  if (bus) bridge.useBus(bus);
  if (nudges) bridge.subscribe((news) => nudges.take(news));
  fitorMetrics(context.metrics, { networks, bridge, bus: () => bus });
  for (const network of networks) network.open();

  const workers = [startWorker(forget, { clock, log })];
  const pages = fitorPages({ bridge, history, clock, shell: context.shell, mountPath, nudges });
  return {
    handle: fitorRoutes({
      bridge,
      history,
      clock,
      mountPath,
      pages,
      nudges,
      status: () => statusOf(networks, bus, bridge),
    }),
    scopeOf: (request, path) =>
      request.method === "GET" || request.method === "HEAD" ? "read" : path.startsWith("/network/") ? "admin" : "write",
    health: () => fitorFindings(networks, bus, bridge.cannotKeep),
    facts(): Record<string, string> {
      if (networks.length === 0) return { networks: "none" };
      const up = networks.filter(({ state }) => state === "up").length;
      return { networks: `${up} of ${networks.length}`, channels: String(bridge.rooms.length) };
    },
    workers,
    async stop() {
      for (const network of networks) network.close();
      await Promise.all([bus?.close(), nudges?.close()]);
      await Promise.all(workers.map((worker) => worker.stop()));
      history.close();
    },
  };
}

/** Lets go of what is old. To be made before anything new is entered, so that it sees how old the newest line is. */
export function forgetWork(
  {
    clock,
    options,
  }: Pick<ServiceContext<FitorOptions>, "clock"> & {
    options: Pick<FitorOptions, "keepForMs" | "keepLines">;
  },
  history: History,
): Work {
  const time = new BelievedTime(clock, history.newestAt());
  return {
    name: "forget",
    summary: "Forgets lines that are old enough, or too many",
    async step() {
      const more = history.forget(time.now() - options.keepForMs, options.keepLines);
      return { waitMs: more ? 100 : forgetMs };
    },
  };
}

function openBus(
  context: ServiceContext<FitorOptions>,
  plans: readonly NetworkPlan[],
  heard: BusEvents["heard"],
): Bus | undefined {
  const { clock, log, options, random, reach } = context;
  const { bus, reqSocket, subSocket } = options;
  if (bus === "none") return undefined;
  const prefixes = plans.flatMap(({ channels }) => channels.map(({ address }) => address));
  const events: BusEvents = { heard, lost: (reason) => log.warn("A publication was lost", { reason }) };
  // Who names a broker means it.
  const isNamed = reqSocket !== usualReqSocket || subSocket !== usualSubSocket;
  const windsock = bus === "auto" && !isNamed ? reach("windsock") : undefined;
  if (windsock) return new WindsockBus({ reach: windsock, prefixes, clock }, events);
  return new ZeromqBus({ reqSocket, subSocket, prefixes, clock, random }, events);
}

function tlsOf(plan: NetworkPlan) {
  const { tlsCa, tlsCertificate, tlsKey } = plan;
  return {
    verify: plan.tlsVerify,
    ...(tlsCa === undefined ? {} : { ca: pemIn(tlsCa) }),
    ...(tlsCertificate === undefined ? {} : { certificate: pemIn(tlsCertificate) }),
    ...(tlsKey === undefined ? {} : { key: pemIn(tlsKey) }),
  };
}

function pemIn(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    throw new Fault("invalid", "fitor/pem", `Cannot read "${path}": ${reasonOf(thrown)}`);
  }
}
