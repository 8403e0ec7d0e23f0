import { describe, expect, test } from "bun:test";
import { connect } from "node:net";

import fc from "fast-check";

import { Fault } from "../../../kit/fault.ts";
import { ManualClock } from "../../../kit/testing/manual-clock.ts";
import { listSubscriptions } from "../mercure/subscriptions.ts";
import { Channels } from "../pusher/channels.ts";
import { closeCodeOf, closeReason, mayReconnect } from "./close-codes.ts";
import { readCommand } from "./command.ts";
import { openDoors, RawClient } from "./fixture.ts";
import { Outbox } from "./outbox.ts";
import { Pulse } from "./pulse.ts";
import { Roster } from "./roster.ts";

describe("roster", () => {
  test("Roster: a topic is vacated only when nobody came back in time", () => {
    const clock = new ManualClock();
    const told: string[] = [];
    const hub = { attach: () => () => undefined, detach: () => undefined };
    const roster = new Roster({ hub, clock, told: (kind) => told.push(kind) });
    const interest = { kind: "exact", address: "a" } as const;
    const first = roster.hear(interest);
    const second = roster.hear(interest);
    expect([told, roster.topicCount]).toEqual([["occupied"], 1]);
    first();
    first();
    second();
    clock.advance(4000);
    const third = roster.hear(interest);
    clock.advance(60_000);
    expect(told).toEqual(["occupied"]);
    third();
    clock.advance(5000);
    expect([told, roster.topicCount]).toEqual([["occupied", "vacated"], 0]);
    roster.hear(interest);
    expect(told).toEqual(["occupied", "vacated", "occupied"]);
  });
});

test("Roster: who takes up and gives up ever new topics makes nothing grow", () => {
  const clock = new ManualClock();
  const counts = { occupied: 0, vacated: 0 };
  const hub = { attach: () => () => undefined, detach: () => undefined };
  const roster = new Roster({ hub, clock, told: (kind) => counts[kind]++ });
  for (let at = 0; at < 25_000; at++) roster.hear({ kind: "exact", address: `a${at}` })();
  expect(counts).toEqual({ occupied: 25_000, vacated: 15_000 });
  // Those that waited longest went first, and what is taken up again stays.
  const back = roster.hear({ kind: "exact", address: "a20000" });
  clock.advance(5000);
  expect(counts).toEqual({ occupied: 25_000, vacated: 24_999 });
  back();
  clock.advance(5000);
  expect(counts).toEqual({ occupied: 25_000, vacated: 25_000 });
});

test("history: an answer holds what has room, the newest first of all, and says that there is more", async () => {
  await using doors = openDoors({ bounds: { historyBytes: 1000 }, scopes: ["read", "write", "admin"] });
  for (let at = 0; at < 10; at++) await doors.hub.publish({ address: "a", content: `${at}`.padEnd(300, ".") });
  const token = doors.token({ subscribe: ["#"] });
  const read = async (path: string) =>
    (await (await fetch(`${doors.url}${path}`, { headers: { "X-Windsock-Token": token } })).json()) as {
      publications: { content: string }[];
      more?: true;
    };
  const asked = await read("/history?topic=a");
  expect(asked.publications.map(({ content }) => content[0])).toEqual(["7", "8", "9"]);
  expect(asked.more).toBe(true);
  expect((await read("/history?topic=a&limit=2")).more).toBeUndefined();
  const client = new RawClient(`${doors.url}/connect/`);
  await client.ask("connect", { token });
  expect(await client.ask("history", { topic: "a" })).toMatchObject({ more: true });
  expect(await client.ask("subscribe", { topics: ["a"], history: 10 })).toMatchObject({ more: true });
  await doors.hub.publish({ address: "b", content: "x".repeat(5000) });
  expect((await read("/history?topic=b")).publications.length).toBe(1);
  client.close();
});

