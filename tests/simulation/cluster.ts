/**
 * A cluster of Cask nodes in one process: the real rules over simulated disks, network, membership and time. Gives the
 * operations a scenario is made of (requests of clients, faults of disks, machines, clocks and networks, acts of an
 * operator) and reports to the invariants what they do to the truth.
 *
 * Every source of chance is one generator, drawn from in the order in which time fires: a seed replays a run exactly.
 */
import { Fault } from "../../src/kit/fault.ts";
import { silentLog } from "../../src/kit/log.ts";
import { below, type Random } from "../../src/kit/random.ts";
import { Cask, type CaskSettings } from "../../src/storage/cask/cask.ts";
import { digestNow } from "../../src/storage/cask/digest.ts";
import type { Algorithm, Key } from "../../src/storage/cask/key.ts";
import { MemoryLedger } from "../../src/storage/cask/ledger-memory.ts";
import type { Ledger } from "../../src/storage/cask/ledger.ts";
import type { PeerFor } from "../../src/storage/cask/peer.ts";
import { type MemoryFaults, MemoryStore, noFaults } from "../../src/storage/cask/store-memory.ts";
import type { BlobStore } from "../../src/storage/cask/store.ts";
import { ProcessDisk, ProcessLedger } from "./disk.ts";
import { Invariants, type Violation } from "./invariants.ts";
import { Membership } from "./membership.ts";
import { type Endpoint, Network } from "./network.ts";
import { NodeClock, VirtualTime, type WallClock } from "./virtual-clock.ts";

/** Numbers of every simulated node: those of a real one, with hours and days shrunk to seconds. */
export const simulatedSettings: CaskSettings = {
  copies: 3,
  quorum: 0,
  rebuildAfterMs: 15_000,
  verifyEveryMs: 45_000,
  maxBlobBytes: 16 * 1024 * 1024,
  peerTimeoutMs: 1000,
  settleMs: 200,
  hedgeMs: 100,
  stableMs: 4000,
  graceMs: 8000,
  exchangeEveryMs: 10_000,
  askMs: 500,
  scrubEveryMs: 30_000,
  scrubPauseMs: 10_000,
  reconcileEveryMs: 40_000,
  writeable: true,
  keepFreeBytes: 4096,
  spaceEveryMs: 5000,
};

/** A fault built into the nodes on purpose, to see whether the simulation finds it. */
export interface Plant {
  settings?: Partial<CaskSettings>;
  disk?: Partial<MemoryFaults>;
  peerFor?(peerFor: PeerFor, from: Endpoint, cluster: Cluster): PeerFor;
  ledger?(ledger: Ledger, clock: NodeClock): Ledger;
  store?(store: BlobStore, clock: NodeClock): BlobStore;
  /** What the node believes to be the least number of nodes. */
  nodesExpected?: number;
}

/** How a cluster is set up. */
export interface ClusterOptions {
  random: Random;
  nodes: number;
  copies: number;
  settings: Partial<CaskSettings>;
  plant?: Plant;
  /** Receives one line for everything that happens. */
  trace?: (line: string) => void;
}

interface Process extends Endpoint {
  cask: Cask | undefined;
  dead: boolean;
}

/** A machine: what survives its processes, and the process that runs now. */
export interface SimulatedNode {
  readonly id: string;
  readonly store: MemoryStore;
  readonly ledger: MemoryLedger;
  readonly settings: CaskSettings;
  readonly wall: WallClock;
  process: Process | undefined;
  /** Whether its operator wants it drained. */
  drained: boolean;
  /** Destroyed, or left: never to come back. */
  gone: boolean;
}

/** A client's request may take this long at a process that lives and is not paused. */
const requestLimitMs = 120_000;

/** The world. */
export class Cluster {
  readonly time = new VirtualTime();
  readonly random: Random;
  readonly network: Network;
  readonly membership: Membership;
  readonly invariants: Invariants;
  readonly settings: CaskSettings;
  readonly nodes: SimulatedNode[] = [];
  violation: Violation | undefined;
  /** Events of the nodes, by kind. */
  readonly events: Record<string, number> = {};
  readonly outcomes = {
    acknowledged: 0,
    unacknowledged: 0,
    putFailed: 0,
    found: 0,
    absent: 0,
    getFailed: 0,
    unreadable: 0,
  };
  readonly #plant: Plant;
  readonly #trace: ((line: string) => void) | undefined;
  readonly #finds = new Set<{ nodeId: string; key: Key; failed: Set<string> }>();
  #nonces = 0;

