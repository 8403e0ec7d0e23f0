import { expect, test } from "bun:test";

import { below, pick, type Random, seededRandom } from "../../../kit/random.ts";
import { ManualClock } from "../../../kit/testing/manual-clock.ts";
import { openHub, type OrderedHub } from "../hub-ordered.ts";
import { Mesh, usualTimes } from "./mesh.ts";
import { readNodeMessage } from "./node-message.ts";

/** How bad the network is. */
interface Weather {
  loss: number;
  twice: number;
  longestMs: number;
}

/** What a listener heard: publications by name, and gaps. */
type Heard = { name: string } | "gap";

interface Listener {
  heard: Heard[];
  /** What was published, anywhere, since it sat down and while its node lived. */
  due: { name: string; origin: string }[];
  isOver: boolean;
  satAtMs: number;
  /** When its node last heard of each run. What a node said that nobody could hear of any more, nobody can know of. */
  met: Map<string, number>;
}

interface Node {
  id: string;
  hub: OrderedHub;
  mesh: Mesh;
  run: string;
  listeners: Listener[];
  published: number;
  leavers: (() => void)[];
  isDead: boolean;
  met: Map<string, number>;
}

/** Some nodes and the network between them, from a seed. */
class World {
  readonly clock = new ManualClock();
  readonly random: Random;
  readonly nodes = new Map<string, Node>();
  readonly all: Listener[] = [];
  readonly events = { published: 0, lost: 0, crashes: 0, cuts: 0 };
  weather: Weather = { loss: 0, twice: 0, longestMs: 5 };
  readonly cut = new Set<string>();
  #runs = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  start(id: string): Node {
    const hub = openHub({
      clock: this.clock,
      maxMessageBytes: 10_000,
      bounds: { count: 50, sizeBytes: 1e6, ageMs: 1e9 },
    });
    const run = `run${++this.#runs}`;
    const mesh = new Mesh({
      hub,
      clock: this.clock,
      id,
      run,
      times: usualTimes,
      // Small, so that what was missed is sometimes forgotten.
      bounds: { count: 20, sizeBytes: 1e6, perMessage: 4, perMessageBytes: 1e5 },
      carriesPublications: true,
      // Timers of a dead node may still run; nothing of it goes out.
      send: (to, text) => {
        if (!node.isDead) this.#send(id, to, text);
        return true;
      },
    });
    hub.carrier = mesh;
    const node: Node = {
      id,
      hub,
      mesh,
      run,
      listeners: [],
      published: 0,
      leavers: [],
      isDead: false,
      met: new Map([[`${id}/${run}`, Number.POSITIVE_INFINITY]]),
    };
    this.nodes.set(id, node);
    return node;
  }

  sit(node: Node): Listener {
    const listener: Listener = { heard: [], due: [], isOver: false, satAtMs: this.clock.monotonicMs(), met: node.met };
    node.hub.sit([{ kind: "prefix", prefix: "" }], {
      hear: ({ content }) => void listener.heard.push({ name: content }),
      gap: () => void listener.heard.push("gap"),
    });
    node.listeners.push(listener);
    this.all.push(listener);
    return listener;
  }

  publish(node: Node): void {
    const origin = `${node.id}/${node.run}`;
    const name = `${origin}/${++node.published}`;
    this.events.published++;
    for (const listener of this.all) if (!listener.isOver) listener.due.push({ name, origin });
    void node.hub.publish({ address: "a", content: name });
  }

  /** Dies without a word, and takes its listeners with it. */
  crash(node: Node): void {
    this.events.crashes++;
    for (const listener of node.listeners) listener.isOver = true;
    node.isDead = true;
    this.nodes.delete(node.id);
  }

  #send(from: string, to: string | undefined, text: string): void {
    for (const id of to === undefined ? this.nodes.keys() : [to]) {
      if (id === from) continue;
      const copies = this.random() < this.weather.twice ? 2 : 1;
      for (let copy = 0; copy < copies; copy++) {
        if (this.random() < this.weather.loss || this.cut.has(wayOf(from, id))) {
          this.events.lost++;
          continue;
        }
        this.clock.schedule(below(this.random, this.weather.longestMs) + 1, () => {
          const hearer = this.nodes.get(id);
          if (!hearer || this.cut.has(wayOf(from, id))) return;
          const message = readNodeMessage(text);
          // Only these say where the numbers of a node stand.
          if (message?.kind === "beat" || message?.kind === "entries") {
            hearer.met.set(`${from}/${message.run}`, this.clock.monotonicMs());
          }
          hearer.mesh.hear(text);
        });
      }
    }
  }
}

