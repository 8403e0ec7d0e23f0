import { expect, test } from "bun:test";

import { connect as tcpConnect } from "node:net";

import { Requester } from "../../lib/zmtp/request.ts";
import { Subscriber } from "../../lib/zmtp/publish.ts";
import { systemClock } from "../../kit/clock.ts";
import { until } from "../../kit/testing/child-node.ts";
import { fixtureSecret, freshToken, listen, startWindsock, type WindsockNode } from "./node-fixture.ts";
import { signToken } from "./token.ts";

const zmq = { clock: systemClock, random: Math.random };

/** Publishes as a back end does, over ZeroMQ. */
function backEnd({ endpoint }: WindsockNode) {
  const requester = new Requester(zmq);
  requester.connect(endpoint("rep"));
  return {
    async publish(address: string, content: string): Promise<string> {
      const [reply] = await requester.request([Buffer.from(JSON.stringify({ address, content }))], 60_000);
      return reply?.toString() ?? "";
    },
    [Symbol.dispose]: () => requester.close(),
  };
}

const broker = { rep_socket: "tcp://127.0.0.1:*", pub_socket: "tcp://127.0.0.1:*" };

test("socket: what a back end publishes comes as an envelope to those whose prefix fits, in order", async () => {
  await using node = await startWindsock(broker);
  using app = backEnd(node);
  const anna = await listen(node.url, { token: freshToken("anna", "gobot") });
  const ben = await listen(node.url, { token: freshToken("ben", "other") });
  expect(await app.publish("gobot.a", '{"x":"<&>"}')).toBe("published");
  expect(await app.publish("gobotany", "prefix of bytes")).toBe("published");
  expect(await app.publish("other", "")).toBe("published");
  expect((await anna.until(2)).map((text) => JSON.parse(text))).toEqual([
    { address: "gobot.a", content: '{"x":"<&>"}' },
    { address: "gobotany", content: "prefix of bytes" },
  ]);
  expect(Object.keys(JSON.parse(anna.heard[0] ?? ""))).toEqual(["address", "content"]);
  expect(await ben.until(1)).toEqual(['{"address":"other","content":""}']);
});

test("socket: what a client sends goes to its prefix, whole, also empty and not of UTF-8, and comes back", async () => {
  await using node = await startWindsock(broker);
  const anna = await listen(node.url, { token: freshToken("anna", "room", "room.anna") });
  const told: string[][] = [];
  const subscriber = new Subscriber({
    ...zmq,
    onMessage: (frames) => void told.push(frames.map((frame) => frame.toString())),
  });
  subscriber.subscribe(new Uint8Array(0));
  subscriber.connect(node.endpoint("pub"));
  await until("the broker knows its subscriber", async () => {
    anna.socket.send("?");
    await new Promise((resolve) => setTimeout(resolve, 5));
    return told.length > 0;
  });
  const before = anna.heard.length;
  anna.socket.send("hello");
  anna.socket.send("");
  anna.socket.send(new Uint8Array([0xef, 0xbb, 0xbf, 97, 0xff]));
  const heard = (await anna.until(before + 3)).slice(before);
  expect(heard.map((text) => JSON.parse(text))).toEqual([
    { address: "room.anna", content: "hello" },
    { address: "room.anna", content: "" },
    { address: "room.anna", content: "\uFEFFa\uFFFD" },
  ]);
  await until("all were told", () => told.at(-1)?.[1] === "\uFEFFa\uFFFD");
  expect(told.slice(-3)).toEqual([
    ["room.anna", "hello"],
    ["room.anna", ""],
    ["room.anna", "\uFEFFa\uFFFD"],
  ]);
  subscriber.close();
});

