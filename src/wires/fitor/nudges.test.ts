/** The words that tell pages of news: when they are sent, what they say, and where there are none. */
import { expect, test } from "bun:test";

import { silentLog } from "../../kit/log.ts";
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import type { BridgeNews } from "./bridge.ts";
import { Nudges } from "./nudges.ts";

const line = (id: number): BridgeNews => ({
  kind: "line",
  line: { id, room: "irc/#a", at: 0, kind: "message", nick: "anna", text: "a secret", origin: "irc" },
});
const people = (room: string): BridgeNews => ({ kind: "people", room });

/** A windsock that keeps what it was asked. */
function windsock() {
  const clock = new ManualClock();
  const published: { address: string; content: unknown }[] = [];
  const granted: unknown[] = [];
  const state = { isAway: false, grants: true };
  const fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const body = JSON.parse(String(init.body)) as { address: string; content: string };
    if (url === "http://x/windsock/within/token") {
      if (!state.grants) return new Response("no such page", { status: 404 });
      granted.push(body);
      return Response.json({ token: `token ${granted.length}`, expiresInMs: 300_000 });
    }
    if (state.isAway) return new Response("away", { status: 503 });
    published.push({ address: body.address, content: JSON.parse(body.content) });
    return Response.json({ position: "1" });
  };
  const open = (pagePath: string | undefined = "/windsock") =>
    Nudges.open({ reach: { baseUrl: "http://x/windsock", pagePath, fetch }, clock, log: silentLog, nodeId: "n1" });
  /** Lets what needs no time happen. */
  const settle = async () => {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  };
  const pass = async (ms: number) => {
    await settle();
    clock.advance(ms);
    await settle();
  };
  const opened = async () => {
    const nudges = await open();
    if (!nudges) throw new Error("there are none");
    return nudges;
  };
  return { clock, granted, open, opened, pass, published, settle, state };
}

test("Nudges: many news are one word, which says that there is something and never what", async () => {
  const { granted, opened, pass, published, settle } = windsock();
  const nudges = await opened();
  expect(await nudges.token("anna")).toBe("token 2");
  expect(granted.at(-1)).toEqual({ user: "anna", address: "fitor:page.n1", seconds: 240 });
  nudges.take(line(1));
  await settle();
  for (let id = 2; id <= 500; id++) nudges.take(line(id));
  nudges.take(people("irc/#a"));
  nudges.take(people("irc/#a"));
  await pass(199);
  expect(published).toHaveLength(1);
  await pass(1);
  expect(published).toEqual([
    { address: "fitor:page.n1", content: { id: 1, changed: [] } },
    { address: "fitor:page.n1", content: { id: 500, changed: ["irc/#a"] } },
  ]);
  // After a silence the next one goes at once; more rooms than can be named are all of them.
  await pass(10_000);
  for (let room = 0; room < 30; room++) nudges.take(people(`irc/#${room}`));
  await pass(200);
  nudges.take({ kind: "state" });
  await pass(200);
  expect(published.slice(2).map(({ content }) => content)).toEqual([
    { id: 0, changed: ["irc/#0"] },
    { id: 0, changed: ["*"] },
    { id: 0, changed: ["*"] },
  ]);
  await nudges.close();
});

test("Nudges: a word is short enough for any windsock, however rooms are named", async () => {
  const { opened, pass, published } = windsock();
  const nudges = await opened();
  await nudges.token("");
  for (const names of [["irc/#a", "irc/#b"], [`irc/#${"語".repeat(200)}`, "irc/#b"], [`irc/#${"語".repeat(500)}`]]) {
    for (const name of names) nudges.take(people(name));
    await pass(10_000);
    await pass(10_000);
  }
  for (const word of published) expect(Buffer.byteLength(JSON.stringify(word))).toBeLessThan(1000);
  expect(published.at(-1)?.content).toEqual({ id: 0, changed: ["*"] });
  await nudges.close();
});

test("Nudges: while nobody can hold a token nothing is published", async () => {
  const { clock, opened, pass, published } = windsock();
  const nudges = await opened();
  nudges.take(line(1));
  await pass(1000);
  expect(published).toEqual([]);
  await nudges.token("");
  // A poll that was begun before its end may wait for as long again as a minute.
  clock.advance(358_000);
  nudges.take(line(2));
  await pass(1000);
  expect(published).toHaveLength(1);
  clock.advance(10_000);
  nudges.take(line(3));
  await pass(1000);
  expect(published).toHaveLength(1);
  await nudges.close();
});

test("Nudges: what could not be published is sent again, with what came meanwhile; not after the end", async () => {
  const { opened, pass, published, state } = windsock();
  const nudges = await opened();
  await nudges.token("");
  state.isAway = true;
  nudges.take(people("irc/#a"));
  await pass(0);
  nudges.take(line(7));
  expect(nudges.isAway).toBe(true);
  await pass(800);
  state.isAway = false;
  await pass(10_000);
  expect(nudges.isAway).toBe(false);
  expect(published.map(({ content }) => content)).toEqual([{ id: 7, changed: ["irc/#a"] }]);
  await nudges.close();
  nudges.take(line(8));
  await pass(1000);
  expect(published).toHaveLength(1);
});

test("Nudges: there are none where pages cannot reach windsock, or get no tokens", async () => {
  const { open, state } = windsock();
  expect(await open("")).toBeDefined();
  state.grants = false;
  expect(await open()).toBeUndefined();
  state.grants = true;
  const clock = new ManualClock();
  const fetch = () => Promise.reject(new Error("not to be asked"));
  const apart = { reach: { baseUrl: "http://x:2", fetch }, clock, log: silentLog, nodeId: "n1" };
  expect(await Nudges.open(apart)).toBeUndefined();
});
