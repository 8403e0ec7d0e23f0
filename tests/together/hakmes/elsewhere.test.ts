/**
 * Hakmes on machines of their own, before a Cask elsewhere with several addresses: one of these may die, one Hakmes may die,
 * and one that belongs to no cluster finds what the others took.
 */
import { expect, test } from "bun:test";

import { type ChildNode, startChild, until } from "../../../src/kit/testing/child-node.ts";

const storeEnvironment = {
  WARREN_NODE_CLUSTER_SECRET: "of the stores",
  WARREN_HAKMES_ENABLED: "false",
  WARREN_RETICULUM_ENABLED: "false",
  WARREN_CASK_COPIES: "2",
  WARREN_CASK_QUORUM: "1",
  // A machine that is busy answers late, and no test here is about that.
  WARREN_CASK_ASK: "30s",
};

const sha1 = (text: string) => `sha1:${new Bun.CryptoHasher("sha1").update(text).digest("hex")}`;

async function upload(node: ChildNode, text: string): Promise<string> {
  const form = new FormData();
  form.append("file", new File([text], "a.txt", { type: "text/plain" }));
  const answer = await fetch(`${node.url}/`, { method: "POST", body: form });
  expect([answer.status, (await answer.json()) as unknown]).toEqual([
    200,
    expect.objectContaining({ key: sha1(text) }),
  ]);
  return sha1(text);
}

const textOf = async (node: ChildNode, key: string) => (await fetch(`${node.url}/file/${key}/`)).text();

test("an address of Cask dies, then a Hakmes; what was taken is given, also by one of no cluster", async () => {
  const started: ChildNode[] = [];
  const start = async (...options: Parameters<typeof startChild>) => {
    const node = await startChild(...options);
    started.push(node);
    return node;
  };
  try {
    const first = await start({ environment: storeEnvironment });
    const second = await start({ words: ["up", "--join", first.gossip], environment: storeEnvironment });
    const environment = {
      HAKMES_CASK_BASE: `${first.url}/cask,${second.url}/cask/`,
      WARREN_NODE_CLUSTER_SECRET: "of the fronts",
    };
    const one = await start({ words: ["hakmes"], environment });
    const two = await start({ words: ["hakmes", "--join", one.gossip], environment });
    const before = "taken while all were there ".repeat(20_000);
    const key = await upload(one, before);
    await until("the other has it", async () => (await fetch(`${two.url}/file/${key}/`)).status === 200);
    expect(await textOf(two, key)).toBe(before);
    // Both stores have both copies before one of them goes.
    const { chunks } = (await (await fetch(`${one.url}/info/${key}/`)).json()) as { chunks: string[] };
    expect(chunks.length).toBeGreaterThan(0);
    await until("both stores have every chunk", async () => {
      const held = await Promise.all(
        chunks.map(async (chunk) => {
          const answer = await fetch(`${second.url}/cask/whereis/${chunk}/`);
          return ((await answer.json()) as { places: { held?: boolean }[] }).places.filter((place) => place.held)
            .length;
        }),
      );
      return held.every((copies) => copies === 2);
    });
    await first.end("SIGKILL");
    expect(await textOf(one, key)).toBe(before);
    const after = await upload(two, "taken when one address was dead");
    await one.end("SIGKILL");
    expect(await textOf(two, key)).toBe(before);
    expect(await textOf(two, after)).toBe("taken when one address was dead");
    // Whoever is silent may still be taking files: nothing is said to be missing until it is back or forgotten.
    const unknown = await fetch(`${two.url}/file/${sha1("never taken")}/`);
    expect([unknown.status, Number(unknown.headers.get("retry-after")) > 0]).toEqual([503, true]);
    const alone = await start({ words: ["hakmes"], environment: { HAKMES_CASK_BASE: environment.HAKMES_CASK_BASE } });
    for (const each of [key, after]) {
      await until(
        "it finds what the others took",
        async () => {
          const { status } = await fetch(`${alone.url}/file/${each}/`);
          // While the store it searches is not whole it must not say that there is nothing.
          expect([200, 503]).toContain(status);
          return status === 200;
        },
        120_000,
      );
    }
    expect(await textOf(alone, key)).toBe(before);
  } finally {
    for (const node of started) await node[Symbol.asyncDispose]();
  }
}, 180_000);
