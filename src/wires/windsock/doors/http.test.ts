import { afterAll, beforeAll, describe, expect, test } from "bun:test";

import { type News, Webhooks } from "./webhooks.ts";
import { Fault } from "../../../kit/fault.ts";
import { silentLog } from "../../../kit/log.ts";
import { ManualClock } from "../../../kit/testing/manual-clock.ts";
import { systemClock } from "../../../kit/clock.ts";
import { type Fixture, openDoors, RawClient, secret } from "./fixture.ts";
import { signatureHeader, signRequest } from "./signature.ts";

const all = { sub: "ann", subscribe: ["#"], publish: ["#"] };

describe("the newer doors by HTTP", () => {
  let doors: Fixture;
  beforeAll(() => {
    doors = openDoors();
  });
  afterAll(() => doors[Symbol.asyncDispose]());

  let apiCalls = 0;
  const api = async (verb: string, input: unknown, on = doors) => {
    const body = JSON.stringify(input);
    const target = `/api/${verb}`;
    // Requests of one second that are alike would be a replay.
    const at = Date.now() / 1000 - (apiCalls++ % 200);
    const header = signRequest({ method: "POST", target, body }, secret, at);
    const answer = await fetch(on.url + target, { method: "POST", body, headers: { [signatureHeader]: header } });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };

  test("api: publish, broadcast, history, presence and all the rest, in a batch too", async () => {
    expect((await api("publish", { address: "p.1", content: "x" })).body).toHaveProperty("position");
    const broadcast = await api("broadcast", { addresses: ["p.1", "p.2"], content: "y" });
    expect(broadcast.body["positions"]).toHaveLength(2);
    expect((await api("history", { topic: "p.*" })).body["publications"]).toMatchObject([
      { address: "p.1", content: "x" },
      { address: "p.1", content: "y" },
      { address: "p.2", content: "y" },
    ]);
    const batch = await api("batch", {
      commands: [{ info: {} }, { dance: {} }, { publish: {} }, { presence_stats: { address: "p" } }],
    });
    expect(batch.body["results"]).toMatchObject([
      { info: { publications: 3 } },
      { error: { code: "windsock/verb" } },
      { error: { code: "windsock/command" } },
      { presence_stats: { connections: 0, users: 0 } },
    ]);
  });

  test("api: what has another shape is refused in words that say what is wanted", async () => {
    const wrong: [string, unknown, string][] = [
      ["publish", { address: "p" }, 'Cannot do "publish": content: wanted a text'],
      ["publish", ["p"], 'Cannot do "publish": wanted an object'],
      ["history", { topic: 5 }, 'Cannot do "history": topic: wanted a topic, a text or {"prefix": "…"}'],
      ["channels", { limit: 0 }, 'Cannot do "channels": limit: wanted 1 or more, not 0'],
      ["info", { all: true }, 'Cannot do "info": there is no key "all"'],
      ["disconnect", {}, 'Cannot do "disconnect": wanted {"user": "…"} or {"connection": "…"}'],
      ["revoke", { user: "u", seconds: "x" }, 'Cannot do "revoke": wanted {"user": "…"} or {"token": "…"}'],
      ["batch", { commands: [5] }, 'Cannot do "batch": commands.0: wanted an object of one verb, not 5'],
    ];
    for (const [verb, input, words] of wrong) {
      const { body, status } = await api(verb, input);
      expect(status).toBe(400);
      expect(body["error"]).toMatchObject({ message: expect.stringContaining(words) });
    }
  });

  test("api: channels and connections are named, a user is disconnected and their tokens called back", async () => {
    const client = new RawClient(`${doors.url}/connect/`);
    const token = doors.token({ ...all, sub: "eve", iat: Date.now() / 1000 - 5 });
    await client.ask("connect", { token });
    await client.ask("subscribe", { topics: ["eve.#"] });
    expect((await api("connections", { user: "eve" })).body["connections"]).toMatchObject([
      { user: "eve", transport: "websocket", topics: ["eve.#"] },
    ]);
    expect((await api("channels", {})).body["channels"]).toContainEqual({ topic: "eve.#", subscribers: 1 });
    expect((await api("disconnect", { user: "nobody" })).body).toEqual({ ended: 0, elsewhere: false });
    const other = new RawClient(`${doors.url}/connect/`);
    await other.ask("connect", { token: doors.token({ ...all, sub: "ida" }) });
    expect((await api("disconnect", { user: "ida" })).body).toEqual({ ended: 1, elsewhere: false });
    expect((await api("revoke", { user: "eve" })).status).toBe(200);
    expect((await client.closed).code).toBe(3503);
    const again = new RawClient(`${doors.url}/connect/`);
    expect(await again.ask("connect", { token })).toMatchObject({ error: { code: "windsock/revoked" } });
    expect((await again.closed).code).toBe(3500);
  });

  test("api: without a signature or a scope nothing is done, and no request twice", async () => {
    const send = (headers: Record<string, string> = {}) =>
      fetch(`${doors.url}/api/info`, { method: "POST", body: "{}", headers });
    const bare = await send();
    expect(bare.status).toBe(401);
    expect(await bare.json()).toMatchObject({ error: { code: "windsock/api-right" } });
    const header = signRequest({ method: "POST", target: "/api/info", body: "{}" }, secret, Date.now() / 1000);
    expect((await send({ [signatureHeader]: header })).status).toBe(200);
    const replay = await send({ [signatureHeader]: header });
    expect([replay.status, ((await replay.json()) as { error: { code: string } }).error.code]).toEqual([
      409,
      "windsock/replay",
    ]);
    expect((await fetch(`${doors.url}/api/info`)).status).toBe(405);
    await using writer = openDoors({ scopes: ["read", "write"] });
    const post = (verb: string, body: object) =>
      fetch(`${writer.url}/api/${verb}`, { method: "POST", body: JSON.stringify(body) });
    expect((await post("publish", { address: "a", content: "" })).status).toBe(200);
    expect((await post("disconnect", { user: "x" })).status).toBe(401);
  });

  test("publish: by a token, in the header, the query or the body; every refusal is JSON with a reason", async () => {
    const token = doors.token({ subscribe: [], publish: ["only"] });
    const post = async (body: unknown, headers: Record<string, string> = {}, query = "") => {
      const text = typeof body === "string" ? body : JSON.stringify(body);
      const answer = await fetch(`${doors.url}/publish${query}`, { method: "POST", body: text, headers });
      expect(answer.headers.get("access-control-allow-origin")).toBe("*");
      const said = (await answer.json()) as { error?: { code: string; message: string } };
      if (said.error) expect(said.error.message).toMatch(/^Cannot /);
      return said.error?.code ?? answer.status;
    };
    const said = { address: "only", content: "c" };
    expect(await post(said, { "X-Windsock-Token": token })).toBe(200);
    expect(await post(said, {}, `?token=${token}`)).toBe(200);
    expect(await post({ ...said, token })).toBe(200);
    expect(await post(said)).toBe("windsock/token");
    expect(await post({ ...said, address: "other", token })).toBe("windsock/publish-right");
    expect(await post("not json")).toBe("windsock/command");
    expect(await post([])).toBe("windsock/command");
    expect(await post({ content: "x", token })).toBe("windsock/address");
    expect(await post({ ...said, token, content: "x".repeat(2_000_000) })).toBe("http/body-too-large");
    expect((await fetch(`${doors.url}/publish`, { method: "OPTIONS" })).status).toBe(204);
  });

  test("history and presence: what the token covers", async () => {
    const token = doors.token({ subscribe: ["q.#"] });
    await doors.hub.publish({ address: "q.1", content: "z" });
    const get = async (path: string) => (await fetch(`${doors.url}${path}&token=${token}`)).json() as Promise<object>;
    expect(await get("/history?topic=q.1&limit=5")).toMatchObject({ publications: [{ content: "z" }] });
    expect(await get("/history?topic=p.1")).toMatchObject({ error: { code: "windsock/subscribe-right" } });
    expect(await get("/history?topic=q.1&limit=x")).toMatchObject({ error: { code: "windsock/query" } });
    expect(await get("/history?address=q.1")).toMatchObject({ publications: [{ content: "z" }] });
    expect(await get("/presence?address=q.1")).toEqual({ clients: [], connections: 0, users: 0 });
    for (const nothing of ["/history?", "/history?topic=q.1&topic=q.2", "/presence?topic=q.1"]) {
      expect(await get(nothing)).toMatchObject({
        error: { code: "windsock/query", message: expect.stringMatching(/^Cannot tell the \w+: wanted (one )?\?/) },
      });
    }
  });

  test("poll: waits until something comes, and tells where to begin when asked without a position", async () => {
    const token = doors.token(all);
    const poll = async (query: string) =>
      (await (await fetch(`${doors.url}/poll?topic=w&token=${token}${query}`)).json()) as {
        position: string;
        publications: { content: string }[];
      };
    const { position } = await poll("");
    const waiting = poll(`&since=${position}&wait=20`);
    const until = async () => {
      while (doors.doors.roster.list(100).every(({ transport }) => transport !== "poll"))
        await new Promise((r) => setImmediate(r));
    };
    await until();
    await doors.hub.publish({ address: "w", content: "now" });
    const answer = await waiting;
    expect(answer.publications.map(({ content }) => content)).toEqual(["now"]);
    expect((await poll(`&since=${answer.position}&wait=0`)).publications).toEqual([]);
  });

  test("events: another program reads them as every client of SSE does, and goes on by Last-Event-ID", async () => {
    const reader = `
import sys, json, http.client, urllib.parse
host, token, last, wanted = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
c = http.client.HTTPConnection(host)
headers = {"Accept": "text/event-stream"}
if last: headers["Last-Event-ID"] = last
c.request("GET", "/events?topic=sse&token=" + token, headers=headers)
r = c.getresponse()
assert r.status == 200 and r.getheader("Content-Type").startswith("text/event-stream"), (r.status, r.read())
event = {}; seen = []
while len(seen) < wanted:
    line = r.readline().decode().rstrip("\\n")
    if line == "":
        if event.get("event") == "subscribed": print("ready", event["id"], flush=True)
        elif "data" in event and "event" not in event:
            seen.append(json.loads(event["data"])["content"]); last = event["id"]
        event = {}
    elif not line.startswith(":"):
        name, _, value = line.partition(": "); event[name] = value
print(json.dumps([seen, last]), flush=True)
`;
    const token = doors.token(all);
    const start = (last: string, wanted: number) =>
      Bun.spawn(["python3", "-c", reader, doors.url.slice(7), token, last, String(wanted)], {
        stdout: "pipe",
        stderr: "inherit",
      });
    const first = start("", 2);
    const lines = first.stdout.getReader();
    let text = "";
    while (!text.includes("ready")) text += new TextDecoder().decode((await lines.read()).value);
    for (const content of ["1", "2"]) await doors.hub.publish({ address: "sse", content });
    for (let next = await lines.read(); !next.done; next = await lines.read())
      text += new TextDecoder().decode(next.value);
    const [seen, last] = JSON.parse(text.trim().split("\n").at(-1) ?? "") as [string[], string];
    expect(seen).toEqual(["1", "2"]);
    for (const content of ["3", "4"]) await doors.hub.publish({ address: "sse", content });
    const second = await start(last, 2).stdout.text();
    expect(
      JSON.parse(
        second
          .trim()
          .split("\n")
          .find((line) => line.startsWith("[")) ?? "",
      ),
    ).toEqual([["3", "4"], doors.hub.position]);
  }, 120_000);

  test("origins: pages of other sites than those that are allowed are refused, by name or below one", async () => {
    await using strict = openDoors({ origins: ["https://*.example", "https://one.test"] });
    const status = async (origin?: string) =>
      (
        await fetch(`${strict.url}/history?topic=a&token=${strict.token(all)}`, {
          headers: origin === undefined ? {} : { Origin: origin },
        })
      ).status;
    expect(await status()).toBe(200);
    expect(await status("https://a.example")).toBe(200);
    expect(await status("https://one.test")).toBe(200);
    expect(await status("https://a.example.evil.test")).toBe(403);
    expect(await status("https://evil.test/.example")).toBe(403);
    expect(await status("http://one.test")).toBe(403);
    expect(await status("null")).toBe(403);
  });

  test("slow readers: who takes nothing is ended and goes on from its position, and nobody else waits", async () => {
    await using small = openDoors({ bounds: { waitingBytes: 200_000 } });
    const token = small.token(all);
    const stalled = await Bun.connect({
      hostname: "127.0.0.1",
      port: Number(new URL(small.url).port),
      socket: { data() {} },
    });
    stalled.write(`GET /events?topic=big&token=${token} HTTP/1.1\r\nHost: x\r\n\r\n`);
    stalled.pause();
    const quick = new RawClient(`${small.url}/connect/`);
    await quick.ask("connect", { token });
    await quick.ask("subscribe", { topics: ["big"] });
    while (small.doors.roster.size < 2) await new Promise((resolve) => setImmediate(resolve));
    const content = "x".repeat(50_000);
    let said = 0;
    // More than the kernel takes for one that does not read.
    while (said < 200 || (said < 2000 && small.hub.figures.listeners > 1)) {
      said++;
      await small.hub.publish({ address: "big", content: `${said} ${content}` });
      await quick.until(() => quick.pushes.length === said);
    }
    expect(quick.pushes).toHaveLength(said);
    expect(small.hub.figures.listeners).toBe(1);
    stalled.end();
    quick.close();
  }, 120_000);
});

