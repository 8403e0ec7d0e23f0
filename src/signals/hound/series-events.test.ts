import { expect, test } from "bun:test";

import { createLog } from "../../kit/log.ts";
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { fakeSource } from "./testing/fake-source.ts";
import { HoundTest } from "./testing/test-hound.ts";
import { seriesEvents } from "./series-events.ts";

test("seriesEvents: a name of any length is noted, and one that is not taken keeps no other out", async () => {
  const noted: string[] = [];
  const lines: string[] = [];
  const note = seriesEvents({
    log: createLog({ clock: new ManualClock(), level: "info", format: "json", write: (line) => lines.push(line) }),
    reach: () => ({
      baseUrl: "http://store.example",
      async fetch(_, init) {
        const { what } = JSON.parse(typeof init?.body === "string" ? init.body : "") as { what: string };
        if (what.length > 1000 || what.startsWith("odd")) return new Response("no", { status: 400 });
        noted.push(what);
        return new Response("");
      },
    }),
  });
  const long = "x".repeat(3000);
  const run = new HoundTest(
    [
      { name: "odd", target: "a", above: 1 },
      { name: "long", target: long, above: 1, per_series: true },
      { name: "plain", target: "b", above: 1 },
    ],
    fakeSource(() => 5),
  );
  const { signal } = new AbortController();
  await note(await run.hound.round(signal), signal);
  expect(noted.map((what) => what.slice(0, 11))).toEqual(["long: xxxxx", "plain fails"]);
  expect(noted[0]).toEndWith("… fails");
  expect(lines).toHaveLength(1);
});
