/**
 * Simulated clusters on a manual clock: convergence, partitions, loss, slow and sleeping nodes, names used twice, restarts.
 * Each run is exact for its seed, which is part of the test's name where there are several.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Clock } from "./clock.ts";
import { Cluster } from "./cluster.ts";
import type { Memberlist } from "./memberlist.ts";
import { Keyring } from "./keyring.ts";
import { encodeMessage } from "./messages.ts";
import { decodePacket, encodePacket } from "./packet.ts";
import { timings } from "./timing.ts";
import type { Transport } from "./transport.ts";
import type { Link } from "./transport-memory.ts";
import { createWire } from "./wire.ts";

// Virtual minutes take real seconds on a busy machine.
setDefaultTimeout(120_000);

const bytes = (value: string) => new TextEncoder().encode(value);
const text = (value: Uint8Array) => new TextDecoder().decode(value);

function node(cluster: Cluster, index: number): Memberlist {
  const found = cluster.nodes[index];
  if (found === undefined) throw new RangeError(`There is no node ${index}`);
  return found;
}

function seen(viewer: Memberlist, name: string): string | undefined {
  return viewer.members().find((member) => member.name === name)?.state;
}

/** Collects `event name` of all nodes from now on. */
function record(nodes: readonly Memberlist[], ...events: ("join" | "left" | "dead" | "suspect" | "alive")[]): string[] {
  const list: string[] = [];
  for (const viewer of nodes) {
    for (const event of events) viewer.on(event, ({ name }) => list.push(`${viewer.self.name} sees ${name} ${event}`));
  }
  return list;
}

describe("convergence", () => {
  test("Cluster: 100 members agree on a join within 5 s and on a death within 30 s", async () => {
    const cluster = await Cluster.converged({ seed: 1, size: 100 });
    const before = [...cluster.nodes];
    const joiner = await cluster.add();
    expect(await cluster.until(() => cluster.agreed(), 5000)).toBeDefined();
    const lost = record(before, "dead");
    await joiner.stop();
    expect(await cluster.until(() => before.every((viewer) => seen(viewer, "n100") === "dead"), 30_000)).toBeDefined();
    expect(new Set(lost)).toEqual(new Set(before.map((viewer) => `${viewer.self.name} sees n100 dead`)));
  });

  test("leave: everybody sees it as left, not dead, and nobody suspects anything", async () => {
    const cluster = await Cluster.converged({ seed: 2, size: 20 });
    const rest = cluster.nodes.slice(0, 19);
    const events = record(rest, "left", "dead", "suspect");
    const leaver = node(cluster, 19);
    const told = leaver.leave(5000);
    await cluster.pass(5000);
    expect(await told).toBe(true);
    await leaver.stop();
    await cluster.pass(60_000);
    expect(events.sort()).toEqual(rest.map((viewer) => `${viewer.self.name} sees n19 left`).sort());
  });

  test("updateMeta: the newest metadata reaches everybody", async () => {
    const cluster = await Cluster.converged({ seed: 3, size: 30 });
    node(cluster, 7).updateMeta(bytes("one"));
    node(cluster, 7).updateMeta(bytes("two"));
    const metaSeen = (viewer: Memberlist) =>
      text(viewer.members().find(({ name }) => name === "n7")?.meta ?? bytes(""));
    expect(await cluster.until(() => cluster.nodes.every((viewer) => metaSeen(viewer) === "two"), 5000)).toBeDefined();
  });

  test("localState and mergeState: both sides of a push/pull get the other's bytes", async () => {
    const got = new Map<number, Set<string>>();
    const cluster = await Cluster.converged({
      seed: 4,
      size: 2,
      node: (index) => ({
        localState: () => bytes(`state of ${index}`),
        mergeState: (state) => got.set(index, (got.get(index) ?? new Set()).add(text(state))),
      }),
    });
    await cluster.pass(1000);
    expect(got).toEqual(
      new Map([
        [0, new Set(["state of 1"])],
        [1, new Set(["state of 0"])],
      ]),
    );
  });

  test("wire: nodes with another label or key never meet", async () => {
    const cluster = new Cluster({ seed: 5, size: 0 });
    await cluster.add({ label: "blue", keyring: new Keyring([new Uint8Array(16).fill(1)]) });
    await cluster.add({ label: "green", keyring: new Keyring([new Uint8Array(16).fill(1)]) });
    await cluster.add({ label: "blue", keyring: new Keyring([new Uint8Array(16).fill(2)]) });
    await cluster.add({ label: "blue", keyring: new Keyring([new Uint8Array(16).fill(1)]) });
    await cluster.add({ label: "blue" });
    await cluster.pass(60_000);
    expect(cluster.nodes.map((viewer) => viewer.members().map(({ name }) => name))).toEqual([
      ["n0", "n3"],
      ["n1"],
      ["n2"],
      ["n3", "n0"],
      ["n4"],
    ]);
  });
});