test("presence: where many are, an answer holds what has room, and changes come to all who watch", async () => {
  await using doors = openDoors({ bounds: { presenceBytes: 1000 } });
  const token = doors.token({ sub: "ann", subscribe: ["room"] });
  for (let at = 0; at < 50; at++) doors.hub.enter("room", { connection: `c${at}`, user: `u${at}` });
  const client = new RawClient(`${doors.url}/connect/`);
  await client.ask("connect", { token });
  const answer = await client.ask("presence", { address: "room", watch: true });
  expect(answer).toMatchObject({ more: true });
  expect((answer["clients"] as unknown[]).length).toBeLessThan(30);
  expect(await client.ask("stats", { address: "room" })).toEqual({ connections: 50, users: 50 });
  const read = await fetch(`${doors.url}/presence?address=room`, { headers: { "X-Windsock-Token": token } });
  expect(await read.json()).toMatchObject({ more: true, connections: 50 });
  doors.hub.enter("room", { connection: "new", user: "ben" });
  const change = { address: "room", kind: "join", who: { connection: "new", user: "ben" } };
  await client.until(() => client.heard.some((said) => said["change"] !== undefined));
  expect(client.heard.at(-1)).toEqual({ change });
  client.close();
});

test("connect: what is said of oneself may be nested as deeply as one likes, and is refused with a reason", async () => {
  await using doors = openDoors();
  const client = new RawClient(`${doors.url}/connect/`);
  await client.open();
  const depth = 200_000;
  const info = `${"[".repeat(depth)}${"]".repeat(depth)}`;
  client.send(`{"id":1,"connect":{"token":"${doors.token({ subscribe: ["a"] })}","info":${info}}}`);
  expect((await client.closed).code).toBe(3501);
  expect(JSON.stringify(client.heard)).toContain("windsock/info");
});

test("events: who takes nothing of what it asked for is cut after a minute, though nothing new comes", async () => {
  const clock = new ManualClock();
  await using doors = openDoors({ clock });
  const content = "x".repeat(500_000);
  for (let at = 0; at < 100; at++) await doors.hub.publish({ address: "a", content });
  const token = doors.token({ subscribe: ["a"] });
  const socket = connect(Number(new URL(doors.url).port), "127.0.0.1");
  socket.pause();
  socket.write(`GET /events?topic=a&since=0-0&token=${token} HTTP/1.1\r\nHost: x\r\n\r\n`);
  while (doors.doors.roster.size === 0) await new Promise<void>((resolve) => setImmediate(resolve));
  for (let at = 0; at < 5000 && doors.doors.roster.size > 0; at++) {
    clock.advance(1000);
    await new Promise<void>((resolve) => setTimeout(resolve, 5));
  }
  expect(doors.doors.roster.size).toBe(0);
  socket.destroy();
});

test("guests: sockets that say nothing are counted by address, and make room when they say who they are", async () => {
  await using doors = openDoors({ connectionsPerAddress: 2 });
  const token = doors.token({ subscribe: ["#"] });
  const first = new RawClient(`${doors.url}/connect/`);
  const second = new RawClient(`${doors.url}/connect/`);
  await Promise.all([first.open(), second.open()]);
  const third = new RawClient(`${doors.url}/connect/`);
  expect((await third.closed).code).toBe(3504);
  expect(await first.ask("connect", { token })).toHaveProperty("connection");
  expect(await second.ask("connect", { token })).toHaveProperty("connection");
  first.close();
  second.close();
  await Promise.all([first.closed, second.closed]);
  const fourth = new RawClient(`${doors.url}/connect/`);
  expect(await fourth.ask("connect", { token })).toHaveProperty("connection");
  fourth.close();
});

test("presence: who hears everything makes up no channels and subscriptions of other doors", async () => {
  await using doors = openDoors();
  const client = new RawClient(`${doors.url}/connect/`);
  await client.ask("connect", { token: doors.token({ sub: "room", subscribe: [{ prefix: "" }] }) });
  const pusher = new Channels({ hub: doors.hub, clock: new ManualClock(), nodeId: "n" }, "shop", () => undefined);
  for (const address of ["pusher.shop.#occupied", "mercure.#subscriptions"]) {
    const refused = { error: { code: "windsock/topic" } };
    expect(await client.ask("presence", { address, enter: true })).toMatchObject(refused);
    expect(await client.ask("presence", { address })).toEqual({ clients: [] });
  }
  expect(pusher.occupied()).toEqual([]);
  expect(listSubscriptions(doors.hub)).toEqual([]);
  expect(await client.ask("presence", { address: "chat.#general", enter: true })).toMatchObject({ clients: [{}] });
  pusher.stop();
  client.close();
});

