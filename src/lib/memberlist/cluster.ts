/**
 * A whole cluster in one process for tests and benchmarks: named nodes on one in-memory network, one manual clock and one seed.
 */
import type { Random } from "./clock.ts";
import { ManualClock } from "./clock-manual.ts";
import { createMemberlist, type Memberlist } from "./memberlist.ts";
import type { MemberlistOptions } from "./options.ts";
import { MemoryNetwork } from "./transport-memory.ts";

/** What a simulated cluster is made of. */
export interface ClusterOptions {
  readonly seed: number;
  readonly size: number;
  /** For all nodes, or for each by its number from 0. */
  readonly node?: Partial<MemberlistOptions> | ((index: number) => Partial<MemberlistOptions>);
  readonly loss?: number;
}

/** Nodes `n0`, `n1` and so on at 10.0.0.1, 10.0.0.2 and so on; all but the first have the first as their seed. */
export class Cluster {
  readonly clock = new ManualClock();
  readonly random: Random;
  readonly network: MemoryNetwork;
  readonly nodes: Memberlist[] = [];
  readonly #options: ClusterOptions;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.random = seeded(options.seed);
    this.network = new MemoryNetwork({ clock: this.clock, random: this.random, loss: options.loss ?? 0 });
  }

  /** Starts a cluster and lets it converge. */
  static async converged(options: ClusterOptions): Promise<Cluster> {
    const cluster = new Cluster(options);
    for (let index = 0; index < options.size; index++) await cluster.add();
    const tookMs = await cluster.until(() => cluster.agreed(), 120_000);
    if (tookMs === undefined) throw new Error(`Cluster of ${options.size} did not converge with seed ${options.seed}`);
    return cluster;
  }

  /** Starts one more node. */
  async add(more: Partial<MemberlistOptions> = {}): Promise<Memberlist> {
    const index = this.nodes.length;
    const { node } = this.#options;
    const settings = typeof node === "function" ? node(index) : node;
    const added = createMemberlist({
      name: `n${index}`,
      transport: this.network.transport(),
      clock: this.clock,
      random: this.random,
      seeds: index === 0 ? [] : ["10.0.0.1:7946"],
      ...settings,
      ...more,
    });
    this.nodes.push(added);
    await added.start();
    return added;
  }

  /** Lets time pass until `condition` holds, with room for promises between the steps. Returns the milliseconds, or undefined. */
  async until(condition: () => boolean, limitMs: number, stepMs = 10): Promise<number | undefined> {
    const startMs = this.clock.monotonicMs();
    while (!condition()) {
      if (this.clock.monotonicMs() - startMs >= limitMs) return undefined;
      await this.pass(stepMs, stepMs);
    }
    return this.clock.monotonicMs() - startMs;
  }

  /** Lets `durationMs` pass in steps, with room for promises between them. */
  async pass(durationMs: number, stepMs = 100): Promise<void> {
    for (let leftMs = durationMs; leftMs > 0; leftMs -= stepMs) {
      this.clock.advance(Math.min(stepMs, leftMs));
      // Joining awaits a few promises in a row; each turn settles one of them.
      for (let turn = 0; turn < 8; turn++) await Promise.resolve();
    }
  }

  /** Whether each of these nodes sees exactly these nodes alive. */
  agreed(nodes: readonly Memberlist[] = this.nodes): boolean {
    const names = new Set(nodes.map((node) => node.self.name));
    return nodes.every((node) => {
      const members = node.members().filter(({ state }) => state === "alive");
      return members.length === names.size && members.every(({ name }) => names.has(name));
    });
  }
}

function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