describe("trouble on the network", () => {
  test.each([11, 12, 13])(
    "Cluster: with 20 %% loss nobody is declared dead and a join still spreads (seed %i)",
    async (seed) => {
      const cluster = await Cluster.converged({ seed, size: 30, loss: 0.2 });
      const events = record(cluster.nodes, "dead", "left");
      await cluster.pass(300_000);
      expect(events).toEqual([]);
      await cluster.add();
      expect(await cluster.until(() => cluster.agreed(), 30_000)).toBeDefined();
    },
  );

  test("Cluster: duplicated and reordered datagrams change nothing", async () => {
    const cluster = await Cluster.converged({ seed: 14, size: 20 });
    cluster.network.duplication = 0.3;
    cluster.network.delayMs = [1, 150];
    const events = record(cluster.nodes, "dead", "left");
    await cluster.pass(120_000);
    expect(events).toEqual([]);
    expect(cluster.agreed()).toBe(true);
  });

  test.each([21, 22, 23])(
    "Rejoiner: a partition of 10 and 20 heals by itself, however long it lasted (seed %i)",
    async (seed) => {
      for (const partitionMs of [20_000, 600_000]) {
        const cluster = await Cluster.converged({ seed, size: 30 });
        const hosts = cluster.nodes.map((viewer) => viewer.self.address);
        const left = cluster.nodes.slice(0, 10);
        const right = cluster.nodes.slice(10);
        cluster.network.partition([hosts.slice(0, 10), hosts.slice(10)]);
        await cluster.pass(partitionMs);
        if (partitionMs > 60_000) {
          expect(cluster.agreed(left)).toBe(true);
          expect(cluster.agreed(right)).toBe(true);
        }
        cluster.network.heal();
        expect(await cluster.until(() => cluster.agreed(), 180_000, 100)).toBeDefined();
        // And it stays so: nobody is accused with what was believed on the other side.
        const events = record(cluster.nodes, "dead");
        await cluster.pass(120_000);
        expect(events).toEqual([]);
        expect(cluster.agreed()).toBe(true);
      }
    },
  );

  test("Rejoiner: a partition heals without any seed", async () => {
    const cluster = await Cluster.converged({ seed: 24, size: 1, node: { seeds: [] } });
    for (let index = 1; index < 6; index++) {
      const joined = (await cluster.add()).join(["10.0.0.1:7946"]);
      await cluster.pass(1000);
      expect(await joined).toBe(1);
    }
    await cluster.until(() => cluster.agreed(), 30_000);
    const hosts = cluster.nodes.map((viewer) => viewer.self.address);
    cluster.network.partition([hosts.slice(0, 3), hosts.slice(3)]);
    await cluster.pass(600_000);
    expect(cluster.agreed(cluster.nodes.slice(3))).toBe(true);
    cluster.network.heal();
    expect(await cluster.until(() => cluster.agreed(), 180_000, 100)).toBeDefined();
  });

  test("Rejoiner: a seed that starts an hour later is found, also by a name that did not resolve", async () => {
    const cluster = new Cluster({ seed: 25, size: 0 });
    let known = false;
    await cluster.add({
      seeds: ["seed.example:7946"],
      resolve: async () => {
        if (!known) throw new Error("no such host");
        return ["10.0.0.1", "10.0.0.2"];
      },
    });
    await cluster.pass(3_600_000, 1000);
    await cluster.add({ seeds: [] });
    known = true;
    expect(await cluster.until(() => cluster.agreed(), 60_000, 100)).toBeDefined();
  });

  test("Prober: a member that only streams reach stays alive", async () => {
    const cluster = await Cluster.converged({ seed: 26, size: 5 });
    const events = record(cluster.nodes, "dead");
    const blocked = node(cluster, 4).self.address;
    cluster.network.shape = ({ kind, to }: Link) => (kind === "packet" && to.host === blocked ? "lost" : 0);
    await cluster.pass(120_000);
    expect(events).toEqual([]);
    expect(node(cluster, 0).health().probesStreamOnly).toBeGreaterThan(0);
  });

  test("Prober: a member that one other cannot reach stays alive through indirect probes", async () => {
    const cluster = await Cluster.converged({ seed: 27, size: 5 });
    const events = record(cluster.nodes, "dead", "suspect");
    const [from, to] = [node(cluster, 0).self.address, node(cluster, 1).self.address];
    cluster.network.shape = (link: Link) => (link.from.host === from && link.to.host === to ? "lost" : 0);
    await cluster.pass(120_000);
    expect(events).toEqual([]);
  });
});

