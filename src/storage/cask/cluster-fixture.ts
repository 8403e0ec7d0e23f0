/**
 * A few nodes in one process for tests of single rules: memory stores, a manual clock, peers that answer at once and can
 * be made to answer otherwise. Whole clusters with all their workers and faults are simulated in tests/simulation.
 */
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { Holdings } from "./holdings.ts";
import { type Algorithm, bucketCount, type Key, keyOf } from "./key.ts";
import { MemoryLedger } from "./ledger-memory.ts";
import type { Peer } from "./peer.ts";
import { type CaskNode, Placement, type PlacementOptions } from "./placement.ts";
import { Fetcher } from "./read.ts";
import { MemoryStore } from "./store-memory.ts";

/** The key of some bytes. */
export function keyFor(bytes: Uint8Array, algorithm: Algorithm = "sha256"): Key {
  return keyOf(algorithm, new Bun.CryptoHasher(algorithm).update(bytes).digest("hex"));
}

/** Bytes that differ for each `salt`. */
export function bytesOf(salt: string, sizeBytes = 40): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  new TextEncoder().encodeInto(salt.repeat(Math.ceil(sizeBytes / salt.length)), bytes);
  return bytes;
}

/** The state of a node in a view, with its defaults. */
export function caskNode(id: string, changes: Partial<CaskNode> = {}): CaskNode {
  return {
    id,
    url: `http://${id}`,
    self: false,
    alive: true,
    goneMs: 0,
    writeable: true,
    draining: false,
    speaksDigests: true,
    ...changes,
  };
}

/** Numbers for tests: minutes instead of days. */
export const fixtureOptions = {
  copies: 3,
  quorum: 0,
  rebuildAfterMs: 60_000,
  nodesExpected: 0,
  verifyEveryMs: 3_600_000,
  maxBlobBytes: 8 * 1024 * 1024,
  peerTimeoutMs: 1000,
  settleMs: 200,
  hedgeMs: 100,
  askMs: 500,
  stableMs: 10_000,
  graceMs: 20_000,
  exchangeEveryMs: 10_000,
  scrubEveryMs: 60_000,
  scrubPauseMs: 10_000,
  reconcileEveryMs: 60_000,
};

/** One node of a fixture. */
export interface FixtureNode {
  id: string;
  store: MemoryStore;
  ledger: MemoryLedger;
  holdings: Holdings;
  /** What its holdings reported, such as `quarantined <key>`. */
  reports: string[];
}

/** Nodes joined directly. */
export class ClusterFixture {
  readonly clock = new ManualClock();
  readonly nodes = new Map<string, FixtureNode>();
  /** How each node is seen by all. */
  readonly states = new Map<string, Partial<CaskNode>>();
  /** Calls that a node answers otherwise than it would. */
  readonly odd = new Map<string, Partial<Peer>>();
  /** Calls made, as `<kind> <node id>`. */
  readonly calls: string[] = [];
  readonly options: typeof fixtureOptions;

  constructor(ids: readonly string[], changes: Partial<typeof fixtureOptions> = {}) {
    this.options = { ...fixtureOptions, ...changes };
    for (const id of ids) {
      const store = new MemoryStore({ clock: this.clock });
      const ledger = new MemoryLedger({ clock: this.clock });
      const reports: string[] = [];
      const holdings = new Holdings({
        store,
        ledger,
        clock: this.clock,
        options: this.options,
        watcher: {
          quarantined: (key) => reports.push(`quarantined ${key}`),
          verified: () => undefined,
          troubled: (fault) => reports.push(`troubled ${fault.code}`),
        },
      });
      this.nodes.set(id, { id, store, ledger, holdings, reports });
    }
  }

  node(id: string): FixtureNode {
    const node = this.nodes.get(id);
    if (!node) throw new RangeError(`There is no node ${id}`);
    return node;
  }

  /** The view of one node. */
  placement(selfId: string, changes: Partial<PlacementOptions> = {}): Placement {
    const nodes = [...this.nodes.keys()].map((id) => caskNode(id, { ...this.states.get(id), self: id === selfId }));
    return new Placement(nodes, { ...this.options, ...changes });
  }

  /** The fetcher of one node, and what it reports. */
  fetcher(selfId: string): { fetcher: Fetcher; reports: string[] } {
    const reports: string[] = [];
    const fetcher = new Fetcher({
      holdings: this.node(selfId).holdings,
      peerFor: this.peerFor,
      clock: this.clock,
      options: this.options,
      watcher: {
        fetched: (_, nodeId, __, kept) => reports.push(`${kept ? "kept" : "served"} from ${nodeId}`),
        wrongBytes: (_, nodeId) => reports.push(`wrong bytes from ${nodeId}`),
        hedged: () => reports.push("hedged"),
      },
    });
    return { fetcher, reports };
  }

  readonly peerFor = (node: CaskNode): Peer => {
    const { holdings } = this.node(node.id);
    const usual: Peer = {
      node,
      put: async (algorithm, bytes) => (await holdings.keep(algorithm, bytes)).key,
      async get(key) {
        const stat = await holdings.trusted(key);
        return stat && holdings.store.read(key);
      },
      has: async (key) => ({ held: (await holdings.holds(key)) !== undefined }),
      prove: (key, nonce) => holdings.prove(key, nonce, this.placement(node.id)),
      digests: async (nodeId) =>
        Array.from({ length: bucketCount }, (_, bucket) =>
          holdings.shared.digest(bucket, nodeId, this.placement(node.id)),
        ),
      keys: async (nodeId, bucket) => holdings.shared.list(bucket, nodeId, this.placement(node.id)),
      held: (bucket, after) => holdings.held.page(bucket, after),
    };
    const answering = { ...usual, ...this.odd.get(node.id) };
    const noted = <Arguments extends unknown[], Result>(kind: string, call: (...given: Arguments) => Result) => {
      return (...given: Arguments): Result => {
        this.calls.push(`${kind} ${node.id}`);
        return call(...given);
      };
    };
    return {
      node,
      put: noted("put", answering.put),
      get: noted("get", answering.get),
      has: noted("has", answering.has),
      prove: noted("prove", answering.prove),
      digests: noted("digests", answering.digests),
      keys: noted("keys", answering.keys),
      held: noted("held", answering.held),
    };
  };

  /** The ids of nodes that hold a key, sorted. */
  holders(key: Key): string[] {
    return [...this.nodes.values()]
      .filter((node) => node.store.find(key))
      .map((node) => node.id)
      .sort();
  }
}

/** A call that never answers before its signal aborts. */
export function silent(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
}
