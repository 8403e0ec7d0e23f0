/** The documented schedule, whatever the clock does. */
import { expect, test } from "bun:test";
import fc from "fast-check";

import { dueAt, pauseAfterMs, stepOf } from "./repeat.ts";

test("pauseAfterMs: 5 and 30 minutes, 1, 2, 4 and 8 hours, then 24 for ever", () => {
  const minutes = Array.from({ length: 10 }, (_, told) => pauseAfterMs(told + 1) / 60_000);
  expect(minutes).toEqual([5, 30, 60, 120, 240, 480, 1440, 1440, 1440, 1440]);
  expect([0, 1, 7, 8, 1000].map(stepOf)).toEqual([0, 1, 7, 7, 7]);
});

test("dueAt: at once the first time, and never further off than a pause, even when the clock was set back", () => {
  expect(dueAt({ toldCount: 0 }, 5)).toBe(5);
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 50 }), (at, lastToldAt, toldCount) => {
      expect(dueAt({ toldCount, lastToldAt }, at) - at).toBeLessThanOrEqual(pauseAfterMs(toldCount));
    }),
  );
});
