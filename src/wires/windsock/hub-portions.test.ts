import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";

import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { type OrderedHub, openHub } from "./hub-ordered.ts";
import type { Interest } from "./publication.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

function hubOf(count: number, isOnDisk: boolean): OrderedHub {
  const folder = mkdtempSync(join(tmpdir(), "windsock-portions-"));
  const hub = openHub({
    clock: new ManualClock(),
    maxMessageBytes: 1000,
    bounds: { count, sizeBytes: 1_000_000, ageMs: 60_000 },
    ...(isOnDisk ? { path: join(folder, "log.sqlite") } : {}),
  });
  closers.push(
    () => rmSync(folder, { recursive: true }),
    () => hub.close(),
  );
  return hub;
}

function say(hub: OrderedHub, addresses: readonly string[]): void {
  for (const [index, address] of addresses.entries()) void hub.accept({ address, content: `${address}${index}` });
  hub.flush();
}

/** All portions, one after the other, as a reader goes through them. */
function allOf(hub: OrderedHub, interests: readonly Interest[], since: string, limit: number, more: object = {}) {
  const found: string[] = [];
  for (let from: string | undefined = since; from !== undefined;) {
    const portion = hub.resume(interests, from, { count: limit, ...more });
    expect(portion.publications.length).toBeLessThanOrEqual(limit);
    found.push(...portion.publications.map(({ content }) => content));
    from = portion.next;
  }
  return found;
}

for (const isOnDisk of [false, true]) {
  const where = isOnDisk ? "on disk" : "in memory";

  test(`resume, ${where}: portions are what going back at once gives, each publication once`, () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 30 }),
        fc.nat({ max: 30 }),
        fc.integer({ min: 1, max: 7 }),
        (addresses, skipped, limit) => {
          const hub = hubOf(1000, isOnDisk);
          const interests: Interest[] = [{ kind: "exact", address: "a" }];
          say(hub, addresses.slice(0, skipped));
          const since = hub.position;
          say(hub, addresses.slice(skipped));
          const wanted = hub.recall(interests, since, 1000).publications.map(({ content }) => content);
          expect(allOf(hub, interests, since, limit)).toEqual(wanted);
          expect(allOf(hub, interests, since, limit, { looks: limit })).toEqual(wanted);
          expect(allOf(hub, interests, since, 1000, { characters: limit })).toEqual(wanted);
        },
      ),
      { numRuns: isOnDisk ? 15 : 60 },
    );
  });

  test(`resume, ${where}: an order that was broken is told once, and is gone through to its end`, () => {
    const hub = hubOf(1000, isOnDisk);
    const interests: Interest[] = [{ kind: "prefix", prefix: "" }];
    say(hub, ["a", "b", "c"]);
    const since = hub.position;
    hub.breakOrder();
    say(hub, ["d"]);
    const first = hub.resume(interests, since, { count: 2 });
    expect(first.isComplete).toBe(false);
    expect(first.next).toBeDefined();
    expect(hub.resume(interests, first.next ?? "", { count: 2 }).isComplete).toBe(true);
    expect(allOf(hub, interests, since, 2)).toEqual(["a0", "b1", "c2", "d0"]);
  });
}