/** Speaks HTTP by hand; what came back, once it ends or holds `enough`. */
function raw(url: string, head: string, enough = "\r\n\r\n"): Promise<string> {
  const { port } = new URL(url);
  return new Promise((resolve) => {
    let got = "";
    const socket = tcpConnect(Number(port), "127.0.0.1", () => socket.write(head));
    socket.on("data", (bytes) => {
      got += bytes.toString("latin1");
      if (got.includes(enough) || /^HTTP\/1.1 101[^]*\r\n\r\n/.test(got)) socket.end();
    });
    socket.on("close", () => resolve(got));
    socket.on("error", () => resolve(got));
  });
}

const handshake = (path: string, ...more: string[]) =>
  [
    `GET ${path} HTTP/1.1`,
    "Host: localhost",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
    ...more,
    "",
    "",
  ].join("\r\n");

test("socket: what is no handshake is answered as it was; sub-paths and sub-protocols are taken", async () => {
  await using node = await startWindsock();
  const { url } = node;
  const statusOf = async (head: string) => /^HTTP\/1.1 (\d+)/.exec(await raw(url, head))?.[1];
  const plain = await fetch(`${url}/socket/`);
  expect([plain.status, await plain.text()]).toEqual([400, "not websocket protocol"]);
  expect((await fetch(`${url}/socket/`, { method: "POST" })).status).toBe(405);
  const moved = await fetch(`${url}/socket?token=x`, { redirect: "manual" });
  expect([moved.status, moved.headers.get("location")]).toEqual([301, "/socket/?token=x"]);
  const token = freshToken("anna", "a");
  const old = await raw(url, handshake(`/socket/?token=${token}`).replace("Version: 13", "Version: 8"));
  expect(old).toStartWith("HTTP/1.1 400");
  expect(old.toLowerCase()).toContain("sec-websocket-version: 13");
  expect(await statusOf(handshake(`/socket/any/where?token=${token}`))).toBe("101");
  const one = await raw(url, handshake(`/socket/?token=${token}`, "Sec-WebSocket-Protocol: chat"));
  expect(one).toMatch(/^HTTP\/1.1 101/);
  expect(one.toLowerCase()).toContain("sec-websocket-protocol: chat");
  expect(one.toLowerCase()).toContain("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=");
  expect(await statusOf(handshake(`/socket/?token=${token}`, "Sec-WebSocket-Protocol: chat, other"))).toBe("400");
  const deflate = handshake(`/socket/?token=${token}`, "Sec-WebSocket-Extensions: permessage-deflate");
  expect((await raw(url, deflate)).toLowerCase()).not.toContain("permessage-deflate");
});

test("socket: messages are compressed for whoever can, where that is chosen", async () => {
  await using node = await startWindsock({ ...broker, deflate: "true" });
  using app = backEnd(node);
  const token = freshToken("anna", "a");
  const offer = handshake(`/socket/?token=${token}`, "Sec-WebSocket-Extensions: permessage-deflate");
  expect((await raw(node.url, offer)).toLowerCase()).toContain("sec-websocket-extensions: permessage-deflate");
  const ear = await listen(node.url, { token });
  expect(await app.publish("a", "x".repeat(10_000))).toBe("published");
  expect(JSON.parse((await ear.until(1))[0] ?? "")).toEqual({ address: "a", content: "x".repeat(10_000) });
});

test("socket: whoever may not come is told why before the upgrade", async () => {
  await using node = await startWindsock({
    origins: "https://app.example,https://*.nice.example",
    check_address: "true",
  });
  const { url } = node;
  const answer = async (token: string, ...more: string[]) => {
    const text = await raw(url, handshake(`/socket/?token=${encodeURIComponent(token)}`, ...more), "}");
    const status = Number(/^HTTP\/1.1 (\d+)/.exec(text)?.[1]);
    return [status, /"code":"([^"]+)"/.exec(text)?.[1] ?? ""];
  };
  const token = freshToken("anna", "a");
  expect(await answer("")).toEqual([401, "windsock/token"]);
  expect(await answer(`${token}0`)).toEqual([401, "windsock/proof"]);
  expect(await answer("anp8:gobot:gobot.browser.anp8:1344361884:667494:127.0.0.1:8a5c")).toEqual([
    401,
    "windsock/proof",
  ]);
  expect(await answer(token, "Origin: https://evil.example")).toEqual([403, "windsock/origin"]);
  expect(await answer(token, "Origin: https://nice.example.evil.example")).toEqual([403, "windsock/origin"]);
  expect(await answer(token, "Origin: null")).toEqual([403, "windsock/origin"]);
  expect(await answer(token.replace("127.0.0.1", "10.0.0.1"))).toEqual([401, "windsock/proof"]);
  expect((await answer(token, "Origin: https://app.example"))[0]).toBe(101);
  expect((await answer(token, "Origin: https://a.b.nice.example"))[0]).toBe(101);
  expect((await answer(token))[0]).toBe(101);
});

