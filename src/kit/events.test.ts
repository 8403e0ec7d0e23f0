/** The bounded memory of what happened. */
import { expect, test } from "bun:test";

import { createEvents, type NodeEvent } from "./events.ts";
import { ManualClock } from "./testing/manual-clock.ts";

test("createEvents: keeps the newest, oldest first, with rising ids", () => {
  const clock = new ManualClock(1000);
  const events = createEvents(clock, 2);
  for (const sentence of ["one", "two", "three"]) {
    events.add("cask", "info", sentence);
    clock.advance(5);
  }
  expect(events.recent()).toEqual([
    { id: 2, at: 1005, service: "cask", level: "info", sentence: "two" },
    { id: 3, at: 1010, service: "cask", level: "info", sentence: "three" },
  ]);
});

test("subscribe: hears later events until it is over", () => {
  const events = createEvents(new ManualClock());
  const heard: string[] = [];
  events.add("node", "info", "before");
  const stop = events.subscribe((event: NodeEvent) => void heard.push(event.sentence));
  events.add("node", "info", "during");
  stop();
  stop();
  events.add("node", "info", "after");
  expect(heard).toEqual(["during"]);
});

test("subscribe: a listener that throws harms neither the reporter nor the others", () => {
  const events = createEvents(new ManualClock());
  const heard: string[] = [];
  let asked = 0;
  events.subscribe(() => {
    asked++;
    throw new Error("gone");
  });
  events.subscribe((event) => void heard.push(event.sentence));
  events.add("node", "warn", "one");
  events.add("node", "warn", "two");
  expect([asked, heard]).toEqual([1, ["one", "two"]]);
});
