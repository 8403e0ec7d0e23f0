/** What mediacheck lets go of, and by which time. */
import { expect, test } from "bun:test";

import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { countsOf } from "./report.ts";
import { RunStore } from "./run-store.ts";
import { forgetWork } from "./service.ts";

const dayMs = 86_400_000;
const leapMs = 3650 * dayMs;
const { signal } = new AbortController();

/** A run a day for ten days. */
function tenDays() {
  const clock = new ManualClock();
  const store = new RunStore(":memory:");
  for (let day = 0; day < 10; day++) {
    const askedAt = clock.now();
    const id = store.enter({ site: "shop", target: "x", cause: "interval", deploy: undefined, askedAt });
    const counts = countsOf([], 0);
    store.finish(id, { startedAt: askedAt, elapsedMs: 1, isGood: true, counts, limits: [], resources: [] });
    clock.advance(dayMs);
  }
  const left = () => store.newest(99).length;
  return { clock, left, store, start: () => forgetWork({ clock, options: { keepMs: 20 * dayMs } }, store) };
}

test("forgetWork: a wall clock that leaps ten years while this runs makes no run old; what is old still goes", async () => {
  const { clock, left, start, store } = tenDays();
  const work = start();
  clock.jump(leapMs);
  for (const days of [0, 1, 2]) {
    clock.advance(days * dayMs);
    await work.step(signal);
    expect(left()).toBe(10);
  }
  clock.jump(-leapMs);
  clock.advance(13 * dayMs);
  await work.step(signal);
  expect(left()).toBe(4);
  store.close();
});

test("forgetWork: a wall clock that is ten years ahead at a start is not believed before it was so for a day", async () => {
  const { clock, left, start, store } = tenDays();
  clock.jump(leapMs);
  const work = start();
  for (const passedMs of [0, dayMs - 1]) {
    clock.advance(passedMs);
    await work.step(signal);
    expect(left()).toBe(10);
  }
  clock.advance(1);
  await work.step(signal);
  expect(left()).toBe(1);
  store.close();
});