test("socket: behind two proxies whoever has the same list before them as in the token may come, by every door", async () => {
  await using node = await startWindsock({ forwarded: "true", check_address: "true" });
  const at = Math.floor(Date.now() / 1000);
  const fields = {
    user: "anna",
    subPrefix: "a",
    pubPrefix: "a",
    atSeconds: at,
    salt: "1",
    address: "192.0.2.1, 10.0.0.1",
  };
  const token = encodeURIComponent(signToken(fields, fixtureSecret));
  const answers = async (list: string) => [
    /^HTTP\/1.1 (\d+)/.exec(await raw(node.url, handshake(`/socket/?token=${token}`, `X-Forwarded-For: ${list}`)))?.[1],
    (await fetch(`${node.url}/history?prefix=a&token=${token}`, { headers: { "X-Forwarded-For": list } })).status,
  ];
  expect(await answers("192.0.2.1, 10.0.0.1")).toEqual(["101", 200]);
  expect(await answers("192.0.2.1, 192.0.2.66, 10.0.0.1")).toEqual(["403", 403]);
});

test("socket: any well-formed origin may come where none are named, and none that is no URL", async () => {
  await using node = await startWindsock();
  const token = freshToken("anna", "a");
  const status = async (origin: string) =>
    /^HTTP\/1.1 (\d+)/.exec(await raw(node.url, handshake(`/socket/?token=${token}`, `Origin: ${origin}`)))?.[1];
  expect(await status("https://anywhere.example")).toBe("101");
  expect(await status("null")).toBe("403");
});

/** A client's frame, masked with zeroes. */
function frame(opcode: number, payload: string, isLast: boolean): Buffer {
  const bytes = Buffer.from(payload);
  return Buffer.concat([Buffer.from([(isLast ? 0x80 : 0) | opcode, 0x80 | bytes.length, 0, 0, 0, 0]), bytes]);
}

test("socket: a message in fragments is one message; an unmasked frame ends the connection", async () => {
  await using node = await startWindsock();
  const ear = await listen(node.url, { token: freshToken("ear", "room") });
  const { port } = new URL(node.url);
  const socket = tcpConnect(Number(port), "127.0.0.1");
  let isOver = false;
  socket.on("close", () => (isOver = true));
  socket.on("error", () => undefined);
  socket.write(handshake(`/socket/?token=${freshToken("anna", "room")}`));
  await new Promise<void>((resolve) => socket.once("data", () => resolve()));
  socket.write(frame(1, "one ", false));
  socket.write(frame(9, "ping", true));
  socket.write(frame(0, "mess", false));
  socket.write(frame(0, "age", true));
  expect(await ear.until(1)).toEqual(['{"address":"room.anna","content":"one message"}']);
  socket.write(Buffer.from([0x81, 1, 97]));
  await until("it is over", () => isOver);
  expect(ear.heard).toHaveLength(1);
});

