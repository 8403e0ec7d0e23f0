/**
 * Several nodes with Reticulum: any of them serves any image, what one notes all know, and a node that has lost everything
 * finds it again.
 */
import { expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";

import sharp from "sharp";

import { type ChildNode, startChild, until } from "../../src/kit/testing/child-node.ts";
import { onlyServices } from "../only-services.ts";

const environment = {
  ...onlyServices("cask", "reticulum"),
  WARREN_NODE_CLUSTER_SECRET: "sesame",
  WARREN_CASK_COPIES: "3",
  WARREN_CASK_QUORUM: "2",
  // A machine that is busy answers late, and no test here is about that.
  WARREN_CASK_ASK: "30s",
};

const picture = new Uint8Array(
  await sharp({ create: { width: 60, height: 30, channels: 3, background: "#3050a0" } })
    .jpeg()
    .toBuffer(),
);

const at = (node: ChildNode, path: string, init: RequestInit = {}) => fetch(`${node.url}/reticulum${path}`, init);

interface Info {
  focus: { x: number; y: number } | null;
  results: object[];
}

test("three nodes: serve each other's images, share notes, and replace one that was lost", async () => {
  await using first = await startChild({ environment });
  const join2 = { words: ["up", "--join", first.gossip], environment };
  await using second = await startChild(join2);
  await using third = await startChild(join2);
  const nodes = [first, second, third];
  await until("all nodes see each other", async () => {
    const seen = await Promise.all(
      nodes.map(async (node) => (await (await fetch(`${node.url}/cask/status.json`)).json()) as { nodes: object[] }),
    );
    return seen.every((status) => status.nodes.length === 3);
  });

  const body = new FormData();
  body.append("image", new Blob([picture], { type: "image/jpeg" }), "a.jpg");
  const answer = (await (await at(first, "/", { method: "POST", body })).json()) as { hash: string; nodes: string[] };
  const { hash } = answer;
  expect(answer.nodes.length).toBeGreaterThanOrEqual(2);
  for (const node of nodes) {
    for (const path of [`/image/${hash}/full/a.jpg`, `/image/${hash}/20w/a.jpg`]) {
      const seen = await at(node, path);
      expect([path, seen.status]).toEqual([path, 200]);
    }
  }
  // An unknown image is asked for and not found, without an end of asking.
  expect((await at(third, `/image/${"0".repeat(64)}/20w/a.jpg`)).status).toBe(404);

  const focusOf = async (node: ChildNode) => ((await (await at(node, `/info/${hash}/`)).json()) as Info).focus;
  const setFocus = (node: ChildNode, x: number) =>
    at(node, `/image/${hash}/focus`, { method: "PUT", body: JSON.stringify({ x, y: 0 }) });
  expect((await setFocus(second, 0.25)).status).toBe(200);
  for (const node of nodes) await until("the note is everywhere", async () => (await focusOf(node))?.x === 0.25);

  const results = async (node: ChildNode) => ((await (await at(node, `/info/${hash}/`)).json()) as Info).results.length;
  expect((await at(first, `/image/${hash}/`, { method: "DELETE" })).status).toBe(200);
  for (const node of nodes) await until("the results are gone everywhere", async () => (await results(node)) === 0);

  // A stranger may not tell nodes anything.
  const note = [{ image: `sha256:${hash}`, name: "focus", value: '{"x":1,"y":1}', at: 1 }];
  for (const headers of [{}, { "X-Warren-Peer-Secret": "guess" }]) {
    const refused = await at(third, "/peer/notes/", { method: "POST", body: JSON.stringify(note), headers });
    expect(refused.status).toBe(403);
  }

  // The first loses its machine and comes back as another, with nobody of the others to ask for notes.
  await first.end("SIGKILL");
  rmSync(join(first.data, "reticulum"), { recursive: true, force: true });
  await using again = await startChild({
    words: ["up", "--join", second.gossip],
    environment: { ...environment },
    folder: first.folder,
  });
  await until("it knows the note again", async () => (await focusOf(again))?.x === 0.25);
  expect((await at(again, `/image/${hash}/20s/a.jpg`)).status).toBe(200);
}, 180_000);

test("one node: finds its notes again in Cask alone", async () => {
  await using node = await startChild({ environment: { WARREN_CASK_QUORUM: "1" } });
  const { hash } = (await (await at(node, "/", { method: "PUT", body: picture })).json()) as { hash: string };
  await at(node, `/image/${hash}/focus`, { method: "PUT", body: JSON.stringify({ x: 0.75, y: 0.5 }) });
  await node.end();
  rmSync(join(node.data, "reticulum"), { recursive: true, force: true });
  await using again = await startChild({ environment: { WARREN_CASK_QUORUM: "1" }, folder: node.folder });
  const info = await until(
    "the note is found",
    async () => {
      const found = (await (await at(again, `/info/${hash}/`)).json()) as Info;
      return found.focus?.x !== undefined && found;
    },
    120_000,
  );
  expect(info.focus).toEqual({ x: 0.75, y: 0.5 });
}, 180_000);
