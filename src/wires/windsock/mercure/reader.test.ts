import { expect, test } from "bun:test";

import { ManualClock } from "../../../kit/testing/manual-clock.ts";
import type { Publication } from "../publication.ts";
import { type Matcher, parseMatcher } from "./matcher.ts";
import { Reader } from "./reader.ts";
import { addressOf, contentOf } from "./update.ts";

const base = "https://h.example/.well-known/mercure";
const settings = { waitingBytes: 10_000, heartbeatMs: 15_000 };

function publication(topic: string, data: string, id: string, topics = [topic]): Publication {
  return {
    address: addressOf(topic),
    content: contentOf({ id, topics, data, isPrivate: false }),
    position: "1",
    at: 0,
  };
}

/** Counts how often it is asked. */
function counting(text: string) {
  const matcher = parseMatcher("Topic", text, base);
  const asked = { count: 0 };
  const counted: Matcher = {
    ...matcher,
    matches(topic) {
      asked.count++;
      return matcher.matches(topic);
    },
  };
  return { asked, counted };
}

test("Reader: the past goes out in portions, and does not count as what waits", async () => {
  const reader = new Reader([parseMatcher("Exact", "*", base)], [], new ManualClock(), settings);
  for (let at = 0; at < 40; at++) reader.hear(publication("a", "x".repeat(10_000), `urn:${at}`));
  const texts = reader.texts();
  await texts.next();
  reader.hear(publication("a", "new", "urn:new"));
  let text = "";
  let portions = 0;
  while (!text.includes("urn:new")) {
    const { value } = await texts.next();
    expect(value?.length ?? 0).toBeLessThan(100_000);
    text += String(value);
    portions++;
  }
  expect([portions, text.match(/^id: /gm)?.length]).toEqual([6, 41]);
  // Now everything counts.
  reader.hear(publication("a", "y".repeat(6000), "urn:y"));
  reader.hear(publication("a", "z".repeat(6000), "urn:z"));
  expect(String((await texts.next()).value)).toStartWith("event: windsock-gap\n");
  expect((await texts.next()).done).toBe(true);
});

test("Reader: who takes nothing for a minute is given up, and holds nothing of the past any more", async () => {
  const clock = new ManualClock();
  const reader = new Reader([parseMatcher("Exact", "*", base)], [], clock, settings);
  for (let at = 0; at < 40; at++) reader.hear(publication("a", "x".repeat(10_000), `urn:${at}`));
  const texts = reader.texts();
  await texts.next();
  await texts.next();
  clock.advance(61_000);
  expect(String((await texts.next()).value)).toStartWith("event: windsock-gap\n");
  expect((await texts.next()).done).toBe(true);
});

test("Reader: an update of many topics is judged once, whether it is for it or not", async () => {
  const { asked, counted } = counting("https://x.example/{id}");
  const reader = new Reader([counted], [], new ManualClock(), settings);
  const topics = Array.from({ length: 10 }, (_, at) => `https://y.example/${at}`);
  for (const topic of topics) reader.hear(publication(topic, "", "urn:1", topics));
  expect(asked.count).toBe(10);
  const ours = [...topics, "https://x.example/1"];
  for (const topic of ours) reader.hear(publication(topic, "", "urn:2", ours));
  const texts = reader.texts();
  await texts.next();
  expect(String((await texts.next()).value)).toBe("id: urn:2\ndata: \n\n");
});

test("Reader: it has room for a first portion at once, for others when what waits was taken, and none when it is over", async () => {
  const reader = new Reader([parseMatcher("Exact", "*", base)], [], new ManualClock(), settings);
  expect(await reader.room()).toBe(true);
  for (let at = 0; at < 5; at++) reader.hear(publication("a", "x".repeat(20_000), `urn:${at}`));
  const rooms: boolean[] = [];
  const second = reader.room().then((room) => void rooms.push(room));
  await reader.begun;
  const texts = reader.texts();
  await texts.next();
  await texts.next();
  expect(rooms).toEqual([]);
  await texts.next();
  await second;
  reader.hear(publication("a", "last", "urn:last"));
  const third = reader.room().then((room) => void rooms.push(room));
  reader.end();
  await third;
  expect(rooms).toEqual([true, false]);
});
