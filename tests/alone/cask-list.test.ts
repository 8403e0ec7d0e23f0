/**
 * The list of keys, seen from outside: what one node answers, to whom, and what `warren cask list` makes of it. Lists of
 * several nodes are in tests/together.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";

import { type ChildNode, runProgram, startChild } from "../../src/kit/testing/child-node.ts";
import { makeToken, tokenCounts } from "../tokens.ts";

const keyOf = (text: string, algorithm: "sha1" | "sha256" = "sha256") =>
  `${algorithm}:${new Bun.CryptoHasher(algorithm).update(text).digest("hex")}`;
const bucketOf = (key: string) => Number.parseInt(key.slice(key.indexOf(":") + 1, key.indexOf(":") + 3), 16);

interface Listing {
  bucket: number;
  keys: [string, number][];
  complete: boolean;
  unasked: string[];
}

const list = async (node: ChildNode, bucket: number) =>
  (await (await fetch(`${node.url}/cask/keys/?bucket=${bucket}`)).json()) as Listing;

async function listAll(node: ChildNode): Promise<[string, number][]> {
  const keys: [string, number][] = [];
  for (let bucket = 0; bucket < 256; bucket++) {
    const answer = await list(node, bucket);
    expect(answer).toMatchObject({ bucket, complete: true, unasked: [] });
    keys.push(...answer.keys);
  }
  return keys;
}

describe("one node", () => {
  let node: ChildNode;
  const texts = ["", ...Array.from({ length: 40 }, (_, number) => "x".repeat(number * 11) + number)];
  const old: [string, number] = [keyOf("old", "sha1"), 3];
  const stored = [...texts.map((text): [string, number] => [keyOf(text), text.length]), old].sort();
  beforeAll(async () => {
    node = await startChild();
    for (const body of texts) await fetch(`${node.url}/cask/`, { method: "PUT", body });
    await fetch(`${node.url}/cask/?algorithm=sha1`, { method: "PUT", body: "old" });
  });
  afterAll(async () => {
    await node[Symbol.asyncDispose]();
  });

  test("lists every blob, of both algorithms, with its size, in the bucket of its first two digits", async () => {
    const all = await listAll(node);
    expect(all.toSorted()).toEqual(stored);
    const [key] = all[0] ?? [""];
    const answer = await fetch(`${node.url}/cask/keys/?bucket=${bucketOf(key)}`);
    expect([answer.headers.get("content-type"), answer.headers.get("cache-control")]).toEqual([
      "application/json",
      "no-store",
    ]);
  });

  test("goes on behind a key", async () => {
    const key = keyOf("");
    const url = `${node.url}/cask/keys/?bucket=${bucketOf(key)}`;
    const whole = (await (await fetch(url)).json()) as Listing;
    const rest = (await (await fetch(`${url}&after=${key}`)).json()) as Listing;
    expect(rest.keys).toEqual(whole.keys.slice(whole.keys.findIndex(([listed]) => listed === key) + 1));
  });

  test("what is no bucket, and no key to go on behind, is refused", async () => {
    for (const query of [
      "",
      "?bucket=",
      "?bucket=256",
      "?bucket=-1",
      "?bucket=1.5",
      "?bucket=0x1",
      "?bucket=1e1",
      "?bucket=%31%30%30%30",
    ]) {
      const answer = await fetch(`${node.url}/cask/keys/${query}`, { headers: { Accept: "application/json" } });
      expect([query, answer.status, await answer.json()]).toMatchObject([query, 400, { code: "cask/bucket" }]);
    }
    for (const after of ["", "x", keyOf(""), `${keyOf("")}%00`]) {
      const bucket = (bucketOf(keyOf("")) + 1) % 256;
      const answer = await fetch(`${node.url}/cask/keys/?bucket=${bucket}&after=${after}`, {
        headers: { Accept: "application/json" },
      });
      expect([after, answer.status, await answer.json()]).toMatchObject([after, 400, { code: "cask/key" }]);
    }
    const posted = await fetch(`${node.url}/cask/keys/?bucket=1`, { method: "POST", body: "not an upload" });
    expect([posted.status, posted.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });

  test("warren cask list: keys with sizes, or one JSON object a line", async () => {
    const environment = { WARREN_SERVER: `${node.url}/cask` };
    const plain = await runProgram(["cask", "list"], { environment });
    expect([plain.exitCode, plain.stderr]).toEqual([0, ""]);
    expect(plain.stdout.trimEnd().split("\n").sort()).toEqual(stored.map(([key, size]) => `${key}  ${size}`));
    const json = await runProgram(["cask", "list", "--json"], { environment });
    const objects = json.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
    expect(objects).toHaveLength(stored.length);
    expect(objects).toContainEqual({ key: keyOf(""), sizeBytes: 0 });
  });

  test("a node that lost its ledger lists what is on its disk, from the first moment on", async () => {
    await node.end("SIGKILL");
    for (const name of ["ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"])
      rmSync(join(node.data, "cask", name), { force: true });
    await using again = await startChild({ folder: node.folder });
    expect((await listAll(again)).sort()).toEqual(stored);
  });
});

test("who may only read gets no list: a key is what lets one read a blob", async () => {
  await using node = await startChild();
  const reader = await makeToken(node, "reader", "cask:read");
  const writer = await makeToken(node, "writer", "cask:write");
  const status = async (path: string, shown?: string, method = "GET") =>
    (
      await fetch(`${node.url}${path}`, {
        method,
        headers: { Accept: "application/json", ...(shown === undefined ? {} : { Authorization: `Bearer ${shown}` }) },
      })
    ).status;
  const path = "/cask/keys/?bucket=1";
  await tokenCounts(`${node.url}${path}`, writer);
  expect(await status(path)).toBe(401);
  for (const spelling of [path, "/cask/%6Beys/?bucket=1", "/cask/key%73/?bucket=1"]) {
    expect([spelling, await status(spelling, reader)]).toEqual([spelling, 403]);
    expect([spelling, await status(spelling, reader, "HEAD")]).toEqual([spelling, 403]);
  }
  // Other nodes show their secret; without one whoever may write is believed, and nobody else.
  expect(await status("/cask/peer/held/?bucket=1", reader)).toBe(403);
  expect(await status("/cask/peer/held/?bucket=1", writer)).toBe(200);
});
