import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { eventRoute } from "./event-routes.ts";
import { EventsStore } from "./events-store.ts";

const folder = mkdtempSync(join(tmpdir(), "warren-events-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const event = (atSeconds: number, ...tags: string[]) => ({ what: "deploy", atSeconds, text: "", tags });

test("EventsStore: events with a tag are found behind any number of others", () => {
  const events = new EventsStore(join(folder, "tags.sqlite"));
  const rare = events.add(event(1, "rare", "web"));
  events.add(event(2, "web"));
  const add = events.add.bind(events);
  for (let at = 0; at < 10_050; at++) add(event(100 + at, "often"));
  const ids = (tags: string[], any = false) => events.list(0, 99_999, tags, any).map(({ id }) => id);
  expect(ids(["rare"])).toEqual([rare]);
  expect(ids(["web", "rare"])).toEqual([rare]);
  expect(ids(["web", "none"])).toEqual([]);
  expect(ids(["web", "none"], true)).toEqual([rare + 1, rare]);
  expect(ids([])).toHaveLength(10_000);
  events.close();
}, 120_000);

test("eventRoute: a store that refuses an event says so, and is no fault inside", async () => {
  const events = new EventsStore(join(folder, "closed.sqlite"));
  events.close();
  const request = new Request("http://here/events", { method: "POST", body: '{"what":"x"}' });
  const parts = { events, clock: new ManualClock(5000) };
  await expect(eventRoute("/events", request, parts)).rejects.toMatchObject({ code: "series/disk" });
});