  constructor(options: ClusterOptions) {
    this.random = options.random;
    this.#plant = options.plant ?? {};
    this.#trace = options.trace;
    this.settings = { ...simulatedSettings, ...options.settings, copies: options.copies };
    this.network = new Network({
      time: this.time,
      random: this.random,
      processOf: (nodeId) => this.node(nodeId)?.process,
      getFailed: (from, to, key) => {
        for (const find of this.#finds) if (find.nodeId === from && find.key === key) find.failed.add(to);
      },
    });
    this.membership = new Membership({
      time: this.time,
      random: this.random,
      up: (nodeId) => {
        const process = this.node(nodeId)?.process;
        return process !== undefined && !process.clock.paused;
      },
      linked: (from, to) => this.network.linked(from, to),
      changed: (nodeId) => {
        const process = this.node(nodeId)?.process;
        process?.clock.deliver(() => process.cask?.membersChanged());
      },
    });
    this.invariants = new Invariants({
      copies: options.copies,
      // A proof takes at most the time of a question; a drop follows at once, unless its process is paused between.
      proofMs: 3 * this.settings.askMs + 6000,
      readMs: 3000,
      verifyEveryMs: this.settings.verifyEveryMs,
      now: () => this.time.nowMs,
      fail: (violation) => this.fail(violation),
    });
    for (let index = 0; index < options.nodes; index++) this.addNode(options.nodes);
  }

  fail(violation: Violation): void {
    this.violation ??= violation;
    this.time.stopped = true;
    this.note(`VIOLATION of ${violation.rule}: ${violation.sentence}`);
  }

  note(line: string): void {
    this.#trace?.(`${(this.time.nowMs / 1000).toFixed(3).padStart(9)} ${line}`);
  }

  node(nodeId: string): SimulatedNode | undefined {
    return this.nodes.find((node) => node.id === nodeId);
  }

  /** Nodes whose process runs. */
  running(): SimulatedNode[] {
    return this.nodes.filter((node) => node.process !== undefined);
  }

  /** Nodes that still belong to the cluster, running or not. */
  members(): SimulatedNode[] {
    return this.nodes.filter((node) => !node.gone);
  }

  /** A new machine with an empty disk, started. */
  addNode(expected: number): SimulatedNode {
    const wall: WallClock = { offsetMs: below(this.random, 2000) - 1000 };
    const clock = new NodeClock(this.time, wall);
    const hex = () => below(this.random, 65_536).toString(16).padStart(4, "0");
    const node: SimulatedNode = {
      id: `n${this.nodes.length}-${hex()}${hex()}`,
      store: new MemoryStore({ clock, random: this.random, faults: { ...this.#plant.disk } }),
      ledger: new MemoryLedger({ clock }),
      settings: { ...this.settings, ...this.#plant.settings },
      wall,
      process: undefined,
      drained: false,
      gone: false,
    };
    this.nodes.push(node);
    this.membership.add(node.id, expected);
    this.start(node);
    return node;
  }

  /** Starts a node's process, unless it runs. */
  start(node: SimulatedNode): void {
    if (node.process || node.gone) return;
    this.note(`${node.id} starts`);
    const clock = new NodeClock(this.time, node.wall);
    const process: Process = { nodeId: node.id, clock, cask: undefined, dead: false };
    node.process = process;
    const disk = new ProcessDisk(node.store, {
      dead: () => process.dead,
      changed: (key, cause) => this.#look(node, key, cause),
    });
    const ledger = new ProcessLedger(node.ledger, () => process.dead);
    const peerFor = this.network.peerFor(process);
    this.membership.started(node.id);
    const cask = new Cask({
      digest: digestNow,
      store: this.#plant.store?.(disk, clock) ?? disk,
      ledger: this.#plant.ledger?.(ledger, clock) ?? ledger,
      clock,
      log: silentLog,
      settings: node.settings,
      peerFor: this.#plant.peerFor?.(peerFor, process, this) ?? peerFor,
      members: () => {
        const self = this.#tellsOf(node);
        const view = this.membership.view(node.id, self);
        return this.#plant.nodesExpected === undefined ? view : { ...view, nodesExpected: this.#plant.nodesExpected };
      },
      nonce: () => (++this.#nonces).toString(16).padStart(16, "0"),
      happened: (event, sentence) => {
        this.events[event] = (this.events[event] ?? 0) + 1;
        this.note(`${node.id} ${event}: ${sentence}`);
      },
      writeableChanged: () => this.#tell(node),
    });
    process.cask = cask;
    // Draining is remembered; what the operator wants may have changed while the node was down.
    cask.drain(node.drained);
    this.#tell(node);
    cask.startWorkers();
    this.membership.stirred();
  }

  /** The machine stops at once: what was not durable is lost. */
  crash(node: SimulatedNode): void {
    const { process } = node;
    if (!process) return;
    this.note(`${node.id} crashes`);
    process.dead = true;
    process.clock.kill();
    node.process = undefined;
    const keys = node.store.keys();
    node.store.crash();
    node.ledger.crash();
    for (const key of keys) if (!node.store.find(key)) this.#look(node, key, "crash");
    this.membership.stirred();
  }

  /** The node's disk is lost: a machine without its disk does not run. */
  wipe(node: SimulatedNode): void {
    this.crash(node);
    this.note(`${node.id} loses its disk`);
    const keys = node.store.keys();
    node.store.wipe();
    node.ledger.wipe();
    for (const key of keys) this.#look(node, key, "fault");
    this.membership.wiped(node.id);
  }

  /** The folder with the blobs vanishes while the node runs; what it remembers of them does not. */
  loseFolder(node: SimulatedNode): void {
    this.note(`${node.id} loses its blobs`);
    const keys = node.store.keys();
    node.store.wipe();
    for (const key of keys) this.#look(node, key, "fault");
  }

  /** A node is destroyed; its operator forgets it. */
  destroy(node: SimulatedNode): void {
    this.wipe(node);
    node.gone = true;
    this.membership.forget(node.id, true);
  }

  /** A drained node that holds nothing any more leaves. */
  leave(node: SimulatedNode): void {
    this.note(`${node.id} leaves`);
    this.crash(node);
    node.gone = true;
    this.membership.forget(node.id, false);
  }

  /** Bits of a held blob turn over, or its end goes missing. */
  rot(node: SimulatedNode, draw: number, how: "silent" | "touched" | "truncated"): void {
    const keys = node.store.keys();
    const key = keys[draw % Math.max(1, keys.length)];
    if (!key) return;
    this.note(`${node.id} has ${key} go bad (${how})`);
    if (how === "truncated") node.store.truncate(key);
    else node.store.flipBit(key, how === "touched");
    this.#look(node, key, "fault");
  }

  setFaults(node: SimulatedNode, faults: Partial<MemoryFaults>): void {
    this.note(`${node.id} disk ${JSON.stringify(faults)}`);
    Object.assign(node.store.faults, noFaults, this.#plant.disk, faults);
  }

  setClock(node: SimulatedNode, byMs: number): void {
    this.note(`${node.id} clock set by ${byMs} ms`);
    node.wall.offsetMs += byMs;
    this.invariants.clockSet(node.id, byMs);
  }

  pause(node: SimulatedNode, forMs: number): void {
    if (!node.process) return;
    this.note(`${node.id} pauses for ${forMs} ms`);
    node.process.clock.pause(forMs);
    this.membership.stirred();
    this.time.schedule(forMs + 1, () => this.membership.stirred());
  }

  setWriteable(node: SimulatedNode, writeable: boolean): void {
    this.note(`${node.id} ${writeable ? "writeable" : "read-only"}`);
    node.settings.writeable = writeable;
    this.#tell(node);
  }

  drain(node: SimulatedNode, on: boolean): void {
    this.note(`${node.id} drain ${on ? "on" : "off"}`);
    node.drained = on;
    node.process?.cask?.drain(on);
    this.#tell(node);
  }

  /** A client sends a blob to a node. */
  put(node: SimulatedNode, bytes: Uint8Array, algorithm: Algorithm, named: boolean): void {
    const { process } = node;
    if (!process?.cask) return;
    const key = `${algorithm}:${new Bun.CryptoHasher(algorithm).update(bytes).digest("hex")}` as Key;
    this.invariants.expect(key, bytes);
    this.note(`client puts ${key} (${bytes.length} bytes) at ${node.id}`);
    const source = bytes.length > 300_000 ? this.#slowly(bytes, process) : bytes;
    const put = process.cask.put(source, {
      algorithm,
      signal: new AbortController().signal,
      ...(named ? { expected: key, sizeBytes: bytes.length } : {}),
    });
    this.#request(process, `put of ${key}`, put, (result) => {
      this.note(
        `put of ${key} at ${node.id}: ${result.acknowledged ? "acknowledged" : "not acknowledged"}, [${result.holders.join(" ")}] ${JSON.stringify(result.failures)}`,
      );
      if (result.key !== key) {
        this.fail({ rule: "key", atMs: this.time.nowMs, sentence: `A put of ${key} answered ${result.key}` });
      }
      if (result.acknowledged) {
        this.outcomes.acknowledged++;
        this.invariants.acknowledged(key);
      } else this.outcomes.unacknowledged++;
    }).catch((thrown: Error) => {
      this.note(`put of ${key} at ${node.id} failed: ${thrown.message}`);
      this.outcomes.putFailed++;
    });
  }

  /** A client asks a node for a blob. `done` hears how it ended, if it did. */
  get(node: SimulatedNode, key: Key, done?: (outcome: "found" | "absent" | "failed") => void): void {
    const { process } = node;
    if (!process?.cask) return;
    const acknowledgedBefore = this.invariants.isAcknowledged(key);
    const asking = { nodeId: node.id, key, failed: new Set<string>() };
    const unknown = new Set(this.membership.unknownTo(node.id));
    const noteLost = () => {
      for (const id of this.membership.lostTo(node.id)) asking.failed.add(id);
      for (const other of this.members()) {
        if (other !== node && !this.#reaches(node, other)) asking.failed.add(other.id);
      }
    };
    noteLost();
    const hitBefore = this.invariants.hitOn(key);
    this.#finds.add(asking);
    const end = (outcome: "found" | "absent" | "failed") => {
      this.#finds.delete(asking);
      this.note(`get of ${key} at ${node.id}: ${outcome}`);
      done?.(outcome);
    };
    const finding = Promise.resolve(process.cask.find(key));
    this.#request(process, `get of ${key}`, finding, async (blob) => {
      noteLost();
      const outcome = { nodeId: node.id, key, acknowledgedBefore, unreachable: asking.failed, unknown, hitBefore };
      const lying = node.store.faults.lyingRead > 0;
      if (!blob) {
        this.outcomes.absent++;
        this.invariants.found({ ...outcome, bytes: undefined, source: "" }, lying);
        end("absent");
        return;
      }
      try {
        const bytes = await new Response(await blob.body()).bytes();
        this.invariants.found({ ...outcome, bytes, source: blob.source }, lying);
        this.outcomes.found++;
        end("found");
      } catch (thrown) {
        this.#onlyFaults(thrown);
        this.outcomes.unreadable++;
        end("failed");
      } finally {
        blob.dispose();
      }
    }).catch((thrown: Error) => {
      this.outcomes.getFailed++;
      this.note(`get of ${key} at ${node.id} failed: ${thrown.message}`);
      end("failed");
    });
  }

  #reaches(from: SimulatedNode, to: SimulatedNode): boolean {
    return to.process !== undefined && this.network.linked(from.id, to.id) && this.network.linked(to.id, from.id);
  }

  /** Follows a client's request: what it throws must be a Fault, and it must end in time while its process lives. */
  async #request<T>(process: Process, name: string, answer: Promise<T>, then: (value: T) => void | Promise<void>) {
    let open = true;
    const look = () => {
      if (!open || process.dead) return;
      if (process.clock.paused) this.time.schedule(requestLimitMs, look);
      else {
        this.fail({ rule: "ends", atMs: this.time.nowMs, sentence: `A ${name} at ${process.nodeId} did not end` });
      }
    };
    const cancel = this.time.schedule(requestLimitMs, look);
    try {
      const value = await answer;
      if (!process.dead) await then(value);
    } catch (thrown) {
      this.#onlyFaults(thrown);
      throw thrown;
    } finally {
      open = false;
      cancel();
    }
  }

  #onlyFaults(thrown: unknown): void {
    if (thrown instanceof Fault) return;
    const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    this.fail({ rule: "faults", atMs: this.time.nowMs, sentence: `A request threw what is not a Fault: ${text}` });
  }

  async *#slowly(bytes: Uint8Array, process: Process): AsyncGenerator<Uint8Array> {
    for (let start = 0; start < bytes.length; start += 200_000) {
      const delayMs = below(this.random, 20);
      await new Promise<void>((resolve) => void process.clock.schedule(delayMs, resolve));
      yield bytes.subarray(start, start + 200_000);
    }
  }

  #look(node: SimulatedNode, key: Key, cause: "stored" | "dropped" | "quarantined" | "fault" | "crash"): void {
    const { lyingRead } = node.store.faults;
    this.invariants.look(node.id, key, node.store.peek(key), cause, lyingRead > 0);
  }

  #tellsOf(node: SimulatedNode): { writeable: boolean; draining: boolean } {
    const cask = node.process?.cask;
    return cask
      ? { writeable: cask.writeable() === "yes", draining: cask.draining }
      : { writeable: node.settings.writeable && !node.drained, draining: node.drained };
  }

  #tell(node: SimulatedNode): void {
    if (!node.process) return;
    this.membership.tell(node.id, this.#tellsOf(node));
    node.process.cask?.membersChanged();
  }
}
