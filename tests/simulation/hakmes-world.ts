/**
 * Nodes of Hakmes in one process: the real rules over a simulated network, membership, Cask and clocks. Catalogs outlive
 * the process of their node, as on a disk; everything else dies with it.
 */
import { sleep } from "../../src/kit/clock.ts";
import type { Cluster, ClusterNode } from "../../src/kit/cluster.ts";
import { Fault } from "../../src/kit/fault.ts";
import { silentLog } from "../../src/kit/log.ts";
import { below, type Random } from "../../src/kit/random.ts";
import type { Worker } from "../../src/kit/worker.ts";
import { MemoryCatalog } from "../../src/storage/hakmes/catalog-memory.ts";
import { manifestReader } from "../../src/storage/hakmes/found-manifest.ts";
import { createNeighbourhood, type Neighbourhood } from "../../src/storage/hakmes/neighbourhood.ts";
import { createHakmes, type HakmesOnCask } from "../../src/storage/hakmes/on-cask.ts";
import { type OwnAnswers, ownAnswers } from "../../src/storage/hakmes/peers-answers.ts";
import type { ManifestReader, Peer } from "../../src/storage/hakmes/peers.ts";
import type { Shelf } from "../../src/storage/hakmes/shelf.ts";
import { SimulatedCask } from "./hakmes-cask.ts";
import { NodeClock, type VirtualTime, type WallClock } from "./virtual-clock.ts";

/** A running node. */
export interface HakmesProcess {
  readonly clock: NodeClock;
  readonly hakmes: HakmesOnCask;
  readonly hood: Neighbourhood;
  readonly answers: OwnAnswers;
  readonly workers: readonly Worker[];
}

interface Sight {
  isAlive: boolean;
  /** On the clock of who sees. */
  sinceMs: number;
  seenMs: number;
  tells: Record<string, unknown>;
}

interface Machine {
  readonly wall: WallClock;
  catalog: MemoryCatalog;
  /** Nodes it has met, as its disk remembers. */
  met: Set<number>;
  tells: Record<string, unknown>;
  process: HakmesProcess | undefined;
}

/** How often things go wrong. */
export interface HakmesWeather {
  /** Messages between nodes that are lost. */
  loss: number;
  /** Calls of Cask that fail. */
  failing: number;
}

/** A mistake that is put into the rules, to see that it is found. */
export type HakmesMistake =
  "believes every manifest" | "asks nobody" | "takes half a list for a whole one" | "tells nobody and does not search";

const lookEveryMs = 500;
const deadAfterMs = 3000;

/** The world. */
export class HakmesWorld {
  readonly cask: SimulatedCask;
  readonly machines: Machine[] = [];
  readonly weather: HakmesWeather = { loss: 0, failing: 0 };
  /** The groups that packets do not pass between; empty when they pass everywhere. */
  cut: readonly number[] = [];
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #secret: string;
  readonly #isCaskHere: boolean;
  readonly #mistake: HakmesMistake | undefined;
  #catalogs = 0;

