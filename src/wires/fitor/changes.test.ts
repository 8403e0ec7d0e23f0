/** What a page is told when it asks for what is new, and what on the bus is between this service and its pages. */
import { expect, test } from "bun:test";

import { Fault } from "../../kit/fault.ts";
import { createShell } from "../../kit/pages/shell.ts";
import type { Caller } from "../../kit/service.ts";
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { fitorRoutes } from "./http.ts";
import { awayBridge } from "./network-fixture.ts";
import { statusOf } from "./status.ts";
import { fitorPages } from "./views.ts";

const anna: Caller = {
  address: "127.0.0.1",
  requestId: "1",
  name: "anna",
  may: () => true,
  keepOpen: () => AbortSignal.abort(),
};

/** A bridge of two channels whose network is away, and its routes. */
function world(nudges?: {
  windsockPath: string;
  address: string;
  isAway: boolean;
  token(user: string): Promise<string>;
}) {
  const clock = new ManualClock();
  const { bridge, history, network } = awayBridge(clock, [
    { name: "#a", address: "f" },
    { name: "#b", address: "gobot" },
  ]);
  const shell = createShell({ navigation: [], version: "1", nodeName: "heron", clock });
  const mountPath = "/irc-pages";
  const pages = fitorPages({ bridge, history, clock, shell, mountPath, nudges });
  const status = () => statusOf([network], undefined, bridge);
  const handle = fitorRoutes({ bridge, history, clock, mountPath, pages, nudges, status });
  const get = async (path: string, caller = anna) => handle(new Request(`http://x${mountPath}${path}`), caller);
  /** The code of the Fault that a request meets. */
  const codeOf = async (path: string) => {
    try {
      return (await get(path)).status;
    } catch (thrown) {
      if (thrown instanceof Fault) return `${thrown.status} ${thrown.code}`;
      throw thrown;
    }
  };
  const changes = async (query: string) => (await get(`/changes.json?room=irc/%23a&${query}`)).json() as Promise<Told>;
  const say = (count: number, room = "irc/#a") => {
    for (let index = 0; index < count; index++) {
      history.add({ room, at: clock.now(), kind: "message", nick: "bea", text: "a <b>", origin: "irc" });
    }
  };
  return { bridge, changes, codeOf, get, history, network, say };
}

interface Told {
  lines: { room: string; id: number; kind: string; html: string }[];
  newest: number;
  gap: boolean;
  away?: boolean;
  rooms?: string;
  people?: string;
  head?: string;
}

test("changes.json: the lines of all rooms after one, drawn, with what stands beside them or without", async () => {
  const { changes, say } = world();
  say(2);
  say(1, "irc/#b");
  const all = await changes("after=1");
  expect(all.lines.map(({ id, kind, room }) => [id, kind, room])).toEqual([
    [2, "message", "irc/#a"],
    [3, "message", "irc/#b"],
  ]);
  expect(all.lines[0]?.html).toContain('id="l2"');
  expect(all.lines[0]?.html).toContain("a &lt;b&gt;");
  expect(all).toMatchObject({ newest: 3, gap: false });
  expect(all.rooms).toContain('data-room="irc/#b" data-newest="3"');
  expect([all.people, all.head]).toEqual([expect.stringContaining("0 there"), expect.stringContaining("#a")]);
  expect(await changes("after=3&parts=no")).toEqual({ lines: [], newest: 3, gap: false });
});

test("changes.json: too much, or a line of another history, is a gap and nothing else", async () => {
  const { changes, say } = world();
  expect(await changes("after=0&parts=no")).toEqual({ lines: [], newest: 0, gap: false });
  say(501);
  expect((await changes("after=1&parts=no")).lines).toHaveLength(500);
  expect(await changes("after=0&parts=no")).toEqual({ lines: [], newest: 0, gap: true });
  expect(await changes("after=502&parts=no")).toEqual({ lines: [], newest: 502, gap: true });
});

test("changes.json: a room that is none, and what is no number, are refused", async () => {
  const { codeOf } = world();
  expect(await codeOf("/changes.json?room=irc/%23c&after=0")).toBe("404 fitor/no-room");
  expect(await codeOf("/changes.json?after=0")).toBe("404 fitor/no-room");
  for (const after of ["", "&after=", "&after=-1", "&after=1.5", "&after=x", "&after=9007199254740993"]) {
    expect([after, await codeOf(`/changes.json?room=irc/%23a${after}`)]).toEqual([after, "400 fitor/number"]);
  }
});

test("pages: they are told where windsock is, wherever that is, and get tokens; where it is not, neither", async () => {
  const asked: string[] = [];
  const nudges = {
    windsockPath: "/elsewhere/ws",
    address: "fitor:page.n1",
    isAway: false,
    token: (user: string) => Promise.resolve(`token ${asked.push(user)}`),
  };
  const beside = world(nudges);
  const page = await (await beside.get("/room/irc/%23a/")).text();
  expect(page).toContain('data-chat-windsock="/elsewhere/ws/" data-chat-address="fitor:page.n1"');
  const answer = await beside.get("/token");
  expect([await answer.json(), answer.headers.get("cache-control")]).toEqual([{ token: "token 1" }, "no-store"]);
  await beside.get("/token", { ...anna, name: "anonymous" });
  expect(asked).toEqual(["anna", ""]);
  expect(await beside.changes("after=0&parts=no")).toEqual({ lines: [], newest: 0, gap: false });
  nudges.isAway = true;
  expect(await beside.changes("after=0&parts=no")).toEqual({ lines: [], newest: 0, gap: false, away: true });
  const apart = world();
  expect(await (await apart.get("/room/irc/%23a/")).text()).not.toContain("data-chat-windsock");
  expect(await apart.codeOf("/token")).toBe("404 fitor/no-windsock");
});

test("bridge: what is published for pages is never said on IRC, though a channel's address begins the same", () => {
  const { bridge, history } = world();
  const words = JSON.stringify({ message_type: "message", nick: "eve", content: "hello" });
  for (const address of ["fitor:page", "fitor:page.n1", "fitor:page.n2.x"]) bridge.hear(address, words);
  bridge.hear("fitor:page.n1", '{"id":1,"changed":[]}');
  expect([history.newestId, bridge.counts.fromBus, bridge.counts.ignored]).toEqual([0, 0, 0]);
  for (const address of ["fitor", "fitor:pages", "fitor.page"]) bridge.hear(address, words);
  expect(bridge.counts.fromBus).toBe(3);
});