function wayOf(left: string, right: string): string {
  return left < right ? `${left} ${right}` : `${right} ${left}`;
}

/** What a listener was not told: a sentence, or undefined when all is well. */
function missedBy({ due, heard, isOver, met, satAtMs }: Listener): string | undefined {
  const at = new Map<string, number>();
  for (const [index, one] of heard.entries()) {
    if (one === "gap") continue;
    if (at.has(one.name)) return `${one.name} was heard twice`;
    at.set(one.name, index);
  }
  const origins = Map.groupBy(due, ({ origin }) => origin);
  for (const [origin, list] of origins) {
    if ((met.get(origin) ?? -1) < satAtMs) continue;
    let last = -1;
    let missing: string | undefined;
    // Whose node died may still have waited for the last ones.
    for (const name of [...list.map((one) => one.name), ...(isOver ? [] : [undefined])]) {
      const index = name === undefined ? heard.length : at.get(name);
      if (index === undefined) {
        missing ??= name;
        continue;
      }
      if (index < last) return `${name} was heard before what its node said earlier`;
      if (missing !== undefined && !heard.slice(last + 1, index).includes("gap"))
        return `${missing} is missing without a gap`;
      missing = undefined;
      last = index;
    }
  }
  return undefined;
}

function simulate(seed: number): { world: World; violation: string | undefined } {
  const world = new World(seed);
  const { random, clock } = world;
  const ids = ["ant", "bee", "cat"];
  for (const id of ids) world.sit(world.start(id));
  for (let step = 0; step < 150; step++) {
    const living = [...world.nodes.values()];
    const node = living.length > 0 ? pick(random, living) : undefined;
    const drawn = random();
    if (!node || drawn < 0.02) {
      const dead = ids.find((id) => !world.nodes.has(id));
      if (dead !== undefined) world.sit(world.start(dead));
    } else if (drawn < 0.5) {
      for (let count = below(random, 6); count >= 0; count--) world.publish(node);
    } else if (drawn < 0.6) world.sit(node);
    else if (drawn < 0.65) {
      const way = wayOf(pick(random, ids), pick(random, ids));
      world.events.cuts++;
      if (world.cut.has(way)) world.cut.delete(way);
      else world.cut.add(way);
    } else if (drawn < 0.68) {
      world.weather = {
        loss: random() < 0.5 ? 0 : random() * 0.5,
        twice: random() * 0.2,
        longestMs: 1 + below(random, random() < 0.8 ? 50 : 3000),
      };
    } else if (drawn < 0.7) {
      if (random() < 0.5) node.mesh.stop();
      world.crash(node);
    } else if (drawn < 0.78) {
      const who = { connection: `c${step}`, user: pick(random, ["u", "v"]) };
      node.leavers.push(node.hub.enter("room", who));
    } else if (drawn < 0.82) node.leavers.pop()?.();
    clock.advance(below(random, random() < 0.1 ? 20_000 : 400));
  }
  world.cut.clear();
  world.weather = { loss: 0, twice: 0, longestMs: 20 };
  clock.advance(60_000);
  const violation = world.all.map(missedBy).find((found) => found !== undefined) ?? presenceDiffers(world);
  return { world, violation };
}

/** After calm, all nodes name the same people, and only those of nodes that live. */
function presenceDiffers(world: World): string | undefined {
  const lists = [...world.nodes.values()].map(({ hub }) =>
    hub
      .presence("room")
      .map(({ connection }) => connection)
      .sort()
      .join(),
  );
  const own = [...world.nodes.values()].flatMap(({ leavers }) => leavers).length;
  if (new Set(lists).size > 1) return `presence differs: ${lists.join(" | ")}`;
  const [first = ""] = lists;
  return (first === "" ? 0 : first.split(",").length) === own
    ? undefined
    : `presence names ${first}, but ${own} are there`;
}

