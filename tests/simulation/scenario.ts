/**
 * What happens in a simulation, as a plan made from a seed: requests of clients and misfortunes, each at its instant.
 * A plan names nodes by number and says nothing of how the cluster reacts, so the same seed stays the same story when the
 * rules change.
 *
 * Most plans keep faults that destroy data apart by the time healing needs, so that the invariants have something to
 * hold; a few let everything go wrong at once.
 */
import { below, pick, type Random } from "../../src/kit/random.ts";
import type { CaskSettings } from "../../src/storage/cask/cask.ts";
import type { Algorithm } from "../../src/storage/cask/key.ts";
import type { MemoryFaults } from "../../src/storage/cask/store-memory.ts";
import { fairWeather, type Weather } from "./network.ts";

/** One thing that happens. Numbers of nodes are taken modulo the nodes there are. */
export type Act =
  | { do: "put"; node: number; content: number; algorithm: Algorithm; named: boolean }
  | { do: "get"; node: number; draw: number; of: "stored" | "recent" | "never" }
  | { do: "crash"; node: number; downMs: number }
  | { do: "crash-all"; downMs: number }
  | { do: "wipe"; node: number; downMs: number }
  | { do: "lose-folder"; node: number }
  | { do: "replace"; node: number; afterMs: number }
  | { do: "add" }
  | { do: "rot"; node: number; draw: number; how: "silent" | "touched" | "truncated" }
  | { do: "disk"; node: number; faults: Partial<MemoryFaults>; forMs: number }
  | { do: "disk-full"; node: number; forMs: number }
  | { do: "clock"; node: number; byMs: number }
  | { do: "pause"; node: number; forMs: number }
  | { do: "read-only"; node: number; forMs: number }
  | { do: "drain"; node: number; forMs: number }
  | { do: "partition"; sides: number; oneWay: boolean; forMs: number }
  | { do: "suspect"; viewers: number; targets: number; forMs: number }
  | { do: "weather"; weather: Weather };

/** A plan. */
export interface Scenario {
  seed: number;
  nodes: number;
  copies: number;
  /** Where the nodes' numbers differ from the usual ones. */
  settings: Partial<CaskSettings>;
  /** Faults stop here; then the cluster heals. */
  chaosMs: number;
  /** Sizes of the contents that clients put, by number. */
  contents: { sizeBytes: number; salt: number }[];
  acts: { atMs: number; act: Act }[];
}

/** Destroying faults on different nodes are this far apart in a plan that keeps them apart. */
const healingMs = 45_000;

