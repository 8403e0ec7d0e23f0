import { expect, test } from "bun:test";

import { openTokens, tokensPath } from "../auth/tokens.ts";
import { systemClock } from "../clock.ts";
import { silentLog } from "../log.ts";
import { startSocketNode } from "../testing/socket-node.ts";
import { type SocketTopics, widestSettings } from "./socket.ts";

const settings = { maxMessageBytes: 1000, maxWaitingBytes: 100_000, idleSeconds: 60, deflate: false };

/** A node with one service that echoes, and what it told. */
async function withEcho(
  options: { takesSockets: boolean },
  use: (url: string, told: string[], topics: () => SocketTopics, data: string) => Promise<void>,
) {
  const told: string[] = [];
  await using node = await startSocketNode({
    sockets: options.takesSockets ? settings : undefined,
    headers: new Headers({ "X-Made-By": "echo" }),
    handler: () => ({
      opened: (socket) => {
        socket.subscribe("echo/all");
        told.push("opened");
      },
      received: (socket, message) => void socket.send(`you said ${message.toString()}`),
      closed: (_socket, code) => told.push(`closed ${code}`),
    }),
  });
  await use(node.url, told, () => node.topics, node.folder);
}

/** A connection, its messages as they come, and its end. */
function connect(url: string, headers: Record<string, string> = {}) {
  const socket = new WebSocket(`${url.replace("http", "ws")}/echo/`, { headers });
  const messages: string[] = [];
  const waiting: ((message: string) => void)[] = [];
  socket.addEventListener("message", ({ data }) => {
    const next = waiting.shift();
    if (next) next(String(data));
    else messages.push(String(data));
  });
  const ended = new Promise<number>((resolve) => socket.addEventListener("close", ({ code }) => resolve(code)));
  const opened = new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", () => reject(new Error("refused")));
  });
  const next = () =>
    new Promise<string>((resolve) => {
      const message = messages.shift();
      if (message === undefined) waiting.push(resolve);
      else resolve(message);
    });
  return { socket, opened, ended, next };
}

test("upgrade: messages go both ways, and by topic to everyone", async () => {
  await withEcho({ takesSockets: true }, async (url, told, topics) => {
    const [one, two] = [connect(url), connect(url)];
    await Promise.all([one.opened, two.opened]);
    one.socket.send("hello");
    expect(await one.next()).toBe("you said hello");
    topics().publish("echo/all", "to all");
    expect(await Promise.all([one.next(), two.next()])).toEqual(["to all", "to all"]);
    two.socket.close(4001);
    await two.ended;
    topics().publish("echo/all", "again");
    expect(await one.next()).toBe("again");
    expect(told).toContain("closed 4001");
  });
});

test("upgrade: a message beyond the limit ends its connection, not the others", async () => {
  await withEcho({ takesSockets: true }, async (url) => {
    const [one, two] = [connect(url), connect(url)];
    await Promise.all([one.opened, two.opened]);
    one.socket.send("x".repeat(1001));
    await one.ended;
    two.socket.send("still here");
    expect(await two.next()).toBe("you said still here");
  });
});

test("upgrade: refused where no service declared websockets, and for a request that is no handshake", async () => {
  await withEcho({ takesSockets: false }, async (url) => {
    expect(await connect(url).opened.catch((thrown: Error) => thrown.message)).toBe("refused");
  });
  await withEcho({ takesSockets: true }, async (url) => {
    const answer = await fetch(`${url}/echo/`);
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain("no right handshake");
  });
});

test("upgrade: a page of another site gets no socket, and nobody does without a token where there are tokens", async () => {
  await withEcho({ takesSockets: true }, async (url, _told, _topics, data) => {
    expect(await connect(url, { Origin: "https://evil.example" }).opened.catch((thrown: Error) => thrown.message)).toBe(
      "refused",
    );
    const tokens = openTokens(tokensPath(data), { clock: systemClock, log: silentLog });
    tokens.create({ name: "someone", grants: [{ service: "*", scope: "read" }] });
    tokens.close();
    let status = 400;
    for (let round = 0; round < 100_000 && status !== 401; round++) ({ status } = await fetch(`${url}/echo/`));
    expect(await connect(url).opened.catch((thrown: Error) => thrown.message)).toBe("refused");
  });
});

test("stop: websockets do not hold a node up, and are told", async () => {
  let ended: Promise<number> | undefined;
  await withEcho({ takesSockets: true }, async (url) => {
    const one = connect(url);
    await one.opened;
    ({ ended } = one);
  });
  expect(await ended).toBeGreaterThanOrEqual(1000);
});

test("widestSettings: of several services on one address each gets what it wants", () => {
  expect(widestSettings([])).toBeUndefined();
  expect(
    widestSettings([settings, { maxMessageBytes: 5, maxWaitingBytes: 900_000, idleSeconds: 2000, deflate: true }]),
  ).toEqual({ maxMessageBytes: 1000, maxWaitingBytes: 900_000, idleSeconds: 960, deflate: true });
});
