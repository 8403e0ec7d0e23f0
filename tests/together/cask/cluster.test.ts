/**
 * Three real nodes on this machine, looked at from outside: death and return, draining, restarting alone, and a
 * replaced machine. What the simulation proves about the rules is seen here about the program.
 */
import { expect, test } from "bun:test";

import { type ChildNode, runProgram, startChild, until } from "../../../src/kit/testing/child-node.ts";
import { onlyServices } from "../../only-services.ts";

const environment = {
  ...onlyServices("cask"),
  WARREN_NODE_CLUSTER_SECRET: "sesame",
  WARREN_CASK_COPIES: "2",
  WARREN_CASK_QUORUM: "2",
  WARREN_CASK_REBUILD_AFTER: "2s",
  WARREN_CASK_EXCHANGE_EVERY: "300ms",
  WARREN_CASK_STABLE: "1s",
  WARREN_CASK_GRACE: "1s",
  // A machine that is busy answers late, and no test here is about that.
  WARREN_CASK_ASK: "30s",
};

interface Status {
  id: string;
  blobs: number;
  owed: number;
  copies: { wanted: number; had: number };
  nodes: { id: string; state: string }[];
}

const statusOf = async (node: ChildNode) => (await (await fetch(`${node.url}/cask/status.json`)).json()) as Status;
const keyOf = (text: string) => `sha256:${new Bun.CryptoHasher("sha256").update(text).digest("hex")}`;

async function cluster(count: number, more: Record<string, string> = {}): Promise<ChildNode[]> {
  const first = await startChild({ environment: { ...environment, ...more } });
  const rest = await Promise.all(
    Array.from({ length: count - 1 }, () =>
      startChild({ words: ["up", "--join", first.gossip], environment: { ...environment, ...more } }),
    ),
  );
  const nodes = [first, ...rest];
  await together(nodes);
  return nodes;
}

async function together(nodes: readonly ChildNode[]): Promise<void> {
  await until(
    "all nodes see each other",
    async () => {
      const seen = await Promise.all(nodes.map(statusOf));
      return seen.every((status) => status.nodes.filter(({ state }) => state === "alive").length === nodes.length);
    },
    120_000,
  );
}

async function fill(nodes: readonly ChildNode[], count: number): Promise<string[]> {
  const texts = Array.from({ length: count }, (_, index) => `blob ${index} ${"x".repeat(index * 37)}`);
  await Promise.all(
    texts.map(async (body, index) => {
      const node = nodes[index % nodes.length] as ChildNode;
      const answer = await fetch(`${node.url}/cask/`, { method: "PUT", body });
      expect([index, answer.status]).toEqual([index, 200]);
    }),
  );
  return texts;
}

async function allReadable(nodes: readonly ChildNode[], texts: readonly string[]): Promise<void> {
  await Promise.all(
    nodes.flatMap((node) =>
      texts.map(async (text) => expect(await (await fetch(`${node.url}/cask/file/${keyOf(text)}/`)).text()).toBe(text)),
    ),
  );
}

async function settled(nodes: readonly ChildNode[], blobs: number): Promise<void> {
  let last = "";
  await until(
    "every blob has exactly its copies",
    async () => {
      const all = await Promise.all(nodes.map(statusOf));
      last = JSON.stringify(all.map(({ blobs: held, owed, copies }) => ({ held, owed, copies })));
      return (
        all.reduce((sum, status) => sum + status.blobs, 0) === blobs * 2 &&
        all.every((status) => status.owed === 0 && status.copies.had === status.copies.wanted)
      );
    },
    120_000,
  ).catch((thrown: unknown) => {
    throw new Error(`${String(thrown)}; the nodes say ${last}`);
  });
}

