/**
 * Two nodes as they run, joined by a real NATS or Redis: one publishes by Mercure's protocol, readers at both hear it, by
 * Pusher's as well; a node and the carrier are killed in mid-stream, and whoever comes back with an id misses nothing.
 */
import { expect, test } from "bun:test";

import PusherServer from "pusher";
import PusherClient from "pusher-js";

import { type ChildNode, startChild, until } from "../../../src/kit/testing/child-node.ts";
import { freePort } from "../../../src/kit/testing/free-port.ts";
import { signClaims } from "../../../src/wires/windsock/doors/jwt.ts";
import { serverAt, startServer } from "../../../src/wires/windsock/links/server-fixture.ts";

const redis = serverAt(["/usr/bin/redis-server"]);
const nats = serverAt(["/usr/sbin/nats-server", "/usr/bin/nats-server"]);
const token = signClaims({ mercure: { publish: ["*"] } }, { secret: "publishers" });

function start(link: Record<string, string>, listen: string): Promise<ChildNode> {
  return startChild({
    words: ["windsock", "--role", "windsock", "--mercure-anonymous"],
    environment: {
      WARREN_WINDSOCK_SECRET: "a secret for tests that is long enough",
      WARREN_WINDSOCK_MERCURE_PUBLISHER_KEY: "publishers",
      WARREN_WINDSOCK_MERCURE_SUBSCRIBER_KEY: "subscribers",
      WARREN_WINDSOCK_PUSHER_APPS: "shop:shop-key:shop-secret",
      ...link,
    },
    listen,
  });
}

/** Publishes numbers one after the other until told to stop, each until it is taken. */
function publishing(url: () => string) {
  const state = { count: 0, isOver: false };
  const run = async () => {
    while (!state.isOver) {
      const body = new URLSearchParams({
        topic: "numbers",
        data: String(state.count),
        id: `urn:${state.count}`,
      }).toString();
      const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/x-www-form-urlencoded" };
      const answer = await fetch(`${url()}/.well-known/mercure`, { method: "POST", headers, body }).catch(
        () => undefined,
      );
      await answer?.text();
      if (answer?.status === 200) state.count++;
    }
  };
  const running = run();
  return {
    state,
    async stop() {
      state.isOver = true;
      await running;
    },
  };
}

/** Reads events, comes back with the last id whenever the connection ends, and notes what the answers say of gaps. */
function reading(url: () => string) {
  const heard: string[] = [];
  const gaps: string[] = [];
  const over = new AbortController();
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  let last: string | undefined;
  const run = async () => {
    while (!over.signal.aborted) {
      try {
        const headers: Record<string, string> = last === undefined ? {} : { "Last-Event-ID": last };
        const answer = await fetch(`${url()}/.well-known/mercure?topic=numbers`, { headers, signal: over.signal });
        if (answer.status !== 200) throw new Error(`the node is not ready: ${answer.status}`);
        open();
        const anchor = answer.headers.get("last-event-id");
        if (last !== undefined && anchor !== last) gaps.push(`${last} ${anchor}`);
        let text = "";
        const decoder = new TextDecoder();
        for await (const chunk of answer.body ?? []) {
          text += decoder.decode(chunk, { stream: true });
          for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
            const event = text.slice(0, end);
            text = text.slice(end + 2);
            const id = /^id: (.*)$/m.exec(event)?.[1];
            if (id === undefined) continue;
            last = id;
            heard.push(/^data: (.*)$/m.exec(event)?.[1] ?? "");
          }
        }
      } catch (thrown) {
        if (!(thrown instanceof Error)) throw thrown;
      }
      await Bun.sleep(20);
    }
  };
  const running = run();
  return {
    heard,
    gaps,
    opened,
    async stop() {
      over.abort();
      await running;
    },
  };
}