describe("webhooks", () => {
  test("Webhooks: connections are asked for, publications and topics are told, signed", async () => {
    const told: { body: string; signature: string | null }[] = [];
    let status = 200;
    const app = Bun.serve({
      port: 0,
      async fetch(request) {
        told.push({ body: await request.text(), signature: request.headers.get(signatureHeader) });
        return new Response(null, { status });
      },
    });
    const webhooks = new Webhooks({
      url: `http://127.0.0.1:${app.port}/hook`,
      kinds: ["connect", "disconnect", "publish", "occupied", "vacated"],
      secret,
      clock: systemClock,
      log: silentLog,
    });
    await using doors = openDoors({ webhooks });
    const client = new RawClient(`${doors.url}/connect/`);
    await client.ask("connect", { token: doors.token(all) });
    expect(JSON.parse(told[0]?.body ?? "")).toMatchObject({ connect: { user: "ann", transport: "websocket" } });
    expect(told[0]?.signature).toMatch(/^t=\d+,v1=[\da-f]{64}$/);
    await client.ask("subscribe", { topics: ["a.*"] });
    await client.ask("publish", { address: "a.b", content: "c" });
    await webhooks.step();
    const { events } = JSON.parse(told[1]?.body ?? "") as { events: News[] };
    expect(events.map(({ address, kind }) => [kind, address])).toEqual([
      ["occupied", "a.*"],
      ["publish", "a.b"],
    ]);
    status = 403;
    const second = new RawClient(`${doors.url}/connect/`);
    expect(await second.ask("connect", { token: doors.token(all) })).toMatchObject({
      error: { code: "windsock/refused" },
    });
    expect((await second.closed).code).toBe(3507);
    status = 500;
    const third = new RawClient(`${doors.url}/connect/`);
    await third.ask("connect", { token: doors.token(all) });
    expect((await third.closed).code).toBe(3006);
    client.close();
    await app.stop(true);
  });

  test("Webhooks: a hundred are asked for at a time, others wait their turn, and not for ever", async () => {
    const clock = new ManualClock();
    const answers: (() => void)[] = [];
    let asked = 0;
    const webhooks = new Webhooks({
      url: "http://app.test/",
      kinds: ["connect"],
      clock,
      log: silentLog,
      send: async () => {
        asked++;
        await new Promise<void>((resolve) => answers.push(resolve));
        return { status: 200 };
      },
    });
    const visit = (name: number) =>
      webhooks.mayConnect({ connection: String(name), user: "", address: "127.0.0.1", transport: "sse" }).then(
        () => "in",
        (thrown: unknown) => (thrown instanceof Fault ? thrown.code : "?"),
      );
    const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
    const first = Array.from({ length: 150 }, (_, name) => visit(name));
    await settle();
    expect(asked).toBe(100);
    for (const answer of answers.splice(0, 20)) answer();
    await settle();
    expect(asked).toBe(120);
    clock.advance(5001);
    await settle();
    for (const answer of answers.splice(0)) answer();
    const fates = await Promise.all(first);
    expect([
      fates.filter((fate) => fate === "in").length,
      fates.filter((fate) => fate === "windsock/webhook").length,
    ]).toEqual([120, 30]);
    const last = visit(1000);
    await settle();
    expect(asked).toBe(121);
    answers[0]?.();
    expect(await last).toBe("in");
  });

  test("Webhooks: what is not taken is tried again, then given up; what finds no room is counted", async () => {
    let tries = 0;
    const webhooks = new Webhooks({
      url: "http://app.test/",
      kinds: ["publish"],
      clock: systemClock,
      log: silentLog,
      send: () => {
        tries++;
        return Promise.resolve({ status: tries < 3 ? 500 : 200 });
      },
    });
    webhooks.tell({ kind: "occupied", at: 0 });
    expect(await webhooks.step()).toBe("idle");
    webhooks.tell({ kind: "publish", at: 0, content: "x" });
    for (let at = 0; at < 2; at++) await expect(webhooks.step()).rejects.toThrow("500");
    expect(await webhooks.step()).toBe("idle");
    expect(webhooks.figures).toEqual({ sent: 1, lost: 0, failures: 2 });
    for (let at = 0; at < 10_001; at++) webhooks.tell({ kind: "publish", at });
    expect(webhooks.waiting).toBe(10_000);
    expect(webhooks.figures.lost).toBe(1);
  });
});
