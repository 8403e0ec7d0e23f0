import { digestNow } from "./digest.ts";
import { MemoryBudget } from "./memory-budget.ts";
import { expect, test } from "bun:test";

import type { Work } from "../../kit/worker.ts";
import { bytesOf, caskNode, ClusterFixture, keyFor } from "./cluster-fixture.ts";
import { exchangeWork, handOffWork, type HealingParts, surplusWork } from "./healing.ts";
import { Placement } from "./placement.ts";

const never = new AbortController().signal;
const bytes = bytesOf("healed");
const key = keyFor(bytes);

/** Four nodes: three owners of the key in order, and one that owns nothing. */
function setUp() {
  const fixture = new ClusterFixture(["a", "b", "c", "d"]);
  const order = fixture
    .placement("a")
    .readOrder(key)
    .map((node) => node.id);
  const [first = "", second = "", third = "", other = ""] = order;
  const told: string[] = [];
  const view = { stableForMs: fixture.options.stableMs };
  const partsOf = (id: string): HealingParts => ({
    holdings: fixture.node(id).holdings,
    peerFor: fixture.peerFor,
    clock: fixture.clock,
    options: fixture.options,
    budget: new MemoryBudget(64 * 1024 * 1024),
    digest: digestNow,
    fetcher: fixture.fetcher(id).fetcher,
    healing: fixture.options,
    nonce: () => "00112233445566778899aabbccddeeff",
    placement: () => ({ current: fixture.placement(id), stableForMs: view.stableForMs }),
    watcher: {
      handedOff: (_, nodeId) => told.push(`handed off to ${nodeId}`),
      pulled: () => told.push("pulled"),
      pushed: (_, nodeId) => told.push(`pushed to ${nodeId}`),
      dropped: () => told.push("dropped"),
      compared: () => undefined,
    },
  });
  const keepAt = (...ids: string[]) => Promise.all(ids.map((id) => fixture.node(id).holdings.keep("sha256", bytes)));
  return { fixture, first, second, third, other, told, view, partsOf, keepAt };
}

/** One whole round of work over all buckets, or all peers. */
async function round(work: Work, steps = 40): Promise<void> {
  for (let step = 0; step < steps; step++) {
    const outcome = await work.step(never);
    if (outcome === "idle" || outcome.waitMs > 0) return;
  }
}

test("surplus: goes only after all owners have had the blob for the grace time, and have proved it", async () => {
  const { fixture, first, second, third, other, told, partsOf, keepAt } = setUp();
  await keepAt(first, second, other);
  const work = surplusWork(partsOf(other));
  await round(work);
  expect(told).toEqual([`pushed to ${third}`]);
  fixture.clock.advance(fixture.options.graceMs - 1);
  await round(work);
  expect(fixture.holders(key)).toContain(other);
  fixture.clock.advance(1);
  await round(work);
  expect(told.at(-1)).toBe("dropped");
  expect(fixture.holders(key)).toEqual([first, second, third].sort());
});

test("surplus: an owner that lacked the blob begins the grace time anew", async () => {
  const { fixture, first, second, third, other, told, partsOf, keepAt } = setUp();
  await keepAt(first, second, third, other);
  const work = surplusWork(partsOf(other));
  await round(work);
  fixture.clock.advance(fixture.options.graceMs - 1);
  await fixture.node(second).holdings.drop(key, () => true);
  await round(work);
  fixture.clock.advance(fixture.options.graceMs - 1);
  await round(work);
  expect(told).toEqual([`pushed to ${second}`]);
});

for (const [reason, change] of [
  ["the ring changed lately", (setting: ReturnType<typeof setUp>) => void (setting.view.stableForMs = 9_999)],
  [
    "an owner is away",
    (setting: ReturnType<typeof setUp>) => void setting.fixture.states.set(setting.second, { alive: false }),
  ],
  [
    "an owner's copy is bad",
    (setting: ReturnType<typeof setUp>) => void setting.fixture.node(setting.second).store.flipBit(key),
  ],
  [
    "an owner sees another ring",
    ({ fixture, second }: ReturnType<typeof setUp>) =>
      void fixture.odd.set(second, {
        prove: async (asked, nonce) => {
          const ids = ["a", "b", "c", "d", "e"].map((id) => caskNode(id, { self: id === second }));
          return fixture.node(second).holdings.prove(asked, nonce, new Placement(ids, fixture.options));
        },
      }),
  ],
  [
    "an owner does not know that it is one",
    ({ fixture, second }: ReturnType<typeof setUp>) =>
      void fixture.odd.set(second, {
        prove: async (asked, nonce) => {
          const proof = await fixture.node(second).holdings.prove(asked, nonce, fixture.placement(second));
          return proof && { ...proof, owner: false };
        },
      }),
  ],
  [
    "an owner says that it has the blob and cannot prove it",
    ({ fixture, second }: ReturnType<typeof setUp>) => {
      fixture.node(second).store.wipe();
      fixture.odd.set(second, { has: async () => ({ held: true }) });
    },
  ],
  [
    "a copy is still owed",
    ({ fixture, other, second }: ReturnType<typeof setUp>) => fixture.node(other).ledger.owe(key, second, 0),
  ],
] as const) {
  test(`surplus: stays while ${reason}`, async () => {
    const setting = setUp();
    const { fixture, first, second, third, other, told, partsOf, keepAt } = setting;
    await keepAt(first, second, third, other);
    const work = surplusWork(partsOf(other));
    await round(work);
    fixture.clock.advance(fixture.options.graceMs);
    change(setting);
    await round(work);
    await round(work);
    expect(told).not.toContain("dropped");
    expect(fixture.holders(key)).toContain(other);
  });
}

