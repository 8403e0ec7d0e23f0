import { expect, test } from "bun:test";

import { bytesOf, ClusterFixture } from "./cluster-fixture.ts";
import { bucketCount, type Key } from "./key.ts";
import { createScrub, reconcileWork } from "./scrub.ts";

const never = new AbortController().signal;

function setUp(ids: readonly string[] = ["a", "b", "c"]) {
  const fixture = new ClusterFixture(ids);
  const outcomes: string[] = [];
  const parts = {
    holdings: fixture.node("a").holdings,
    fetcher: fixture.fetcher("a").fetcher,
    clock: fixture.clock,
    options: fixture.options,
    placement: () => fixture.placement("a"),
    watcher: {
      repaired: (key: Key) => outcomes.push(`repaired ${key}`),
      beyondRepair: (key: Key) => outcomes.push(`beyond repair ${key}`),
      missed: (count: number) => outcomes.push(`missed ${count}`),
    },
  };
  const keepAt = async (id: string, salt: string) =>
    (await fixture.node(id).holdings.keep("sha256", bytesOf(salt))).key;
  return { fixture, outcomes, parts, keepAt, ...createScrub(parts) };
}

test("scrub: looks at every byte within its time, and says how far it is", async () => {
  const { fixture, work, state, keepAt } = setUp();
  for (let number = 0; number < 100; number++) await keepAt("a", `blob ${number}`);
  const { ledger } = fixture.node("a");
  const storedAt = fixture.clock.now();
  fixture.clock.advance(10);
  await work.step(never);
  expect(state().progress).toBeLessThan(1);
  const untilMs = fixture.clock.monotonicMs() + fixture.options.scrubEveryMs;
  let steps = 0;
  while (ledger.unverifiedSince(storedAt + 1).count > 0) {
    const outcome = await work.step(never);
    fixture.clock.advance(outcome === "idle" ? 1000 : outcome.waitMs);
    if (++steps > 1000) throw new Error("The scrub does not come to an end");
  }
  expect(fixture.clock.monotonicMs()).toBeLessThanOrEqual(untilMs);
  expect(state()).toMatchObject({ lagBlobs: 0, lagBytes: 0 });
});

test("scrub: a bad copy is put aside and fetched again", async () => {
  const { fixture, outcomes, work, keepAt } = setUp();
  const key = await keepAt("a", "rotting");
  await keepAt("b", "rotting");
  fixture.node("a").store.flipBit(key);
  fixture.clock.advance(10);
  await work.step(never);
  expect(outcomes).toEqual([`repaired ${key}`]);
  expect(await fixture.node("a").holdings.verify(key)).toBe("good");
});

test("scrub: a bad copy that nobody else has is told of, and the rest is looked at all the same", async () => {
  const { fixture, outcomes, work, keepAt } = setUp();
  const key = await keepAt("a", "the only one");
  await keepAt("a", "a good one");
  fixture.node("a").store.flipBit(key);
  fixture.states.set("b", { alive: false });
  fixture.states.set("c", { alive: false });
  fixture.clock.advance(10);
  await work.step(never);
  expect(outcomes).toEqual([`beyond repair ${key}`]);
  expect(fixture.node("a").ledger.unverifiedSince(fixture.clock.now()).count).toBe(0);
});

test("scrub: a clock set back begins the pass anew instead of waiting for the time to come round", async () => {
  const { fixture, work, keepAt } = setUp();
  await keepAt("a", "early");
  await work.step(never);
  fixture.clock.jump(-86_400_000);
  await work.step(never);
  const noted = Number(fixture.node("a").ledger.recall("scrub-pass-started-at"));
  expect(noted).toBeLessThanOrEqual(fixture.clock.now());
});

test("reconcile: comes round all buckets and finds what the ledger has lost", async () => {
  const { fixture, parts, keepAt } = setUp();
  const { ledger } = fixture.node("a");
  for (let number = 0; number < 50; number++) ledger.remove(await keepAt("a", `blob ${number}`));
  const work = reconcileWork(parts);
  let steps = 0;
  do {
    await work.step(never);
    if (++steps > bucketCount) throw new Error("It does not come round");
  } while (work.progress?.()["bucket"] !== 0);
  expect(ledger.count()).toBe(50);
});

test("reconcile: blobs that vanished from the store are forgotten, and told of so that they are fetched", async () => {
  const { fixture, outcomes, parts, keepAt } = setUp();
  const { ledger, store } = fixture.node("a");
  for (let number = 0; number < 20; number++) await keepAt("a", `blob ${number}`);
  store.wipe();
  const work = reconcileWork(parts);
  for (let bucket = 0; bucket < bucketCount; bucket++) await work.step(never);
  expect(ledger.count()).toBe(0);
  const missed = outcomes.map((outcome) => Number(/^missed (\d+)$/.exec(outcome)?.[1]));
  expect(missed.reduce((sum, count) => sum + count, 0)).toBe(20);
});
