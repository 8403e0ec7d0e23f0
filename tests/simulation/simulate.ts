/**
 * One simulation from its seed: the plan is carried out, then all faults end and the cluster must heal within a bounded
 * time to exactly the right copies, stay so, and be still: nothing but digests is exchanged any more.
 */
import { below, seededRandom } from "../../src/kit/random.ts";
import type { Algorithm, Key } from "../../src/storage/cask/key.ts";
import { Ring } from "../../src/lib/ring/ring.ts";
import { bucketOf, digestOf } from "../../src/storage/cask/key.ts";
import { noFaults } from "../../src/storage/cask/store-memory.ts";
import { Cluster, type Plant, type SimulatedNode } from "./cluster.ts";
import type { Violation } from "./invariants.ts";
import { fairWeather } from "./network.ts";
import { type Act, type Scenario, scenarioOf } from "./scenario.ts";

/** How a simulation ended. */
export interface SimulationResult {
  seed: number;
  violation: Violation | undefined;
  /** Virtual time in all, and from the end of the faults until everything was in its place, ms. */
  lastedMs: number;
  healedMs: number;
  timers: number;
  checks: Record<string, number>;
  outcomes: Record<string, number>;
  events: Record<string, number>;
}

/** Options of {@link simulate}. */
export interface SimulateOptions {
  plant?: Plant;
  trace?: (line: string) => void;
}

/** Healing may take this long once all faults have ended. */
const healingLimitMs = 900_000;
/** Then nothing may change for this long; in every eighth simulation for much longer. */
const stillMs = 45_000;
const longStillMs = 250_000;

/** Runs the simulation of a seed. */
export function simulate(seed: number, options: SimulateOptions = {}): SimulationResult {
  const scenario = scenarioOf(seed, seededRandom(seed * 2 + 1));
  const cluster = new Cluster({
    random: seededRandom(seed * 2),
    nodes: scenario.nodes,
    copies: scenario.copies,
    settings: scenario.settings,
    ...(options.plant ? { plant: options.plant } : {}),
    ...(options.trace ? { trace: options.trace } : {}),
  });
  options.trace?.(
    `seed ${seed}: ${scenario.nodes} nodes, ${scenario.copies} copies, faults for ${scenario.chaosMs} ms`,
  );
  const run = new Run(scenario, cluster);
  run.chaos();
  const healedMs = run.heal();
  run.still();
  return {
    seed,
    violation: cluster.violation,
    lastedMs: cluster.time.nowMs,
    healedMs,
    timers: cluster.time.fired,
    checks: { ...cluster.invariants.checks },
    outcomes: { ...cluster.outcomes },
    events: cluster.events,
  };
}

class Run {
  readonly #scenario: Scenario;
  readonly #cluster: Cluster;
  readonly #stored: Key[] = [];
  readonly #contents: Uint8Array[];
  /** Faults have ended: what the plan still had in mind is off. */
  #over = false;

  constructor(scenario: Scenario, cluster: Cluster) {
    this.#scenario = scenario;
    this.#cluster = cluster;
    this.#contents = scenario.contents.map(({ sizeBytes, salt }) => contentOf(sizeBytes, salt));
  }

