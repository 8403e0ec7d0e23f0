import { createServer } from "node:http";
import { expect, setDefaultTimeout, test } from "bun:test";

import PusherServer from "pusher";
import PusherClient from "pusher-js";

import { systemClock } from "../../../kit/clock.ts";
import { silentLog } from "../../../kit/log.ts";
import { openHub, type OrderedHub } from "../hub-ordered.ts";
import { openDoor } from "../links/door-fixture.ts";
import type { ConnectionSettings } from "./connection.ts";
import { openPusherDoor, type PusherDoor, usualPusherSettings } from "./door.ts";
import { sign } from "./signature.ts";
import { hookPoster } from "./webhooks.ts";

// Real servers on a busy machine.
setDefaultTimeout(120_000);

const application = { id: "shop", key: "shop-key", secret: "shop-secret" };

interface Stage extends AsyncDisposable {
  hub: OrderedHub;
  door: PusherDoor;
  port: number;
  server: PusherServer;
  /** A real client; `auth` signs as an application's back end does. */
  connect(userId?: string): PusherClient;
}

async function openStage(
  settings: Partial<ConnectionSettings> = {},
  webhook?: string,
  hub = openHub({ clock: systemClock, maxMessageBytes: 100_000, bounds: { count: 100, sizeBytes: 1e6, ageMs: 1e6 } }),
  origins: readonly string[] = [],
): Promise<Stage> {
  const over = new AbortController();
  const door = openPusherDoor({
    hub,
    clock: systemClock,
    log: silentLog,
    applications: [{ ...application, ...(webhook === undefined ? {} : { webhook }) }],
    settings: { ...usualPusherSettings, ...settings },
    origins,
    nodeId: crypto.randomUUID(),
    enter: () => () => undefined,
    addressOf: (_request, caller) => caller.address,
    post: hookPoster(systemClock, over.signal),
  });
  const open = await openDoor((request, caller, path) => {
    if (door.takes(path)) return door.handle(request, caller, path);
    return new Response("no\n", { status: 404 });
  });
  const { port } = open;
  const server = new PusherServer({
    appId: "shop",
    key: application.key,
    secret: application.secret,
    host: "127.0.0.1",
    port: String(port),
    useTLS: false,
  });
  const clients: PusherClient[] = [];
  return {
    hub,
    door,
    port,
    server,
    connect(userId = "anna") {
      const client = new PusherClient(application.key, {
        cluster: "",
        wsHost: "127.0.0.1",
        wsPort: port,
        forceTLS: false,
        enabledTransports: ["ws"],
        disableStats: true,
        channelAuthorization: {
          transport: "ajax",
          endpoint: "",
          customHandler({ channelName, socketId }, done) {
            const member = channelName.startsWith("presence-")
              ? { user_id: userId, user_info: { name: userId.toUpperCase() } }
              : undefined;
            done(null, server.authorizeChannel(socketId, channelName, member));
          },
        },
        userAuthentication: {
          transport: "ajax",
          endpoint: "",
          customHandler: ({ socketId }, done) => done(null, server.authenticateUser(socketId, { id: userId })),
        },
      });
      clients.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.disconnect();
      door.stop();
      over.abort();
      await open[Symbol.asyncDispose]();
      hub.close();
    },
  };
}

interface Bindable {
  bind(event: string, callback: (data: never, extra?: never) => void): unknown;
  unbind(event: string, callback: (data: never, extra?: never) => void): unknown;
}

/** The next time that something happens. */
function next<Data = unknown>(of: Bindable, event: string): Promise<Data> {
  return new Promise((resolve) => {
    const heard = (data: Data) => {
      of.unbind(event, heard);
      resolve(data);
    };
    of.bind(event, heard);
  });
}