describe("Lifeguard", () => {
  test.each([31, 32, 33])("Awareness: a slow node neither dies nor takes others with it (seed %i)", async (seed) => {
    const cluster = await Cluster.converged({ seed, size: 20 });
    const events = record(cluster.nodes, "dead");
    const slow = node(cluster, 7);
    // Everything that the slow node hears, it hears up to three seconds late.
    cluster.network.shape = ({ to }: Link) => (to.host === slow.self.address ? cluster.random() * 3000 : 0);
    let worst = 0;
    for (let second = 0; second < 300; second++) {
      await cluster.pass(1000);
      worst = Math.max(worst, slow.health().score);
    }
    expect(events).toEqual([]);
    expect(worst).toBeGreaterThan(1);
    cluster.network.shape = undefined;
    await cluster.pass(120_000);
    expect(cluster.agreed()).toBe(true);
    expect(slow.health().score).toBe(0);
  });

  test("Suspicion: one node that hears nothing does not convince the others", async () => {
    const cluster = await Cluster.converged({ seed: 34, size: 20 });
    const deaf = node(cluster, 3);
    const others = cluster.nodes.filter((viewer) => viewer !== deaf);
    const events = record(others, "dead");
    cluster.network.shape = ({ to, kind }: Link) => (to.host === deaf.self.address && kind === "packet" ? "lost" : 0);
    await cluster.pass(60_000);
    expect(events).toEqual([]);
  });

  test("ManualClock: setting the wall clock changes nothing", async () => {
    const cluster = await Cluster.converged({ seed: 35, size: 5 });
    const events = record(cluster.nodes, "dead", "suspect", "left");
    for (const offsetMs of [86_400_000, -86_400_000, 0]) {
      cluster.clock.wallOffsetMs = offsetMs;
      await cluster.pass(30_000);
    }
    expect(events).toEqual([]);
  });

  test("Prober: a process that slept accuses nobody when it wakes, though its timers are read before its mail", async () => {
    const cluster = await Cluster.converged({ seed: 36, size: 4 });
    let wakeMs = 0;
    const untilAwakeMs = () => Math.max(0, wakeMs - cluster.clock.monotonicMs());
    const sleepy: Clock = {
      now: () => cluster.clock.now(),
      monotonicMs: () => cluster.clock.monotonicMs(),
      schedule: (delayMs, callback) => {
        let cancel = cluster.clock.schedule(delayMs, () => {
          cancel = cluster.clock.schedule(untilAwakeMs(), callback);
        });
        return () => cancel();
      },
    };
    const sleeper = await cluster.add({ clock: sleepy });
    await cluster.until(() => cluster.agreed(), 10_000);
    const accusations = record([sleeper], "suspect", "dead");
    const deaths = record(cluster.nodes, "dead");
    cluster.network.shape = ({ to, from }: Link) => {
      if (to.host === sleeper.self.address) return untilAwakeMs() + 1;
      return from.host === sleeper.self.address ? untilAwakeMs() : 0;
    };
    for (let nap = 0; nap < 20; nap++) {
      wakeMs = cluster.clock.monotonicMs() + 3000;
      await cluster.pass(10_000);
    }
    expect(accusations).toEqual([]);
    expect(deaths).toEqual([]);
    expect(cluster.agreed()).toBe(true);
  });
});