test.skipIf(nats === undefined)(
  "nats: its kill and that of a node in mid-stream cost no reader a message, at either node",
  async () => {
    await using server = await startServer(nats ?? "nats-server", (port, folder) => [
      ..."-a 127.0.0.1 -js -sd".split(" "),
      folder,
      "-p",
      String(port),
    ]);
    const link = { WARREN_WINDSOCK_LINK: "nats", WARREN_WINDSOCK_NATS_SERVERS: `127.0.0.1:${server.port}` };
    await using one = await start(link, "127.0.0.1:0");
    let two = await start(link, `127.0.0.1:${freePort()}`);
    const listen = new URL(two.url).host;
    try {
      const readers = [reading(() => one.url), reading(() => two.url)];
      await Promise.all(readers.map(({ opened }) => opened));
      const writer = publishing(() => one.url);
      const grown = (by: number) => {
        const from = writer.state.count + by;
        return until("more was published", () => writer.state.count >= from);
      };
      await grown(50);
      await server.kill();
      await server.start();
      await grown(50);
      await two.end("SIGKILL");
      await grown(50);
      two = await start(link, listen);
      await grown(50);
      await writer.stop();
      const wanted = Array.from({ length: writer.state.count }, (_, index) => String(index));
      // Some of it twice, where its answer was lost.
      await until("all was heard", () => readers.every(({ heard }) => new Set(heard).size >= wanted.length));
      for (const { gaps, heard, stop } of readers) {
        await stop();
        // A number whose answer was lost is published again, under the same id.
        expect([...new Set(heard)]).toEqual(wanted);
        expect(heard.length - wanted.length).toBeLessThan(5);
        expect(gaps).toEqual([]);
      }
    } finally {
      await two[Symbol.asyncDispose]();
    }
  },
  180_000,
);

test.skipIf(redis === undefined)(
  "redis: Pusher's clients at one node hear what its library publishes at the other, and see who is there",
  async () => {
    await using server = await startServer(redis ?? "redis-server", (port, folder) => [
      ..."--bind 127.0.0.1 --port".split(" "),
      String(port),
      "--dir",
      folder,
      "--save",
      "",
    ]);
    const link = { WARREN_WINDSOCK_LINK: "redis", WARREN_WINDSOCK_REDIS_URL: `redis://127.0.0.1:${server.port}` };
    await using one = await start(link, "127.0.0.1:0");
    await using two = await start(link, "127.0.0.1:0");
    const library = (node: ChildNode) =>
      new PusherServer({
        appId: "shop",
        key: "shop-key",
        secret: "shop-secret",
        host: "127.0.0.1",
        port: new URL(node.url).port,
        useTLS: false,
      });
    const clientOf = (node: ChildNode) =>
      new PusherClient("shop-key", {
        cluster: "",
        wsHost: "127.0.0.1",
        wsPort: Number(new URL(node.url).port),
        forceTLS: false,
        enabledTransports: ["ws"],
        channelAuthorization: {
          transport: "ajax",
          endpoint: "",
          customHandler: ({ channelName, socketId }, done) =>
            done(null, library(two).authorizeChannel(socketId, channelName, { user_id: "anna" })),
        },
      });
    const client = clientOf(two);
    const others = [clientOf(one), clientOf(two)];
    try {
      const room = client.subscribe("presence-room");
      await new Promise((resolve) => room.bind("pusher:subscription_succeeded", resolve));
      await until("the other node knows", async () => {
        const answer = await library(one).get({ path: "/channels/presence-room/users" });
        return JSON.stringify(await answer.json()).includes("anna");
      });
      const heard = new Promise((resolve) => room.bind("said", resolve));
      await library(one).trigger("presence-room", "said", { text: "hello" });
      expect(await heard).toEqual({ text: "hello" });
      for (const other of others) other.subscribe("presence-room");
      for (const node of [one, two]) {
        await until("all are counted", async () => {
          const params = { info: "subscription_count,user_count" };
          const answer = await library(node).get({ path: "/channels/presence-room", params });
          const { subscription_count: connections, user_count: users } = (await answer.json()) as Record<
            string,
            unknown
          >;
          return connections === 3 && users === 1;
        });
      }
    } finally {
      for (const one of [client, ...others]) one.disconnect();
    }
  },
  180_000,
);
