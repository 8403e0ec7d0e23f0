/** Tokens for pages of other services: what they are good for, and that nobody outside gets any. */
import { expect, test } from "bun:test";

import { silentLog } from "../../../kit/log.ts";
import { reachWithin } from "../../../kit/reach.ts";
import { ManualClock } from "../../../kit/testing/manual-clock.ts";
import { startWindsock } from "../node-fixture.ts";
import { Revocations } from "./revocations.ts";
import { maySubscribe, TokenDesk } from "./rights.ts";
import { WithinDoor } from "./within-door.ts";

const path = "/within/token";
const asked = { user: "anna", address: "pages:a.*", seconds: 240 };

function within(options: { audience?: string } = {}) {
  const clock = new ManualClock();
  const desk = new TokenDesk({
    rules: { secrets: ["s"] },
    keys: [],
    revocations: new Revocations(clock),
    clock,
    ...options,
  });
  const door = new WithinDoor(desk, clock);
  const reach = reachWithin(
    { handle: (request, caller) => door.handle(request, caller, path) },
    "http://x",
    "fitor",
    silentLog,
  );
  const ask = async (body: unknown, method = "POST") => {
    const init = method === "GET" ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) };
    const answer = await reach.fetch(`http://x${path}`, { method, ...init });
    return { status: answer.status, text: await answer.text() };
  };
  return { ask, clock, desk };
}

test("WithinDoor: a token hears that one address, as it is written, says nothing, and ends when it was said", async () => {
  const { ask, clock, desk } = within();
  const { text } = await ask(asked);
  const { expiresInMs, token } = JSON.parse(text) as { token: string; expiresInMs: number };
  const rights = desk.read(token, "127.0.0.1");
  expect(rights).toMatchObject({ user: "anna", publish: [], subscribe: [{ kind: "exact", address: "pages:a.*" }] });
  expect(maySubscribe(rights, { kind: "exact", address: "pages:a.b" })).toBe(false);
  expect(maySubscribe(rights, { kind: "prefix", prefix: "pages:a.*" })).toBe(false);
  expect(expiresInMs).toBe(300_000);
  clock.advance(expiresInMs);
  expect(desk.isGood(rights)).toBe(true);
  clock.advance(1000);
  expect(desk.isGood(rights)).toBe(false);
  expect(() => desk.read(token, "127.0.0.1")).toThrow("expired");
});

test("WithinDoor: where tokens have to name an audience, its own do", async () => {
  const { ask, desk } = within({ audience: "here" });
  const { token } = JSON.parse((await ask(asked)).text) as { token: string };
  expect(desk.read(token, "127.0.0.1").user).toBe("anna");
});

test("WithinDoor: for longer, for nothing, or for what is no address there is none", async () => {
  const { ask } = within();
  const bad = [
    { ...asked, seconds: 601 },
    { ...asked, seconds: 0 },
    { ...asked, seconds: 1.5 },
    { ...asked, address: "" },
    { ...asked, address: "x".repeat(1025) },
    { ...asked, publish: ["a"] },
    { user: "anna" },
    "no json",
    [],
  ];
  for (const body of bad) expect([body, (await ask(body)).status]).toEqual([body, 400]);
  expect((await ask(undefined, "GET")).status).toBe(405);
});

test("windsock: nobody outside gets a token for pages, whatever they may do and however they ask", async () => {
  await using node = await startWindsock({ forwarded: "true" });
  // Without tokens of the node whoever asks from this machine may do everything.
  expect((await fetch(`${node.url}/publish`, { method: "POST", body: '{"address":"a","content":"b"}' })).status).toBe(
    200,
  );
  for (const [method, headers] of [
    ["POST", {}],
    ["GET", {}],
    ["POST", { "X-Forwarded-For": "127.0.0.1", within: "true", "X-Within": "true" }],
    ["POST", { Authorization: "Bearer x" }],
  ] as const) {
    for (const at of [path, `${path}?within=true`, "/x/..%2fwithin/token", "//within/token"]) {
      const init = method === "GET" ? {} : { body: JSON.stringify(asked) };
      const answer = await fetch(`${node.url}${at}`, { method, headers, ...init });
      expect([at, [401, 404].includes(answer.status)]).toEqual([at, true]);
      expect(await answer.text()).not.toContain("expiresInMs");
    }
  }
});

test("windsock: where publications go through a broker elsewhere no page is told to rely on it", async () => {
  await using node = await startWindsock({
    role: "windsock",
    req_socket: "tcp://127.0.0.1:1",
    sub_socket: "tcp://127.0.0.1:1",
  });
  const service = node.node.services()[0]?.running;
  if (!service) throw new Error("it does not run");
  const reach = reachWithin(service, node.url, "fitor", silentLog);
  const answer = await reach.fetch(`${node.url}${path}`, { method: "POST", body: JSON.stringify(asked) });
  expect(answer.status).toBe(404);
});