test("Prober: a suspected member is told so with every ping, long after the news was gossiped", async () => {
  const cluster = await Cluster.converged({ seed: 37, size: 1 });
  const quiet = cluster.network.transport();
  const told: string[] = [];
  const listening: Transport = {
    start: (events) => quiet.start(events),
    sendPacket: (to, packet) => quiet.sendPacket(to, packet),
    openStream: (to, events) => quiet.openStream(to, events),
    stop: () => quiet.stop(),
  };
  await cluster.add({ transport: listening, timing: { ...timings.lan, suspicionFactor: 40 } });
  await cluster.until(() => cluster.agreed(), 10_000);
  const [silent, prober] = [node(cluster, 0), node(cluster, 1)];
  await silent.stop();
  expect(await cluster.until(() => seen(prober, "n0") === "suspect", 30_000)).toBeDefined();
  await cluster.until(() => prober.health().broadcastsQueued === 0, 10_000);
  listening.sendPacket = (_, packet) => {
    told.push(
      decodePacket(createWire(), packet)
        .messages.map(({ kind }) => kind)
        .join(" and "),
    );
    return true;
  };
  await cluster.pass(20_000);
  expect(told.length).toBeGreaterThan(1);
  expect(new Set(told)).toEqual(new Set(["ping and suspect"]));
});

test("objection: an accuser who missed the objection that all others heard is told again, directly", async () => {
  const cluster = await Cluster.converged({ seed: 38, size: 2 });
  const [accused, accuser] = [node(cluster, 0), node(cluster, 1)];
  const [to, from] = [addressOf(accused), accuser.self];
  accused.updateMeta(bytes("second life"));
  await cluster.pass(5000);
  // The accuser speaks of the first life; the accused has no news left to spread.
  expect(accused.health().broadcastsQueued).toBe(0);
  const stale = encodeMessage({ kind: "suspect", incarnation: 0, node: "n0", from: "n1" });
  await accuser.stop();
  const forger = cluster.network.transport({ host: from.address, port: from.port });
  const answers: string[] = [];
  await forger.start({
    packet: (packet) => answers.push(...decodePacket(createWire(), packet).messages.map(({ kind }) => kind)),
    stream: (stream) => stream.destroy(),
  });
  forger.sendPacket(to, encodePacket(createWire(), [stale], false));
  await cluster.pass(20);
  expect(answers).toContain("alive");
  // A stranger is not answered.
  const stranger = cluster.network.transport();
  const strangerHeard: string[] = [];
  await stranger.start({ packet: () => strangerHeard.push("packet"), stream: (stream) => stream.destroy() });
  stranger.sendPacket(to, encodePacket(createWire(), [stale], false));
  await cluster.pass(20);
  expect(strangerHeard).toEqual([]);
});

