import { expect, test } from "bun:test";

import { Fault } from "../../kit/fault.ts";
import { bytesOf, ClusterFixture, keyFor, silent } from "./cluster-fixture.ts";
import type { Key } from "./key.ts";
import type { FoundBlob } from "./read.ts";

const bytes = bytesOf("wanted");
const key = keyFor(bytes);

async function bodyOf(found: FoundBlob | undefined): Promise<Uint8Array> {
  if (!found) throw new Error("Nothing was found");
  const body = await new Response(await found.body()).bytes();
  found.dispose();
  return body;
}

/** Five nodes, of which the asking one owns nothing; the others in the order in which they are asked. */
function setUp() {
  const fixture = new ClusterFixture(["a", "b", "c", "d", "e"]);
  const order = fixture
    .placement("a")
    .readOrder(key)
    .map((node) => node.id);
  const asker = order.at(-1) ?? "";
  const keepAt = (id: string | undefined) => fixture.node(id ?? "").holdings.keep("sha256", bytes);
  const { fetcher, reports } = fixture.fetcher(asker);
  const fetch = (wanted: Key = key) => fixture.clock.until(fetcher.fetch(wanted, fixture.placement(asker)));
  return { fixture, order, asker, keepAt, fetcher, reports, fetch };
}

test("Fetcher.fetch: gives a peer's bytes once they were hashed, and keeps none of them when it is no owner", async () => {
  const { fixture, order, asker, keepAt, reports, fetch } = setUp();
  await keepAt(order[1]);
  expect(await bodyOf(await fetch())).toEqual(bytes);
  expect(reports).toEqual([`served from ${order[1]}`]);
  expect(fixture.node(asker).store.keys()).toEqual([]);
});

test("Fetcher.fetch: an owner keeps what it fetched", async () => {
  const { fixture, order, keepAt } = setUp();
  await keepAt(order[1]);
  const owner = order[0] ?? "";
  const { fetcher, reports } = fixture.fetcher(owner);
  expect(await bodyOf(await fetcher.fetch(key, fixture.placement(owner)))).toEqual(bytes);
  expect(reports).toEqual([`kept from ${order[1]}`]);
  expect(fixture.holders(key)).toContain(owner);
});

test("Fetcher.fetch: refuses wrong bytes and asks on", async () => {
  const { fixture, order, keepAt, reports, fetch } = setUp();
  fixture.odd.set(order[0] ?? "", { get: async () => bytesOf("something else") });
  await keepAt(order[2]);
  expect(await bodyOf(await fetch())).toEqual(bytes);
  expect(reports).toEqual([`wrong bytes from ${order[0]}`, `served from ${order[2]}`]);
});

test("Fetcher.fetch: a slow node is joined by the next, and the first right answer wins", async () => {
  const { fixture, order, keepAt, reports, fetch } = setUp();
  fixture.odd.set(order[0] ?? "", { get: (_, signal) => silent(signal) });
  await keepAt(order[1]);
  const startedMs = fixture.clock.monotonicMs();
  expect(await bodyOf(await fetch())).toEqual(bytes);
  expect(reports).toContain("hedged");
  expect(fixture.clock.monotonicMs() - startedMs).toBeLessThan(fixture.options.peerTimeoutMs);
});

test("Fetcher.fetch: a node that keeps sending, however slowly, is not joined by another", async () => {
  const { fixture, order, reports, fetch } = setUp();
  const { clock, options } = fixture;
  const drip = async function* () {
    for (const byte of bytes) {
      await new Promise<void>((resolve) => clock.schedule(options.hedgeMs * 0.9, resolve));
      yield Uint8Array.of(byte);
    }
  };
  fixture.odd.set(order[0] ?? "", { get: async () => drip() });
  expect(await bodyOf(await fetch())).toEqual(bytes);
  expect(reports).toEqual([`served from ${order[0]}`]);
});

test("Fetcher.fetch: absent when fewer than the quorum are silent, an error when as many are", async () => {
  const { fixture, order, fetch } = setUp();
  expect(await fetch()).toBeUndefined();
  fixture.states.set(order[0] ?? "", { alive: false });
  expect(await fetch()).toBeUndefined();
  fixture.odd.set(order[1] ?? "", {
    get: () => Promise.reject(new Fault("unavailable", "cask/peer-unreachable", "Cannot reach it")),
  });
  await expect(fetch()).rejects.toMatchObject({ code: "cask/unreachable" });
});

test("Fetcher.fetch: nodes that are expected and were not met count as silent", async () => {
  const { fixture, asker, fetcher } = setUp();
  await expect(fetcher.fetch(key, fixture.placement(asker, { nodesExpected: 7 }))).rejects.toMatchObject({
    code: "cask/unreachable",
  });
});

test("Fetcher.fetch: what one node claims to have is not absent, even if it cannot give it", async () => {
  const { fixture, order, fetch } = setUp();
  fixture.odd.set(order[3] ?? "", {
    get: async () =>
      (async function* () {
        yield bytes.subarray(0, 3);
        throw new Error("the connection broke off");
      })(),
  });
  await expect(fetch()).rejects.toMatchObject({ code: "cask/unreachable" });
});

test("Fetcher.fetch: readers at the same time share one search", async () => {
  const { fixture, order, asker, keepAt, fetcher } = setUp();
  await keepAt(order[0]);
  const found = await Promise.all([1, 2, 3].map(() => fetcher.fetch(key, fixture.placement(asker))));
  for (const one of found) expect(await bodyOf(one)).toEqual(bytes);
  expect(fixture.calls).toEqual([`get ${order[0]}`]);
});

test("Fetcher.fetch: an 'absent' from a search that began before is not believed", async () => {
  const { fixture, order, asker, keepAt, fetcher } = setUp();
  let answer: (value: undefined) => void = () => undefined;
  const [first = "", last = ""] = [order[0], order[3]];
  fixture.odd.set(last, {
    get: () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
  });
  const earlier = fetcher.fetch(key, fixture.placement(asker));
  fixture.clock.advance(1);
  // The earlier search has asked the first owner in vain; only then the blob comes there and is acknowledged.
  await keepAt(first);
  const later = fetcher.fetch(key, fixture.placement(asker));
  answer(undefined);
  expect(await fixture.clock.until(earlier)).toBeUndefined();
  expect(await bodyOf(await fixture.clock.until(later))).toEqual(bytes);
});

test("Fetcher.fetch: ranges of what was spooled, as often as wanted, until disposed", async () => {
  const { keepAt, order, fetch } = setUp();
  await keepAt(order[0]);
  const found = await fetch();
  const range = async (start: number, end: number) =>
    new Response(await found?.body({ start, end })).bytes().then((part) => [...part]);
  expect(await range(3, 9)).toEqual([...bytes.subarray(3, 9)]);
  expect(await range(0, 0)).toEqual([]);
  expect(await range(30, 40)).toEqual([...bytes.subarray(30, 40)]);
  found?.dispose();
});
