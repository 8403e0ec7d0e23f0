import { expect, test } from "bun:test";
import { connect as tcpConnect, type Socket } from "node:net";

import { systemClock } from "../../kit/clock.ts";
import { until } from "../../kit/testing/child-node.ts";
import { Pusher } from "../../lib/zmtp/pipeline.ts";
import { freshToken, listen, startWindsock, type WindsockNode } from "./node-fixture.ts";

const options = {
  pull_socket: "tcp://127.0.0.1:*",
  waiting: "64KiB",
  history_count: "100000",
  // Sockets by hand answer no pings, and stand still for as long as publishing takes.
  idle: "16m",
  stalled: "1h",
};
const messageBytes = 1000;

/** Publishes much, as fast as it is taken. */
async function publishMany({ endpoint }: WindsockNode, address: string, from: number, to: number): Promise<void> {
  let wake = () => {};
  const pusher = new Pusher({ clock: systemClock, random: Math.random, onRoom: () => wake() });
  pusher.connect(endpoint("pull"));
  for (let at = from; at < to; at++) {
    const frames = [Buffer.from(address), Buffer.from(`${at} `.padEnd(messageBytes, "x"))];
    while (!pusher.send(frames)) await new Promise<void>((resolve) => (wake = resolve));
    // A turn of the event loop for all the others in this process.
    if (at % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await until("all was sent", () => pusher.send([Buffer.from("end"), Buffer.alloc(0)]));
  await new Promise((resolve) => setImmediate(resolve));
  pusher.close();
}

/** A websocket that does not read after its handshake until told to; what it read then. */
async function stalled(url: string, query: Record<string, string>): Promise<{ wire: Socket; chunks: Buffer[] }> {
  const { hostname, port } = new URL(url);
  const wire = tcpConnect(Number(port), hostname);
  wire.write(
    [
      `GET /socket/?${new URLSearchParams(query).toString()} HTTP/1.1`,
      "Host: localhost",
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      "Sec-WebSocket-Version: 13",
      "\r\n",
    ].join("\r\n"),
  );
  const chunks: Buffer[] = [];
  await new Promise<void>((resolve) => wire.once("data", () => resolve()));
  wire.pause();
  wire.on("error", () => undefined);
  wire.on("data", (chunk: Buffer) => chunks.push(chunk));
  wire.pause();
  return { wire, chunks };
}

/** The numbers at the beginnings of the contents in a stream of frames. */
function numbersIn(chunks: readonly Buffer[]): number[] {
  return [
    ...Buffer.concat(chunks)
      .toString("latin1")
      .matchAll(/"content":"(\d+) x/g),
  ].map(([, digits]) => Number(digits));
}

test("slow reader: everyone else keeps receiving, and it hears everything in order once it reads again", async () => {
  await using node = await startWindsock(options);
  const slow = await stalled(node.url, { token: freshToken("slow", "room") });
  const ear = await listen(node.url, { token: freshToken("ear", "room") });
  const count = 20_000;
  await publishMany(node, "room", 0, count);
  // 20 MB are far beyond what the kernel and the server hold for one that does not read.
  expect(await ear.until(count)).toHaveLength(count);
  const text = await node.node.metrics.metrics();
  expect(Number(/^warren_windsock_sockets_behind (\d+)/m.exec(text)?.[1])).toBe(1);
  slow.wire.resume();
  await until("it has caught up", () => numbersIn(slow.chunks.slice(-50)).at(-1) === count - 1);
  expect(numbersIn(slow.chunks)).toEqual(Array.from({ length: count }, (_, at) => at));
  await publishMany(node, "room", count, count + 1);
  await until("it is back among the others", () => numbersIn(slow.chunks.slice(-5)).at(-1) === count);
  slow.wire.destroy();
}, 120_000);

test("slow reader: where the history no longer has it all, it is closed instead of missing something unseen", async () => {
  await using node = await startWindsock({ ...options, history_count: "100" });
  const plain = await stalled(node.url, { token: freshToken("plain", "room") });
  const told = await stalled(node.url, { token: freshToken("told", "room"), positions: "1" });
  const count = 15_000;
  await publishMany(node, "room", 0, count);
  await until("they are behind", async () =>
    /^warren_windsock_sockets_behind 2$/m.test(await node.node.metrics.metrics()),
  );
  let isClosed = false;
  plain.wire.on("end", () => (isClosed = true));
  plain.wire.resume();
  told.wire.resume();
  await until("it is closed", () => isClosed);
  const heard = numbersIn(plain.chunks);
  expect(heard).toEqual(Array.from({ length: heard.length }, (_, at) => at));
  expect(Buffer.concat(plain.chunks.slice(-2)).toString("latin1")).toContain("messages were lost");
  await until("the other is told, and goes on", () => numbersIn(told.chunks.slice(-50)).at(-1) === count - 1);
  const all = Buffer.concat(told.chunks).toString("latin1");
  expect(all.split('{"gap":').length).toBe(2);
  const before = numbersIn([Buffer.from(all.slice(0, all.indexOf('{"gap":')))]);
  const after = numbersIn([Buffer.from(all.slice(all.indexOf('{"gap":')))]);
  expect(before).toEqual(Array.from({ length: before.length }, (_, at) => at));
  expect(after).toEqual(Array.from({ length: after.length }, (_, at) => count - after.length + at));
  told.wire.destroy();
}, 120_000);

test("slow reader: it may be cut instead, and one that takes nothing for long is", async () => {
  for (const more of [{ slow_reader: "cut" }, { stalled: "1s" }]) {
    await using node = await startWindsock({ ...options, ...more });
    const slow = await stalled(node.url, { token: freshToken("slow", "room") });
    await publishMany(node, "room", 0, 10_000);
    await until("it is gone", async () => /^warren_windsock_sockets 0$/m.test(await node.node.metrics.metrics()));
    slow.wire.destroy();
  }
}, 120_000);

test("sockets: clients come and go while messages flow, and nobody misses one", async () => {
  await using node = await startWindsock(options);
  const ear = await listen(node.url, { token: freshToken("ear", "room") });
  const count = 5000;
  const over = new AbortController();
  const coming = Array.from({ length: 16 }, async (_, who) => {
    let rounds = 0;
    while (!over.signal.aborted) {
      const one = await listen(node.url, { token: freshToken(`u${who}`, "room") });
      await one.until(1);
      const numbers = one.heard.map((text) => Number(/"content":"(\d+)/.exec(text)?.[1] ?? Number.NaN));
      const [first = 0] = numbers;
      expect(numbers).toEqual(numbers.map((_, at) => first + at));
      one.socket.close();
      rounds++;
    }
    return rounds;
  });
  let sent = 0;
  for (; sent < count; sent += 500) {
    await publishMany(node, "room", sent, sent + 500);
    await new Promise((resolve) => setImmediate(resolve));
  }
  over.abort();
  const ticking = setInterval(() => void publishMany(node, "room", sent++, sent), 20);
  const rounds = await Promise.all(coming);
  clearInterval(ticking);
  const heard = (await ear.until(count)).map((text) => Number(/"content":"(\d+)/.exec(text)?.[1]));
  expect(heard.slice(0, count)).toEqual(Array.from({ length: count }, (_, at) => at));
  expect(rounds.every((each) => each > 0)).toBe(true);
}, 120_000);
