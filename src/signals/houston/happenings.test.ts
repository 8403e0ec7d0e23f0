import { expect, test } from "bun:test";

import { happeningsIn } from "./happenings.ts";

const range = { fromSeconds: 0, untilSeconds: 100 };
const { signal } = new AbortController();
const recent = [{ id: 1, at: 50_000, level: "bad", sentence: "shop is down", service: "chimney" }] as const;

test("happeningsIn: where series cannot say, what happened on the node is told", async () => {
  const answers: (() => Promise<Response>)[] = [
    () => Promise.reject(new Error("gone")),
    async () => new Response("no json"),
    async () => new Response("[1]"),
    async () => new Response("", { status: 503 }),
  ];
  for (const fetch of answers) {
    const found = await happeningsIn(range, { reach: () => ({ baseUrl: "x", fetch }), recent, signal });
    expect(found).toEqual([{ at: 50, text: "shop is down", kind: "alert" }]);
  }
});
