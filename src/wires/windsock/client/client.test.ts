import { afterAll, beforeAll, describe, expect, spyOn, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { ManualClock } from "../../../kit/testing/manual-clock.ts";
import { type Fixture, openDoors } from "../doors/fixture.ts";
import { clientAnswer, clientModule, clientPackedBytes } from "./client-files.ts";

const all = { sub: "ann", subscribe: ["#"], publish: ["#"], info: { nick: "Ann" } };

interface Message {
  content: string;
  value: unknown;
}
interface StateEvent {
  state: string;
  code?: number;
  waitMs?: number;
}
interface Client {
  readonly state: string;
  readonly transport: string;
  on(kind: string, listener: (event: StateEvent) => void): () => void;
  subscribe(
    topic: unknown,
    hear: (message: Message) => void,
    options?: { history?: number; gap?: () => void },
  ): { ready: Promise<void>; leave(): void };
  publish(address: string, value: unknown): Promise<{ position: string }>;
  history(topic: string, limit?: number): Promise<Message[]>;
  presence(address: string, wish?: object): Promise<{ user: string; info?: string }[]>;
  close(): void;
}
type Made = new (url: string, options?: object) => Client;

describe("the client", () => {
  const folder = mkdtempSync(join(tmpdir(), "warren-client-"));
  let Windsock: Made;
  beforeAll(async () => {
    const path = join(folder, "client.mjs");
    writeFileSync(path, clientModule);
    ({ Windsock } = (await import(path)) as { Windsock: Made });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const open = (doors: Fixture, options: object = {}) => {
    const states: StateEvent[] = [];
    const client = new Windsock(doors.url, {
      token: () => doors.token(all),
      firstWaitMs: 5,
      mostWaitMs: 40,
      ...options,
    });
    client.on("state", (event) => states.push(event));
    /** Resolves when a state was reached as often as said. */
    const reached = (state: string, times = 1) =>
      new Promise<void>((resolve) => {
        const look = () => {
          if (states.filter((each) => each.state === state).length < times) return;
          off();
          resolve();
        };
        const off = client.on("state", look);
        look();
      });
    return { client, states, reached };
  };
  const heardAll = (heard: string[], count: number) =>
    new Promise<void>((resolve) => {
      const look = () => (heard.length >= count ? resolve() : void setImmediate(look));
      look();
    });

  test("client.js: a few kilobytes, one module, with declarations that hold", async () => {
    expect(clientPackedBytes).toBeLessThan(6000);
    const answer = clientAnswer(new Request("http://x/client.js"), "/client.js");
    expect(answer?.headers.get("access-control-allow-origin")).toBe("*");
    expect(clientAnswer(new Request("http://x/"), "/")).toBeUndefined();
    const declarations = (await clientAnswer(new Request("http://x/"), "/client.d.ts")?.text()) ?? "";
    writeFileSync(join(folder, "client.d.ts"), declarations);
    writeFileSync(
      join(folder, "use.ts"),
      `import { Windsock, type Message } from "./client.js";
const windsock = new Windsock("https://push.example/windsock/", { tokenUrl: "/fresh-token" });
windsock.on("state", ({ state, code }) => console.log(state, code));
windsock.subscribe<{ text: string }>("room.1", (message: Message<{ text: string }>) => console.log(message.value?.text), { history: 10 });
// @ts-${"expect"}-error there is no such event
windsock.on("nothing", () => undefined);
`,
    );
    const root = resolve(import.meta.dir, "../../../..");
    const check = Bun.spawn([join(root, "node_modules/.bin/bun"), "check", "--no-script", join(folder, "use.ts")], {
      cwd: root,
      stdout: "pipe",
      stderr: "pipe",
    });
    expect(await check.stdout.text()).not.toContain("error");
  }, 120_000);

  for (const way of ["websocket", "sse", "poll"]) {
    test(`${way}: history, then what comes, then presence, and everything once over cuts`, async () => {
      await using doors = openDoors();
      for (const content of ["1", "2", "3"]) await doors.hub.publish({ address: "r.1", content });
      const { client, reached } = open(doors, { ways: [way] });
      const heard: string[] = [];
      const both: string[] = [];
      const { ready } = client.subscribe("r.1", ({ content }) => heard.push(content), { history: 2 });
      await ready;
      expect(client.transport).toBe(way);
      expect(heard).toEqual(["2", "3"]);
      await client.subscribe("r.*", ({ content }) => both.push(content)).ready;
      let connected = 1;
      for (let at = 4; at < 40; at++) {
        await (at % 2 ? client.publish("r.1", at) : doors.hub.publish({ address: "r.1", content: String(at) }));
        if (at % 8 === 0 && way !== "poll") {
          doors.cut();
          await doors.hub.publish({ address: "r.1", content: `missed ${at}` });
          await reached("connected", ++connected);
        }
      }
      const wanted = 38 + (way === "poll" ? 0 : 4);
      await heardAll(heard, wanted);
      expect(new Set(heard).size).toBe(wanted);
      expect(heard).toHaveLength(wanted);
      const later = () => both.filter((content) => !["1", "2", "3"].includes(content));
      while (later().length < wanted - 2) await new Promise((resolve) => setImmediate(resolve));
      expect(later()).toEqual(heard.slice(2));
      if (way !== "poll") {
        expect(await client.presence("r.1", { enter: true })).toMatchObject([{ user: "ann", info: '{"nick":"Ann"}' }]);
      }
      expect((await client.history("r.1", 1)).map(({ value }) => value)).toEqual([39]);
      client.close();
      expect(client.state).toBe("closed");
    }, 120_000);
  }

  test("ways: where websockets are barred it goes on by events, and where these are, by polls", async () => {
    const barred = new Set(["/connect/"]);
    await using doors = openDoors({ barred });
    const { client, reached } = open(doors);
    const heard: string[] = [];
    await client.subscribe("w", ({ content }) => heard.push(content)).ready;
    expect(client.transport).toBe("sse");
    await client.publish("w", "by events");
    barred.add("/events");
    doors.cut();
    await reached("connected", 2);
    expect(client.transport).toBe("poll");
    await client.publish("w", "by poll");
    await heardAll(heard, 2);
    expect(heard).toEqual(["by events", "by poll"]);
    client.close();
  });

  test("waits: doubled with every failure, and counted anew by a welcome, not by an open socket", async () => {
    const barred = new Set<string>();
    let limit = 1;
    await using doors = openDoors({ barred });
    const asked: number[] = [];
    const token = () => {
      asked.push(1);
      if (limit === 0) throw new Error("no token now");
      return doors.token(all);
    };
    const { client, reached, states } = open(doors, { token, ways: ["websocket"] });
    await reached("connected");
    limit = 0;
    doors.cut();
    await reached("waiting", 6);
    expect(states.filter(({ state }) => state === "waiting").map(({ waitMs }) => waitMs)).toEqual([
      5, 10, 20, 40, 40, 40,
    ]);
    limit = 1;
    await reached("connected", 2);
    doors.cut();
    await reached("connected", 3);
    expect(states.findLast(({ state }) => state === "waiting")?.waitMs).toBe(5);
    expect(asked.length).toBe(states.filter(({ state }) => state === "connecting").length);
    client.close();
  });

  test("codes: a wrong token, or an order to end, is final; an expired token is not", async () => {
    const clock = new ManualClock();
    await using doors = openDoors({ clock });
    for (const way of ["websocket", "sse", "poll"]) {
      const { client, reached, states } = open(doors, { token: "wrong", ways: [way] });
      const failed = client.subscribe("a", () => undefined).ready;
      await expect(failed).rejects.toThrow();
      await reached("closed");
      expect(states.at(-1)?.code).toBe(3500);
    }
    const { client, reached, states } = open(doors, {
      token: () => doors.token({ ...all, exp: clock.now() / 1000 - 59.9 }),
    });
    await reached("connected");
    clock.advance(1000);
    await reached("connected", 2);
    expect(states.some(({ code }) => code === 3005)).toBe(true);
    doors.hub.disconnect({ user: "ann" }, "enough");
    await reached("closed");
    expect(states.at(-1)?.code).toBe(3503);
    client.close();
  });

  test("tokens: by polls, too, one that has become stale is exchanged for a fresh one", async () => {
    const clock = new ManualClock();
    await using doors = openDoors({ clock });
    const first = doors.token({ ...all, exp: clock.now() / 1000 - 59.5 });
    const tokens = [first];
    const token = () => tokens.shift() ?? doors.token(all);
    const { client, states } = open(doors, { token, ways: ["poll"] });
    const heard: string[] = [];
    await client.subscribe("t", ({ content }) => heard.push(content)).ready;
    expect((await fetch(`${doors.url}/history?topic=t&token=${first}`)).ok).toBe(true);
    clock.advance(1000);
    expect((await fetch(`${doors.url}/history?topic=t&token=${first}`)).ok).toBe(false);
    await client.publish("t", "late");
    await heardAll(heard, 1);
    expect(states.map(({ state }) => state)).toEqual(["connecting", "connected"]);
    client.close();
  });

  test("subscribe: a topic that the token does not cover is refused, and the others go on", async () => {
    await using doors = openDoors();
    const { client } = open(doors, { token: doors.token({ ...all, subscribe: ["mine.#"] }) });
    const heard: string[] = [];
    await client.subscribe("mine.1", ({ content }) => heard.push(content)).ready;
    await expect(client.subscribe("yours", () => undefined).ready).rejects.toThrow("does not allow");
    await client.publish("mine.1", "x");
    await heardAll(heard, 1);
    expect(client.state).toBe("connected");
    client.close();
  });

  test("gap: where too little is kept it is said, and what is there is heard once", async () => {
    await using doors = openDoors({ kept: 2 });
    const { client, reached } = open(doors, { ways: ["websocket"] });
    const heard: string[] = [];
    let gaps = 0;
    await client.subscribe("g", ({ content }) => heard.push(content), { gap: () => gaps++ }).ready;
    doors.cut();
    // All in one turn, before it can be back.
    await Promise.all([0, 1, 2, 3, 4].map((at) => doors.hub.publish({ address: "g", content: String(at) })));
    await reached("connected", 2);
    await heardAll(heard, 2);
    expect([gaps, heard]).toEqual([1, ["3", "4"]]);
    client.close();
  });

  test("close: it is over, also while a token is asked for that is then refused", async () => {
    await using doors = openDoors();
    const asked = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<string>();
    const token = () => {
      asked.resolve();
      return answered.promise;
    };
    const { client, states } = open(doors, { token });
    await asked.promise;
    client.close();
    answered.reject(new Error("refused"));
    await answered.promise.catch(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    expect(client.state).toBe("closed");
    expect(states.map(({ state }) => state)).toEqual(["connecting", "closed"]);
  });

  /** Sees the websockets that are made until it is disposed, and in which state each was closed. */
  const watchSockets = () => {
    const sockets: WebSocket[] = [];
    const closedIn: number[] = [];
    const made = Promise.withResolvers<WebSocket>();
    const plain = globalThis.WebSocket;
    globalThis.WebSocket = class extends plain {
      constructor(url: string | URL) {
        super(url);
        sockets.push(this);
        made.resolve(this);
      }
      override close(code?: number, reason?: string) {
        closedIn.push(this.readyState);
        super.close(code, reason);
      }
    };
    const restore = () => {
      globalThis.WebSocket = plain;
    };
    return { sockets, closedIn, made: made.promise, [Symbol.dispose]: restore };
  };

  test("subscribe: on a websocket that is already closing it waits until the next one is there", async () => {
    await using doors = openDoors();
    using watched = watchSockets();
    const { client, reached } = open(doors, { ways: ["websocket"] });
    await reached("connected");
    const [first] = watched.sockets;
    first?.close();
    expect([client.state, first?.readyState]).toEqual(["connected", WebSocket.CLOSING]);
    const heard: string[] = [];
    await client.subscribe("room", ({ content }) => heard.push(content)).ready;
    expect(watched.sockets.length).toBe(2);
    await client.publish("room", "here");
    await heardAll(heard, 1);
    expect(heard).toEqual(["here"]);
    client.close();
  });

  test("close: a websocket that is being made is let go of once it is there, as browsers complain otherwise", async () => {
    await using doors = openDoors();
    using watched = watchSockets();
    const { client } = open(doors, { token: doors.token(all), ways: ["websocket"] });
    const socket = await watched.made;
    expect(socket.readyState).toBe(WebSocket.CONNECTING);
    const over = new Promise((resolve) => socket.addEventListener("close", resolve));
    client.close();
    await over;
    expect([client.state, watched.closedIn]).toEqual(["closed", [WebSocket.OPEN]]);
  });

  for (const [way, silenceMs] of [
    ["sse", 37_500],
    ["poll", 40_000],
  ] as const) {
    test(`${way}: a server that says nothing for longer than it said it would is given up`, async () => {
      using server = Bun.serve({
        port: 0,
        idleTimeout: 0,
        fetch(request) {
          if (way === "poll") {
            const told = Response.json({ publications: [], position: "a-1", gap: false, more: false });
            return request.url.endsWith("&wait=0") ? told : new Promise<Response>(() => undefined);
          }
          const words = `event: welcome\ndata: {"connection":"c","pingMs":25000}\n\nevent: subscribed\ndata: {}\n\n`;
          const body = new ReadableStream({
            start: (controller) => controller.enqueue(new TextEncoder().encode(words)),
          });
          return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
        },
      });
      const timers: { run: () => void; delayMs: number }[] = [];
      const wait = globalThis.setTimeout;
      const spy = spyOn(globalThis, "setTimeout").mockImplementation(
        Object.assign((run: () => void, delayMs = 0) => {
          if (delayMs >= 15_000) timers.push({ run, delayMs });
          return wait(run, delayMs);
        }, wait),
      );
      try {
        const client = new Windsock(`http://127.0.0.1:${server.port}/`, { ways: [way], firstWaitMs: 60_000 });
        const states: StateEvent[] = [];
        client.on("state", (event) => states.push(event));
        await client.subscribe("r.1", () => undefined).ready;
        expect(timers[0]?.delayMs).toBe(15_000);
        while (timers.at(-1)?.delayMs !== silenceMs) await new Promise((resolve) => setImmediate(resolve));
        expect(client.state).toBe("connected");
        timers.at(-1)?.run();
        expect(states.at(-1)).toMatchObject({ state: "waiting", code: 0, reason: "the server is silent" });
        client.close();
      } finally {
        spy.mockRestore();
      }
    });
  }

  for (const way of ["websocket", "sse", "poll"]) {
    test(`${way}: what is told again after a gap is heard once, also by who was cut in the midst of it`, async () => {
      await using doors = openDoors();
      await doors.hub.publish({ address: "g", content: "before" });
      const { client, reached } = open(doors, { ways: [way] });
      const heard: string[] = [];
      let gaps = 0;
      const say = (content: string) => doors.hub.publish({ address: "g", content });
      await client.subscribe("g", ({ content }) => heard.push(content), { gap: () => gaps++ }).ready;
      for (const content of ["1", "2"]) await say(content);
      await heardAll(heard, 2);
      for (let round = 0; round < 3; round++) {
        doors.cut();
        await say(`missed ${round}`);
        doors.hub.breakOrder();
        await say(`after ${round}`);
        if (way !== "poll") await reached("connected", round + 2);
        await heardAll(heard, 4 + round * 2);
      }
      await say("last");
      await heardAll(heard, 9);
      const rounds = [0, 1, 2].flatMap((round) => [`missed ${round}`, `after ${round}`]);
      expect(heard).toEqual(["1", "2", ...rounds, "last"]);
      expect(gaps).toBeGreaterThanOrEqual(3);
      client.close();
    });

    test(`${way}: a log that lost its end gives its numbers again, and what has them is heard`, async () => {
      await using doors = openDoors();
      const { client } = open(doors, { ways: [way] });
      const heard: string[] = [];
      let gaps = 0;
      await client.subscribe("g", ({ content }) => heard.push(content), { gap: () => gaps++ }).ready;
      for (const content of ["1", "2", "3"]) await doors.hub.publish({ address: "g", content });
      await heardAll(heard, 3);
      doors.hub.moveTo(doors.hub.place.epoch, 1);
      await doors.hub.publish({ address: "g", content: "4" });
      await heardAll(heard, 4);
      expect([gaps, heard]).toEqual([1, ["1", "2", "3", "4"]]);
      client.close();
    });
  }
});
