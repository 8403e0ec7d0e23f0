import { expect, test } from "bun:test";

import { FitorClient } from "./client.ts";

test("FitorClient: where something else answers, that is said, and its page is not shown", async () => {
  const page = (status: number) => () =>
    new Response("<!doctype html><p>hello", { status, headers: { "Content-Type": "text/html" } });
  const problem = (code: string, detail: string) => () => Response.json({ code, detail }, { status: 404 });
  const said = async (answer: () => Response) => {
    const client = new FitorClient({ baseUrl: "http://a", fetch: () => Promise.resolve(answer()) });
    const asks = [client.rooms(), client.log({ limit: 1 }), client.say("net/#room", "hi"), client.connect("net")];
    const words = await Promise.all(
      asks.map((asked) =>
        asked.then(
          () => "done",
          (thrown: unknown) => (thrown instanceof Error ? thrown.message : ""),
        ),
      ),
    );
    expect(new Set(words).size).toBe(1);
    return words[0];
  };
  const elsewhere = (status: number) =>
    `Cannot use http://a: it answered ${status}, as Fitor would not; wanted where its routes begin, such as http://127.0.0.1:4100/fitor`;
  for (const status of [200, 404, 405]) expect(await said(page(status))).toBe(elsewhere(status));
  expect(await said(problem("node/no-page", "Cannot find it"))).toBe(elsewhere(404));
  for (const body of [[], { key: "sha256:0", success: true }])
    expect(await said(() => Response.json(body))).toBe(elsewhere(200));
  expect(await said(problem("fitor/no-room", "Cannot find the room"))).toBe("Cannot find the room");
});
