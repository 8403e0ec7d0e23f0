import { expect, test } from "bun:test";

import { pick, seededRandom } from "../../../kit/random.ts";
import { ManualClock } from "../../../kit/testing/manual-clock.ts";
import { Revocations } from "../doors/revocations.ts";
import { openHub } from "../hub-ordered.ts";
import { usualEntryBounds } from "./entry-log.ts";
import { Mesh, usualTimes } from "./mesh.ts";

/** Nodes whose clocks may differ, on a network that loses some of what is said. */
class World {
  readonly clock = new ManualClock();
  readonly random;
  readonly nodes = new Map<string, { mesh: Mesh; list: Revocations; learned: string[] }>();
  readonly cut = new Set<string>();
  loss = 0;
  sent = 0;
  #runs = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  start(id: string, aheadMs = 0, list?: Revocations): { mesh: Mesh; list: Revocations; learned: string[] } {
    const { clock } = this;
    const own = {
      now: () => clock.now() + aheadMs,
      monotonicMs: () => clock.monotonicMs(),
      schedule: (delayMs: number, callback: () => void) => clock.schedule(delayMs, callback),
    };
    const learned: string[] = [];
    const revocations = list ?? new Revocations(own, { learned: ([, name]) => void learned.push(name) });
    const hub = openHub({ clock, maxMessageBytes: 1000, bounds: { count: 10, sizeBytes: 1e4, ageMs: 1e9 } });
    const mesh = new Mesh({
      hub,
      clock,
      id,
      run: `run${++this.#runs}`,
      times: usualTimes,
      bounds: usualEntryBounds,
      carriesPublications: true,
      revocations,
      send: (to, text) => {
        for (const other of this.nodes.keys()) {
          if (other === id || (to !== undefined && to !== other)) continue;
          if (this.cut.has(`${id} ${other}`) || this.random() < this.loss) continue;
          this.sent++;
          clock.schedule(1 + this.random() * 20, () => this.nodes.get(other)?.mesh.hear(text));
        }
        return true;
      },
    });
    const node = { mesh, list: revocations, learned };
    this.nodes.set(id, node);
    return node;
  }
}

const ofUser = (user: string, madeAtSeconds: number) => ({ user, madeAtSeconds });

test("revocations: whatever is lost or cut off, and whosever clock is wrong, in the end all nodes know", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const world = new World(seed);
    world.start("ant");
    world.start("bee", 3_600_000);
    world.start("cat", -3_600_000);
    // Ant and cat never hear each other.
    world.cut.add("ant cat");
    world.cut.add("cat ant");
    world.loss = 0.3;
    const made: { tokenId: string }[] = [];
    for (let round = 0; round < 60; round++) {
      if (round % 6 === 0) {
        const tokenId = `t${round}`;
        made.push({ tokenId });
        await pick(world.random, [...world.nodes.values()])?.list.revoke({ tokenId }, 600);
      }
      if (round === 30) world.start("dog");
      world.clock.advance(500);
    }
    world.loss = 0;
    world.clock.advance(20_000);
    for (const [id, { list }] of world.nodes) {
      const missing = made.filter(({ tokenId }) => !list.names({ user: "", tokenId }));
      expect({ seed, id, missing }).toEqual({ seed, id, missing: [] });
    }
    // And then they are silent of it.
    const before = world.sent;
    world.clock.advance(15_000);
    expect(world.sent - before).toBeLessThan(10 * 4 * 4);
  }
});

test("revocations: a user's count for tokens made until then, at every node, and lapse", async () => {
  const world = new World(1);
  const ant = world.start("ant");
  const bee = world.start("bee");
  world.clock.advance(3000);
  const atSeconds = world.clock.now() / 1000;
  await ant.list.revoke({ user: "ann" }, 60);
  world.clock.advance(3000);
  expect(bee.learned).toEqual(["ann"]);
  expect(bee.list.names(ofUser("ann", atSeconds - 1))).toBe(true);
  expect(bee.list.names(ofUser("ann", atSeconds + 1))).toBe(false);
  expect(bee.list.names(ofUser("ben", atSeconds - 1))).toBe(false);
  world.clock.advance(60_000);
  expect(bee.list.names(ofUser("ann", atSeconds - 1))).toBe(false);
  expect(bee.learned).toEqual(["ann"]);
});

test("revocations: a node that was away, or is new, is told thousands", async () => {
  const world = new World(1);
  const ant = world.start("ant");
  world.start("bee");
  for (let at = 0; at < 3000; at++) await ant.list.revoke({ tokenId: `t${at}` });
  world.clock.advance(5000);
  world.nodes.delete("ant");
  const cat = world.start("cat");
  world.clock.advance(10_000);
  expect(cat.list.count).toBe(3000);
});
