import { expect, test } from "bun:test";

import { BelievedTime } from "./believed-time.ts";
import { ManualClock } from "./testing/manual-clock.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const leapMs = 3650 * dayMs;

test("BelievedTime: a wall clock that goes as it should is believed, and so is one that is set a little", () => {
  const clock = new ManualClock();
  const time = new BelievedTime(clock, clock.now() - 60_000);
  for (const byMs of [0, hourMs / 2, -hourMs, -leapMs, leapMs]) {
    clock.jump(byMs);
    clock.advance(dayMs);
    expect(time.now()).toBe(clock.now());
  }
});

test("BelievedTime: while it runs, a leap is believed for an hour and no more, however long it lasts", () => {
  for (const newestAt of [undefined, Date.UTC(2030, 0, 1)]) {
    const clock = new ManualClock();
    const beganAt = clock.now();
    const time = new BelievedTime(clock, newestAt);
    clock.jump(leapMs);
    for (const days of [0, 1, 30]) {
      clock.advance(days * dayMs);
      expect(time.now()).toBe(beganAt + clock.monotonicMs() + hourMs);
    }
    clock.jump(-leapMs);
    expect(time.now()).toBe(clock.now());
  }
});

test("BelievedTime: at a start a clock far ahead of the newest entry is believed when a day has passed, not before", () => {
  const clock = new ManualClock();
  const newestAt = clock.now();
  clock.jump(leapMs);
  const time = new BelievedTime(clock, newestAt);
  time.saw(newestAt - dayMs);
  expect(time.now()).toBe(newestAt + hourMs);
  clock.advance(dayMs - 1);
  expect(time.now()).toBe(newestAt + dayMs - 1 + hourMs);
  clock.advance(1);
  expect(time.now()).toBe(clock.now());
});

test("BelievedTime: where nothing is kept, the clock of the start is believed; entries of the future move nothing", () => {
  const clock = new ManualClock();
  expect(new BelievedTime(clock).now()).toBe(clock.now());
  expect(new BelievedTime(clock, clock.now() + leapMs).now()).toBe(clock.now());
});
