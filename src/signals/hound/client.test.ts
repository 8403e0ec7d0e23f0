import { expect, test } from "bun:test";

import { HoundClient } from "./client.ts";

test("HoundClient: a web page is no answer, whatever its status, and is not shown", async () => {
  for (const status of [200, 404]) {
    const page = new Response("<!doctype html><p>Not here", {
      status,
      headers: { "Content-Type": "text/html; charset=utf-8" },
    });
    const client = new HoundClient({ baseUrl: "http://x", fetch: async () => page });
    await expect(client.standings()).rejects.toThrow(
      `http://x is a web page (${status}): Hound is at an address such as http://127.0.0.1:4100/hound`,
    );
  }
});