describe("names", () => {
  test("Roster: a second node with the same name is a conflict and does not take the name over", async () => {
    const cluster = await Cluster.converged({ seed: 41, size: 5 });
    const conflicts = new Set<string>();
    for (const viewer of cluster.nodes) {
      viewer.on("conflict", ({ name, known, claimed }) => conflicts.add(`${name} ${known.host} ${claimed.host}`));
    }
    const twin = await cluster.add({ name: "n3" });
    const twinConflicts: string[] = [];
    twin.on("conflict", ({ name }) => twinConflicts.push(name));
    await cluster.pass(60_000);
    expect(conflicts).toEqual(new Set(["n3 10.0.0.4 10.0.0.6"]));
    expect(twinConflicts.length).toBeGreaterThan(0);
    const addressSeen = cluster.nodes
      .slice(0, 5)
      .map((viewer) => viewer.members().find(({ name }) => name === "n3")?.address);
    expect(addressSeen).toEqual(Array.from({ length: 5 }, () => "10.0.0.4"));
    // Two nodes that defend one name must not fill the network: well under one objection a second.
    expect(node(cluster, 3).health().refutations).toBeLessThan(30);
  });

  test("Roster: a node that was killed comes back under its name, at its address or at another", async () => {
    const cluster = await Cluster.converged({ seed: 42, size: 5 });
    const [first, , , killed] = cluster.nodes;
    if (first === undefined || killed === undefined) throw new Error("five nodes were started");
    await killed.stop();
    await cluster.pass(500);
    const back = await cluster.add({
      name: "n3",
      meta: bytes("second life"),
      transport: cluster.network.transport(addressOf(killed)),
    });
    const living = cluster.nodes.filter((viewer) => viewer !== killed);
    const metaSeen = (viewer: Memberlist) =>
      text(viewer.members().find(({ name }) => name === "n3")?.meta ?? bytes(""));
    const reborn = () => living.every((viewer) => metaSeen(viewer) === "second life");
    expect(await cluster.until(() => cluster.agreed(living) && reborn(), 30_000)).toBeDefined();
    await back.stop();
    await cluster.until(() => seen(first, "n3") === "dead", 60_000);
    await cluster.pass(11_000);
    const moved = await cluster.add({ name: "n3" });
    const now = [...living.filter((viewer) => viewer !== back), moved];
    expect(await cluster.until(() => cluster.agreed(now), 60_000)).toBeDefined();
    expect(first.members().find(({ name }) => name === "n3")?.address).toBe(moved.self.address);
  });

  test("accepts: a member that is turned away never appears", async () => {
    const cluster = await Cluster.converged({
      seed: 43,
      size: 2,
      node: { accepts: ({ meta }) => text(meta) !== "stranger" },
    });
    await cluster.add({ meta: bytes("stranger"), accepts: () => true });
    await cluster.pass(60_000);
    expect(seen(node(cluster, 0), "n2")).toBeUndefined();
  });
});

describe("keys and switches", () => {
  test("setVerification and keyring: encryption is introduced, rotated and enforced without anybody being lost", async () => {
    const cluster = await Cluster.converged({
      seed: 51,
      size: 6,
      node: () => ({ verifyIncoming: false, verifyOutgoing: false }),
    });
    const events = record(cluster.nodes, "dead", "suspect");
    const [old, fresh] = [new Uint8Array(32).fill(1), new Uint8Array(16).fill(2)];
    const steps: ((viewer: Memberlist) => void)[] = [
      (viewer) => viewer.keyring.add(old),
      (viewer) => viewer.setVerification({ outgoing: true }),
      (viewer) => viewer.setVerification({ incoming: true }),
      (viewer) => viewer.keyring.add(fresh),
      (viewer) => viewer.keyring.use(fresh),
      (viewer) => viewer.keyring.remove(old),
    ];
    for (const step of steps) {
      for (const viewer of cluster.nodes) {
        step(viewer);
        await cluster.pass(5000);
      }
    }
    expect(events).toEqual([]);
    expect(cluster.nodes.map((viewer) => viewer.health().packetsRefused)).toEqual([0, 0, 0, 0, 0, 0]);
    const stranger = await cluster.add({ verifyIncoming: true, verifyOutgoing: true });
    await cluster.pass(30_000);
    expect(stranger.members()).toHaveLength(1);
  });
});

function addressOf(member: Memberlist) {
  return { host: member.self.address, port: member.self.port };
}
