/** The API of toxics as Toxiproxy's own Node client uses it, with real connections through the proxies it makes. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { connect, createServer, type Server, type Socket } from "node:net";

import { Toxiproxy } from "toxiproxy-node-client";

import { systemClock } from "../../../kit/clock.ts";
import { silentLog } from "../../../kit/log.ts";
import { seededRandom } from "../../../kit/random.ts";
import { until as untilThat } from "../../../kit/testing/child-node.ts";
import { freePort } from "../../../kit/testing/free-port.ts";
import { proxyDefaults } from "../config.ts";
import type { Connection } from "../connection.ts";
import type { ProxyPlan } from "../plan.ts";
import { Proxy } from "../proxy.ts";
import { type RunningToxicApi, serveToxics } from "./api.ts";
import { Yard } from "./yard.ts";

const until = (look: () => boolean) => untilThat("it is so", look);
const failed: unknown[] = [];
const said: string[] = [];

function make(plan: ProxyPlan, prepare: (connection: Connection) => void): Proxy {
  return new Proxy({
    plan,
    clock: systemClock,
    random: seededRandom(1),
    lookup: () => Promise.resolve(["127.0.0.1"]),
    happened: () => undefined,
    changed: () => undefined,
    failed: (thrown) => failed.push(thrown),
    log: silentLog,
    prepare,
  });
}

let server: Server;
let upstream = "";
let configured: Proxy;
let yard: Yard;
let api: RunningToxicApi;
let client: Toxiproxy;
let url = "";
const sockets: Socket[] = [];

beforeAll(async () => {
  server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => socket.write(bytes));
    socket.on("end", () => socket.end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  upstream = `127.0.0.1:${port}`;
  configured = make(
    {
      ...proxyDefaults,
      name: "configured",
      // It is switched off and on again, and meanwhile nobody else may be given its port.
      listen: { host: "127.0.0.1", port: freePort() },
      upstreams: [{ name: upstream, address: { host: "127.0.0.1", port }, isFallback: false, maxConnections: 0 }],
    },
    (connection) => yard.prepare(configured, connection),
  );
  await configured.resolve();
  configured.listen();
  yard = new Yard({
    clock: systemClock,
    random: seededRandom(1),
    configured: [configured],
    defaults: proxyDefaults,
    make,
  });
  api = serveToxics(
    { host: "127.0.0.1", port: 0 },
    { yard, log: silentLog, wanted: (sentence) => said.push(sentence) },
  );
  url = `http://127.0.0.1:${api.address.port}`;
  client = new Toxiproxy(url);
});
afterEach(async () => {
  for (const { name } of yard.all) if (name !== "configured") await yard.remove(name);
  yard.reset();
  expect(failed).toEqual([]);
});
afterAll(async () => {
  await api.stop();
  await yard.stop();
  await configured.stop(0);
  for (const socket of sockets) socket.destroy();
  server.close();
});

/** A client of a proxy: what it heard, when, and how it ended. */
function dial(listen: string) {
  const socket = connect({ host: "127.0.0.1", port: Number(listen.split(":").at(-1)), allowHalfOpen: true });
  const heard = { text: "", chunks: 0, atMs: 0, end: false, error: "", closed: false };
  socket.on("data", (bytes) => {
    heard.text += bytes.toString("latin1");
    heard.chunks++;
    heard.atMs = performance.now();
  });
  socket.on("end", () => (heard.end = true));
  socket.on("error", (thrown) => (heard.error = "code" in thrown ? String(thrown.code) : "?"));
  socket.on("close", () => (heard.closed = true));
  sockets.push(socket);
  return { socket, heard };
}

const post = (path: string, body: unknown, method = "POST") =>
  fetch(`${url}${path}`, { method, body: typeof body === "string" ? body : JSON.stringify(body) });

const made = (name = "p") => client.createProxy({ name, listen: "127.0.0.1:0", upstream });