/** A client without manners. */
async function raw(port: number, query = "protocol=7", key = application.key) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/app/${key}?${query}`);
  const messages: { event: string; data: unknown }[] = [];
  const waiting: (() => void)[] = [];
  socket.addEventListener("message", ({ data }) => {
    messages.push(JSON.parse(String(data)) as { event: string; data: unknown });
    waiting.shift()?.();
  });
  const closed = new Promise<number>((resolve) => socket.addEventListener("close", ({ code }) => resolve(code)));
  const read = async () => {
    if (messages.length === 0) await new Promise<void>((resolve) => waiting.push(resolve));
    return messages.shift();
  };
  await new Promise((resolve) => socket.addEventListener("open", resolve));
  return {
    socket,
    read,
    closed,
    say: (message: unknown) => socket.send(typeof message === "string" ? message : JSON.stringify(message)),
  };
}

test("pusher-js hears what the server library publishes, except for the connection that caused it", async () => {
  await using stage = await openStage();
  const [anna, ben] = [stage.connect(), stage.connect("ben")];
  const rooms = await Promise.all(
    [anna, ben].map(async (client) => {
      const room = client.subscribe("room.1");
      await next(room, "pusher:subscription_succeeded");
      return room;
    }),
  );
  const [annas, bens] = rooms;
  if (!annas || !bens) throw new Error("no rooms");
  const heard: unknown[] = [];
  annas.bind("said", (data: unknown) => heard.push(["anna", data]));
  bens.bind("said", (data: unknown) => heard.push(["ben", data]));
  await stage.server.trigger("room.1", "said", { text: "first ☃" });
  await stage.server.trigger("room.1", "said", { text: "second" }, { socket_id: anna.connection.socket_id });
  const last = next(annas, "said");
  await stage.server.triggerBatch([{ channel: "room.1", name: "said", data: { text: "third" } }]);
  await last;
  expect(heard.filter((entry) => Array.isArray(entry) && entry[0] === "anna")).toEqual([
    ["anna", { text: "first ☃" }],
    ["anna", { text: "third" }],
  ]);
  const plain = next(bens, "message");
  await stage.hub.publish({ address: "pusher.shop.room.1", content: "plain" });
  expect(await plain).toBe("plain");
  expect(heard.filter((entry) => Array.isArray(entry) && entry[0] === "ben")).toEqual(
    ["first ☃", "second", "third"].map((text) => ["ben", { text }]),
  );
});

test("presence channels: a user is one member by however many connections, and the API lists members", async () => {
  await using stage = await openStage();
  const room = stage.connect("anna").subscribe("presence-room");
  await next(room, "pusher:subscription_succeeded");
  const changes: string[] = [];
  room.bind("pusher:member_added", ({ id, info }: { id: string; info: unknown }) =>
    changes.push(`+${id} ${JSON.stringify(info)}`),
  );
  room.bind("pusher:member_removed", ({ id }: { id: string }) => changes.push(`-${id}`));
  const ben = stage.connect("ben");
  const added = next(room, "pusher:member_added");
  const members = await next<{ count: number; members: Record<string, unknown> }>(
    ben.subscribe("presence-room"),
    "pusher:subscription_succeeded",
  );
  expect(members.count).toBe(2);
  expect(members.members).toEqual({ anna: { name: "ANNA" }, ben: { name: "BEN" } });
  await added;
  const again = stage.connect("ben");
  await next(again.subscribe("presence-room"), "pusher:subscription_succeeded");
  const users = await stage.server.get({ path: "/channels/presence-room/users" });
  expect(await users.json()).toEqual({ users: [{ id: "anna" }, { id: "ben" }] });
  const listed = await stage.server.get({
    path: "/channels",
    params: { filter_by_prefix: "presence-", info: "user_count,subscription_count" },
  });
  expect(await listed.json()).toEqual({ channels: { "presence-room": { user_count: 2, subscription_count: 3 } } });
  ben.disconnect();
  const removed = next(room, "pusher:member_removed");
  again.unsubscribe("presence-room");
  await removed;
  expect(changes).toEqual(['+ben {"name":"BEN"}', "-ben"]);
  const shown = await stage.server.get({ path: "/channels/presence-room", params: { info: "user_count" } });
  expect(await shown.json()).toEqual({ occupied: true, user_count: 1 });
});

test("client events: in private channels from one client to the others, at a bounded rate, nowhere else", async () => {
  await using stage = await openStage({ clientEventsPerSecond: 3 });
  const [anna, ben] = [stage.connect(), stage.connect("ben")];
  const [annas, bens] = [anna.subscribe("private-room"), ben.subscribe("private-room")];
  await Promise.all([next(annas, "pusher:subscription_succeeded"), next(bens, "pusher:subscription_succeeded")]);
  const heard = next(bens, "client-typing");
  annas.trigger("client-typing", { at: 1 });
  expect(await heard).toEqual({ at: 1 });
  const refused = next<{ data: { code: number; message: string } }>(anna.connection, "error");
  for (let count = 0; count < 10; count++) annas.trigger("client-typing", { at: 2 });
  expect((await refused).data.code).toBe(4301);
  const client = await raw(stage.port);
  await client.read();
  client.say({ event: "pusher:subscribe", data: { channel: "open" } });
  await client.read();
  client.say({ event: "client-typing", channel: "open", data: 1 });
  expect((await client.read())?.data).toEqual({
    message: "Cannot send the event: clients send events in private and presence channels only",
    code: 4301,
  });
  client.say({ event: "client-typing", channel: "private-room", data: 1 });
  expect((await client.read())?.data).toEqual({
    message: "Cannot send the event: this connection did not subscribe to the channel",
    code: 4301,
  });
  client.socket.close();
});

test("cache channels: who comes later hears the last event of the back end, or that there is none", async () => {
  await using stage = await openStage();
  const anna = stage.connect();
  await next(anna.subscribe("cache-price"), "pusher:cache_miss");
  await stage.server.trigger("cache-price", "price", { euro: 3 });
  expect(await next(stage.connect("ben").subscribe("cache-price"), "price")).toEqual({ euro: 3 });
});

test("users: a signed-in user hears what is sent to them, and can be ended by the application", async () => {
  await using stage = await openStage();
  const anna = stage.connect();
  anna.signin();
  await next(anna, "pusher:signin_success");
  const heard = next(anna.user, "bill");
  await stage.server.sendToUser("anna", "bill", { euro: 1 });
  expect(await heard).toEqual({ euro: 1 });
  const failed = next<{ data: { code: number } }>(anna.connection, "error");
  await stage.server.terminateUserConnections("anna");
  expect((await failed).data.code).toBe(4009);
});

test("encrypted channels: what is sealed by the library is opened by it, and the door never sees it", async () => {
  await using stage = await openStage();
  const seen: string[] = [];
  await stage.hub.listen([{ kind: "prefix", prefix: "" }], {
    hear: ({ content }) => void seen.push(content),
    gap: () => undefined,
  });
  const key = Buffer.alloc(32, 7).toString("base64");
  const server = new PusherServer({
    appId: "shop",
    key: application.key,
    secret: application.secret,
    host: "127.0.0.1",
    port: String(stage.port),
    encryptionMasterKeyBase64: key,
  });
  await server.trigger("private-encrypted-room", "said", { text: "nobody" });
  expect(seen.length).toBe(1);
  expect(seen[0]).not.toContain("nobody");
});

test("webhooks: signed as the library checks them, from the first subscriber to the last", async () => {
  const bodies: { headers: Record<string, unknown>; rawBody: string }[] = [];
  const failing = { left: 1 };
  const { promise, resolve } = Promise.withResolvers<void>();
  const hook = createServer((request, response) => {
    let rawBody = "";
    request.on("data", (chunk: Buffer) => (rawBody += chunk.toString()));
    request.on("end", () => {
      // The first is refused, and has to come again.
      response.statusCode = failing.left-- > 0 ? 500 : 200;
      response.end();
      if (response.statusCode === 200) bodies.push({ headers: request.headers, rawBody });
      if (bodies.some((body) => body.rawBody.includes("channel_vacated"))) resolve();
    });
  });
  await new Promise<void>((listening) => hook.listen(0, "127.0.0.1", listening));
  const address = hook.address();
  const port = typeof address === "object" && address ? address.port : 0;
  try {
    await using stage = await openStage({}, `http://127.0.0.1:${port}/hook`);
    const anna = stage.connect();
    const room = anna.subscribe("presence-room");
    await next(room, "pusher:subscription_succeeded");
    room.trigger("client-hello", { a: 1 });
    await stage.server.get({ path: "/channels" });
    anna.unsubscribe("presence-room");
    await promise;
    const news = bodies.flatMap((body) => {
      const read = stage.server.webhook(body as never);
      expect(read.isValid()).toBe(true);
      return read.getEvents();
    });
    expect(news.map(({ name }) => name).sort()).toEqual([
      "channel_occupied",
      "channel_vacated",
      "client_event",
      "member_added",
      "member_removed",
    ]);
  } finally {
    hook.close();
  }
});