  constructor(options: {
    time: VirtualTime;
    random: Random;
    nodeCount: number;
    secret: string;
    isCaskHere: boolean;
    mistake: HakmesMistake | undefined;
  }) {
    this.#mistake = options.mistake;
    this.#time = options.time;
    this.#random = options.random;
    this.#secret = options.secret;
    this.#isCaskHere = options.isCaskHere;
    this.cask = new SimulatedCask({
      random: options.random,
      nodeCount: options.nodeCount,
      isHere: options.isCaskHere,
      reaches: (from, to) => this.#isUp(to) && this.linked(from, to),
      failing: () => this.weather.failing,
    });
    for (let node = 0; node < options.nodeCount; node++) {
      this.machines.push({
        wall: { offsetMs: below(this.#random, 4000) - 2000 },
        catalog: this.#newCatalog(),
        met: new Set(),
        tells: {},
        process: undefined,
      });
    }
    const heal = () => {
      this.cask.heal();
      this.#time.schedule(2000, heal);
    };
    heal();
  }

  /** The machines whose nodes run. */
  running(): number[] {
    return this.machines.flatMap(({ process }, node) => (process === undefined ? [] : [node]));
  }

  linked(from: number, to: number): boolean {
    return from === to || this.cut.includes(from) === this.cut.includes(to);
  }

  start(node: number): void {
    const machine = this.#machine(node);
    if (machine.process !== undefined) return;
    const { catalog } = machine;
    const clock = new NodeClock(this.#time, machine.wall);
    const manifests = this.#manifests();
    const cluster = this.#cluster(node, machine, clock);
    const hood: Neighbourhood = createNeighbourhood({
      catalog,
      cluster,
      clock,
      log: silentLog,
      baseUrl: `http://${node}`,
      shelf: this.#shelf(node, clock),
      manifests,
      isCaskHere: this.#isCaskHere,
      prove: (file, signal) => hakmes.prove(file, { signal }),
      anchor: (file, signal) => hakmes.anchor(file, { signal }),
      peerFor: (other) => this.#peer(node, clock, other),
      roundEveryMs: 60_000,
      followEveryMs: 10_000,
    });
    const hakmes = createHakmes({
      chunks: this.cask.chunks(node, clock),
      catalog,
      clock,
      settings: { algorithm: "sha256", plan: { kind: "fixed", sizeBytes: 1000 }, manifestEntries: 3 },
      seal: () => this.#secret,
      tell: (file, root, names) =>
        this.#mistake === "tells nobody and does not search" ? Promise.resolve() : hood.tell(file, root, names),
      askOthers: (key, signal) =>
        this.#mistake === "asks nobody" ? Promise.resolve({ isCertain: true }) : hood.askOthers(key, signal),
      prove: (key) => hood.prove(key),
    });
    const answers = ownAnswers({ catalog, manifests, isWhole: () => hood.isWhole(), learned: () => hood.learned() });
    machine.process = { clock, hakmes, hood, answers, workers: hood.startWorkers() };
  }

  crash(node: number): void {
    const machine = this.#machine(node);
    machine.process?.clock.kill();
    machine.process = undefined;
  }

  /** A node loses its catalog, and with it all else that it kept when its machine is lost. */
  lose(node: number, what: "catalog" | "machine"): void {
    this.crash(node);
    const machine = this.#machine(node);
    machine.catalog = this.#newCatalog();
    if (what === "catalog") return;
    machine.met = new Set();
    this.cask.lose(node);
  }

  #manifests(): ManifestReader {
    const reader = manifestReader(() => this.#secret);
    if (this.#mistake !== "believes every manifest") return reader;
    return {
      ...reader,
      read(key, bytes) {
        const found = reader.read(key, bytes);
        return found?.kind === "file" ? { ...found, file: { ...found.file, isProven: true } } : found;
      },
    };
  }

  #shelf(node: number, clock: NodeClock): Shelf {
    const shelf = this.cask.shelf(node, clock);
    switch (this.#mistake) {
      case "takes half a list for a whole one":
        return {
          ...shelf,
          async keys(bucket, signal) {
            const listing = await shelf.keys(bucket, signal);
            return listing && { keys: listing.keys.slice(1), isComplete: true };
          },
        };
      case "tells nobody and does not search":
        return { ...shelf, keys: () => Promise.resolve({ keys: [], isComplete: true }) };
      default:
        return shelf;
    }
  }

  #newCatalog(): MemoryCatalog {
    return new MemoryCatalog(`${String(++this.#catalogs).padStart(8, "0")}-catalog`);
  }

  #machine(node: number): Machine {
    return this.machines[node] as Machine;
  }

  /** Whether packets get from one node to another, directly or over a third. */
  #inGossip(from: number, to: number): boolean {
    return this.#isUp(to) && this.linked(from, to);
  }

