/** Who is told, who is asked, and when it is certain that nobody has a file. */
import { describe, expect, test } from "bun:test";

import { Fault } from "../../kit/fault.ts";
import { silentLog } from "../../kit/log.ts";
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import type { MemoryCatalog } from "./catalog-memory.ts";
import { catalogOf, makeFile, nodeNamed, sesameReader } from "./neighbourhood-fixture.ts";
import { Neighbours } from "./neighbours.ts";
import { type Entry, fileEntry, type HakmesNode, type PeerAnswer } from "./peers.ts";

const made = makeFile("a file");
const { key } = made.file;
const entry = fileEntry(made.file, made.root) as Entry;
const stuck = new Promise<never>(() => undefined);
const self = nodeNamed("self", { self: true });

interface Said {
  find?: () => Promise<PeerAnswer>;
  push?: (entries: readonly Entry[]) => Promise<void>;
}

interface World {
  clock: ManualClock;
  catalog: MemoryCatalog;
  neighbours: Neighbours;
  nodes: HakmesNode[];
}

function world(
  nodes: readonly HakmesNode[],
  said: Readonly<{ [id: string]: Said }> = {},
  more: {
    isWhole?: boolean;
    coversSince?: number;
    coversSilent?: boolean;
    isEverybodyMet?: boolean;
    inLine?: boolean;
  } = {},
): World {
  const clock = new ManualClock();
  clock.advance(100_000);
  const catalog = catalogOf();
  const present = [self, ...nodes];
  const neighbours = new Neighbours({
    catalog,
    clock,
    log: silentLog,
    manifests: sesameReader,
    nodes: () => ({ nodes: present, isEverybodyMet: more.isEverybodyMet ?? true }),
    peerFor: (node) => ({
      node,
      push: (entries) => said[node.id]?.push?.(entries) ?? Promise.resolve(),
      find: () => said[node.id]?.find?.() ?? Promise.resolve({ isCertain: true }),
      changes: () => stuck,
    }),
    search: {
      isWhole: () => more.isWhole ?? true,
      covers: (sinceMs) => (more.coversSince ?? Number.NEGATIVE_INFINITY) >= sinceMs,
      roundEnd: () => stuck,
      isInLine: () => more.inLine ?? false,
    },
    coversSilent: more.coversSilent ?? true,
    learned: () => undefined,
  });
  return { clock, catalog, neighbours, nodes: present };
}

const refuses = () => Promise.reject(new Fault("unavailable", "hakmes/peer-unreachable", "Cannot reach it"));
const dead = nodeNamed("dead", { isAlive: false, goneMs: 60_000 });