describe("Toxiproxy's client", () => {
  test("makes, lists, changes and removes a proxy", async () => {
    expect(Number((await made("q")).listen.split(":")[1])).toBeGreaterThan(0);
    await yard.remove("q");
    const proxy = await client.createProxy({ name: "p", listen: `127.0.0.1:${freePort()}`, upstream });
    expect(proxy).toMatchObject({ name: "p", upstream, enabled: true });
    expect(Object.keys(await client.getAll())).toEqual(["configured", "p"]);
    const first = dial(proxy.listen);
    first.socket.write("hello");
    await until(() => first.heard.text === "hello");

    const off = await proxy.update({ listen: proxy.listen, upstream, enabled: false });
    expect(off.enabled).toBe(false);
    await until(() => first.heard.closed);
    const refused = dial(proxy.listen);
    await until(() => refused.heard.error === "ECONNREFUSED");

    const on = await proxy.update({ listen: proxy.listen, upstream, enabled: true });
    expect(on).toMatchObject({ enabled: true, listen: proxy.listen });
    const second = dial(proxy.listen);
    second.socket.write("again");
    await until(() => second.heard.text === "again");

    await proxy.remove();
    await expect(client.get("p")).rejects.toThrow("status code 404");
    await until(() => second.heard.closed);
  });

  test("populates, and again without touching what is as it should be", async () => {
    const wishes = [
      { name: "a", listen: "127.0.0.1:0", upstream },
      { name: "b", listen: "", upstream, enabled: false },
    ];
    const { a, b } = await client.populate(wishes);
    expect([a?.enabled, b?.enabled]).toEqual([true, false]);
    const open = dial(a?.listen ?? "");
    open.socket.write("x");
    await until(() => open.heard.text === "x");
    const again = await client.populate([
      { ...wishes[0], enabled: true, name: "a", listen: a?.listen ?? "", upstream },
    ]);
    expect(again["a"]?.listen).toBe(a?.listen ?? "");
    open.socket.write("y");
    await until(() => open.heard.text === "xy");
  });

  test("adds a toxic, reads, changes and removes it; reset takes all away", async () => {
    const proxy = await made();
    const toxic = await proxy.addToxic({
      name: "",
      type: "latency",
      stream: "downstream",
      toxicity: 1,
      attributes: { latency: 150, jitter: 0 },
    });
    expect(toxic.toJson()).toEqual({
      name: "latency_downstream",
      type: "latency",
      stream: "downstream",
      toxicity: 1,
      attributes: { latency: 150, jitter: 0 },
    });
    const { heard, socket } = dial(proxy.listen);
    const startedMs = performance.now();
    socket.write("hello");
    await until(() => heard.text === "hello");
    expect(heard.atMs - startedMs).toBeGreaterThanOrEqual(145);

    const changed = await toxic.update({ ...toxic.toJson(), attributes: { latency: 60_000, jitter: 0 } });
    expect((await proxy.getToxic(changed.name)).attributes).toEqual({ latency: 60_000, jitter: 0 });
    socket.write("held");
    await until(() => [...yard.proxy("p").connections()].some(({ down }) => down.bytes === 9));
    expect(heard.text).toBe("hello");
    await client.reset();
    await until(() => heard.text === "helloheld");
    expect((await client.getAll())["p"]).toMatchObject({ enabled: true });
    expect(yard.view("p").toxics).toEqual([]);
    for (const { down, up } of yard.proxy("p").connections())
      expect([up.stage, down.stage]).toEqual([undefined, undefined]);
  });

  test("asks for the version", async () => {
    expect(await client.getVersion()).toBe('{"version": "2.12.0"}\n');
  });
});

