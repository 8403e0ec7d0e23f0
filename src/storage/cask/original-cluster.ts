/**
 * Membership among original Cask nodes: their gossip (hashicorp/memberlist's local profile, unencrypted), their names and
 * their JSON, which carries the cluster's secret in clear. Fulfils the same Cluster as the node's own membership, so
 * nothing else knows the difference. Nodes of this program recognise each other by a field that originals ignore.
 *
 * Originals forget a node as soon as it is suspected dead; this one remembers it, as placement wants to know how long.
 */
import { hostname } from "node:os";

import { z } from "zod";

import { sameText } from "../../kit/auth/same-text.ts";
import type { Clock } from "../../kit/clock.ts";
import type { Cluster, ClusterNode } from "../../kit/cluster.ts";
import { type Address, formatAddress, isPlainUrl } from "../../kit/config/address.ts";
import type { Events } from "../../kit/events.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import type { Random } from "../../kit/random.ts";
import { createMemberlist } from "../../lib/memberlist/memberlist.ts";
import type { Member } from "../../lib/memberlist/roster.ts";
import { peerProtocol } from "./members.ts";

/** What it is made of. */
export interface OriginalClusterOptions {
  /** This node's UUID on the ring. */
  id: string;
  baseUrl: string;
  gossip: Address;
  neighbors: readonly Address[];
  secret: string;
  clock: Clock;
  random: Random;
  log: Logger;
  events: Events;
}

/** A Cluster of originals that can be started and stopped. */
export interface OriginalCluster extends Cluster {
  start(): Promise<void>;
  address(): string;
  stop(): Promise<void>;
}

/** The state that originals tell each other, as metadata and in push/pulls. */
export const stateShape = z.object({
  uuid: z
    .string()
    .min(8)
    .max(64)
    .regex(/^[^\p{C}\p{Z}]*$/u),
  base_url: z.string().max(256).refine(isPlainUrl),
  writeable: z.boolean(),
  secret: z.string(),
  neighbors: z.unknown().optional(),
  /** Our own additions: the protocol between nodes of this program, and whether the node is being drained. */
  draining: z.boolean().optional(),
  warren: z.number().optional(),
});

/** What one node says of itself. */
export type OriginalState = z.infer<typeof stateShape>;

/** The JSON of a state, fields in the originals' order. */
export function formatState(state: OriginalState): string {
  const { uuid, base_url, writeable, secret, draining, warren } = state;
  return JSON.stringify({
    uuid,
    base_url,
    writeable,
    secret,
    neighbors: null,
    ...(draining === true ? { draining } : {}),
    ...(warren === undefined ? {} : { warren }),
  });
}