test("socket: with segments, room_1 does not hear room_10; with bytes it does, and that is told", async () => {
  for (const boundary of ["segments", "bytes"]) {
    await using node = await startWindsock({ ...broker, boundary });
    using app = backEnd(node);
    const ear = await listen(node.url, { token: freshToken("anna", "app.room_1") });
    await app.publish("app.room_10", "not mine");
    await app.publish("app.room_1.ben", "mine");
    const heard = await ear.until(boundary === "bytes" ? 2 : 1);
    expect(heard.map((text) => (JSON.parse(text) as { content: string }).content)).toEqual(
      boundary === "bytes" ? ["not mine", "mine"] : ["mine"],
    );
    const warned = node.node.findings().filter(({ name }) => name === "boundary");
    expect(warned).toHaveLength(boundary === "bytes" ? 1 : 0);
  }
});

test("socket: who asks for it does not hear itself, and only itself", async () => {
  await using node = await startWindsock();
  const [quiet, loud] = [
    await listen(node.url, { token: freshToken("quiet", "room"), echo: "0" }),
    await listen(node.url, { token: freshToken("loud", "room") }),
  ];
  quiet.socket.send("from quiet");
  loud.socket.send("from loud");
  expect(await loud.until(2)).toHaveLength(2);
  expect(await quiet.until(1)).toEqual(['{"address":"room.loud","content":"from loud"}']);
  // What a turn brought is written together, in its order.
  for (let round = 0; round < 3000; round++) loud.socket.send(String(round));
  const heard = (await quiet.until(3001)).slice(1).map((text) => (JSON.parse(text) as { content: string }).content);
  expect(heard).toEqual(Array.from({ length: 3000 }, (_, round) => String(round)));
});

test("socket: who comes back with its position hears what it missed, once and in order, or of a gap", async () => {
  await using node = await startWindsock({ ...broker, history_count: "6" });
  using app = backEnd(node);
  const query = () => ({ token: freshToken("anna", "room"), positions: "1" });
  const first = await listen(node.url, query());
  await app.publish("room", "1");
  const position = String((JSON.parse((await first.until(2))[1] ?? "") as { position: string }).position);
  first.socket.close();
  await first.ended;
  for (const content of ["2", "3"]) await app.publish("room", content);
  await app.publish("other", "not mine");
  const second = await listen(node.url, { ...query(), since: position });
  await app.publish("room", "4");
  const words = (await second.until(5)).map((text) => JSON.parse(text) as Record<string, unknown>);
  expect(words.map((word) => word["content"] ?? Object.keys(word)[0])).toEqual(["position", "2", "3", "resumed", "4"]);
  expect(words[3]).toMatchObject({ resumed: { isComplete: true } });
  for (const content of ["5", "6", "7"]) await app.publish("room", content);
  const late = await listen(node.url, { ...query(), since: position });
  const told = (await late.until(8)).map((text) => JSON.parse(text) as Record<string, unknown>);
  expect(told.map((word) => word["content"] ?? Object.keys(word)[0])).toEqual([
    "position",
    "gap",
    "3",
    "4",
    "5",
    "6",
    "7",
    "resumed",
  ]);
});

test("socket: narrower interests may be asked for, wider ones are refused", async () => {
  await using node = await startWindsock(broker);
  using app = backEnd(node);
  const token = freshToken("anna", "app");
  const words = new URLSearchParams([
    ["token", token],
    ["interest", "exact:app.a"],
    ["interest", "pattern:app.*.c"],
  ]);
  const socket = new WebSocket(`${node.url.replace("http", "ws")}/socket/?${words.toString()}`);
  const heard: string[] = [];
  socket.addEventListener("message", ({ data }) =>
    heard.push((JSON.parse(String(data)) as { address: string }).address),
  );
  await new Promise<void>((resolve) => socket.addEventListener("open", () => resolve()));
  for (const address of ["app.a", "app.b", "app.a.c", "app.a.d", "app.a"]) await app.publish(address, "");
  await until("all came", () => heard.length === 3);
  expect(heard).toEqual(["app.a", "app.a.c", "app.a"]);
  expect(await listen(node.url, { token, interest: "prefix:ap" }).catch((thrown: Error) => thrown.message)).toBe(
    "refused",
  );
  expect(await listen(node.url, { token, interest: "what" }).catch((thrown: Error) => thrown.message)).toBe("refused");
});

