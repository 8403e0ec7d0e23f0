/** Two nodes of a cluster as they run: what is published at one is heard at the other, and presence and orders go between. */
import { expect, test } from "bun:test";

import { systemClock } from "../../../src/kit/clock.ts";
import { type ChildNode, startChild, until } from "../../../src/kit/testing/child-node.ts";
import { Requester } from "../../../src/lib/zmtp/request.ts";
import { signToken } from "../../../src/wires/windsock/token.ts";

const secret = "a secret for tests that is long enough";

function start(more: readonly string[] = []): Promise<ChildNode> {
  return startChild({
    words: ["windsock", "--link", "direct", "--rep-socket", "tcp://127.0.0.1:*", "--gossip", "127.0.0.1:0", ...more],
    environment: { WARREN_WINDSOCK_SECRET: secret },
  });
}

function publisher(node: ChildNode) {
  const requester = new Requester({ clock: systemClock, random: Math.random });
  requester.connect(/^windsock rep +(\S+)$/m.exec(node.output())?.[1] ?? "");
  return {
    publish: async (content: string) => {
      const frame = Buffer.from(JSON.stringify({ address: "room", content }));
      return (await requester.request([frame], 3000))[0]?.toString();
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
    return ben.heard.length > 0;
  });
  for (let round = 0; round < 20; round++) {
    expect(await atOne.publish(`one ${round}`)).toBe("published");
    expect(await atTwo.publish(`two ${round}`)).toBe("published");
  }
  ben.socket.send("from ben");
  for (const { heard } of [anna, ben]) {
    await until("all was heard", () => heard.filter((text) => text !== "?").length === 41);
    for (const where of ["one", "two"]) {
      expect(heard.filter((text) => text.startsWith(where))).toEqual(
        Array.from({ length: 20 }, (_, round) => `${where} ${round}`),
      );
    }
  }
}, 60_000);
