import { afterEach, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";

import { commandBody, propertyBytes } from "./command.ts";
import { frameOf, messageBytes } from "./frame.ts";
import { Puller } from "./pipeline.ts";
import { Publisher } from "./publish.ts";
import { Replier, Requester } from "./request.ts";

const clock = {
  monotonicMs: () => performance.now(),
  schedule(delayMs: number, callback: () => void) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};
const options = { clock, random: () => 0.5 };
const latin = (text: string) => Buffer.from(text, "latin1");
const greeting = latin(`\xff\0\0\0\0\0\0\0\x01\x7f\x03\x01NULL${"\0".repeat(16 + 32)}`);
const readyOf = (type: string) =>
  frameOf("v2", commandBody("READY", propertyBytes([["Socket-Type", latin(type)]])), false, true);

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

/** Opens a plain connection; it says nothing by itself. */
async function dial(endpoint: string, localAddress = "127.0.0.1"): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port: Number(endpoint.split(":").at(-1)), localAddress });
  closers.push(() => socket.destroy());
  socket.on("error", () => undefined);
  socket.resume();
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  return socket;
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

test("bind: connections that say nothing keep nobody out", async () => {
  const troubles: string[] = [];
  const publisher = new Publisher({
    ...options,
    maxPeers: 20,
    onTrouble: (_at, { message }) => troubles.push(message),
  });
  closers.push(() => publisher.close());
  const endpoint = publisher.bind("tcp://127.0.0.1:0");
  const good = await dial(endpoint);
  good.write(Buffer.concat([greeting, readyOf("SUB")]));
  await until(() => publisher.peers === 1);
  for (let index = 0; index < 50; index++) await dial(endpoint);
  const late = await dial(endpoint);
  late.write(Buffer.concat([greeting, readyOf("SUB")]));
  await until(() => publisher.peers === 2);
  expect(good.destroyed).toBe(false);
  expect(troubles).toHaveLength(32);
  expect(new Set(troubles)).toEqual(new Set(["Others wanted the place that it took without a handshake"]));
});

test("bind: peers whose handshake is done keep their places, and one too many is refused", async () => {
  const troubles: string[] = [];
  const publisher = new Publisher({ ...options, maxPeers: 2, onTrouble: (_at, { message }) => troubles.push(message) });
  closers.push(() => publisher.close());
  const endpoint = publisher.bind("tcp://127.0.0.1:0");
  for (const wanted of [1, 2]) {
    (await dial(endpoint)).write(Buffer.concat([greeting, readyOf("SUB")]));
    await until(() => publisher.peers === wanted);
  }
  await dial(endpoint);
  await until(() => troubles.length > 0);
  expect(troubles).toEqual(["More than 2 peers"]);
  expect(publisher.peers).toBe(2);
});

test("bind: one address has no more places than it may have, whoever else there is", async () => {
  const troubles: string[] = [];
  const publisher = new Publisher({
    ...options,
    maxPeersPerAddress: 2,
    onTrouble: (_at, { message }) => troubles.push(message),
  });
  closers.push(() => publisher.close());
  const endpoint = publisher.bind("tcp://127.0.0.1:0");
  const silent = await dial(endpoint);
  const hello = Buffer.concat([greeting, readyOf("SUB")]);
  for (const wanted of [1, 2]) {
    (await dial(endpoint)).write(hello);
    await until(() => publisher.peers === wanted);
  }
  // Who said nothing yet has made room for who did.
  expect(troubles).toEqual(["Others wanted the place that it took without a handshake"]);
  await until(() => silent.destroyed);
  (await dial(endpoint)).write(hello);
  await until(() => troubles.length > 1);
  expect(troubles[1]).toBe("More than 2 peers of one address");
  const other = await dial(endpoint, "127.0.0.2");
  other.write(hello);
  await until(() => publisher.peers === 3);
  // A place that is left is free.
  other.destroy();
  await until(() => publisher.peers === 2);
  (await dial(endpoint, "127.0.0.2")).write(hello);
  await until(() => publisher.peers === 3);
});

test("Puller: who takes messages and throws loses the peer that sent it, and no other", async () => {
  const heard: string[] = [];
  const troubles: string[] = [];
  const puller = new Puller({
    ...options,
    onTrouble: (_at, { message }) => troubles.push(message),
    onMessage([frame]) {
      if (frame?.toString() === "bad") throw new Error("cannot take that");
      heard.push(frame?.toString() ?? "");
    },
  });
  closers.push(() => puller.close());
  const endpoint = puller.bind("tcp://127.0.0.1:0");
  const [one, two] = [await dial(endpoint), await dial(endpoint)];
  for (const socket of [one, two]) socket.write(Buffer.concat([greeting, readyOf("PUSH")]));
  one.write(messageBytes("v2", [latin("bad")]));
  await until(() => one.destroyed);
  two.write(messageBytes("v2", [latin("good")]));
  await until(() => heard.length > 0);
  expect([heard, troubles]).toEqual([["good"], ["cannot take that"]]);
});

test("Publisher: the topics of one peer have a bound together", async () => {
  const troubles: string[] = [];
  const publisher = new Publisher({
    ...options,
    maxSubscribedBytes: 10_000,
    onTrouble: (_at, { message }) => troubles.push(message),
  });
  closers.push(() => publisher.close());
  const socket = await dial(publisher.bind("tcp://127.0.0.1:0"));
  socket.write(Buffer.concat([greeting, readyOf("SUB")]));
  for (let index = 0; index < 11; index++) {
    socket.write(messageBytes("v2", [latin(`\x01${String(index).padEnd(1000, ".")}`)]));
  }
  await until(() => troubles.length > 0);
  expect(troubles).toEqual(["The peer's subscriptions are longer than 10000 bytes together"]);
  await until(() => publisher.peers === 0);
});

test("Replier: of one whose questions wait, no more than a little is read", async () => {
  let asked = 0;
  const { promise: free, resolve: release } = Promise.withResolvers<void>();
  const replier = new Replier({
    ...options,
    async answer() {
      asked++;
      await free;
      return [latin("done")];
    },
  });
  closers.push(() => replier.close());
  const socket = await dial(replier.bind("tcp://127.0.0.1:0"));
  socket.write(Buffer.concat([greeting, readyOf("REQ")]));
  const question = messageBytes("v2", [Buffer.alloc(0), Buffer.alloc(1 << 20)]);
  let written = 0;
  const wanted = 60;
  const writeAll = () => {
    while (written < wanted) {
      written++;
      if (!socket.write(question)) return;
    }
  };
  socket.on("drain", writeAll);
  await until(() => replier.peers === 1);
  writeAll();
  await until(() => asked === 1);
  // Until the kernel takes no more.
  for (let last = -1, same = 0; same < 200; same = last === written ? same + 1 : 0, last = written) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(written).toBeLessThan(wanted);
  release();
  await until(() => asked === wanted);
});

test("Requester: what waits for a peer that is away has a bound in bytes, and one longer than that may wait behind a short one", async () => {
  const requester = new Requester({ ...options, maxWaitingBytes: 1000 });
  const asking = [1, 5000, 1].map((size) => requester.request([Buffer.alloc(size)], 60_000));
  const [short, long, late] = asking.map((question) => question.catch((thrown: Error) => thrown.message));
  expect(await late).toBe("Too many questions wait already");
  requester.close();
  expect([await short, await long]).toEqual(["The socket was closed", "The socket was closed"]);
});