describe("Neighbours.askOthers", () => {
  const cases: readonly [string, boolean, World][] = [
    ["alone and whole: certain", true, world([])],
    ["all say no and are sure: certain", true, world([nodeNamed("b"), nodeNamed("c")])],
    [
      "one says no and is not sure",
      false,
      world([nodeNamed("b")], { b: { find: async () => ({ isCertain: false }) } }),
    ],
    ["one cannot be reached", false, world([nodeNamed("b"), nodeNamed("c")], { c: { find: refuses } })],
    ["one never answers", false, world([nodeNamed("b")], { b: { find: () => stuck } })],
    ["this node has not searched through Cask", false, world([], {}, { isWhole: false })],
    ["not everybody was met", false, world([], {}, { isEverybodyMet: false })],
    ["a manifest of it waits to be proven", false, world([], {}, { inLine: true })],
    ["it is not known what a node runs", false, world([nodeNamed("b", { url: "" })])],
    [
      "one is dead, and Cask was searched before it died",
      false,
      world([dead], { dead: { find: refuses } }, { coversSince: 39_999 }),
    ],
    [
      "one is dead, and Cask was searched since: certain",
      true,
      world([dead], { dead: { find: refuses } }, { coversSince: 40_000 }),
    ],
    ["one seems dead, but answers: certain", true, world([dead])],
    [
      "one is dead, and might take files for a Cask elsewhere",
      false,
      world([dead], { dead: { find: refuses } }, { coversSince: 90_000, coversSilent: false }),
    ],
    [
      "one has left, and Cask elsewhere was searched since: certain",
      true,
      world([{ ...dead, hasLeft: true }], { dead: { find: refuses } }, { coversSince: 90_000, coversSilent: false }),
    ],
  ];
  test.each(cases)("%s", async (_, isCertain, { clock, neighbours }) => {
    const outcome = await clock.until(neighbours.askOthers(key));
    expect([outcome.isCertain, outcome.doubt === undefined]).toEqual([isCertain, isCertain]);
    expect(clock.monotonicMs()).toBeLessThanOrEqual(102_000);
  });

  test("the first who knows it ends the question; those who are silent are not waited for", async () => {
    const { clock, neighbours, catalog } = world([nodeNamed("b"), nodeNamed("c")], {
      b: { find: () => stuck },
      c: { find: () => Promise.resolve({ entries: [entry] }) },
    });
    const outcome = await clock.until(neighbours.askOthers(key));
    expect([outcome, catalog.find(key), clock.monotonicMs()]).toEqual([
      { file: made.file, isCertain: false },
      made.file,
      100_000,
    ]);
  });

  test("an answer about another file is no answer", async () => {
    const other = makeFile("another file");
    const { clock, neighbours } = world([nodeNamed("b")], {
      b: { find: () => Promise.resolve({ entries: [fileEntry(other.file, other.root) as Entry] }) },
    });
    expect((await clock.until(neighbours.askOthers(key))).isCertain).toBe(false);
  });

  test("many who ask for one key at a time cost one question", async () => {
    let asked = 0;
    const { clock, neighbours } = world([nodeNamed("b")], {
      b: {
        find: () => {
          asked++;
          return Promise.resolve({ isCertain: true });
        },
      },
    });
    await clock.until(Promise.all([1, 2, 3].map(() => neighbours.askOthers(key))));
    expect(asked).toBe(1);
    await clock.until(neighbours.askOthers(key));
    expect(asked).toBe(2);
  });

  test("who was forgotten counts until Cask was searched after it was last seen", async () => {
    const { clock, neighbours, nodes } = world([nodeNamed("b")]);
    neighbours.observe();
    nodes.pop();
    expect((await clock.until(neighbours.askOthers(key))).doubt).toContain("1 nodes are gone");
  });

  test("one who asks no longer leaves the others their answer", async () => {
    const { clock, neighbours } = world([nodeNamed("b")], { b: { find: () => stuck } });
    const leaving = new AbortController();
    const left = neighbours.askOthers(key, leaving.signal);
    const stays = neighbours.askOthers(key);
    leaving.abort(new Error("gone"));
    await expect(left).rejects.toThrow("gone");
    expect((await clock.until(stays)).isCertain).toBe(false);
  });
});

describe("Neighbours.tell", () => {
  test("all who are alive are told; nobody is waited for longer than 500 ms", async () => {
    const told: string[] = [];
    const take = (id: string) => ({
      push: (entries: readonly Entry[]) => {
        told.push(`${id} ${entries.length}`);
        return id === "slow" ? stuck : Promise.resolve();
      },
    });
    const { clock, neighbours } = world([nodeNamed("b"), nodeNamed("slow"), dead], {
      b: take("b"),
      slow: take("slow"),
      dead: take("dead"),
    });
    await clock.until(neighbours.tell(made.file, made.root, []));
    expect([told.sort(), clock.monotonicMs()]).toEqual([["b 1", "slow 1"], 100_500]);
  });

  test("one that failed is told again, but not waited for", async () => {
    let pushes = 0;
    const { clock, neighbours } = world([nodeNamed("b")], {
      b: {
        push: () => {
          pushes++;
          return pushes === 1 ? refuses() : stuck;
        },
      },
    });
    await clock.until(neighbours.tell(made.file, made.root, []));
    await clock.until(neighbours.tell(made.file, made.root, []));
    expect([pushes, clock.monotonicMs()]).toEqual([2, 100_000]);
  });

  test("what gathers while one message is under way goes in one", async () => {
    const sizes: number[] = [];
    const first = Promise.withResolvers<void>();
    const { clock, neighbours } = world([nodeNamed("b")], {
      b: {
        push: (entries) => {
          sizes.push(entries.length);
          return sizes.length === 1 ? first.promise : Promise.resolve();
        },
      },
    });
    const all = Promise.all(Array.from({ length: 5 }, () => neighbours.tell(made.file, made.root, [])));
    first.resolve();
    await clock.until(all);
    expect(sizes).toEqual([1, 4]);
  });
});