/** The plan of a seed. */
export function scenarioOf(seed: number, random: Random): Scenario {
  const wild = random() < 0.15;
  const nodes = pick(random, [3, 3, 3, 4, 4, 5, 5, 6, 7, 9]);
  const moving = nodes >= 5 && random() < 0.4;
  const copies = moving ? 2 : nodes >= 6 && random() < 0.2 ? 4 : random() < 0.15 ? 2 : 3;
  const chaosMs = 20_000 + below(random, 5) * 15_000;
  const contents = Array.from({ length: 6 + below(random, 14) }, (_, salt) => ({
    sizeBytes: salt === 0 ? below(random, 2) : 1 + below(random, 2000),
    salt,
  }));
  if (random() < 0.08) contents.push({ sizeBytes: 1_100_000 + below(random, 3) * 300_000, salt: 1000 });
  else if (random() < 0.1) contents.push({ sizeBytes: 320_000, salt: 1001 });
  const acts: Scenario["acts"] = [];
  const at = (atMs: number, act: Act) => acts.push({ atMs: Math.floor(atMs), act });
  const node = () => below(random, 1000);
  const span = (fromMs: number, toMs: number) => fromMs + below(random, toMs - fromMs);
  at(0, { do: "weather", weather: weatherOf(random) });

  const puts = contents.length + below(random, 10);
  for (let put = 0; put < puts; put++) {
    at(6000 + random() * (chaosMs - 6000), {
      do: "put",
      node: node(),
      content: put < contents.length ? put : below(random, contents.length),
      algorithm: random() < 0.35 ? "sha1" : "sha256",
      named: random() < 0.3,
    });
  }
  const gets = 20 + below(random, 40);
  for (let get = 0; get < gets; get++) {
    at(6000 + random() * (chaosMs - 6000), {
      do: "get",
      node: node(),
      draw: below(random, 1_000_000),
      of: random() < 0.07 ? "never" : "stored",
    });
  }
  // Clients are busy just when copies move: new blobs go to whoever can be seen, and are asked for everywhere.
  const busy = (fromMs: number, forMs: number) => {
    const fresh = below(random, 4);
    for (let put = 0; put < fresh; put++) {
      const content = contents.length;
      contents.push({ sizeBytes: 1 + below(random, 300), salt: content });
      const algorithm = random() < 0.3 ? "sha1" : "sha256";
      at(fromMs + random() * forMs, { do: "put", node: node(), content, algorithm, named: false });
    }
    const asked = 5 + below(random, 25);
    for (let get = 0; get < asked; get++) {
      const draw = below(random, 1_000_000);
      at(fromMs + random() * (forMs + 12_000), { do: "get", node: node(), draw, of: "recent" });
    }
  };

  let destroyedMs = Number.NEGATIVE_INFINITY;
  // One node at a time is unlucky with its data; which one, changes once there was time to heal.
  let unlucky = node();
  const faults = 2 + below(random, 12);
  const instants = Array.from({ length: faults }, () => 3000 + random() * (chaosMs - 3000)).sort((a, b) => a - b);
  for (const atMs of instants) {
    const what = random();
    if (what < 0.36) {
      // Data is destroyed.
      if (!wild && atMs - destroyedMs >= healingMs) unlucky = node();
      else if (wild) unlucky = node();
      destroyedMs = atMs;
      const how = random();
      if (how < 0.45) {
        const bits = 1 + below(random, 6);
        for (let bit = 0; bit < bits; bit++) {
          at(atMs + bit, {
            do: "rot",
            node: unlucky,
            draw: below(random, 1_000_000),
            how: pick(random, ["silent", "silent", "touched", "truncated"]),
          });
        }
      } else if (how < 0.6) at(atMs, { do: "wipe", node: unlucky, downMs: span(100, 25_000) });
      else if (how < 0.7) at(atMs, { do: "lose-folder", node: unlucky });
      else if (how < 0.82) at(atMs, { do: "replace", node: unlucky, afterMs: span(100, 30_000) });
      else {
        at(atMs, {
          do: "disk",
          node: unlucky,
          faults: pick(random, [{ tornWrite: 0.3 }, { flippedWrite: 0.3 }, { lyingRead: 0.1 }]),
          forMs: span(2000, 15_000),
        });
      }
    } else if (what < 0.5) {
      if (random() < 0.15) at(atMs, { do: "crash-all", downMs: span(100, 10_000) });
      else at(atMs, { do: "crash", node: node(), downMs: random() < 0.5 ? span(50, 3000) : span(3000, 40_000) });
    } else if (what < 0.62) {
      const forMs = random() < 0.6 ? span(500, 6000) : span(6000, 40_000);
      at(atMs, { do: "partition", sides: below(random, 1 << 16), oneWay: random() < 0.3, forMs });
      if (random() < 0.5) busy(atMs + 3000, forMs);
    } else if (what < 0.7) {
      at(atMs, {
        do: "disk",
        node: node(),
        faults: pick(random, [
          { fsyncFails: 0.3 },
          { shortWrite: 0.3 },
          { slowMs: 400 },
          { readFails: 0.4 },
          { readFails: 1 },
        ]),
        forMs: span(2000, 20_000),
      });
    } else if (what < 0.75) at(atMs, { do: "disk-full", node: node(), forMs: span(2000, 20_000) });
    else if (what < 0.8) {
      at(atMs, {
        do: "clock",
        node: node(),
        byMs: pick(random, [-86_400_000, -90_000, -30_000, 30_000, 90_000, 86_400_000]),
      });
    } else if (what < 0.84) at(atMs, { do: "pause", node: node(), forMs: span(500, 5000) });
    else if (what < 0.88) at(atMs, { do: "read-only", node: node(), forMs: span(3000, 20_000) });
    else if (what < 0.92) {
      const forMs = random() < 0.5 ? span(1000, 8000) : span(20_000, 60_000);
      at(atMs, { do: "drain", node: node(), forMs });
      if (random() < 0.3) busy(atMs, forMs);
    } else if (what < 0.965) {
      const forMs = random() < 0.7 ? span(500, 5000) : span(15_000, 25_000);
      const viewers = below(random, 1 << 16);
      const targets = random() < 0.5 ? ~viewers & 0xffff : below(random, 1 << 16);
      at(atMs, { do: "suspect", viewers, targets, forMs });
      if (random() < 0.6) busy(atMs, forMs);
    } else if (what < 0.985) {
      at(atMs, { do: "add" });
      if (random() < 0.4) busy(atMs, 6000);
    } else at(atMs, { do: "weather", weather: weatherOf(random) });
  }
  // In some plans blobs are on the move all the time: nodes that see nobody else take new blobs as stand-ins, then see the
  // owners again, while readers who do not hedge soon look everywhere over a network with stragglers.
  if (moving) {
    at(1, { do: "weather", weather: { ...fairWeather, maxDelayMs: 4, straggle: 0.1 } });
    for (let atMs = 8000; atMs < chaosMs - 6000; atMs += 7000) {
      const first = below(random, nodes);
      const blind = [first, (first + 1 + below(random, nodes - 1)) % nodes, below(random, nodes)];
      const viewers = blind.reduce((mask, number) => mask | (1 << number), 0);
      const forMs = span(1500, 3000);
      at(atMs, { do: "suspect", viewers, targets: ~viewers & 0xffff, forMs });
      for (let put = 0; put < 3; put++) {
        const content = contents.length;
        contents.push({ sizeBytes: 1 + below(random, 300), salt: content });
        const act = { do: "put", node: pick(random, blind), content, algorithm: "sha256", named: false } as const;
        at(atMs + 100 + random() * (forMs - 200), act);
      }
      for (let get = 0; get < 60; get++) {
        const draw = below(random, 1_000_000);
        at(atMs + forMs + random() * 2500, { do: "get", node: node(), draw, of: "recent" });
      }
    }
  }
  acts.sort((left, right) => left.atMs - right.atMs);
  // Without early hedges a read lasts longer, and so must the grace time.
  const settings = moving ? { hedgeMs: 900, graceMs: 15_000 } : {};
  return { seed, nodes, copies, settings, chaosMs, contents, acts };
}

function weatherOf(random: Random): Weather {
  const often = (share: number, chance: number) => (random() < share ? chance : 0);
  return {
    minDelayMs: 1,
    maxDelayMs: pick(random, [3, 20, 80]),
    loss: often(0.4, pick(random, [0.005, 0.03, 0.1])),
    duplicate: often(0.4, 0.05),
    straggle: often(0.3, 0.01),
    trickle: often(0.3, 0.1),
    lie: often(0.25, 0.01),
  };
}