test("connections: what is wrong is said before the end, with a code that tells the client what to do", async () => {
  await using stage = await openStage({ channels: 2 });
  for (const [query, key, code] of [
    ["protocol=7", "nobody", 4001],
    ["", application.key, 4008],
    ["protocol=x", application.key, 4006],
    ["protocol=99", application.key, 4007],
  ] as const) {
    const client = await raw(stage.port, query, key);
    expect(await client.read()).toMatchObject({ event: "pusher:error", data: { code } });
    expect(await client.closed).toBe(code);
  }
  const client = await raw(stage.port);
  const { socket_id: socketId } = JSON.parse(String((await client.read())?.data)) as { socket_id: string };
  const refusals: [unknown, unknown][] = [
    ["nonsense", { event: "pusher:error", data: { message: "Cannot take the message: it is no JSON object" } }],
    [
      { event: "pusher:subscribe", data: { channel: "a b" } },
      { event: "pusher:subscription_error", data: { status: 400 } },
    ],
    [
      { event: "pusher:subscribe", data: { channel: "private-a" } },
      { data: { type: "AuthError", status: 401, error: "wanted a signature as auth" } },
    ],
    [
      { event: "pusher:subscribe", data: { channel: "private-a", auth: `${application.key}:00` } },
      { data: { status: 401 } },
    ],
    [
      {
        event: "pusher:subscribe",
        data: { channel: "private-a", auth: `${application.key}:${sign(application.secret, `${socketId}:private-a`)}` },
      },
      { event: "pusher_internal:subscription_succeeded" },
    ],
    [{ event: "pusher:subscribe", data: { channel: "private-a", auth: "x" } }, { data: { status: 400 } }],
    [{ event: "pusher:ping", data: {} }, { event: "pusher:pong" }],
    [{ event: "pusher:subscribe", data: { channel: "b" } }, { event: "pusher_internal:subscription_succeeded" }],
    [{ event: "pusher:subscribe", data: { channel: "c" } }, { data: { status: 429 } }],
  ];
  for (const [said, answer] of refusals) {
    client.say(said);
    expect(await client.read()).toMatchObject(answer as object);
  }
  stage.hub.breakOrder();
  expect(await client.read()).toMatchObject({ event: "pusher:error", data: { code: 4200 } });
  expect(await client.closed).toBe(4200);
});

