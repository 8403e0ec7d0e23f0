/** For tests: networks and bridges as they are set where a test does not care. */
import type { Clock } from "../../kit/clock.ts";
import { Bridge, type BridgeOptions } from "./bridge.ts";
import { History } from "./history.ts";
import { Network, type NetworkParts } from "./network.ts";
import type { ChannelPlan, NetworkPlan } from "./plan.ts";

/** A plan with channels, of a server that is nowhere. */
export function plainPlan(name: string, channels: readonly ChannelPlan[]): NetworkPlan {
  return {
    name,
    host: "irc.example",
    port: 6667,
    tls: false,
    tlsVerify: true,
    identity: { nick: "gobot", alternates: [], user: "goirc", realName: "x", mustSignIn: true },
    channels,
  };
}

/** What a network stands on; its server is away. */
export function plainParts(clock: Clock): NetworkParts {
  return {
    clock,
    random: () => 0.5,
    dial: () => Promise.reject(new Error("away")),
    version: "x",
    quitMessage: "bye",
    flood: { lineMs: 0, bytesPerSecond: 0 },
    pingMs: 3_600_000,
    reconnectMs: 1000,
    reconnectMaxMs: 8000,
    rejoinMs: 10_000,
    regainMs: 60_000,
    hold: 2,
    holdForMs: 60_000,
    markNicks: "taken",
    breakMentions: false,
    relaymsg: true,
    lastAt: () => undefined,
    tell() {},
  };
}

/** How a bridge over a history is set. */
export function plainBridge(clock: Clock, history: History): BridgeOptions {
  return {
    clock,
    history,
    bridged: new Set(["message"]),
    privateMessages: false,
    formatting: "remove",
    maxLines: 10,
    segments: false,
    happened() {},
  };
}

/**
 * A bridge in memory, and its network `irc`, which is away and stays so: what people do on the page and the bus does to it can
 * be seen all the same.
 */
export function awayBridge(clock: Clock, channels: readonly ChannelPlan[]) {
  const history = new History(":memory:");
  const bridge = new Bridge(plainBridge(clock, history));
  const network = new Network(plainPlan("irc", channels), plainParts(clock));
  bridge.add(network);
  return { history, bridge, network };
}