  chaos(): void {
    const { time } = this.#cluster;
    for (const { atMs, act } of this.#scenario.acts) time.schedule(atMs, () => this.#over || this.#carryOut(act));
    time.run(this.#scenario.chaosMs);
    this.#over = true;
  }

  /** Ends all faults and waits until every blob is exactly where it belongs. Returns how long that took. */
  heal(): number {
    const cluster = this.#cluster;
    const { time, network, membership } = cluster;
    const startedMs = time.nowMs;
    if (time.stopped) return 0;
    cluster.note("faults end");
    network.mendAll();
    network.weather = { ...fairWeather };
    membership.calm = true;
    for (const node of cluster.members()) {
      Object.assign(node.store.faults, noFaults);
      node.settings.writeable = true;
      // A node whose disk failed takes no more writes until someone has looked and started it again.
      if (node.process?.cask?.writeable() === "store failed") cluster.crash(node);
      cluster.start(node);
      cluster.setWriteable(node, true);
      if (node.drained && this.#stayingWithout(node) < this.#scenario.copies) cluster.drain(node, false);
    }
    membership.stirred();
    let reason = "";
    while (time.nowMs - startedMs < healingLimitMs && !time.stopped) {
      time.run(time.nowMs + 2000);
      if (time.stopped) break;
      for (const node of cluster.running()) if (node.drained && this.#empty(node)) cluster.leave(node);
      reason = this.#unsettled();
      if (reason === "") return time.nowMs - startedMs;
    }
    if (!time.stopped) {
      cluster.fail({ rule: "heals", atMs: time.nowMs, sentence: `Healing did not end: ${reason}` });
    }
    return time.nowMs - startedMs;
  }

  /** Nothing happens any more; every blob is found everywhere; new ones are stored at once on all their owners. */
  still(): void {
    const cluster = this.#cluster;
    const { time, network } = cluster;
    if (time.stopped) return;
    // What is under way as the last copy falls into place may still end.
    time.run(time.nowMs + 12_000);
    const before = { ...network.calls };
    const copies = this.#picture();
    time.run(time.nowMs + (this.#scenario.seed % 8 === 0 ? longStillMs : stillMs));
    if (time.stopped) return;
    const broken = (sentence: string) => cluster.fail({ rule: "still", atMs: time.nowMs, sentence });
    const reason = this.#unsettled();
    if (reason !== "" || this.#picture() !== copies) broken(`It did not stay healed: ${reason || "copies moved"}`);
    for (const kind of ["put", "get", "has", "prove", "keys"] as const) {
      const calls = network.calls[kind] - before[kind];
      if (calls > 0) broken(`${calls} calls of "${kind}" were made although nothing was left to do`);
    }
    if (time.stopped) return;
    this.#finalRequests();
  }

  #finalRequests(): void {
    const cluster = this.#cluster;
    const { time, invariants } = cluster;
    const broken = (sentence: string) => cluster.fail({ rule: "serves", atMs: time.nowMs, sentence });
    const lost: Key[] = [];
    for (const key of invariants.acknowledgedKeys()) {
      if (invariants.intactOn(key).length === 0) {
        lost.push(key);
        continue;
      }
      const node = this.#running(below(cluster.random, 1000));
      if (node) cluster.get(node, key, (outcome) => outcome === "found" || broken(`${node.id}: ${key} is ${outcome}`));
      this.#mustList(key, broken);
    }
    const never = `sha256:${"0".repeat(64)}` as Key;
    for (const node of cluster.running()) {
      cluster.get(
        node,
        never,
        (outcome) => outcome === "absent" || broken(`${node.id}: a key never stored is ${outcome}`),
      );
    }
    const failedBefore = cluster.outcomes.putFailed + cluster.outcomes.unacknowledged;
    const fresh = contentOf(500, 77_777);
    for (const node of cluster.running()) cluster.put(node, fresh, "sha256", false);
    time.run(time.nowMs + 15_000);
    if (time.stopped) return;
    if (cluster.outcomes.putFailed + cluster.outcomes.unacknowledged > failedBefore)
      broken("A put failed in fair weather");
    const reason = this.#unsettled();
    if (reason !== "") broken(`After a put in fair weather: ${reason}`);
  }

  /** Any node lists any blob, and knows that nobody was left out. */
  #mustList(key: Key, broken: (sentence: string) => void): void {
    const node = this.#running(below(this.#cluster.random, 1000));
    const listing = node?.process?.cask?.list(bucketOf(key));
    if (!node || !listing) return;
    void listing.then(
      ({ keys, complete, unasked }) => {
        this.#cluster.invariants.checks.listed++;
        if (!complete) broken(`${node.id} could not ask [${unasked.join(" ")}] for their keys`);
        if (!keys.some((found) => found.key === key)) broken(`${node.id} does not list ${key}`);
      },
      (thrown: unknown) => broken(`${node.id} cannot list: ${String(thrown)}`),
    );
  }

  /** Why the cluster is not yet as it should be; empty when it is. */
  #unsettled(): string {
    const { invariants, membership } = this.#cluster;
    const imprecise = membership.impreciseness();
    if (imprecise !== "") return imprecise;
    const staying = this.#cluster.members().filter((node) => !node.drained);
    for (const node of this.#cluster.members()) {
      if (node.drained) return `${node.id} is not drained yet`;
      if (node.process?.cask?.writeable() !== "yes")
        return `${node.id} takes no writes: ${node.process?.cask?.writeable()}`;
    }
    const ring = new Ring(staying.map((node) => node.id));
    for (const key of invariants.keys()) {
      const owners = ring.order(digestOf(key)).slice(0, this.#scenario.copies);
      const intact = invariants.intactOn(key).sort();
      if (intact.join(" ") === owners.toSorted().join(" ") && invariants.badOn(key).size === 0) continue;
      return `${key} is on [${intact.join(" ")}], bad on [${[...invariants.badOn(key).keys()].join(" ")}], owners are [${owners.join(" ")}]`;
    }
    for (const node of staying) {
      if (node.ledger.owed() > 0) return `${node.id} still owes ${node.ledger.owed()} copies`;
      if (node.ledger.count() !== node.store.keys().length) return `${node.id}'s ledger differs from its store`;
    }
    return "";
  }

  #picture(): string {
    return this.#cluster
      .members()
      .map((node) => `${node.id}:${node.store.keys().sort().join(",")}`)
      .join("\n");
  }

  #stayingWithout(leaving: SimulatedNode): number {
    return this.#cluster.members().filter((node) => node !== leaving && !node.drained).length;
  }

  #empty(node: SimulatedNode): boolean {
    return node.store.keys().length === 0 && node.ledger.owed() === 0 && this.#cluster.membership.precise();
  }

  #running(number: number): SimulatedNode | undefined {
    const running = this.#cluster.running();
    return running[number % Math.max(1, running.length)];
  }

  #carryOut(act: Act): void {
    const cluster = this.#cluster;
    const { time, network } = cluster;
    const later = (delayMs: number, action: () => void) => time.schedule(delayMs, () => this.#over || action());
    const members = cluster.members();
    const member = (number: number) => members[number % members.length] as SimulatedNode;
    switch (act.do) {
      case "put": {
        const node = this.#running(act.node);
        const bytes = this.#contents[act.content];
        if (!node || !bytes) return;
        this.#remember(act.algorithm, bytes);
        cluster.put(node, bytes, act.algorithm, act.named);
        return;
      }
      case "get": {
        const node = this.#running(act.node);
        const among = act.of === "recent" ? this.#stored.slice(-4) : this.#stored;
        const key = act.of === "never" ? neverStored(act.draw) : among[act.draw % Math.max(1, among.length)];
        if (node && key) cluster.get(node, key);
        return;
      }
      case "crash": {
        const node = member(act.node);
        cluster.crash(node);
        later(act.downMs, () => cluster.start(node));
        return;
      }
      case "crash-all":
        for (const node of members) {
          cluster.crash(node);
          later(act.downMs + below(cluster.random, 3000), () => cluster.start(node));
        }
        return;
      case "wipe": {
        const node = member(act.node);
        cluster.wipe(node);
        later(act.downMs, () => cluster.start(node));
        return;
      }
      case "lose-folder":
        cluster.loseFolder(member(act.node));
        return;
      case "replace": {
        const node = member(act.node);
        cluster.wipe(node);
        later(act.afterMs, () => {
          if (node.process) cluster.crash(node);
          cluster.destroy(node);
          cluster.addNode(cluster.members().length + 1);
        });
        return;
      }
      case "add":
        if (members.length < 10) cluster.addNode(members.length + 1);
        return;
      case "rot":
        cluster.rot(member(act.node), act.draw, act.how);
        return;
      case "disk": {
        const node = member(act.node);
        cluster.setFaults(node, act.faults);
        later(act.forMs, () => cluster.setFaults(node, {}));
        return;
      }
      case "disk-full": {
        const node = member(act.node);
        const usedBytes = node.store.keys().reduce((sum, key) => sum + (node.store.peek(key)?.length ?? 0), 0);
        cluster.setFaults(node, { capacityBytes: usedBytes + 1000 });
        later(act.forMs, () => cluster.setFaults(node, {}));
        return;
      }
      case "clock":
        cluster.setClock(member(act.node), act.byMs);
        return;
      case "pause":
        cluster.pause(member(act.node), act.forMs);
        return;
      case "read-only": {
        const node = member(act.node);
        cluster.setWriteable(node, false);
        later(act.forMs, () => cluster.setWriteable(node, true));
        return;
      }
      case "drain": {
        const node = member(act.node);
        if (this.#stayingWithout(node) < this.#scenario.copies) return;
        cluster.drain(node, true);
        later(act.forMs, () => cluster.drain(node, false));
        return;
      }
      case "partition": {
        const pairs: [string, string][] = [];
        members.forEach((from, left) => {
          members.forEach((to, right) => {
            const near = (act.sides >> left) & 1;
            const far = (act.sides >> right) & 1;
            if (near !== far && (!act.oneWay || near === 1)) pairs.push([from.id, to.id]);
          });
        });
        cluster.note(`partition of [${pairs.map((pair) => pair.join(">")).join(" ")}]`);
        for (const [from, to] of pairs) network.cut(from, to, true);
        cluster.membership.stirred();
        later(act.forMs, () => {
          cluster.note("partition ends");
          for (const [from, to] of pairs) network.cut(from, to, false);
          cluster.membership.stirred();
        });
        return;
      }
      case "suspect":
        cluster.note(`false suspicions ${act.viewers.toString(2)} of ${act.targets.toString(2)} for ${act.forMs} ms`);
        members.forEach((viewer, left) => {
          members.forEach((target, right) => {
            if (!((act.viewers >> left) & 1) || !((act.targets >> right) & 1)) return;
            cluster.membership.suspect(viewer.id, target.id, act.forMs);
          });
        });
        return;
      case "weather":
        network.weather = { ...act.weather };
        return;
    }
  }

  #remember(algorithm: Algorithm, bytes: Uint8Array): void {
    this.#stored.push(`${algorithm}:${new Bun.CryptoHasher(algorithm).update(bytes).digest("hex")}` as Key);
  }
}

const contents = new Map<string, Uint8Array>();

/** The bytes of a content: the same in every simulation. */
function contentOf(sizeBytes: number, salt: number): Uint8Array {
  const name = `${sizeBytes} ${salt}`;
  let bytes = contents.get(name);
  if (!bytes) {
    bytes = new Uint8Array(sizeBytes);
    const random = seededRandom(sizeBytes * 31 + salt);
    for (let at = 0; at < sizeBytes; at++) bytes[at] = below(random, 256);
    if (contents.size > 5000) contents.clear();
    contents.set(name, bytes);
  }
  return bytes;
}

function neverStored(draw: number): Key {
  return `sha256:${new Bun.CryptoHasher("sha256").update(`never ${draw}`).digest("hex")}` as Key;
}
