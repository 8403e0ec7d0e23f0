import { expect, test } from "bun:test";

import { headOf } from "./head.ts";

const ask = (headers: Record<string, string> = {}) => new Request("http://node/a?b=c", { method: "HEAD", headers });

test("headOf: what GET would say, with the length of its body and without it", async () => {
  const seen: string[] = [];
  const answer = await headOf(ask({ accept: "text/html" }), (get) => {
    seen.push(get.method, get.url, get.headers.get("accept") ?? "");
    return new Response("grüße", { status: 404, headers: { "X-Said": "yes", "Content-Type": "text/plain" } });
  });
  expect(seen).toEqual(["GET", "http://node/a?b=c", "text/html"]);
  const { headers, status } = answer;
  expect([status, headers.get("content-length"), headers.get("content-type"), headers.get("x-said")]).toEqual([
    404,
    "7",
    "text/plain",
    "yes",
  ]);
  expect(await answer.text()).toBe("");
});

test("headOf: an answer that cannot have a body says nothing of its length", async () => {
  const answer = await headOf(ask(), () => new Response(null, { status: 304, headers: { ETag: '"a"' } }));
  expect([answer.status, answer.headers.get("content-length"), answer.headers.get("etag")]).toEqual([304, null, '"a"']);
});

test("headOf: a length that was told is believed, and the body is let go unread", async () => {
  let isLetGo = false;
  const body = new ReadableStream({
    cancel() {
      isLetGo = true;
    },
  });
  const answer = await headOf(ask(), () => new Response(body, { headers: { "Content-Length": "123456" } }));
  expect([answer.headers.get("content-length"), isLetGo]).toEqual(["123456", true]);
});

test("headOf: a failure is the same failure", async () => {
  await expect(headOf(ask(), () => Promise.reject(new RangeError("no")))).rejects.toThrow("no");
});