test.concurrent(
  "a node dies for good: copies are made again; it comes back: surplus goes",
  async () => {
    const nodes = await cluster(3);
    try {
      const [one, two, three] = nodes as [ChildNode, ChildNode, ChildNode];
      const texts = await fill(nodes, 60);
      await settled(nodes, 60);
      await three.end("SIGKILL");
      await allReadable([one, two], texts);
      await settled([one, two], 60);
      await using back = await startChild({ words: ["up", "--join", one.gossip], environment, folder: three.folder });
      await together([one, two, back]);
      await settled([one, two, back], 60);
      await allReadable([one, two, back], texts);
    } finally {
      for (const node of nodes) await node[Symbol.asyncDispose]();
    }
  },
  180_000,
);

test.concurrent(
  "a node that is forgotten at one node is forgotten by all, and no longer counts",
  async () => {
    const nodes = await cluster(3, { WARREN_CASK_COPIES: "3", WARREN_CASK_QUORUM: "0" });
    try {
      const [one, two, three] = nodes as [ChildNode, ChildNode, ChildNode];
      const { id } = await statusOf(three);
      expect((await fetch(`${one.url}/cask/forget/${id}/`, { method: "POST" })).status).toBe(409);
      await three.end("SIGKILL");
      await until(
        "its death is seen",
        async () => (await statusOf(one)).nodes.some((node) => node.id === id && node.state === "dead"),
        120_000,
      );
      await until(
        "its death is seen",
        async () => (await statusOf(two)).nodes.some((node) => node.id === id && node.state === "dead"),
        120_000,
      );
      const forgotten = await runProgram(["cask", "forget", id, "--server", `${one.url}/cask`]);
      expect([forgotten.exitCode, forgotten.stderr]).toEqual([0, expect.stringContaining("2 nodes left")]);
      await until("both have forgotten it", async () =>
        (await Promise.all([one, two].map(statusOf))).every((status) => status.nodes.length === 2),
      );
    } finally {
      for (const node of nodes) await node[Symbol.asyncDispose]();
    }
  },
  180_000,
);

test.concurrent(
  "a drained node gives everything away, and nothing comes back to it",
  async () => {
    const nodes = await cluster(3);
    try {
      const [one, two, three] = nodes as [ChildNode, ChildNode, ChildNode];
      const texts = await fill(nodes, 40);
      await settled(nodes, 40);
      await using lone = await startChild();
      await fetch(`${lone.url}/cask/`, { method: "PUT", body: "the only copy" });
      const refused = await fetch(`${lone.url}/cask/drain/`, { method: "POST" });
      expect([refused.status, await refused.text()]).toEqual([409, expect.stringContaining("0 others take blobs")]);
      expect((await fetch(`${three.url}/cask/drain/`, { method: "POST" })).status).toBe(200);
      await until("it is empty", async () => (await statusOf(three)).blobs === 0, 120_000);
      await settled([one, two], 40);
      const answer = await fetch(`${three.url}/cask/`, { method: "PUT", body: "through the drained one" });
      expect(await answer.json()).toMatchObject({ copies: 2 });
      expect((await statusOf(three)).blobs).toBe(0);
      await allReadable(nodes, texts);
    } finally {
      for (const node of nodes) await node[Symbol.asyncDispose]();
    }
  },
  180_000,
);

test("a node that restarts alone remembers that it is not alone, and acknowledges nothing by itself", async () => {
  const more = { WARREN_CASK_COPIES: "3", WARREN_CASK_QUORUM: "0" };
  const nodes = await cluster(3, more);
  try {
    const [one, two, three] = nodes as [ChildNode, ChildNode, ChildNode];
    await fetch(`${one.url}/cask/`, { method: "PUT", body: "with all" });
    // Two of them are enough for the answer.
    await until("all have it", async () => (await Promise.all(nodes.map(statusOf))).every(({ blobs }) => blobs === 1));
    for (const node of nodes) await node.end("SIGTERM");
    await using alone = await startChild({ environment: { ...environment, ...more }, folder: three.folder });
    const answer = await fetch(`${alone.url}/cask/`, { method: "PUT", body: "alone" });
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ success: false, copies: 1, quorum: 2, code: "cask/no-quorum" });
    expect(await (await fetch(`${alone.url}/cask/file/${keyOf("with all")}/`)).text()).toBe("with all");
    // Whether something else exists cannot be known while two of three are silent.
    expect((await fetch(`${alone.url}/cask/file/${keyOf("never stored")}/`)).status).toBe(503);
    expect(two.url).not.toBe("");
  } finally {
    for (const node of nodes) await node[Symbol.asyncDispose]();
  }
}, 180_000);

