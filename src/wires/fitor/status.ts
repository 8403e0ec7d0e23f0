/** How the bridge stands, for programs. */
import type { Bridge } from "./bridge.ts";
import type { Bus } from "./bus.ts";
import type { Network } from "./network.ts";

/** The answer of `status.json`. */
export interface FitorStatus {
  networks: {
    name: string;
    server: string;
    state: string;
    reason: string;
    nick: string;
    capabilities: readonly string[];
    channels: { name: string; address: string; isIn: boolean; reason: string; people: number }[];
    sent: number;
    waiting: number;
    lost: number;
  }[];
  bus: { name: string; isUp: boolean; published: number; lost: number; heard: number } | null;
  lines: { fromIrc: number; fromBus: number; fromWeb: number; ignored: number };
}

/** How it stands. */
export function statusOf(networks: readonly Network[], bus: Bus | undefined, bridge: Bridge): FitorStatus {
  return {
    networks: networks.map((network) => ({
      name: network.plan.name,
      server: `${network.plan.host}:${network.plan.port}`,
      state: network.state,
      reason: network.reason,
      nick: network.nick,
      capabilities: network.capabilities,
      channels: network.channels().map(({ isIn, people, plan, reason }) => ({
        name: plan.name,
        address: plan.address,
        isIn,
        reason,
        people,
      })),
      ...network.counts,
    })),
    bus: bus ? { name: bus.name, isUp: bus.isUp, ...bus.counts } : null,
    lines: { ...bridge.counts },
  };
}
