/**
 * Three real nodes, each with Cask and Hakmes: what one took all give, whichever machine dies and whatever catalog is lost.
 * What the simulation proves about the rules is seen here about the program.
 */
import { expect, test } from "bun:test";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";

import { type ChildNode, startChild, until } from "../../../src/kit/testing/child-node.ts";
import { onlyServices } from "../../only-services.ts";

const environment = {
  ...onlyServices("cask", "hakmes"),
  WARREN_NODE_CLUSTER_SECRET: "sesame",
  WARREN_CASK_COPIES: "3",
  WARREN_CASK_REBUILD_AFTER: "2s",
  WARREN_CASK_EXCHANGE_EVERY: "300ms",
  // A machine that is busy answers late, and no test here is about that.
  WARREN_CASK_ASK: "30s",
};

interface Status {
  files: number;
  search: { isComplete: boolean; isRunning: boolean; rounds: number; bucketsDone: number };
}

const statusOf = async (node: ChildNode) => (await (await fetch(`${node.url}/hakmes/status.json`)).json()) as Status;
const keyOf = (bytes: Uint8Array) => `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;

/** Bytes that cut into several chunks and are never the same. */
function content(seed: number, sizeBytes: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(sizeBytes);
  let state = seed + 1;
  for (let at = 0; at < sizeBytes; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[at] = state >>> 16;
  }
  return bytes;
}

async function together(nodes: readonly ChildNode[]): Promise<void> {
  await until(
    "all nodes see each other",
    async () => {
      const seen = await Promise.all(
        nodes.map(async (node) => {
          const status = await (await fetch(`${node.url}/cask/status.json`)).json();
          return (status as { nodes: { state: string }[] }).nodes.filter(({ state }) => state === "alive").length;
        }),
      );
      return seen.every((alive) => alive === nodes.length);
    },
    120_000,
  );
}

async function cluster(): Promise<[ChildNode, ChildNode, ChildNode]> {
  const one = await startChild({ environment });
  const [two, three] = await Promise.all(
    [2, 3].map(() => startChild({ words: ["up", "--join", one.gossip], environment })),
  );
  const nodes: [ChildNode, ChildNode, ChildNode] = [one, two as ChildNode, three as ChildNode];
  await together(nodes);
  return nodes;
}

async function upload(node: ChildNode, name: string, bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const form = new FormData();
  form.append("file", new File([bytes], name, { type: "text/plain" }));
  const answer = await fetch(`${node.url}/hakmes/`, { method: "POST", body: form });
  expect(answer.status).toBe(200);
  const { key } = (await answer.json()) as { key: string };
  expect(key).toBe(keyOf(bytes));
  return key;
}

async function infoOf(node: ChildNode, key: string): Promise<unknown> {
  const answer = await fetch(`${node.url}/hakmes/info/${key}/`);
  expect([node.url, answer.status]).toEqual([node.url, 200]);
  return answer.json();
}

async function expectGiven(node: ChildNode, key: string): Promise<void> {
  const answer = await fetch(`${node.url}/hakmes/file/${key}/`);
  expect([node.url, answer.status]).toEqual([node.url, 200]);
  expect(keyOf(await answer.bytes())).toBe(key);
}

test.concurrent(
  "a file taken by one node is given by all at once; its machine may be lost, and comes back empty",
  async () => {
    const nodes = await cluster();
    const [one, two, three] = nodes;
    try {
      const files = [content(1, 3_000_000), content(2, 10), content(3, 700_000)];
      for (const [number, bytes] of files.entries()) {
        const key = await upload(one, `file ${number}.txt`, bytes);
        await Promise.all([two, three].map((node) => expectGiven(node, key)));
      }
      const keys = files.map(keyOf);
      const records = await Promise.all(keys.map((key) => infoOf(one, key)));
      await one.end("SIGKILL");
      rmSync(one.data, { recursive: true });
      for (const node of [two, three]) {
        for (const [number, key] of keys.entries()) {
          await expectGiven(node, key);
          expect(await infoOf(node, key)).toEqual(records[number]);
        }
      }
      await using back = await startChild({
        words: ["up", "--join", two.gossip],
        environment,
        folder: one.folder,
      });
      for (const [number, key] of keys.entries()) {
        await expectGiven(back, key);
        expect(await infoOf(back, key)).toEqual(records[number]);
      }
      const unknown = keyOf(content(99, 5));
      await until(
        "the node that came back is certain of what is not there",
        async () => {
          const { status } = await fetch(`${back.url}/hakmes/file/${unknown}/`);
          expect([404, 503]).toContain(status);
          return status === 404;
        },
        120_000,
      );
    } finally {
      for (const node of nodes) await node[Symbol.asyncDispose]();
    }
  },
  180_000,
);

test.concurrent(
  "all catalogs are lost: what lies in Cask is found again, under the same records and names",
  async () => {
    const nodes = await cluster();
    try {
      const [one, two] = nodes;
      const bytes = content(4, 2_500_000);
      const key = await upload(one, "minutes.txt", bytes);
      expect(await upload(two, "protocol.txt", bytes)).toBe(key);
      const other = await upload(two, "small.txt", content(5, 20));
      const records = await Promise.all([infoOf(one, key), infoOf(two, other)]);
      for (const node of nodes) await node.end("SIGKILL");
      for (const node of nodes) {
        const folder = join(node.data, "hakmes");
        expect(existsSync(folder)).toBe(true);
        rmSync(folder, { recursive: true });
      }
      const again: ChildNode[] = [];
      try {
        const first = await startChild({ environment, folder: nodes[0].folder });
        again.push(first);
        for (const { folder } of nodes.slice(1)) {
          again.push(await startChild({ words: ["up", "--join", first.gossip], environment, folder }));
        }
        await together(again);
        for (const node of again) {
          await until(
            "the file is found again",
            async () => (await fetch(`${node.url}/hakmes/info/${key}/`)).status === 200,
            120_000,
          );
          await expectGiven(node, key);
          expect(await infoOf(node, key)).toEqual(records[0]);
          await until(
            "the other is found again",
            async () => (await fetch(`${node.url}/hakmes/info/${other}/`)).status === 200,
            120_000,
          );
          expect(await infoOf(node, other)).toEqual(records[1]);
        }
        const reindexed = await fetch(`${first.url}/hakmes/reindex/`, { method: "POST" });
        expect(reindexed.status).toBeLessThan(300);
        const { rounds } = (await statusOf(first)).search;
        await until(
          "another whole round has ended",
          async () => (await statusOf(first)).search.rounds > rounds,
          120_000,
        );
        expect((await statusOf(first)).files).toBe(2);
      } finally {
        for (const node of again) await node[Symbol.asyncDispose]();
      }
    } finally {
      for (const node of nodes) await node[Symbol.asyncDispose]();
    }
  },
  180_000,
);