describe("toxics on real connections", () => {
  const add = (attributes: object, type: string, stream = "downstream") =>
    post("/proxies/p/toxics", { type, stream, attributes });

  test("limit_data: so many bytes, then the end, on both sides", async () => {
    const { listen } = await made();
    await add({ bytes: 4 }, "limit_data");
    const { heard, socket } = dial(listen);
    socket.write("hello");
    await until(() => heard.end);
    expect([heard.text, heard.error]).toEqual(["hell", ""]);
    socket.end();
    await until(
      () => heard.closed && sockets.every((each) => each === socket || each.destroyed || each.readyState !== "open"),
    );
  });

  test("limit_data and timeout end connections whose client does not close its own side", async () => {
    const { listen } = await made();
    await add({ bytes: 1 }, "limit_data");
    const { heard, socket } = dial(listen);
    socket.write("x");
    await until(() => heard.end && [...yard.proxy("p").connections()].length === 0);
    await client.reset();
    await add({ timeout: 30 }, "timeout", "upstream");
    const second = dial(listen);
    second.socket.write("lost");
    await until(() => second.heard.end && [...yard.proxy("p").connections()].length === 0);
    expect(second.heard.text).toBe("");
    expect(yard.proxy("p").counts.endings.get("toxic")).toBe(2);
  });

  test("reset_peer: the client sees a reset", async () => {
    const { listen } = await made();
    await add({ timeout: 20 }, "reset_peer");
    const { heard, socket } = dial(listen);
    socket.write("x");
    await until(() => heard.error !== "");
    expect(heard.error).toBe("ECONNRESET");
  });

  test("slow_close and slicer, added to a connection that is open", async () => {
    const { listen } = await made();
    const { heard, socket } = dial(listen);
    socket.write("a");
    await until(() => heard.text === "a");
    await add({ average_size: 2, size_variation: 0, delay: 20_000 }, "slicer");
    await add({ delay: 2000 }, "slow_close");
    const startedMs = performance.now();
    // In fifty slices, some of which come together where this process gets no turn.
    const text = "0123456789".repeat(10);
    socket.end(text);
    await until(() => heard.text === `a${text}`);
    expect(heard.chunks).toBeGreaterThan(4);
    expect(heard.end).toBe(false);
    await until(() => heard.end);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(1990);
  });

  test("bandwidth: a megabyte at 5 MB/s takes a fifth of a second, byte for byte", async () => {
    const { listen } = await made();
    await add({ rate: 5000 }, "bandwidth");
    const { heard, socket } = dial(listen);
    const text = Array.from({ length: 100_000 }, (_, line) => String(line).padStart(10, "0")).join("");
    const startedMs = performance.now();
    socket.end(text);
    await until(() => heard.end);
    expect(heard.text === text).toBe(true);
    expect(heard.atMs - startedMs).toBeGreaterThanOrEqual(190);
  });

  test("a proxy of the configuration gets toxics, is switched off and on, but not moved or removed", async () => {
    await post("/proxies/configured/toxics", { type: "latency", attributes: { latency: 80 } });
    const { heard, socket } = dial(configured.address);
    const startedMs = performance.now();
    socket.write("x");
    await until(() => heard.text === "x");
    expect(heard.atMs - startedMs).toBeGreaterThanOrEqual(75);
    expect((await post("/proxies/configured", { enabled: false })).status).toBe(200);
    expect(configured.isListening).toBe(false);
    expect((await post("/proxies/configured", { upstream: "127.0.0.1:1" })).status).toBe(409);
    expect((await fetch(`${url}/proxies/configured`, { method: "DELETE" })).status).toBe(409);
    await client.reset();
    expect(configured.isListening).toBe(true);
  });

  test("an upstream that is gone does not shut the door for the time after", async () => {
    const listener = createServer((socket) => socket.end("back"));
    const port = freePort();
    const { listen } = await client.createProxy({ name: "p", listen: "", upstream: `127.0.0.1:${port}` });
    for (let count = 0; count < 20; count++) {
      const { heard } = dial(listen);
      await until(() => heard.end || heard.closed);
    }
    await new Promise<void>((resolve) => listener.listen(port, "127.0.0.1", resolve));
    const { heard } = dial(listen);
    await until(() => heard.text === "back");
    listener.close();
  });
});

