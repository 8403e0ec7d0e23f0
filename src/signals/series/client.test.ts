import { expect, test } from "bun:test";

import { SeriesClient } from "./client.ts";

test("SeriesClient: a web page is no answer, whatever its status, and is not shown", async () => {
  for (const status of [200, 404]) {
    const page = new Response("<!doctype html><p>Not here", {
      status,
      headers: { "Content-Type": "text/html; charset=utf-8" },
    });
    const client = new SeriesClient({ baseUrl: "http://x", fetch: async () => page });
    await expect(client.matching("a.*")).rejects.toThrow(
      `The store answered ${status}: a web page: series is at an address such as http://127.0.0.1:4100/series`,
    );
  }
});
