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

test("happeningsIn: what the store and the node both tell stands there once", async () => {
  const says = (when: number) => ({ what: "load fails", data: "7 >= 5", tags: ["hound", "alert"], when });
  const fetch = async () => Response.json([says(10), says(90)]);
  const node = (at: number, sentence: string) => ({ id: at, at, level: "bad", sentence, service: "hound" }) as const;
  const found = await happeningsIn(range, {
    reach: () => ({ baseUrl: "x", fetch }),
    recent: [
      node(11_400, "load fails: 7 >= 5"),
      node(12_000, "disk fails: 7 >= 5"),
      node(90_200, "load fails: 7 >= 5"),
    ],
    signal,
  });
  expect(found.map(({ at, text }) => [at, text])).toEqual([
    [10, "load fails: 7 >= 5"],
    [12, "disk fails: 7 >= 5"],
    [90, "load fails: 7 >= 5"],
  ]);
});