test("origins: pages of other sites than those that are named are told so and closed", async () => {
  await using stage = await openStage({}, undefined, undefined, ["https://*.shop.example"]);
  const first = (origin?: string) =>
    new Promise<{ event: string; data: unknown }>((resolve) => {
      const headers: Record<string, string> = origin === undefined ? {} : { Origin: origin };
      const socket = new WebSocket(`ws://127.0.0.1:${stage.port}/app/shop-key?protocol=7`, { headers });
      socket.addEventListener("message", ({ data }) => {
        resolve(JSON.parse(String(data)) as { event: string; data: unknown });
        socket.close();
      });
    });
  expect((await first("https://one.shop.example")).event).toBe("pusher:connection_established");
  expect((await first()).event).toBe("pusher:connection_established");
  expect(await first("https://evil.example")).toEqual({
    event: "pusher:error",
    data: { code: 4009, message: 'Pages of "https://evil.example" are not among those that may connect' },
  });
});

test("the API refuses what is unsigned, changed, old or too large, each with its reason", async () => {
  await using stage = await openStage();
  const ask = async (query: string, body: string) => {
    const answer = await fetch(`http://127.0.0.1:${stage.port}/apps/shop/events?${query}`, { method: "POST", body });
    return { status: answer.status, text: await answer.text() };
  };
  expect(await ask("", "{}")).toMatchObject({ status: 401 });
  const signed = (body: string, seconds = Math.floor(Date.now() / 1000)) => {
    const md5 = new Bun.CryptoHasher("md5").update(body).digest("hex");
    const query = `auth_key=${application.key}&auth_timestamp=${seconds}&auth_version=1.0&body_md5=${md5}`;
    return `${query}&auth_signature=${sign(application.secret, `POST\n/apps/shop/events\n${query}`)}`;
  };
  const good = JSON.stringify({ name: "a", channels: ["b"], data: "c" });
  expect(await ask(signed(good), good)).toMatchObject({ status: 200 });
  expect((await ask(signed(good), good.replace("c", "d"))).text).toContain("body_md5");
  expect((await ask(signed(good, 1000), good)).text).toContain("old");
  expect((await ask(signed(good).replace(/.$/, "x"), good)).text).toContain("auth_signature is wrong");
  for (const [body, status] of [
    [{ name: "a", channels: ["b"], data: "x".repeat(20_000) }, 413],
    [{ name: "pusher:x", channels: ["b"], data: "x" }, 400],
    [{ name: "a", channels: ["b c"], data: "x" }, 400],
    [{ name: "a", channels: [], data: "x" }, 400],
    [{ name: "a", channels: Array.from({ length: 101 }, (_, index) => `c${index}`), data: "x" }, 400],
    [{ name: "a", channel: "b", data: { no: "text" } }, 400],
  ] as const) {
    const text = JSON.stringify(body);
    expect((await ask(signed(text), text)).status).toBe(status);
  }
  // A name that no user can have would be more than other nodes take.
  const long = `/apps/shop/users/${"x".repeat(129)}/terminate_connections`;
  const query = `auth_key=${application.key}&auth_timestamp=${Math.floor(Date.now() / 1000)}&auth_version=1.0`;
  const proof = sign(application.secret, `POST\n${long}\n${query}`);
  const ended = await fetch(`http://127.0.0.1:${stage.port}${long}?${query}&auth_signature=${proof}`, {
    method: "POST",
  });
  expect(ended.status).toBe(400);
  const elsewhere = await fetch(`http://127.0.0.1:${stage.port}/apps/nobody/channels`);
  expect(elsewhere.status).toBe(404);
});