/** The state in some bytes, or undefined when they are none, or do not show the secret. */
export function parseState(bytes: Uint8Array, secret: string): OriginalState | undefined {
  try {
    const parsed = stateShape.safeParse(JSON.parse(new TextDecoder().decode(bytes)));
    return parsed.success && parsed.data.secret === secret ? parsed.data : undefined;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}

/** Prepares membership among originals. */
export function createOriginalCluster(options: OriginalClusterOptions): OriginalCluster {
  const { clock, events, log } = options;
  const known = new Map<string, { state: OriginalState; member: string; alive: boolean; sinceMs: number }>();
  const listeners = new Set<() => void>();
  let own: OriginalState = {
    uuid: options.id,
    base_url: options.baseUrl,
    writeable: true,
    secret: options.secret,
    warren: peerProtocol,
  };
  let running = false;
  const encoded = () => new TextEncoder().encode(formatState(own));
  const changed = () => {
    for (const listener of listeners) listener();
  };
  const learn = (state: OriginalState | undefined, member: string | undefined) => {
    if (!state || state.uuid === options.id) return;
    const before = known.get(state.uuid);
    // A push/pull only brings news of nodes that gossip has introduced, as with originals.
    if (!before && member === undefined) return;
    known.set(state.uuid, {
      state,
      member: member ?? before?.member ?? "",
      alive: member === undefined ? (before?.alive ?? true) : true,
      sinceMs: before && (before.alive || member === undefined) ? before.sinceMs : clock.monotonicMs(),
    });
    changed();
  };
  const lose = (member: Member) => {
    for (const entry of known.values()) {
      if (entry.member !== member.name || !entry.alive) continue;
      entry.alive = false;
      entry.sinceMs = clock.monotonicMs();
      events.add("cask", "warn", `Node ${entry.state.uuid} does not answer any more`);
    }
    changed();
  };
  const list = createMemberlist({
    // Originals are named by host and port; the id keeps two containers of one host name apart.
    name: `${hostname()}-${options.gossip.port}-${options.id.slice(0, 8)}`,
    listen: { host: options.gossip.host, port: options.gossip.port },
    seeds: options.neighbors.map(formatAddress),
    timing: "local",
    meta: encoded(),
    localState: () => encoded(),
    mergeState: (bytes) => learn(parseState(bytes, options.secret), undefined),
    clock,
    random: options.random,
  });
  list.on("join", (member) => {
    const state = parseState(member.meta, options.secret);
    if (state) events.add("cask", "good", `Node ${state.uuid} is here`);
    learn(state, member.name);
  });
  list.on("update", (member) => learn(parseState(member.meta, options.secret), member.name));
  list.on("dead", lose);
  list.on("left", lose);

  const tellsOf = ({ writeable, draining, warren }: OriginalState) => ({
    w: writeable ? 1 : 0,
    ...(draining === true ? { d: 1 } : {}),
    ...(warren === undefined ? {} : { v: warren }),
  });

  return {
    selfId: options.id,
    nodes(): readonly ClusterNode[] {
      const nowMs = clock.monotonicMs();
      const nodes = [...known.values()].map(({ state, alive, sinceMs }): ClusterNode => ({
        id: state.uuid,
        name: state.uuid,
        state: alive ? "alive" : "dead",
        goneMs: alive ? 0 : nowMs - sinceMs,
        services: { cask: { url: state.base_url, tells: tellsOf(state) } },
        self: false,
      }));
      nodes.push({
        id: options.id,
        name: options.id,
        state: "alive",
        goneMs: 0,
        services: { cask: { url: own.base_url, tells: tellsOf(own) } },
        self: true,
      });
      return nodes.sort((left, right) => (left.id < right.id ? -1 : 1));
    },
    expected: () => (known.size === 0 ? 1 + options.neighbors.length : 1 + known.size),
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    tell(_, url, tells) {
      own = { ...own, base_url: url, writeable: tells.w === 1, draining: tells.d === 1 };
      if (running) list.updateMeta(encoded());
      changed();
    },
    join: (addresses) => list.join(addresses),
    async leave() {
      if (running) await list.leave(5000);
    },
    async forget(id) {
      const entry = known.get(id);
      if (!entry || entry.alive) {
        throw new Fault("conflict", "cask/forget", `Cannot forget "${id}": it is ${entry ? "alive" : "not known"}`);
      }
      known.delete(id);
      changed();
    },
    isSecret: (text) => options.secret !== "" && sameText(options.secret, text),
    secretFor: () => options.secret,
    async start() {
      try {
        list.updateMeta(encoded());
        await list.start();
      } catch (thrown) {
        throw new Fault(
          "unavailable",
          "cask/original-gossip",
          `Cannot gossip with originals on ${formatAddress(options.gossip)}: ${reasonOf(thrown)}`,
          { cause: thrown },
        );
      }
      running = true;
      log.info("Gossips with original Cask nodes", { address: formatAddress(options.gossip) });
    },
    address: () => (running ? formatAddress({ host: list.self.address, port: list.self.port }) : ""),
    async stop() {
      running = false;
      await list.stop();
    },
  };
}
