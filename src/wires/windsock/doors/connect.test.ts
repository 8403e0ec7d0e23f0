import { afterAll, beforeAll, describe, expect, test } from "bun:test";

import { ManualClock } from "../../../kit/testing/manual-clock.ts";
import { interestKey } from "../publication.ts";
import { signToken } from "../token.ts";
import { type Fixture, openDoors, RawClient, secret } from "./fixture.ts";

const all = { sub: "ann", subscribe: ["#"], publish: ["#"] };

describe("the newer websocket", () => {
  let doors: Fixture;
  beforeAll(() => {
    doors = openDoors();
  });
  afterAll(() => doors[Symbol.asyncDispose]());
  const connect = async (claims: Record<string, unknown> = all, on = doors) => {
    const client = new RawClient(`${on.url}/connect/`);
    const welcome = await client.ask("connect", { token: on.token(claims) });
    return { client, welcome };
  };

  test("Connection: several topics and patterns, each publication once, with its position", async () => {
    const { client, welcome } = await connect();
    expect(welcome).toMatchObject({ user: "ann", pingMs: 25_000 });
    const answer = await client.ask("subscribe", { topics: ["m.1", "m.*", { prefix: "m" }] });
    expect(answer).toMatchObject({ recoverable: true });
    await client.ask("publish", { address: "m.1", content: "one" });
    await client.ask("publish", { address: "other", content: "two" });
    const { position } = (await client.ask("publish", { address: "m.2", content: "three" })) as { position: string };
    await client.until(() => client.pushes.length === 2);
    expect(client.pushes.map(({ content }) => content)).toEqual(["one", "three"]);
    expect(client.pushes[1]?.position).toBe(position);
    await client.ask("unsubscribe", { topics: ["m.1", "m.*", { prefix: "m" }] });
    await client.ask("publish", { address: "m.1", content: "unheard" });
    await client.ask("ping", {});
    expect(client.pushes).toHaveLength(2);
    client.close();
  });

  test("Connection: a topic that is named twice is heard once, and nobody hears it after it was given up", async () => {
    const { client } = await connect();
    await client.ask("subscribe", { topics: ["twin", "twin"] });
    await client.ask("subscribe", { topics: ["more", "more", "twin"] });
    const heard = () =>
      doors.doors.roster.topics(100).map(({ count, interest }) => `${interestKey(interest)} ${count}`);
    expect(heard().sort()).toEqual(["exact:more 1", "exact:twin 1"]);
    await client.ask("unsubscribe", { topics: ["twin", "twin", "more"] });
    expect(heard()).toEqual([]);
    client.close();
  });

  test("Connection: history before what comes, nothing of it twice", async () => {
    const { client } = await connect();
    for (const content of ["a", "b", "c"]) await client.ask("publish", { address: "h", content });
    const answer = await client.ask("subscribe", { topics: ["h"], history: 2 });
    expect((answer["history"] as { content: string }[]).map(({ content }) => content)).toEqual(["b", "c"]);
    await client.ask("publish", { address: "h", content: "d" });
    await client.until(() => client.pushes.length === 1);
    expect(client.pushes[0]?.content).toBe("d");
    const found = await client.ask("history", { topic: "h", limit: 1 });
    expect(found["publications"]).toMatchObject([{ content: "d" }]);
    client.close();
  });

  test("Connection: presence, who comes and who goes", async () => {
    const { client } = await connect({ ...all, info: { nick: "Ann" } });
    const { client: other } = await connect({ ...all, sub: "bob" });
    await client.ask("presence", { address: "room", enter: true, watch: true });
    await other.ask("presence", { address: "room", enter: true });
    await client.until(() => client.heard.some(({ change }) => change !== undefined));
    expect(await client.ask("stats", { address: "room" })).toEqual({ connections: 2, users: 2 });
    const { clients } = (await other.ask("presence", { address: "room" })) as {
      clients: { user: string; info?: string }[];
    };
    expect(clients.map(({ info, user }) => [user, info])).toEqual([
      ["ann", '{"nick":"Ann"}'],
      ["bob", undefined],
    ]);
    other.close();
    await client.until(() => client.heard.filter(({ change }) => change !== undefined).length >= 2);
    expect(client.heard.at(-1)).toMatchObject({ change: { address: "room", kind: "leave", who: { user: "bob" } } });
    client.close();
  });

  test("Connection: every refusal has a code and a sentence, and the connection goes on", async () => {
    const { client } = await connect({ sub: "ann", subscribe: ["a.#"], publish: ["a"] });
    const code = async (verb: string, input: object) =>
      ((await client.ask(verb, input))["error"] as { code: string }).code;
    expect(await code("subscribe", { topics: ["b"] })).toBe("windsock/subscribe-right");
    expect(await code("subscribe", { topics: ["#"] })).toBe("windsock/subscribe-right");
    expect(await code("publish", { address: "a.b", content: "" })).toBe("windsock/publish-right");
    expect(await code("publish", { content: "" })).toBe("windsock/address");
    expect(await code("publish", { address: "a", content: 7 })).toBe("windsock/command");
    expect(await code("history", { topic: "a", limit: 1e6 })).toBe("windsock/history");
    expect(await code("subscribe", { topics: ["a", "a.b"], history: 3 })).toBe("windsock/history");
    expect(await code("dance", {})).toBe("windsock/command");
    expect(await code("connect", {})).toBe("windsock/connected");
    client.close();
  });

  test("Connection: codes tell a client what to do", async () => {
    const codeFor = async (send: (client: RawClient) => void) => {
      const client = new RawClient(`${doors.url}/connect/`);
      await client.open();
      send(client);
      return (await client.closed).code;
    };
    expect(await codeFor((client) => client.send('{"id":1,"connect":{"token":"no"}}'))).toBe(3500);
    expect(await codeFor((client) => client.send("nonsense"))).toBe(3501);
    expect(await codeFor((client) => client.send('{"ping":{}}'.padEnd(2_000_000)))).toBe(3508);
    const seconds = Date.now() / 1000 - 300;
    const stale = signToken(
      { user: "u", subPrefix: "", pubPrefix: "", atSeconds: seconds, salt: "", address: "" },
      secret,
    );
    expect(await codeFor((client) => client.send(JSON.stringify({ id: 1, connect: { token: stale } })))).toBe(3005);
    const { client, welcome } = await connect();
    doors.hub.disconnect({ connection: String(welcome["connection"]) }, "go away");
    expect(await client.closed).toEqual({ code: 3503, reason: "go away" });
  });

  test("Connection: a wrong token in the address is refused before the upgrade, as JSON", async () => {
    const answer = await fetch(`${doors.url}/connect/?token=1:2:3`, { headers: { Upgrade: "websocket" } });
    expect(answer.status).toBe(401);
    expect(await answer.json()).toMatchObject({ error: { code: "windsock/token", close: 3500, reconnect: false } });
    expect((await fetch(`${doors.url}/connect/`)).status).toBe(400);
  });

  test("Connection: a refresh takes topics away, and the end of a token ends it", async () => {
    const clock = new ManualClock();
    await using own = openDoors({ clock });
    const now = clock.now() / 1000;
    // Within the leeway that tokens have.
    const { client, welcome } = await connect({ ...all, exp: now - 59.5 }, own);
    expect(Number(welcome["expiresInMs"])).toBeLessThan(600);
    await client.ask("subscribe", { topics: ["x", "y"] });
    const narrower = own.token({ ...all, subscribe: ["x"], exp: now - 59 });
    expect(await client.ask("refresh", { token: narrower })).toHaveProperty("expiresInMs");
    expect(client.heard.find(({ dropped }) => dropped)).toEqual({ dropped: { topics: ["y"] } });
    expect(await client.ask("refresh", { token: own.token({ ...all, sub: "bob" }) })).toMatchObject({
      error: { code: "windsock/other-user" },
    });
    clock.advance(900);
    expect(await client.ask("publish", { address: "x", content: "still here" })).toHaveProperty("position");
    clock.advance(200);
    expect((await client.closed).code).toBe(3005);
  });

  test("Connection: limits of topics, of rate and of connections", async () => {
    await using narrow = openDoors({
      // Time stands still: a machine that is slow gives nobody more.
      clock: new ManualClock(),
      bounds: { topics: 2, messagesPerSecond: 1, messagesBurst: 4 },
      connectionsPerUser: 1,
    });
    const { client } = await connect(all, narrow);
    expect(await client.ask("subscribe", { topics: ["a", "b", "c"] })).toMatchObject({
      error: { code: "windsock/topics" },
    });
    expect(await client.ask("subscribe", { topics: ["a", "b"] })).toHaveProperty("position");
    const answers = [];
    for (let at = 0; at < 3; at++) answers.push(await client.ask("publish", { address: "a", content: "x" }));
    expect(answers.at(-1)).toMatchObject({ error: { code: "windsock/limited" } });
    const second = new RawClient(`${narrow.url}/connect/`);
    expect(await second.ask("connect", { token: narrow.token(all) })).toMatchObject({
      error: { code: "windsock/too-many" },
    });
    expect((await second.closed).code).toBe(3504);
    client.close();
  });

  test("Connection: the stop of the server asks to come again", async () => {
    const own = openDoors();
    const { client } = await connect(all, own);
    own.doors.stop();
    expect((await client.closed).code).toBe(3000);
    await own[Symbol.asyncDispose]();
  });

  test("Connection: beats tell how far the order has come", async () => {
    await using quick = openDoors({ pingMs: 100 });
    const { client } = await connect(all, quick);
    await client.until(() => client.heard.some(({ ping }) => ping !== undefined));
    await client.ask("subscribe", { topics: ["quiet"] });
    for (let at = 0; at < 3; at++) await quick.hub.publish({ address: "loud", content: "" });
    await client.until(() =>
      client.heard.some(({ ping }) => (ping as { position?: string })?.position === quick.hub.position),
    );
    client.close();
  });

  test("Connection: a topic that is taken up with its history in the middle of things: all of it, once, in order", async () => {
    await using busy = openDoors();
    const { client: other } = await connect(all, busy);
    await other.ask("subscribe", { topics: ["#"] });
    let count = 0;
    const stop = new AbortController();
    const speak = async () => {
      for (; !stop.signal.aborted && count < 900; count++) {
        await busy.hub.publish({ address: count % 3 === 0 ? "t.a" : "t.b", content: String(count) });
        if (count % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const speaking = speak();
    const { client } = await connect(all, busy);
    await client.ask("subscribe", { topics: ["t.a"] });
    const { history } = (await client.ask("subscribe", { topics: ["t.b"], history: 1000 })) as {
      history: { content: string; position: string }[];
    };
    stop.abort();
    await speaking;
    await client.ask("ping", {});
    const ofTopic = client.pushes.filter(({ address }) => address === "t.b").map(({ content }) => Number(content));
    const told = [...history.map(({ content }) => Number(content)), ...ofTopic];
    expect(told).toEqual(Array.from({ length: count }, (_, at) => at).filter((at) => at % 3 !== 0));
    client.close();
    other.close();
  });

  test("Connection: one that takes nothing is ended, and nobody waits for it", async () => {
    await using small = openDoors({ bounds: { waitingBytes: 200_000 } });
    const { hostname, port } = new URL(small.url);
    const frame = (text: string) => {
      const bytes = Buffer.from(text);
      const head =
        bytes.length < 126 ? [0x81, 0x80 | bytes.length] : [0x81, 0xfe, bytes.length >> 8, bytes.length & 0xff];
      // A mask of zeros leaves the text as it is.
      return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), bytes]);
    };
    const stalled = await Bun.connect({ hostname, port: Number(port), socket: { data() {} } });
    const key = Buffer.alloc(16).toString("base64");
    stalled.write(
      `GET /connect/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
    );
    stalled.write(frame(JSON.stringify({ id: 1, connect: { token: small.token(all) } })));
    stalled.write(frame(JSON.stringify({ id: 2, subscribe: { topics: ["big"] } })));
    while (small.hub.figures.listeners < 1) await new Promise((resolve) => setImmediate(resolve));
    stalled.pause();
    const { client } = await connect(all, small);
    await client.ask("subscribe", { topics: ["big"] });
    expect(small.hub.figures.listeners).toBe(2);
    const content = "x".repeat(50_000);
    // More than the kernel takes for one that does not read.
    for (let at = 1; at <= 200 || (at <= 2000 && small.hub.figures.listeners > 1); at++) {
      await small.hub.publish({ address: "big", content });
      await client.until(() => client.pushes.length === at);
    }
    expect(small.hub.figures.listeners).toBe(1);
    stalled.end();
    client.close();
  }, 120_000);
});

test("subscribe with since: what is published meanwhile does not wait for its end, what is said of topics does", async () => {
  await using doors = openDoors({ kept: 100_000 });
  const since = doors.hub.position;
  for (let at = 0; at < 4000; at++) await doors.hub.publish({ address: "past", content: String(at).padEnd(300, ".") });
  const client = new RawClient(`${doors.url}/connect/`);
  await client.ask("connect", { token: doors.token({ sub: "ann", subscribe: ["#"], publish: ["#"] }) });
  const past = client.ask("subscribe", { topics: ["past"], since });
  const published = client.ask("publish", { address: "other", content: "x" });
  const pinged = client.ask("ping", {});
  const ended = client.ask("unsubscribe", { topics: ["past"] });
  await published;
  // It tells no position beyond what was told.
  const { position } = await pinged;
  const told = client.pushes.length;
  expect(told).toBeLessThan(4000);
  expect(Number(String(position).split("-")[1])).toBeLessThanOrEqual(told);
  expect(await past).toMatchObject({ recovered: true });
  expect(client.pushes).toHaveLength(4000);
  await ended;
  await doors.hub.publish({ address: "past", content: "not heard" });
  await client.ask("ping", {});
  expect(client.pushes).toHaveLength(4000);
  client.close();
});
