/**
 * Windsock is killed and started again in mid-stream, and its client goes on: with the history on disk each message that
 * was answered is heard exactly once, with the history in memory a gap is told and nothing comes twice.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type ChildNode, startChild, until } from "../../src/kit/testing/child-node.ts";
import { freePort } from "../../src/kit/testing/free-port.ts";
import { clientModule } from "../../src/wires/windsock/client/client-files.ts";
import { signClaims } from "../../src/wires/windsock/doors/jwt.ts";

setDefaultTimeout(180_000);

const key = { id: "k", secret: "a key of the tests of restarts" };

interface Client {
  subscribe(topic: string, hear: (message: { content: string }) => void, options: object): { ready: Promise<void> };
  close(): void;
}
type Made = new (url: string, options: object) => Client;

describe("windsock: killed and started again", () => {
  const folder = mkdtempSync(join(tmpdir(), "warren-resume-"));
  let Windsock: Made;
  beforeAll(async () => {
    const path = join(folder, "client.mjs");
    writeFileSync(path, clientModule);
    ({ Windsock } = (await import(path)) as { Windsock: Made });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const run = async (store: "memory" | "disk", way: string) => {
    const home = mkdtempSync(join(folder, `${store}-`));
    const config = `[windsock]\nhistory_store = "${store}"\ntoken_keys = ["${key.id}:${key.secret}"]\n`;
    const start = (listen: string) => startChild({ words: ["windsock"], folder: home, config, listen });
    let node: ChildNode = await start(`127.0.0.1:${freePort()}`);
    const { host } = new URL(node.url);
    const answered: string[] = [];
    const over = new AbortController();
    const speak = async () => {
      for (let at = 0; !over.signal.aborted; at++) {
        const body = JSON.stringify({ address: "r", content: String(at) });
        try {
          const answer = await fetch(`http://${host}/publish`, { method: "POST", body });
          if (answer.ok) answered.push(String(at));
        } catch (thrown) {
          // The server is away; what was on its way may have been published or not.
          if (!(thrown instanceof Error)) throw thrown;
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
    };
    const exp = Math.floor(Date.now() / 1000) + 600;
    const token = () => signClaims({ sub: "ear", exp, subscribe: ["r"] }, key);
    const heard: string[] = [];
    let gaps = 0;
    const client = new Windsock(`http://${host}`, { token, ways: [way], firstWaitMs: 20, mostWaitMs: 100 });
    const count = (content: string) => heard.push(content);
    await client.subscribe("r", ({ content }) => count(content), { gap: () => gaps++ }).ready;
    const speaking = speak();
    for (let round = 1; round <= 2; round++) {
      const before = heard.length;
      await until("something was heard", () => heard.length > before + 50);
      await node.end("SIGKILL");
      node = await start(host);
    }
    const before = heard.length;
    await until("something is heard again", () => heard.length > before + 50);
    over.abort();
    await speaking;
    await until("the last one is heard", () => heard.at(-1) === answered.at(-1));
    client.close();
    await node[Symbol.asyncDispose]();
    return { answered, gaps, heard };
  };

  for (const way of ["websocket", "sse", "poll"]) {
    test(`history on disk, by ${way}: each message that was answered is heard exactly once, in order`, async () => {
      const { answered, gaps, heard } = await run("disk", way);
      expect(gaps).toBe(0);
      expect(new Set(heard).size).toBe(heard.length);
      const wanted = new Set(heard);
      expect(answered.filter((content) => !wanted.has(content))).toEqual([]);
      expect(heard).toEqual(heard.toSorted((one, other) => Number(one) - Number(other)));
    });
  }

  test("history in memory: a gap is told for each restart, and nothing is heard twice", async () => {
    const { gaps, heard } = await run("memory", "websocket");
    expect(gaps).toBe(2);
    expect(new Set(heard).size).toBe(heard.length);
  });
});
