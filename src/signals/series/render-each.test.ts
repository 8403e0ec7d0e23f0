import { expect, test } from "bun:test";

import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { MemoryDisk } from "./disk-memory-fixture.ts";
import { EventsStore } from "./events-store.ts";
import { renderEach } from "./render-each.ts";
import { Schemas } from "./schemas.ts";
import { SeriesStore } from "./store.ts";

test("renderEach: one bound on points holds for all targets together, and says so for those past it", async () => {
  const nowSeconds = 1_700_000_000;
  const clock = new ManualClock(nowSeconds * 1000);
  const store = await SeriesStore.open({ disk: new MemoryDisk(), clock, schemas: new Schemas() });
  store.write(Array.from({ length: 100 }, (_, at) => ({ path: "a", value: at, atSeconds: nowSeconds - at * 10 })));
  const events = new EventsStore(":memory:");
  const parameters = new URLSearchParams({ each: "1", from: "-1000s" });
  for (let at = 0; at < 10; at++) parameters.append("target", "a");
  const bounds = { maxSeries: 10, maxPoints: 500, timeoutMs: 1000 };
  const answer = await renderEach(parameters, { store, events, clock, bounds }, new AbortController().signal);
  const { answers } = (await answer.json()) as { answers: { series?: unknown[]; error?: string; kind?: string }[] };
  expect(answers).toHaveLength(10);
  const given = answers.filter(({ series }) => series?.length === 1).length;
  expect(given).toBeGreaterThan(1);
  expect(given).toBeLessThanOrEqual(5);
  expect(answers.at(-1)).toMatchObject({ kind: "invalid", error: expect.stringContaining("too many points") });
  events.close();
  await store.close();
});