test("socket: limits of connections, of speed and of length hold", async () => {
  await using node = await startWindsock({
    connections_per_user: "1",
    messages_per_second: "1",
    messages_burst: "3",
    max_message: "1KiB",
  });
  const anna = await listen(node.url, { token: freshToken("anna", "room") });
  expect(await listen(node.url, { token: freshToken("anna", "room") }).catch(() => "refused")).toBe("refused");
  const ben = await listen(node.url, { token: freshToken("ben", "room") });
  for (let round = 0; round < 4; round++) anna.socket.send(String(round));
  expect((await anna.ended).code).toBe(3505);
  expect(await ben.until(3)).toHaveLength(3);
  ben.socket.send("x".repeat(1020));
  expect((await ben.ended).code).toBe(1009);
  // Its place is free again.
  const again = await until("there is room", () =>
    listen(node.url, { token: freshToken("anna", "room") }).catch(() => undefined),
  );
  again.socket.close();
});

test("socket: who is still there when the node stops is told to come back", async () => {
  const node = await startWindsock();
  const ear = await listen(node.url, { token: freshToken("anna", "room") });
  await node.stop();
  expect((await ear.ended).code).toBe(1012);
});

test("socket: a token is good once where it is to be", async () => {
  await using node = await startWindsock({ single_use: "true" });
  const token = freshToken("anna", "room");
  await listen(node.url, { token });
  expect(await listen(node.url, { token }).catch(() => "refused")).toBe("refused");
});

/** Asks the API as whoever works on this machine may. */
async function api(node: WindsockNode, verb: string, body: object): Promise<unknown> {
  const answer = await fetch(`${node.url}/api/${verb}`, { method: "POST", body: JSON.stringify(body) });
  expect(answer.status).toBe(200);
  return answer.json();
}

test("socket: a user is listed, ended by order, and not let in again with a token that was called back", async () => {
  await using node = await startWindsock();
  const token = freshToken("anna", "room");
  const anna = await listen(node.url, { token });
  const ben = await listen(node.url, { token: freshToken("ben", "room") });
  expect(JSON.stringify(await api(node, "connections", { user: "anna" }))).toContain('"transport":"socket"');
  await api(node, "disconnect", { user: "anna", reason: "you left the team" });
  expect(await anna.ended).toEqual({ code: 3503, reason: "you left the team" });
  await listen(node.url, { token });
  await api(node, "revoke", { user: "anna" });
  expect(await listen(node.url, { token }).catch(() => "refused")).toBe("refused");
  ben.socket.send("still here");
  expect(await ben.until(1)).toHaveLength(1);
});

test("socket: the application is asked whether somebody may come, and told of what they say", async () => {
  const told: { connect?: { user: string }; events?: Record<string, unknown>[] }[] = [];
  const app = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const news = (await request.json()) as (typeof told)[number];
      told.push(news);
      return new Response(null, { status: news.connect?.user === "eve" ? 403 : 204 });
    },
  });
  try {
    await using node = await startWindsock({
      webhook_url: `http://127.0.0.1:${app.port}/hook`,
      webhook_events: "connect,disconnect,publish,occupied",
    });
    const token = freshToken("eve", "room");
    const refused = await raw(node.url, handshake(`/socket/?token=${token}`), "}");
    expect(refused).toStartWith("HTTP/1.1 403");
    expect(refused).toContain("windsock/refused");
    const anna = await listen(node.url, { token: freshToken("anna", "room") });
    anna.socket.send("hello");
    await anna.until(1);
    anna.socket.close();
    const kinds = () => told.flatMap(({ events }) => events ?? []);
    await until("all was told", () => kinds().some(({ kind }) => kind === "disconnect"));
    expect(kinds()).toContainEqual(expect.objectContaining({ kind: "publish", user: "anna", content: "hello" }));
    expect(kinds().map(({ kind }) => kind)).toEqual(["occupied", "publish", "disconnect"]);
  } finally {
    await app.stop(true);
  }
});