  /** Whether a node's process runs and gets time. */
  #isUp(node: number): boolean {
    return this.machines[node]?.process?.clock.paused === false;
  }

  #cluster(self: number, machine: Machine, clock: NodeClock): Cluster {
    const sights = new Map<number, Sight>();
    const listeners = new Set<() => void>();
    for (const node of machine.met) sights.set(node, { isAlive: false, sinceMs: 0, seenMs: 0, tells: {} });
    const look = () => {
      let isChanged = false;
      for (let node = 0; node < this.machines.length; node++) {
        if (node === self) continue;
        const nowMs = clock.monotonicMs();
        const sight = sights.get(node);
        if (this.#inGossip(self, node)) {
          const { tells, met } = this.#machine(node);
          if (sight?.isAlive !== true || JSON.stringify(sight.tells) !== JSON.stringify(tells)) isChanged = true;
          sights.set(node, { isAlive: true, sinceMs: nowMs, seenMs: nowMs, tells });
          machine.met.add(node);
          for (const other of met) {
            if (other === self || sights.has(other)) continue;
            sights.set(other, { isAlive: false, sinceMs: nowMs, seenMs: nowMs, tells: {} });
            machine.met.add(other);
          }
        } else if (sight?.isAlive === true && nowMs - sight.seenMs >= deadAfterMs) {
          sights.set(node, { ...sight, isAlive: false, sinceMs: nowMs });
          isChanged = true;
        }
      }
      if (isChanged) for (const listener of listeners) listener();
      clock.schedule(lookEveryMs, look);
    };
    clock.schedule(below(this.#random, lookEveryMs), look);
    const nodeOf = (node: number, sight: Sight | undefined): ClusterNode => ({
      id: `node-${node}`,
      name: `node-${node}`,
      state: sight?.isAlive === false ? "dead" : "alive",
      goneMs: sight?.isAlive === false ? clock.monotonicMs() - sight.sinceMs : 0,
      services: { hakmes: { url: `http://${node}`, tells: sight?.tells ?? machine.tells } },
      self: node === self,
    });
    return {
      selfId: `node-${self}`,
      nodes: () => [nodeOf(self, undefined), ...[...sights].map(([node, sight]) => nodeOf(node, sight))],
      tell: (_, __, tells) => {
        machine.tells = tells;
      },
      // Its configuration names the others, which counts while it has met none.
      expected: () => (sights.size === 0 ? this.machines.length : sights.size + 1),
      subscribe(listener) {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
      join: () => Promise.resolve(0),
      forget: () => Promise.resolve(),
      leave: () => Promise.resolve(),
      isSecret: () => false,
      secretFor: () => this.#secret,
    };
  }

  #peer(from: number, clock: NodeClock, node: Peer["node"]): Peer {
    const to = Number(node.id.slice("node-".length));
    const ask = async <T>(signal: AbortSignal, act: (answers: OwnAnswers) => T): Promise<T> => {
      const way = async () => {
        await sleep(clock, 1 + below(this.#random, 20), signal);
        if (this.#random() < this.weather.loss || !this.linked(from, to)) await sleep(clock, 3_600_000, signal);
        signal.throwIfAborted();
      };
      await way();
      const process = this.#machine(to).process;
      if (process === undefined) throw unreachable(node.id);
      // One that stands still takes the question up when it goes on, which is too late for most.
      if (process.clock.paused) await sleep(clock, 10_000, signal);
      signal.throwIfAborted();
      const answer = act(process.answers);
      await way();
      return answer;
    };
    return {
      node,
      push: (entries, signal) => ask(signal, (answers) => void answers.take(entries)),
      find: (key, signal) => ask(signal, (answers) => answers.find(key)),
      changes: (after, limit, signal) => ask(signal, (answers) => answers.changes(after, limit)),
    };
  }
}

function unreachable(id: string): Fault {
  return new Fault("unavailable", "hakmes/peer-unreachable", `Cannot reach node ${id}`);
}