test.concurrent(
  "a download under way is finished before the node stops; streams of pages do not hold it up",
  async () => {
    await using node = await startChild({ environment: { WARREN_CASK_QUORUM: "1" } });
    const bytes = new Uint8Array(40 * 1024 * 1024).fill(7);
    const stored = (await (await fetch(`${node.url}/cask/`, { method: "PUT", body: bytes })).json()) as { key: string };
    const live = await fetch(`${node.url}/console/live`);
    const reading = live.body?.getReader();
    expect((await reading?.read())?.done).toBe(false);
    const slow = Bun.spawn(["curl", "-s", "--limit-rate", "20M", `${node.url}/cask/file/${stored.key}/`], {
      stdout: "pipe",
    });
    let received = 0;
    const download = (async () => {
      for await (const chunk of slow.stdout) received += chunk.byteLength;
    })();
    await until("the download has begun", () => received > 100_000);
    const ended = node.end("SIGTERM");
    await download;
    expect(received).toBe(bytes.byteLength);
    expect(await ended).toBe(0);
  },
  180_000,
);

test.concurrent(
  "any node lists what all of them hold; one that is stopped is named as missing, and its blobs come back with it",
  async () => {
    // One copy of each blob, so that each is on one node only.
    const single = { WARREN_CASK_COPIES: "1", WARREN_CASK_QUORUM: "1", WARREN_CASK_REBUILD_AFTER: "1h" };
    const nodes = await cluster(3, single);
    try {
      const [one, two, three] = nodes as [ChildNode, ChildNode, ChildNode];
      const stored = (await fill(nodes, 90)).map((text): [string, number] => [keyOf(text), text.length]).sort();
      const held = await Promise.all(nodes.map(async (node) => (await statusOf(node)).blobs));
      expect(held.every((blobs) => blobs > 0 && blobs < 90)).toBe(true);
      for (const node of nodes) {
        expect(await listOf(node)).toEqual({ keys: stored, incomplete: 0, unasked: [] });
      }
      const stoppedId = (await statusOf(three)).id;
      await three.end("SIGTERM");
      const without = await listOf(one);
      expect([without.incomplete, without.unasked]).toEqual([256, [stoppedId]]);
      expect(without.keys).toHaveLength(90 - (held[2] ?? 0));
      const verb = await runProgram(["cask", "list", "--server", `${two.url}/cask`], {});
      expect([verb.exitCode, verb.stderr]).toEqual([1, `The list may not be complete: could not ask ${stoppedId}\n`]);
      await using back = await startChild({
        words: ["up", "--join", one.gossip],
        environment: { ...environment, ...single },
        folder: three.folder,
      });
      // The others may have its former address for a moment yet, and say so.
      for (const node of [one, two, back]) {
        await until("the list is complete again", async () => (await listOf(node)).incomplete === 0, 120_000);
      }
      expect(await listOf(one)).toEqual({ keys: stored, incomplete: 0, unasked: [] });
    } finally {
      for (const node of nodes) await node[Symbol.asyncDispose]();
    }
  },
  180_000,
);

/** All keys that a node lists, sorted; in how many buckets it said that some may be missing, and of whom. */
async function listOf(node: ChildNode) {
  const keys: [string, number][] = [];
  const unasked = new Set<string>();
  let incomplete = 0;
  for (let bucket = 0; bucket < 256; bucket++) {
    const answer = (await (await fetch(`${node.url}/cask/keys/?bucket=${bucket}`)).json()) as {
      keys: [string, number][];
      complete: boolean;
      unasked: string[];
    };
    keys.push(...answer.keys);
    if (!answer.complete) incomplete++;
    for (const id of answer.unasked) unasked.add(id);
  }
  return { keys: keys.sort(), incomplete, unasked: [...unasked] };
}
