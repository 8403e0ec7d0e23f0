import { heapStats } from "bun:jsc";
import { expect, test } from "bun:test";

import fc from "fast-check";

import { Subscriptions } from "./subscriptions.ts";

/** What the program itself holds: what the system lends the process depends on what ran in it before. */
function heldBytes(): number {
  Bun.gc(true);
  const { extraMemorySize, heapSize } = heapStats();
  return heapSize + extraMemorySize;
}

test("add: a prefix costs memory of the order of its own length", () => {
  const subscriptions = new Subscriptions<number>();
  const topics = Array.from({ length: 2000 }, (_none, index) => Buffer.alloc(1000, `${index} `));
  const before = heldBytes();
  for (const topic of topics) subscriptions.add(topic, 1);
  expect(subscriptions.sizeBytes(1)).toBe(2_000_000);
  // A tree of bytes took more than 300 MB.
  expect(heldBytes() - before).toBeLessThan(60_000_000);
  expect(subscriptions.forget(1)).toHaveLength(2000);
  expect(subscriptions.sizeBytes(1)).toBe(0);
});

test("match: as a plain list of prefixes would, however they came and went", () => {
  const topic = fc.stringMatching(/^[ab]{0,4}$/);
  const step = fc.record({
    kind: fc.constantFrom("add", "remove", "forget"),
    who: fc.integer({ min: 0, max: 3 }),
    topic,
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.array(topic, { maxLength: 5 }), (steps, addresses) => {
      const subscriptions = new Subscriptions<number>();
      let plain: { who: number; topic: string }[] = [];
      for (const { kind, who, topic: text } of steps) {
        const bytes = Buffer.from(text);
        const before = plain.filter((entry) => entry.who === who && entry.topic === text).length;
        if (kind === "add") {
          expect(subscriptions.add(bytes, who)).toBe(before === 0);
          plain.push({ who, topic: text });
        } else if (kind === "remove") {
          expect(subscriptions.remove(bytes, who)).toBe(before === 1);
          const at = plain.findIndex((entry) => entry.who === who && entry.topic === text);
          if (at >= 0) plain.splice(at, 1);
        } else {
          const own = new Set(plain.filter((entry) => entry.who === who).map((entry) => entry.topic));
          expect(new Set(subscriptions.forget(who))).toEqual(own);
          plain = plain.filter((entry) => entry.who !== who);
        }
        expect(subscriptions.count(who)).toBe(
          new Set(plain.filter((entry) => entry.who === who).map((entry) => entry.topic)).size,
        );
      }
      for (const address of addresses) {
        const wanted = new Set(plain.filter((entry) => address.startsWith(entry.topic)).map((entry) => entry.who));
        expect(subscriptions.match(Buffer.from(address))).toEqual(wanted);
        expect(subscriptions.concerns(Buffer.from(address))).toBe(wanted.size > 0);
      }
    }),
  );
});
