/** What fitor lets go of, and by which time. */
import { expect, test } from "bun:test";

import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { History } from "./history.ts";
import { forgetWork } from "./service.ts";

const dayMs = 86_400_000;
const leapMs = 3650 * dayMs;
const { signal } = new AbortController();

/** A line a day for ten days. */
function tenDays() {
  const clock = new ManualClock();
  const history = new History(":memory:");
  const say = (at: number) =>
    history.add({ room: "irc/#a", at, kind: "message", nick: "anna", text: "word", origin: "irc" });
  for (let day = 0; day < 10; day++) {
    say(clock.now());
    clock.advance(dayMs);
  }
  const left = () => [history.list("irc/#a", 99).length, history.search("word", 99).length];
  const options = { keepForMs: 20 * dayMs, keepLines: 15 };
  return { clock, history, left, say, start: () => forgetWork({ clock, options }, history) };
}

test("forgetWork: a wall clock that leaps ten years while this runs makes no line old; what is old still goes", async () => {
  const { clock, history, left, say, start } = tenDays();
  const work = start();
  clock.jump(leapMs);
  for (const days of [0, 1, 2]) {
    clock.advance(days * dayMs);
    await work.step(signal);
    expect(left()).toEqual([10, 10]);
  }
  clock.jump(-leapMs);
  clock.advance(13 * dayMs);
  await work.step(signal);
  expect(left()).toEqual([4, 4]);
  // What is too much goes whatever the clock says.
  for (let more = 0; more < 20; more++) say(clock.now());
  await work.step(signal);
  expect(left()).toEqual([15, 15]);
  history.close();
});

test("forgetWork: a wall clock that is ten years ahead at a start is not believed before it was so for a day", async () => {
  const { clock, history, left, start } = tenDays();
  clock.jump(leapMs);
  const work = start();
  for (const passedMs of [0, dayMs - 1]) {
    clock.advance(passedMs);
    await work.step(signal);
    expect(left()).toEqual([10, 10]);
  }
  clock.advance(1);
  await work.step(signal);
  expect(left()).toEqual([0, 0]);
  history.close();
});
