import { expect, test } from "bun:test";

import { sleep } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { bytesOf, ClusterFixture, keyFor, silent } from "./cluster-fixture.ts";
import type { Key } from "./key.ts";
import type { BlobBytes, Peer } from "./peer.ts";
import { digestNow } from "./digest.ts";
import { MemoryBudget } from "./memory-budget.ts";
import { putBlob, pushCopy } from "./write.ts";

const small = bytesOf("small");
const large = bytesOf("large", 3_000_000);
const { signal } = new AbortController();

function setUp(
  ids: readonly string[] = ["a", "b", "c", "d", "e"],
  bytes = small,
  budget = new MemoryBudget(64 * 1024 * 1024),
) {
  const fixture = new ClusterFixture(ids);
  const key = keyFor(bytes);
  const order = fixture
    .placement("a")
    .readOrder(key)
    .map((node) => node.id);
  const put = (from: string, source: BlobBytes, expected?: Key) =>
    fixture.clock.until(
      putBlob(source, { algorithm: "sha256", signal, ...(expected ? { expected } : {}) }, fixture.placement(from), {
        holdings: fixture.node(from).holdings,
        peerFor: fixture.peerFor,
        clock: fixture.clock,
        budget,
        digest: digestNow,
        options: fixture.options,
      }),
    );
  return { fixture, key, order, put, budget };
}

async function* streamed(bytes: Uint8Array, chunk = 100_000): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += chunk) yield bytes.subarray(start, start + chunk);
}

const refusing: Partial<Peer> = {
  put: () => Promise.reject(new Fault("unavailable", "cask/read-only", "this node is read-only")),
};

test("putBlob: brings a blob to exactly its owners, from any node", async () => {
  for (const from of ["a", "c", "e"]) {
    const { fixture, key, order, put } = setUp();
    const result = await put(from, small);
    expect(result).toMatchObject({ key, acknowledged: true, wanted: 3, quorum: 2, failures: {} });
    expect(fixture.holders(key)).toEqual(order.slice(0, 3).sort());
    expect(result.holders.toSorted()).toEqual(fixture.holders(key));
  }
});

test("putBlob: the next in order stands in for a node that refuses", async () => {
  const { fixture, key, order, put } = setUp();
  fixture.odd.set(order[1] ?? "", refusing);
  const result = await put(order[4] ?? "", small);
  expect(result.acknowledged).toBe(true);
  expect(Object.keys(result.failures)).toEqual([order[1]] as string[]);
  expect(fixture.holders(key)).toEqual([order[0], order[2], order[3]].sort() as string[]);
});

test("putBlob: fewer copies than the quorum are not acknowledged, and no error", async () => {
  const { fixture, order, put } = setUp(["a", "b", "c"]);
  for (const id of order.slice(1)) fixture.odd.set(id, refusing);
  expect(await put(order[0] ?? "", small)).toMatchObject({ acknowledged: false, holders: [order[0]] });
});

test("putBlob: owners that are away are owed a copy by the node that took the blob, durably", async () => {
  const { fixture, key, order, put } = setUp(["a", "b", "c"]);
  const [from = "", away = ""] = [order[0], order[2]];
  fixture.states.set(away, { alive: false });
  expect(await put(from, small)).toMatchObject({ acknowledged: true });
  const { ledger } = fixture.node(from);
  ledger.crash();
  expect(ledger.due(fixture.clock.now(), 10)).toMatchObject([{ key, nodeId: away }]);
});

test("putBlob: once the quorum has it, a silent owner is waited for no longer than the settling time", async () => {
  const { fixture, order, put } = setUp(["a", "b", "c"]);
  fixture.odd.set(order[2] ?? "", { put: (_, __, options) => silent(options.signal) });
  const startedMs = fixture.clock.monotonicMs();
  const result = await put(order[0] ?? "", small);
  expect(result.acknowledged).toBe(true);
  expect(fixture.clock.monotonicMs() - startedMs).toBe(fixture.options.settleMs);
  expect(fixture.node(order[0] ?? "").ledger.owed()).toBe(1);
});

test("putBlob: a peer that says it stored something else holds no copy", async () => {
  const { fixture, order, put } = setUp(["a", "b", "c"]);
  fixture.odd.set(order[1] ?? "", { put: async () => keyFor(bytesOf("nonsense")) });
  const result = await put(order[0] ?? "", small);
  expect(result.holders).not.toContain(order[1] ?? "");
  expect(result.failures[order[1] ?? ""]).toContain("instead of");
});

