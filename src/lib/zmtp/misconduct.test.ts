/** Peers that do not keep to the protocol, over TCP: slow, out of order, beyond all measure. The others notice nothing. */
import { afterEach, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";

import { commandBody, propertyBytes } from "./command.ts";
import { curveKeys } from "./curve.ts";
import { frameOf, messageBytes } from "./frame.ts";
import type { SocketType } from "./greeting.ts";
import type { SocketOptions } from "./options.ts";
import { Puller, Pusher } from "./pipeline.ts";
import { Publisher } from "./publish.ts";

const clock = {
  monotonicMs: () => performance.now(),
  schedule(delayMs: number, callback: () => void) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};
const latin = (text: string) => Buffer.from(text, "latin1");
const greetingOf = (mechanism: string) =>
  latin(`\xff\0\0\0\0\0\0\0\x01\x7f\x03\x01${mechanism.padEnd(20, "\0")}${"\0".repeat(32)}`);
const greeting = greetingOf("NULL");
const command = (name: string, ...parts: Uint8Array[]) => frameOf("v2", commandBody(name, ...parts), false, true);
const readyOf = (type: SocketType) => command("READY", propertyBytes([["Socket-Type", latin(type)]]));
/** A frame that says how long it will be, and is not. */
const claim = (flags: number, length: bigint) => {
  const head = Buffer.alloc(9, flags);
  head.writeBigUInt64BE(length, 1);
  return head;
};

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

/** A publisher with a subscriber that behaves, and what was wrong with others. */
async function stage(more: Partial<SocketOptions> = {}) {
  const troubles: string[] = [];
  const publisher = new Publisher({
    clock,
    random: () => 0.5,
    onTrouble: (_at, { message }) => troubles.push(message),
    ...more,
  });
  closers.push(() => publisher.close());
  const endpoint = publisher.bind("tcp://127.0.0.1:0");
  const good = await dial(endpoint);
  good.socket.write(Buffer.concat([greeting, readyOf("SUB"), command("SUBSCRIBE")]));
  await until("the good one is there", () => publisher.peers === 1);
  return {
    publisher,
    endpoint,
    troubles,
    /** Whether the good one still hears, and nobody else is left. */
    async stillWell() {
      await until("the bad one is gone", () => publisher.peers === 1);
      await until("the good one hears", () => {
        publisher.send([latin("well")]);
        return good.heard().includes("well");
      });
    },
  };
}

/** Opens a plain connection; it says nothing by itself. */
async function dial(endpoint: string) {
  const socket: Socket = connect({ host: "127.0.0.1", port: Number(endpoint.split(":").at(-1)) });
  closers.push(() => socket.destroy());
  let text = "";
  socket.on("error", () => undefined);
  socket.on("data", (bytes: Buffer) => (text += bytes.toString("latin1")));
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  return { socket, heard: () => text };
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 60_000;
  while (!isSo()) {
    if (performance.now() > deadlineMs) throw new Error(`Waited in vain until ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("bind: a greeting that trickles does not win time by its octets", async () => {
  // Time that stands still until it is moved: the good one has all of it, however slow the machine is.
  const timers = new Set<{ atMs: number; callback: () => void }>();
  let nowMs = 0;
  const time = {
    monotonicMs: () => nowMs,
    schedule(delayMs: number, callback: () => void) {
      const timer = { atMs: nowMs + delayMs, callback };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
  };
  const { endpoint, stillWell, troubles } = await stage({ handshakeMs: 150, clock: time });
  const { socket } = await dial(endpoint);
  for (const octet of Buffer.concat([greeting, readyOf("SUB")])) {
    if (socket.destroyed) break;
    socket.write(Buffer.from([octet]));
    await new Promise((resolve) => setTimeout(resolve, 1));
    nowMs += 10;
    for (const timer of [...timers].filter(({ atMs }) => atMs <= nowMs)) {
      timers.delete(timer);
      timer.callback();
    }
  }
  await until("it is cut off", () => socket.destroyed);
  expect(troubles).toEqual(["No handshake within 150 ms"]);
  await stillWell();
});

const before: Record<string, [bytes: Buffer, trouble: RegExp]> = {
  "another protocol": [latin("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), /does not speak ZMTP/],
  "another mechanism": [greetingOf("PLAIN"), /mechanism is "PLAIN"/],
  "a mechanism of no name": [greetingOf(""), /mechanism is ""/],
  "a command of two exabytes": [Buffer.concat([greeting, claim(6, 2n ** 61n)]), /longer than 65536/],
  "a command one octet too long": [Buffer.concat([greeting, claim(6, 65_537n)]), /longer than 65536/],
  "a message": [Buffer.concat([greeting, messageBytes("v2", [latin("x")])]), /before its handshake/],
  "a subscription": [Buffer.concat([greeting, command("SUBSCRIBE")]), /"SUBSCRIBE" where READY/],
  "a ping": [Buffer.concat([greeting, command("PING", Buffer.alloc(2))]), /"PING" where READY/],
  "no kind of socket": [Buffer.concat([greeting, command("READY")]), /unknown kind/],
  "another publisher": [Buffer.concat([greeting, readyOf("PUB")]), /does not fit/],
  "a property cut off": [Buffer.concat([greeting, command("READY", latin("\x0bSocket-Type\0\0\xff\xff"))]), /cut off/],
  "a property without a name": [Buffer.concat([greeting, command("READY", latin("\0\0\0\0\x03SUB"))]), /cut off/],
  "a command without a name": [Buffer.concat([greeting, frameOf("v2", latin("\0"), false, true)]), /no name/],
  "a command with more to come": [Buffer.concat([greeting, latin("\x05\x01\0")]), /more follows/],
  "a long identity by 1.0": [latin("\xff\0\0\0\0\0\0\x01\x01\0"), /longer than 255/],
  "a kind of socket that 2.0 has not": [latin("\xff\0\0\0\0\0\0\0\x01\x7f\x01\x63"), /unknown kind/],
};
for (const [name, [bytes, trouble]] of Object.entries(before)) {
  test(`bind: refused before the handshake is done: ${name}`, async () => {
    const { endpoint, stillWell, troubles } = await stage();
    const { socket } = await dial(endpoint);
    socket.write(bytes);
    await until("it is cut off", () => socket.destroyed);
    expect(troubles).toHaveLength(1);
    expect(troubles[0]).toMatch(trouble);
    await stillWell();
  });
}

const after: Record<string, [bytes: Buffer, trouble: RegExp]> = {
  "a frame of two exabytes": [claim(2, 2n ** 61n), /longer than 16777216/],
  "a frame one octet too long": [claim(2, 16_777_217n), /longer than 16777216/],
  "frames without end": [Buffer.concat(Array.from({ length: 65 }, () => latin("\x01\x01x"))), /more than 64 frames/],
  "a topic that is too long": [command("SUBSCRIBE", Buffer.alloc(1025)), /longer than 1024/],
  "the same by the old way": [messageBytes("v2", [Buffer.alloc(1026, 1)]), /longer than 1024/],
  "a ping without a time": [command("PING", Buffer.alloc(1)), /wrong length/],
  "a ping that holds too much": [command("PING", Buffer.alloc(19)), /wrong length/],
  "a refusal": [command("ERROR", latin("\x02no")), /ended the connection: "no"/],
  "a command without a name": [frameOf("v2", latin(""), false, true), /no name/],
  "a command with more to come": [latin("\x05\x01\0"), /more follows/],
};
for (const [name, [bytes, trouble]] of Object.entries(after)) {
  test(`bind: refused after the handshake: ${name}`, async () => {
    const { endpoint, stillWell, troubles } = await stage();
    const { socket } = await dial(endpoint);
    socket.write(Buffer.concat([greeting, readyOf("SUB"), bytes]));
    await until("it is cut off", () => socket.destroyed);
    expect(troubles).toHaveLength(1);
    expect(troubles[0]).toMatch(trouble);
    await stillWell();
  });
}

test("bind: what means nothing here is passed over", async () => {
  const { endpoint, publisher, troubles } = await stage();
  const { heard, socket } = await dial(endpoint);
  const nothing = [
    readyOf("PUB"),
    command("PONG", latin("unasked")),
    command("NONSENSE", Buffer.alloc(1000)),
    command("CANCEL", latin("never wanted")),
    messageBytes("v2", [latin("a message")]),
    messageBytes("v2", [latin("\x01of two"), latin("frames")]),
    messageBytes("v2", [latin("")]),
  ];
  socket.write(Buffer.concat([greeting, readyOf("SUB"), ...nothing, command("PING", latin("\0\0still"))]));
  await until("the ping was answered", () => heard().includes("PONGstill"));
  // None of it was a subscription.
  expect(publisher.send([latin("of two")])).toBe(1);
  expect(troubles).toEqual([]);
});

test("bind: who asks to be taken for gone after a silence is, and who lifts that, or asks for the longest, is not", async () => {
  const { endpoint, publisher, troubles } = await stage();
  const lifetime = (tenths: number) => {
    const bytes = Buffer.alloc(2);
    bytes.writeUInt16BE(tenths);
    return command("PING", bytes);
  };
  const [long, lifted, short] = [await dial(endpoint), await dial(endpoint), await dial(endpoint)];
  const hello = Buffer.concat([greeting, readyOf("SUB")]);
  long.socket.write(Buffer.concat([hello, lifetime(65_535)]));
  lifted.socket.write(Buffer.concat([hello, lifetime(1), lifetime(0)]));
  short.socket.write(Buffer.concat([hello, lifetime(1)]));
  await until("the short one is gone", () => short.socket.destroyed);
  expect(troubles).toHaveLength(1);
  expect(troubles[0]).toStartWith("Nothing heard for ");
  expect([publisher.peers, long.socket.destroyed, lifted.socket.destroyed]).toEqual([3, false, false]);
});

test("Publisher: a flood of subscriptions ends with its bound, and leaves nothing behind", async () => {
  const wanted = new Set<string>();
  const troubles: string[] = [];
  const publisher = new Publisher({
    clock,
    random: () => 0.5,
    maxSubscriptions: 5000,
    onTrouble: (_at, { message }) => troubles.push(message),
    onSubscription: (topic, isOn) => (isOn ? wanted.add(topic.toString()) : wanted.delete(topic.toString())),
  });
  closers.push(() => publisher.close());
  const { socket } = await dial(publisher.bind("tcp://127.0.0.1:0"));
  const topics = Array.from({ length: 5001 }, (_, at) => command("SUBSCRIBE", latin(`topic ${at}`)));
  // The same again and again is one.
  const same = Array.from({ length: 5000 }, () => command("SUBSCRIBE", latin("topic 0")));
  socket.write(Buffer.concat([greeting, readyOf("SUB"), ...same, ...topics]));
  await until("it is cut off", () => socket.destroyed);
  expect(troubles).toEqual(["The peer has more than 5000 subscriptions"]);
  expect([publisher.peers, wanted.size]).toEqual([0, 0]);
});

test("CURVE: wrong keys, and what only looks like a handshake, are refused; a right one then comes in", async () => {
  const [server, client, stranger] = [curveKeys(), curveKeys(), curveKeys()];
  const troubles: string[] = [];
  const heard: string[] = [];
  const puller = new Puller({
    clock,
    random: () => 0.5,
    security: { mechanism: "CURVE", role: "server", ...server, check: (key) => client.publicKey.equals(key) },
    onTrouble: (_at, { message }) => troubles.push(message),
    onMessage: ([frame]) => void heard.push(String(frame)),
  });
  closers.push(() => puller.close());
  const endpoint = puller.bind("tcp://127.0.0.1:0");
  const hello = Buffer.concat([Buffer.from([1, 0]), Buffer.alloc(192, 7)]);
  const raw = [
    [command("HELLO", Buffer.alloc(10)), /10 bytes instead of 194/],
    [command("HELLO", hello), /not sealed for us/],
    [command("HELLO", Buffer.concat([Buffer.from([1, 0]), Buffer.alloc(192)])), /of no use/],
    [command("INITIATE", Buffer.alloc(300)), /"INITIATE" where HELLO/],
    [readyOf("PUSH"), /"READY" where HELLO/],
    [messageBytes("v2", [latin("in clear")]), /before its handshake/],
  ] as const;
  for (const [bytes, trouble] of raw) {
    const { socket } = await dial(endpoint);
    socket.write(Buffer.concat([greetingOf("CURVE"), bytes]));
    await until("it is cut off", () => socket.destroyed);
    expect(troubles.pop()).toMatch(trouble);
  }
  const push = (own: { publicKey: Buffer; secretKey: Buffer }, serverKey: Buffer) => {
    const refusals: string[] = [];
    const pusher = new Pusher({
      clock,
      random: () => 0.5,
      security: { mechanism: "CURVE", role: "client", serverKey, ...own },
      onTrouble: (_at, { message }) => refusals.push(message),
    });
    closers.push(() => pusher.close());
    pusher.connect(endpoint);
    return { pusher, refusals };
  };
  const unknown = push(stranger, server.publicKey);
  const misled = push(client, stranger.publicKey);
  const mixed = push({ publicKey: client.publicKey, secretKey: stranger.secretKey }, server.publicKey);
  await until("all were refused", () => [unknown, misled, mixed].every(({ refusals }) => refusals.length > 0));
  expect(unknown.refusals[0]).toContain("The client's key is unknown");
  expect(misled.refusals[0]).toContain("not sealed for us");
  expect(mixed.refusals[0]).toMatch(/not sealed for us|do not belong together/);
  const { pusher } = push(client, server.publicKey);
  await until("the right one is in", () => pusher.send([latin("hello")]));
  await until("it is heard", () => heard.length > 0);
  expect(heard).toEqual(["hello"]);
});