test("surplus: stays when the ring changes while the owners prove", async () => {
  const { fixture, first, second, third, other, told, view, partsOf, keepAt } = setUp();
  await keepAt(first, second, third, other);
  const work = surplusWork(partsOf(other));
  await round(work);
  fixture.clock.advance(fixture.options.graceMs);
  fixture.odd.set(third, {
    prove: async (asked, nonce) => {
      view.stableForMs = 0;
      return fixture.node(third).holdings.prove(asked, nonce, fixture.placement(third));
    },
  });
  await round(work);
  expect(told).not.toContain("dropped");
});

test("surplus: stays where there are fewer owners than copies wanted", async () => {
  const { fixture, first, second, third, other, told, partsOf, keepAt } = setUp();
  await keepAt(first, second, other);
  fixture.states.set(third, { draining: true });
  fixture.states.set(other, { draining: true });
  const work = surplusWork(partsOf(other));
  await round(work);
  fixture.clock.advance(fixture.options.graceMs);
  await round(work);
  expect(told).not.toContain("dropped");
});

test("exchange: fetches what a peer has and this node should have, without a question per key", async () => {
  const { fixture, first, second, third, told, partsOf, keepAt } = setUp();
  await keepAt(first, second);
  const work = exchangeWork(partsOf(third));
  await round(work);
  await round(work);
  expect(fixture.holders(key)).toContain(third);
  expect(told).toEqual(["pulled"]);
  fixture.calls.length = 0;
  await round(work);
  await round(work);
  expect(new Set(fixture.calls.map((call) => call.split(" ")[0]))).toEqual(new Set(["digests"]));
});

test("exchange: one blob that cannot be had does not keep the others from coming", async () => {
  const { fixture, first, second, third, other, partsOf, keepAt } = setUp();
  await keepAt(first);
  const shared = fixture.node(first).holdings.shared.list.bind(fixture.node(first).holdings.shared);
  const invented = keyFor(bytesOf("invented"));
  for (const id of [second, other]) fixture.states.set(id, { alive: false });
  fixture.odd.set(first, {
    digests: async () => Array.from({ length: 256 }, () => ({ count: 9, xor: "00000000000000ff" })),
    keys: async (nodeId, bucket) => [invented, ...shared(bucket, nodeId, fixture.placement(first))],
  });
  const work = exchangeWork(partsOf(third));
  await work.step(never);
  await work.step(never);
  expect(fixture.holders(key)).toContain(third);
});

test("hand-off: brings the copy when the owner is back, and asks nobody who was never met to be forgotten", async () => {
  const { fixture, first, second, told, partsOf, keepAt } = setUp();
  await keepAt(first);
  const { ledger } = fixture.node(first);
  ledger.owe(key, second, fixture.clock.now());
  fixture.states.set(second, { alive: false });
  const work = handOffWork(partsOf(first));
  await work.step(never);
  expect([told, ledger.owed()]).toEqual([[], 1]);
  fixture.states.delete(second);
  fixture.clock.advance(5000);
  await work.step(never);
  expect(told).toEqual([`handed off to ${second}`]);
  expect(ledger.owed()).toBe(0);
});

test("hand-off: a node that was not met since the start is still owed its copy", async () => {
  const { fixture, first, partsOf, keepAt } = setUp();
  await keepAt(first);
  const { ledger } = fixture.node(first);
  ledger.owe(key, "not met yet", fixture.clock.now());
  const parts = partsOf(first);
  const unmet = {
    ...parts,
    placement: () => ({ current: fixture.placement(first, { nodesExpected: 5 }), stableForMs: 0 }),
  };
  await handOffWork(unmet).step(never);
  expect(ledger.owed()).toBe(1);
  fixture.clock.advance(10_000);
  await handOffWork(parts).step(never);
  expect(ledger.owed()).toBe(0);
});

test("hand-off: a clock set back does not put it off for as long", async () => {
  const { fixture, first, second, told, partsOf, keepAt } = setUp();
  await keepAt(first);
  const { ledger } = fixture.node(first);
  ledger.owe(key, second, fixture.clock.now());
  ledger.postpone(key, second, fixture.clock.now() + 60_000);
  fixture.clock.jump(-86_400_000);
  await handOffWork(partsOf(first)).step(never);
  expect(told).toEqual([`handed off to ${second}`]);
});