for (const [kind, ids] of [
  ["as it comes, where every node takes every blob", ["a", "b", "c"]],
  ["once its key is known", ["a", "b", "c", "d", "e"]],
] as const) {
  test(`putBlob: streams a large blob to its owners ${kind}`, async () => {
    const { fixture, key, order, put } = setUp(ids, large);
    for (const from of ids) {
      const result = await put(from, streamed(large));
      expect(result).toMatchObject({ key, acknowledged: true, sizeBytes: large.length });
    }
    expect(fixture.holders(key)).toEqual(order.slice(0, 3).sort());
    expect(fixture.node(order[1] ?? "").store.peek(key)).toEqual(large);
  });
}

test("putBlob: without memory to be had everything still arrives, and what was taken is given back", async () => {
  for (const bytes of [small, large]) {
    const { fixture, key, order, put, budget } = setUp(["a", "b", "c", "d", "e"], bytes, new MemoryBudget(10));
    expect(await put("a", streamed(bytes))).toMatchObject({ key, acknowledged: true });
    expect(fixture.holders(key)).toEqual(order.slice(0, 3).sort());
    expect(budget.takenBytes).toBe(0);
  }
  const { put, budget } = setUp();
  const broken = async function* () {
    yield small;
    throw new Error("the client left");
  };
  expect(await put("a", broken()).catch(String)).toContain("the client left");
  expect(budget.takenBytes).toBe(0);
});

test("putBlob: a large blob reaches stand-ins while this node is one of them", async () => {
  const { fixture, key, order, put } = setUp(["a", "b", "c", "d", "e"], large);
  // The second refusal comes while this node commits the blob in place of the first.
  fixture.node(order[3] ?? "").store.faults.slowMs = 150;
  fixture.odd.set(order[1] ?? "", refusing);
  fixture.odd.set(order[2] ?? "", {
    put: async () => {
      await sleep(fixture.clock, 20);
      throw new Fault("unavailable", "cask/read-only", "this node is read-only");
    },
  });
  const result = await put(order[3] ?? "", streamed(large));
  expect(result.acknowledged).toBe(true);
  expect(fixture.holders(key)).toEqual([order[0], order[3], order[4]].sort() as string[]);
});

test("putBlob: a peer that takes no bytes holds a large blob up for no longer than its limit", async () => {
  const { fixture, key, order, put } = setUp(["a", "b", "c"], large);
  fixture.odd.set(order[1] ?? "", { put: (_, __, options) => silent(options.signal) });
  const startedMs = fixture.clock.monotonicMs();
  const result = await put(order[0] ?? "", streamed(large));
  expect(result.acknowledged).toBe(true);
  expect(fixture.holders(key)).toEqual([order[0], order[2]].sort() as string[]);
  expect(fixture.clock.monotonicMs() - startedMs).toBeLessThan(5 * fixture.options.peerTimeoutMs);
});

test("putBlob: bytes that are not those of the promised key are kept nowhere, small or large", async () => {
  for (const bytes of [small, large]) {
    const { fixture, put } = setUp(["a", "b", "c"], bytes);
    const promised = keyFor(bytesOf("promised"));
    await expect(put("a", streamed(bytes), promised)).rejects.toMatchObject({ code: "cask/wrong-digest" });
    expect([...fixture.nodes.values()].flatMap((node) => node.store.keys())).toEqual([]);
  }
});

test("putBlob: an upload that breaks off leaves nothing anywhere", async () => {
  const { fixture, put } = setUp(["a", "b", "c"], large);
  const broken = (async function* () {
    yield* streamed(large.subarray(0, 2_000_000));
    throw new Error("the client went away");
  })();
  await expect(put("a", broken)).rejects.toThrow("the client went away");
  expect([...fixture.nodes.values()].flatMap((node) => node.store.keys())).toEqual([]);
});

test("putBlob: refuses what is larger than allowed, announced or not", async () => {
  const { fixture, put } = setUp(["a", "b", "c"]);
  const huge = new Uint8Array(fixture.options.maxBlobBytes + 1);
  await expect(put("a", huge)).rejects.toMatchObject({ code: "cask/too-large" });
  await expect(put("a", streamed(huge))).rejects.toMatchObject({ code: "cask/too-large" });
  expect(fixture.node("a").store.keys()).toEqual([]);
});

test("pushCopy: when other bytes arrive than should have left, the copy here is looked at", async () => {
  const { fixture, key } = setUp();
  const { holdings, store } = fixture.node("a");
  await holdings.keep("sha256", small);
  store.flipBit(key);
  const [to] = fixture.placement("a").peers();
  if (!to) throw new Error("There are no peers");
  const parts = { holdings, peerFor: fixture.peerFor, clock: fixture.clock, options: fixture.options };
  expect(await pushCopy(key, "sha256", to, parts)).toBe(false);
  expect(store.quarantined).toHaveLength(1);
});
