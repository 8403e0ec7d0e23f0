/** What chimney lets go of, and by which time. */
import { expect, test } from "bun:test";

import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { History } from "./history.ts";
import { forgetWork } from "./service.ts";
import { unknownSince } from "./standing.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const leapMs = 3650 * dayMs;
const { signal } = new AbortController();

/** Ten days of a check that was up and down by turns, and of one that nobody asks any more. */
function tenDays() {
  const clock = new ManualClock();
  const history = new History(":memory:");
  for (const name of ["a", "left"]) history.check(name, () => ({ at: clock.now(), beatId: name }));
  for (let day = 0; day < 10; day++) {
    const isGood = day % 2 === 0;
    const at = clock.now();
    const standing = { ...unknownSince(at), level: isGood ? ("up" as const) : ("down" as const), lastAt: at };
    history.record("a", standing, { isGood, latencyMs: 1, reason: "" }, at, true);
    clock.advance(dayMs);
  }
  const start = (keepDays: number) => {
    const options = { keepResultsMs: keepDays * dayMs, keepHoursMs: 2 * keepDays * dayMs };
    return forgetWork({ clock, options }, history, () => new Set(["a"]));
  };
  const left = () => [
    history.results("a", 99).length,
    history.hoursOf("a", 0).length,
    history.spells("a", 99).length,
    history.check("left", () => ({ at: clock.now(), beatId: "anew" })).beatId,
  ];
  return { clock, history, left, start };
}

test("forgetWork: a wall clock that leaps ten years while this runs makes nothing old; what is old still goes", async () => {
  const { clock, history, left, start } = tenDays();
  const work = start(20);
  clock.jump(leapMs);
  for (const passedMs of [0, hourMs, 2 * dayMs]) {
    clock.advance(passedMs);
    await work.step(signal);
    expect(left()).toEqual([10, 10, 10, "left"]);
  }
  clock.jump(-leapMs);
  clock.advance(14 * dayMs - hourMs);
  await work.step(signal);
  // The first six results are older than twenty days; nothing is older than forty.
  expect(left()).toEqual([4, 10, 10, "left"]);
  clock.advance(60 * dayMs);
  await work.step(signal);
  expect(left()).toEqual([0, 0, 1, "anew"]);
  history.close();
});

test("forgetWork: a wall clock that is ten years ahead at a start is not believed before it was so for a day", async () => {
  const { clock, history, left, start } = tenDays();
  clock.jump(leapMs);
  const work = start(20);
  for (const passedMs of [0, hourMs, dayMs - hourMs - 1]) {
    clock.advance(passedMs);
    await work.step(signal);
    expect(left()).toEqual([10, 10, 10, "left"]);
  }
  clock.advance(1);
  await work.step(signal);
  expect(left()).toEqual([0, 0, 1, "anew"]);
  history.close();
});
