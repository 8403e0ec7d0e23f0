/** Following another catalog: page by page, from where it was left, and from the beginning when it is another one. */
import { expect, test } from "bun:test";

import { Fault } from "../../kit/fault.ts";
import { silentLog } from "../../kit/log.ts";
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { MemoryCatalog } from "./catalog-memory.ts";
import { following } from "./following.ts";
import { catalogOf, makeFile, nodeNamed, sesameReader } from "./neighbourhood-fixture.ts";
import { ownAnswers } from "./peers-answers.ts";
import type { HakmesNode } from "./peers.ts";

const never = new AbortController().signal;

function follower(catalog: MemoryCatalog, others: { [id: string]: MemoryCatalog | undefined }) {
  const asked: string[] = [];
  const nodes = (): HakmesNode[] =>
    Object.entries(others).map(([id, other]) =>
      nodeNamed(id, other === undefined ? {} : { told: { catalog: other.id.slice(0, 8), sequence: other.sequence() } }),
    );
  const { work, isBehind } = following({
    catalog,
    clock: new ManualClock(),
    log: silentLog,
    manifests: sesameReader,
    nodes: () => [nodeNamed("self", { self: true }), ...nodes()],
    followEveryMs: 30_000,
    learned: () => undefined,
    peerFor: (node) => ({
      node,
      push: () => Promise.resolve(),
      find: () => Promise.resolve({ isCertain: true }),
      async changes(after, limit) {
        asked.push(`${node.id} ${after} ${limit}`);
        const other = others[node.id];
        if (other === undefined) throw new Fault("unavailable", "hakmes/peer-unreachable", "Cannot reach it");
        const parts = { catalog: other, manifests: sesameReader, isWhole: () => true, learned: () => undefined };
        return ownAnswers(parts).changes(after, limit);
      },
    }),
  });
  const round = async () => {
    for (let step = 0; step < 1000; step++) {
      const outcome = await work.step(never);
      if (outcome === "idle" || outcome.waitMs > 0) return outcome;
    }
    throw new Error("the round has no end");
  };
  return { round, asked, isBehind, work };
}

test("following: everything comes over, page by page, and what is known is not fetched again", async () => {
  const files = Array.from({ length: 250 }, (_, number) => makeFile(`file ${number}`));
  const other = catalogOf(...files);
  const catalog = new MemoryCatalog();
  const { round, asked, isBehind } = follower(catalog, { b: other });
  expect(isBehind()).toBe(true);
  expect(await round()).toEqual({ waitMs: 30_000 });
  expect([catalog.counts().files, isBehind(), asked]).toEqual([
    250,
    false,
    ["b 0 0", "b 0 100", "b 100 100", "b 200 100"],
  ]);
  other.addName({ key: files[0]?.file.key ?? ("" as never), name: "new.txt", mimetype: "text/plain", addedAt: 1 });
  expect(isBehind()).toBe(true);
  await round();
  expect([asked.at(-1), catalog.counts().names]).toEqual(["b 250 100", 1]);
});

test("following: a catalog made anew is followed from its beginning, one put back to an older state as well", async () => {
  const others: { b: MemoryCatalog } = { b: catalogOf(makeFile("one"), makeFile("two")) };
  const catalog = new MemoryCatalog();
  const { round, asked } = follower(catalog, others);
  await round();
  others.b = catalogOf(makeFile("three"));
  await round();
  expect(catalog.counts().files).toBe(3);
  const { id } = others.b;
  catalog.follow(id, 10);
  asked.length = 0;
  await round();
  expect([asked, catalog.followed(id)]).toEqual([["b 10 100", "b 0 100"], 1]);
});

test("following: one that does not answer keeps nobody waiting, and two that follow each other come to rest", async () => {
  const one = catalogOf(makeFile("one"));
  const two = catalogOf(makeFile("two"));
  const follow = [follower(one, { silent: undefined, b: two }), follower(two, { a: one })] as const;
  for (let turn = 0; turn < 3; turn++) for (const { round } of follow) await round();
  const rest = [one.sequence(), two.sequence()];
  for (const { round } of follow) await round();
  expect([one.counts().files, two.counts().files]).toEqual([2, 2]);
  expect([one.sequence(), two.sequence()]).toEqual(rest);
  expect(follow[0].work.progress?.()).toMatchObject({ silent: 1 });
});

test("following: nobody to follow is nothing to do", async () => {
  expect(await follower(new MemoryCatalog(), {}).round()).toBe("idle");
});
