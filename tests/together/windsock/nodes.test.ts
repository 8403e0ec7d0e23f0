/** Two nodes of a cluster as they run: what is published at one is heard at the other, and presence and orders go between. */
import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "../../../src/kit/clock.ts";
import { type ChildNode, startChild, until } from "../../../src/kit/testing/child-node.ts";
import { Requester } from "../../../src/lib/zmtp/request.ts";
import { signClaims } from "../../../src/wires/windsock/doors/jwt.ts";
import { signRequest } from "../../../src/wires/windsock/doors/signature.ts";
import { signToken } from "../../../src/wires/windsock/token.ts";

const secret = "a secret for tests that is long enough";

const linked = ["--link", "direct", "--rep-socket", "tcp://127.0.0.1:*", "--gossip", "127.0.0.1:0"];

function start(more: readonly string[] = [], folder?: string, own = linked): Promise<ChildNode> {
  return startChild({
    words: ["windsock", ...own, ...more],
    environment: {
      WARREN_WINDSOCK_SECRET: secret,
      WARREN_WINDSOCK_API_SECRETS: secret,
      WARREN_WINDSOCK_TOKEN_KEYS: secret,
    },
    ...(folder === undefined ? {} : { folder }),
  });
}

/** Asks as a back end does. */
async function ask(node: ChildNode, verb: string, said: object): Promise<unknown> {
  const body = JSON.stringify(said);
  const signed = { method: "POST", target: `/api/${verb}`, body };
  const headers = { "X-Windsock-Signature": signRequest(signed, secret, Date.now() / 1000) };
  const answer = await fetch(`${node.url}/api/${verb}`, { method: "POST", body, headers });
  return answer.json();
}

function publisher(node: ChildNode) {
  const requester = new Requester({ clock: systemClock, random: Math.random });
  requester.connect(/^windsock rep +(\S+)$/m.exec(node.output())?.[1] ?? "");
  return {
    publish: async (content: string) => {
      const frame = Buffer.from(JSON.stringify({ address: "room", content }));
      return (await requester.request([frame], 60_000))[0]?.toString();
    },
    [Symbol.dispose]: () => requester.close(),
  };
}

async function ear(node: ChildNode, user: string) {
  const atSeconds = Math.floor(Date.now() / 1000);
  const fields = { user, subPrefix: "room", pubPrefix: `room.${user}`, atSeconds, salt: "1", address: "" };
  const socket = new WebSocket(`${node.url.replace("http", "ws")}/socket/?token=${signToken(fields, secret)}`);
  const heard: string[] = [];
  socket.addEventListener("message", ({ data }) =>
    heard.push((JSON.parse(String(data)) as { content: string }).content),
  );
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", () => reject(new Error("refused")));
  });
  return { socket, heard };
}

test("windsock: nodes of a cluster hear each other, each message once", async () => {
  await using one = await start();
  await using two = await start(["--join", one.gossip]);
  using atOne = publisher(one);
  using atTwo = publisher(two);
  const anna = await ear(one, "anna");
  const ben = await ear(two, "ben");
  await until("they know each other", async () => {
    await atOne.publish("?");
    await atTwo.publish("??");
    return ben.heard.includes("?") && anna.heard.includes("??");
  });
  for (let round = 0; round < 20; round++) {
    expect(await atOne.publish(`one ${round}`)).toBe("published");
    expect(await atTwo.publish(`two ${round}`)).toBe("published");
  }
  ben.socket.send("from ben");
  for (const { heard } of [anna, ben]) {
    await until("all was heard", () => heard.filter((text) => !text.startsWith("?")).length === 41);
    for (const where of ["one", "two"]) {
      expect(heard.filter((text) => text.startsWith(where))).toEqual(
        Array.from({ length: 20 }, (_, round) => `${where} ${round}`),
      );
    }
  }
}, 180_000);

test("windsock: what is called back at one node is refused at all of them, at those that were away too", async () => {
  const folder = mkdtempSync(join(tmpdir(), "warren-test-"));
  try {
    const nowSeconds = Math.floor(Date.now() / 1000);
    const token = (claims: object) =>
      signClaims({ iat: nowSeconds, exp: nowSeconds + 600, subscribe: ["room"], ...claims }, { secret });
    const answerOf = async (node: ChildNode, claims: object) =>
      (await fetch(`${node.url}/history?topic=room`, { headers: { "X-Windsock-Token": token(claims) } })).status;
    await using one = await start();
    let two = await start(["--join", one.gossip], folder);
    const anna = await ear(two, "anna");
    const ended = new Promise<number>((resolve) => anna.socket.addEventListener("close", ({ code }) => resolve(code)));
    expect([await answerOf(two, { sub: "anna" }), await answerOf(two, { jti: "t1" })]).toEqual([200, 200]);
    expect(await ask(one, "revoke", { user: "anna" })).toEqual({});
    expect(await ask(one, "revoke", { token: "t1" })).toEqual({});
    expect(await ended).toBe(3503);
    await until("the other node refuses both", async () => {
      const found = [await answerOf(two, { sub: "anna" }), await answerOf(two, { jti: "t1" })];
      return found.every((status) => status === 401);
    });
    expect(await answerOf(two, { sub: "ben" })).toBe(200);
    const path = join(two.data, "windsock", "revocations.json");
    const kept = () => (existsSync(path) ? readFileSync(path, "utf8") : "");
    await until("both are on its disk", () => kept().includes("anna") && kept().includes("t1"));
    // While it is away another one is called back; and what it knew it still knows when it comes back alone.
    await two.end("SIGKILL");
    expect(await ask(one, "revoke", { token: "t2" })).toEqual({});
    two = await start([], folder, []);
    expect([await answerOf(two, { sub: "anna" }), await answerOf(two, { jti: "t1" })]).toEqual([401, 401]);
    expect(await answerOf(two, { jti: "t2" })).toBe(200);
    await two.end();
    two = await start(["--join", one.gossip], folder);
    await until("it has learned the rest", async () => (await answerOf(two, { jti: "t2" })) === 401);
    await two.end();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 180_000);