const seeds = Number(process.env["WARREN_MESH_SEEDS"] ?? 60);
const firstSeed = Number(process.env["WARREN_MESH_SEED"] ?? 1);

test("mesh: whatever the network and the nodes do, each listener hears everything once, in order, or is told of a gap", () => {
  const totals = { published: 0, lost: 0, crashes: 0, cuts: 0, heard: 0, gaps: 0 };
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const { violation, world } = simulate(seed);
    if (violation !== undefined)
      throw new Error(`seed ${seed}: ${violation}; replay: WARREN_MESH_SEED=${seed} WARREN_MESH_SEEDS=1`);
    for (const [name, count] of Object.entries(world.events)) totals[name as keyof typeof world.events] += count;
    for (const { heard } of world.all) {
      totals.gaps += heard.filter((one) => one === "gap").length;
      totals.heard += heard.filter((one) => one !== "gap").length;
    }
  }
  // A world in which nothing happens would prove nothing.
  expect(Math.min(...Object.values(totals))).toBeGreaterThan(seeds);
});

test("mesh: on a network that only loses and delays, nothing is missing and nobody is told of a gap", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const world = new World(seed);
    const nodes = ["ant", "bee", "cat"].map((id) => world.start(id));
    world.clock.advance(3000);
    const listeners = nodes.map((node) => world.sit(node));
    world.weather = { loss: 0.2, twice: 0.1, longestMs: 300 };
    for (let step = 0; step < 15; step++) {
      world.publish(pick(world.random, nodes));
      world.clock.advance(below(world.random, 300));
    }
    world.weather = { loss: 0, twice: 0, longestMs: 5 };
    world.clock.advance(10_000);
    for (const listener of listeners) {
      expect(listener.heard).not.toContain("gap");
      expect(listener.heard.length).toBe(15);
      expect(missedBy(listener)).toBeUndefined();
    }
  }
});

test("mesh: a node that dies takes its people with it after ten seconds, one that stops at once", () => {
  const world = new World(1);
  const [ant, bee, cat] = ["ant", "bee", "cat"].map((id) => world.start(id));
  if (!ant || !bee || !cat) throw new Error("no nodes");
  world.clock.advance(2000);
  bee.hub.enter("room", { connection: "b1", user: "ben", info: '{"a":1}' });
  cat.hub.enter("room", { connection: "c1", user: "cid" });
  world.clock.advance(100);
  expect(ant.hub.presence("room").toSorted((left, right) => left.user.localeCompare(right.user))).toEqual([
    { connection: "b1", user: "ben", info: '{"a":1}' },
    { connection: "c1", user: "cid" },
  ]);
  const listener = world.sit(ant);
  cat.mesh.stop();
  world.clock.advance(100);
  expect(ant.hub.presence("room").map(({ user }) => user)).toEqual(["ben"]);
  expect(listener.heard).toEqual([]);
  world.crash(bee);
  ant.mesh.hear("nonsense");
  world.clock.advance(usualTimes.silentMs - usualTimes.beatMs * 2);
  expect(ant.hub.presence("room").map(({ user }) => user)).toEqual(["ben"]);
  world.clock.advance(usualTimes.beatMs * 4);
  expect(ant.hub.presence("room")).toEqual([]);
  expect(listener.heard).toEqual(["gap"]);
});

test("mesh: an order to end reaches the node of the connection, once", () => {
  const world = new World(1);
  const [ant, bee] = ["ant", "bee"].map((id) => world.start(id));
  if (!ant || !bee) throw new Error("no nodes");
  world.clock.advance(2000);
  const ended: string[] = [];
  bee.hub.attach({ connection: "b1", user: "ben", end: (reason) => void ended.push(reason) });
  world.weather = { loss: 0.5, twice: 0.5, longestMs: 100 };
  ant.hub.disconnect({ user: "ben" }, "enough");
  world.clock.advance(20_000);
  expect(ended).toEqual(["enough"]);
});