test("publish: a log that cannot be written is a reason of its own, by HTTP and on the websocket", async () => {
  await using doors = openDoors();
  const token = doors.token({ subscribe: ["a"], publish: ["a"] });
  doors.hub.carrier = { carry: () => Promise.reject(new Error("disk is full")) };
  const answer = await fetch(`${doors.url}/publish`, {
    method: "POST",
    body: JSON.stringify({ address: "a", content: "", token }),
  });
  expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "1"]);
  expect(await answer.json()).toMatchObject({ error: { code: "windsock/disk", reconnect: true } });
  const client = new RawClient(`${doors.url}/connect/`);
  await client.ask("connect", { token });
  expect(await client.ask("publish", { address: "a", content: "" })).toMatchObject({
    error: { code: "windsock/disk", message: "Cannot publish: the history cannot be written: disk is full" },
  });
  client.close();
});

test("presence: an address that is no address is refused, however long", async () => {
  await using doors = openDoors();
  const client = new RawClient(`${doors.url}/connect/`);
  await client.ask("connect", { token: doors.token({ subscribe: [{ prefix: "" }] }) });
  for (const said of [{ enter: true }, { watch: true }]) {
    expect(await client.ask("presence", { address: "x".repeat(10_000), ...said })).toMatchObject({
      error: { code: "windsock/topic" },
    });
  }
  client.close();
});

describe("outbox", () => {
  const parcel = (text: string, isAsked = false) => ({ text: () => text, sizeBytes: text.length, isAsked });

  test("Outbox: everything once and in order, however it is taken", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constant("take"), fc.stringMatching(/^[a-z]{1,5}$/)), { maxLength: 60 }),
        (course) => {
          const outbox = new Outbox(1e6, { stirred: () => undefined, overflowed: () => undefined });
          const put: string[] = [];
          const taken: string[] = [];
          for (const step of course) {
            if (step === "take") taken.push(...(outbox.take(6)?.split("\n") ?? []));
            else {
              put.push(step);
              outbox.put(parcel(step, step.length % 2 === 0));
            }
          }
          for (let text = outbox.take(6); text !== undefined; text = outbox.take(6)) taken.push(...text.split("\n"));
          expect(taken).toEqual(put);
          expect([outbox.waitingBytes, outbox.askedBytes, outbox.isEmpty]).toEqual([0, 0, true]);
        },
      ),
    );
  });

  test("Outbox: too much that merely happens ends it once; what was asked for does not count", () => {
    let overflows = 0;
    const outbox = new Outbox(10, { stirred: () => undefined, overflowed: () => void overflows++ });
    outbox.put(parcel("x".repeat(100), true));
    outbox.put(parcel("y".repeat(10)));
    expect([overflows, outbox.waitingBytes, outbox.askedBytes]).toEqual([0, 10, 100]);
    outbox.put(parcel("z"));
    outbox.put(parcel("z"));
    expect([overflows, outbox.isEmpty]).toEqual([1, true]);
  });
});

test("Pulse: each member beats once an interval, and no more after it has left", () => {
  const clock = new ManualClock();
  const pulse = new Pulse(clock, 25_000);
  const beats = [0, 0, 0];
  const members = beats.map((_, at) => ({
    beat() {
      beats[at] = (beats[at] ?? 0) + 1;
    },
  }));
  for (const member of members) pulse.join(member);
  clock.advance(100_000);
  if (members[0]) pulse.leave(members[0]);
  clock.advance(100_000);
  expect(beats).toEqual([4, 8, 8]);
  pulse.stop();
  clock.advance(100_000);
  expect(beats).toEqual([4, 8, 8]);
});

