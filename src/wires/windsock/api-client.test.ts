import { expect, test } from "bun:test";

import { Fault } from "../../kit/fault.ts";
import type { Screen } from "../../kit/terminal/screen.ts";
import { ApiClient } from "./api-client.ts";
import { disconnectVerb, historyVerb } from "./commands-verbs.ts";

/** A client of servers that answer as they are told; what was asked is in `asked`. */
function clientOf(servers: Record<string, () => Response | Error>) {
  const asked: string[] = [];
  const client = new ApiClient({
    baseUrls: Object.keys(servers),
    token: undefined,
    fetch(url) {
      asked.push(url);
      const answer = Object.entries(servers).find(([base]) => url.startsWith(base))?.[1]() ?? new Error("nobody");
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
  });
  return { client, asked };
}

const refused = () => Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
const cut = () => Object.assign(new Error("reset"), { code: "ECONNRESET" });
const placed = () => Response.json({ position: "e-1" });

async function faultOf(promise: Promise<unknown>): Promise<string> {
  const thrown: unknown = await promise.catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(Fault);
  return thrown instanceof Fault ? thrown.message : "";
}

test("publish: the next server is asked where nobody was at one, and none twice with what may have been published", async () => {
  const first = clientOf({ "http://a": refused, "http://b": placed });
  expect(await first.client.publish("x", "y")).toBe("e-1");
  expect(first.asked).toEqual(["http://a/api/publish", "http://b/api/publish"]);
  const lost = clientOf({ "http://a": cut, "http://b": placed });
  expect(await faultOf(lost.client.publish("x", "y"))).toContain("Cannot reach http://a: ");
  expect(lost.asked).toHaveLength(1);
  expect(await faultOf(clientOf({ "http://a": refused, "http://b": refused }).client.publish("x", "y"))).toContain(
    "Cannot reach http://a: ",
  );
});

test("history: what is no Windsock is told by its address, and what Windsock and its node refuse in their words", async () => {
  const said = (answer: () => Response) => faultOf(clientOf({ "http://a": answer }).client.history("x", 1));
  const elsewhere = "Cannot use http://a: it answered 404, as Windsock would not; wanted where its routes begin";
  expect(await said(() => new Response("<!doctype html>", { status: 404 }))).toContain(elsewhere);
  const problem = { code: "series/no-page", detail: "Cannot find it" };
  expect(await said(() => Response.json(problem, { status: 404 }))).toContain(elsewhere);
  expect(await said(() => Response.json({ code: "auth/token", detail: "A token is wanted" }, { status: 401 }))).toBe(
    "A token is wanted",
  );
  const own = { error: { code: "windsock/topic", message: "Cannot take the topic" } };
  expect(await said(() => Response.json(own, { status: 400 }))).toBe("Cannot take the topic");
});

test("disconnectVerb: says how many were ended, and that nobody was there, which is a failure", async () => {
  const told = async (answer: object) => {
    const notes: string[] = [];
    const screen: Screen = {
      isLive: false,
      columns: 80,
      write: () => Promise.resolve(),
      settle: () => undefined,
      print: (line) => void notes.push(line),
      note: (line) => void notes.push(line),
      draw: () => undefined,
    };
    const { client } = clientOf({ "http://a": () => Response.json(answer) });
    return [await disconnectVerb(client, screen, { user: "eve", reason: "r" }), ...notes];
  };
  expect(await told({ ended: 2, elsewhere: false })).toEqual([0, "2 connections ended"]);
  expect(await told({ ended: 0, elsewhere: false })).toEqual([1, "nobody was there"]);
  expect(await told({ ended: 1, elsewhere: true })).toEqual([0, "1 connection ended here; the other nodes were told"]);
  expect(await told({ ended: 0, elsewhere: true })).toEqual([0, "nobody was here; the other nodes were told"]);
});

test("historyVerb: says where older ones that were asked for are left out", async () => {
  const entry = { address: "a", content: "c", position: "e-1", at: 0 };
  const shown = async (more?: boolean) => {
    const lines: string[] = [];
    const screen: Screen = {
      isLive: false,
      columns: 80,
      write: () => Promise.resolve(),
      settle: () => undefined,
      print: (line) => void lines.push(line),
      note: (line) => void lines.push(line),
      draw: () => undefined,
    };
    const { client } = clientOf({ "http://a": () => Response.json({ publications: [entry], more }) });
    await historyVerb(client, screen, "a", 5);
    return lines;
  };
  expect(await shown()).toEqual(["1970-01-01 00:00:00  a  c"]);
  expect(await shown(true)).toEqual(["(older ones were too long for one answer)", "1970-01-01 00:00:00  a  c"]);
});

test("tap: the end of the server is told, whether it says so or not", async () => {
  const event = `event: message\ndata: ${JSON.stringify({ address: "a", content: "c", position: "e-1", at: 1 })}\n\n`;
  const follow = async (body: ConstructorParameters<typeof Response>[0]) => {
    const heard: string[] = [];
    const { client } = clientOf({ "http://a": () => new Response(body) });
    const following = async () => {
      for await (const told of client.tap("#")) if ("publication" in told) heard.push(told.publication.content);
    };
    return [await faultOf(following()), ...heard];
  };
  expect(await follow(event)).toEqual(["Cannot follow any longer: the server ended it", "c"]);
  const broken = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.error(cut());
    },
  });
  expect(await follow(broken)).toEqual(["Cannot follow any longer: the connection was lost"]);
  expect((await follow("event: message\ndata: {}\n\n"))[0]).toContain("as Windsock would not");
});