describe("answers", () => {
  test("errors have Toxiproxy's titles and statuses", async () => {
    await made();
    await post("/proxies/p/toxics", { type: "timeout" });
    for (const [method, path, body, status, error] of [
      ["GET", "/proxies/none", undefined, 404, "proxy not found"],
      ["POST", "/proxies", { name: "p", upstream }, 409, "proxy already exists"],
      ["POST", "/proxies", { upstream }, 400, "missing required field: name"],
      ["POST", "/proxies", { name: "q" }, 400, "missing required field: upstream"],
      ["POST", "/proxies", { name: "q", upstream: "nowhere" }, 400, "bad request body: upstream"],
      ["POST", "/proxies", "{", 400, "bad request body: "],
      ["POST", "/proxies", "[]", 400, "bad request body: "],
      ["PATCH", "/proxies/none", {}, 404, "proxy not found"],
      ["DELETE", "/proxies/none", undefined, 404, "proxy not found"],
      ["GET", "/proxies/p/toxics/none", undefined, 404, "toxic not found"],
      ["PATCH", "/proxies/p/toxics/none", {}, 404, "toxic not found"],
      ["DELETE", "/proxies/p/toxics/none", undefined, 404, "toxic not found"],
      ["POST", "/proxies/p/toxics", { type: "rain" }, 400, "invalid toxic type"],
      ["POST", "/proxies/p/toxics", { type: "toString" }, 400, "invalid toxic type"],
      [
        "POST",
        "/proxies/p/toxics",
        { type: "latency", stream: "sideways" },
        400,
        "stream was invalid, can be either upstream or downstream",
      ],
      ["POST", "/proxies/p/toxics", { type: "timeout" }, 409, "toxic already exists"],
      ["POST", "/proxies/p/toxics", { type: "latency", toxicity: 2 }, 400, "bad request body: toxicity"],
      ["POST", "/proxies/p/toxics", { type: "latency", attributes: { latency: -1 } }, 400, "bad request body: "],
      ["POST", "/proxies/p/toxics", { type: "slicer" }, 400, "bad request body: attributes: average_size"],
      [
        "POST",
        "/populate",
        [{ name: "a", upstream }, { name: "b" }],
        400,
        "missing required field: upstream at proxy 2",
      ],
      ["POST", "/populate", "{", 400, "bad request body: "],
      ["GET", "/nothing", undefined, 404, "404 page not found"],
      ["DELETE", "/proxies", undefined, 405, "method not allowed"],
    ] as const) {
      const sent =
        body === undefined ? { method } : { method, body: typeof body === "string" ? body : JSON.stringify(body) };
      const answer = await fetch(`${url}${path}`, sent);
      const what = `${method} ${path} ${JSON.stringify(body)}`;
      expect(answer.status, what).toBe(status);
      const told: unknown = await answer.json();
      expect(told, what).toMatchObject({ error: expect.stringContaining(error), status });
    }
    expect(yard.all.map(({ name }) => name)).toEqual(["configured", "p"]);
  });

  test("statuses of what goes well, and PATCH beside POST", async () => {
    const body = { name: "p", listen: "127.0.0.1:0", upstream };
    expect((await post("/proxies", body)).status).toBe(201);
    expect((await post("/proxies/p/toxics", { type: "bandwidth", attributes: { rate: 7 } })).status).toBe(200);
    const patched = await post("/proxies/p/toxics/bandwidth_downstream", { toxicity: 0 }, "PATCH");
    expect(await patched.json()).toEqual({
      name: "bandwidth_downstream",
      type: "bandwidth",
      stream: "downstream",
      toxicity: 0,
      attributes: { rate: 7 },
    });
    expect((await post("/proxies/p", { enabled: false }, "PATCH")).status).toBe(200);
    expect((await fetch(`${url}/proxies/p/toxics/bandwidth_downstream`, { method: "DELETE" })).status).toBe(204);
    expect((await post("/populate", [body])).status).toBe(201);
    expect((await fetch(`${url}/reset`, { method: "POST" })).status).toBe(204);
    expect((await fetch(`${url}/proxies/p`, { method: "DELETE" })).status).toBe(204);
    expect(said.some((sentence) => sentence.includes('adds a toxic to "p"'))).toBe(true);
  });

  test("what fails to populate says that there are no proxies", async () => {
    for (const body of ["{", [{ name: "a" }]]) {
      expect(await (await post("/populate", body)).json()).toMatchObject({ status: 400, proxies: null });
    }
  });

  test("an address that is taken is a 500 and leaves no proxy", async () => {
    const answer = await post("/proxies", { name: "p", listen: configured.address, upstream });
    expect(answer.status).toBe(500);
    expect(yard.all.map(({ name }) => name)).toEqual(["configured"]);
  });

  test("browsers are refused", async () => {
    for (const headers of [{ "User-Agent": "Mozilla/5.0" }, { Origin: "http://elsewhere.example" }]) {
      expect((await fetch(`${url}/proxies`, { headers: { ...headers } })).status).toBe(403);
    }
  });

  test("metrics count bytes by proxy and direction", async () => {
    const { listen } = await made();
    const { heard, socket } = dial(listen);
    socket.write("12345");
    await until(() => heard.text === "12345");
    const text = await (await fetch(`${url}/metrics`)).text();
    expect(text).toContain(
      `toxiproxy_proxy_received_bytes_total{direction="upstream",listener="${listen}",proxy="p",upstream="${upstream}"} 5`,
    );
  });
});