describe("words", () => {
  test("readCommand: whatever comes is a command or a Fault that says why", () => {
    const verbs = ["connect", "subscribe", "publish", "history", "presence", "id", "dance"];
    const text = fc.oneof(
      fc.string(),
      fc.json(),
      fc.dictionary(fc.constantFrom(...verbs), fc.jsonValue()).map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(text, (line) => {
        try {
          readCommand(line);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(Fault);
          expect((thrown as Fault).code).toBe("windsock/command");
        }
      }),
      { numRuns: 3000 },
    );
  });

  test("readCommand: what has another shape is refused in words that say what is wanted, and of tokens nothing", () => {
    const wordsOf = (command: object) => {
      try {
        return JSON.stringify(readCommand(JSON.stringify(command)));
      } catch (thrown) {
        return thrown instanceof Fault ? thrown.message : String(thrown);
      }
    };
    expect(wordsOf({ id: 1, dance: {} })).toBe('Cannot understand the command: there is no key "dance"');
    expect(wordsOf({ id: 1, subscribe: { topics: "a" } })).toBe(
      'Cannot understand the command: subscribe.topics: wanted a list, not "a"',
    );
    expect(wordsOf({ id: 1, publish: { content: { a: 1 } } })).toBe(
      'Cannot understand the command: publish.content: wanted a text, not {"a":1}',
    );
    expect(wordsOf({ id: 1, refresh: { token: ["secret"] } })).toBe(
      "Cannot understand the command: refresh.token: wanted a text",
    );
    expect(wordsOf({ id: 1, ping: 5 })).toBe("Cannot understand the command: ping: wanted an object, not 5");
  });

  test("closeCodeOf: every refusal has a code, and only what may pass asks to come back", () => {
    const of = (kind: ConstructorParameters<typeof Fault>[0], code: string) => closeCodeOf(new Fault(kind, code, ""));
    expect(mayReconnect(of("unauthorized", "windsock/stale"))).toBe(true);
    expect(mayReconnect(of("unavailable", "windsock/webhook"))).toBe(true);
    for (const code of ["windsock/token", "windsock/proof", "windsock/revoked", "windsock/future"]) {
      expect(of("unauthorized", code)).toBe(3500);
    }
    expect(mayReconnect(of("limited", "windsock/too-many"))).toBe(false);
    expect(mayReconnect(of("invalid", "windsock/command"))).toBe(false);
  });

  test("closeReason: fits into a close frame, whatever it is made of", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 300 }), (text) => {
        const reason = closeReason(text);
        expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(123);
        if (text.isWellFormed()) expect(reason.isWellFormed()).toBe(true);
      }),
    );
  });

  test("Connection: noise ends it with a code and harms nobody else", async () => {
    await using doors = openDoors();
    const good = new RawClient(`${doors.url}/connect/`);
    await good.ask("connect", { token: doors.token({ sub: "ann", subscribe: ["#"], publish: ["#"] }) });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 5 }), async (lines) => {
        const client = new RawClient(`${doors.url}/connect/`);
        await client.open();
        for (const line of lines) client.send(line);
        client.send("{");
        expect((await client.closed).code).toBe(3501);
      }),
      { numRuns: 30 },
    );
    expect(await good.ask("ping", {})).toHaveProperty("position");
    expect(doors.doors.roster.size).toBe(1);
    good.close();
  });
});

test("revocation: the connection of a token that is called back by its name ends at its next beat", async () => {
  await using doors = openDoors({ pingMs: 250, scopes: ["read", "write", "admin"] });
  const client = new RawClient(`${doors.url}/connect/`);
  await client.ask("connect", { token: doors.token({ sub: "ann", jti: "t7", subscribe: ["#"] }) });
  const answer = await fetch(`${doors.url}/api/revoke`, { method: "POST", body: JSON.stringify({ token: "t7" }) });
  expect(answer.status).toBe(200);
  expect((await client.closed).code).toBe(3500);
});
