import { describe, expect, test } from "bun:test";

import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { History } from "./history.ts";
import type { Outcome } from "./outcome.ts";
import { judge, type Standing, unknownSince } from "./standing.ts";

const dayMs = 86_400_000;
const began = Date.UTC(2030, 0, 1);
const outcome = (isGood: boolean, latencyMs: number): Outcome => ({ isGood, latencyMs, reason: isGood ? "" : "no" });

/** A history with a check that was asked once an hour for `days`, and failed on the days that `isBad` names. */
function filled(days: number, isBad: (day: number) => boolean): History {
  const history = new History(":memory:");
  let { standing }: { standing: Standing } = history.check("a", () => ({ at: began, beatId: "id" }));
  history.check("gone", () => ({ at: began, beatId: "other" }));
  for (let hour = 0; hour < days * 24; hour++) {
    const at = began + hour * 3_600_000;
    const seen = outcome(!isBad(Math.floor(hour / 24)), 1 + (hour % 100));
    const judged = judge(standing, seen, at, { failures: 1, successes: 1 });
    standing = judged.standing;
    history.record("a", standing, seen, at, judged.change !== undefined);
  }
  return history;
}

describe("History", () => {
  test("History: what is kept of a check comes back as it was", () => {
    const history = filled(1, () => false);
    const { beatId, lastBeatAt, standing } = history.check("a", () => ({ at: 0, beatId: "new" }));
    expect([beatId, lastBeatAt, standing.level, standing.successesInRow]).toEqual(["id", undefined, "up", 24]);
    expect(standing.last).toEqual(outcome(true, 24));
    history.beat("a", 5);
    expect(history.check("a", () => ({ at: 0, beatId: "new" })).lastBeatAt).toBe(5);
    history.close();
  });

  test("History: percentiles are of good answers in the time asked for", () => {
    const history = filled(6, (day) => day === 0);
    // Good are 120: 1 to 24 once, 25 to 44 twice, 45 to 100 once. The 60th is the 36th of the middle ones, and so on.
    expect(history.percentiles("a", 0, [0, 0.5, 0.95, 1])).toEqual([1, 42, 94, 100]);
    expect(history.percentiles("a", began + 7 * dayMs, [0.5])).toEqual([]);
    history.close();
  });

  test("History: what is old goes in its time, each kind in its own; how a check stands now stays", () => {
    const history = filled(30, (day) => day === 3 || day === 20);
    expect(history.spells("a", 10).map(({ level }) => level)).toEqual(["up", "down", "up", "down", "up"]);
    const now = began + 30 * dayMs;
    while (history.forget({ resultsAt: now - dayMs, hoursAt: now - 7 * dayMs }, new Set(["a"]))) continue;
    expect(history.results("a", 1000).length).toBe(24);
    expect(history.hoursOf("a", 0).length).toBe(7 * 24);
    expect(history.spells("a", 10).map(({ level }) => level)).toEqual(["up"]);
    expect(history.check("a", () => ({ at: 0, beatId: "new" })).standing.level).toBe("up");
    // A check that nobody asks any more goes with the last of its hours.
    expect(history.check("gone", () => ({ at: now, beatId: "new" })).beatId).toBe("new");
    history.close();
  });
});

test("History: a spell that began after the clock was set back is the newest, and none has a length below nothing", () => {
  const clock = new ManualClock();
  const history = new History(":memory:");
  history.check("a", () => ({ at: clock.now(), beatId: "x" }));
  const change = (level: "up" | "down") => {
    const at = clock.now();
    const standing = { ...unknownSince(at), level, lastAt: at };
    history.record("a", standing, { isGood: level === "up", latencyMs: 1, reason: "" }, at, true);
  };
  const beganAt = clock.now();
  change("up");
  clock.jump(dayMs);
  change("down");
  clock.jump(-dayMs);
  clock.advance(3_600_000);
  change("up");
  expect(history.spells("a", 9).map(({ fromAt, level, untilAt }) => [level, fromAt - beganAt, untilAt])).toEqual([
    ["up", 3_600_000, undefined],
    ["down", dayMs, beganAt + dayMs],
    ["up", 0, beganAt + dayMs],
  ]);
  // The one that is now stays, although the one before it began later.
  history.forget({ resultsAt: 0, hoursAt: clock.now() + 1 }, new Set(["a"]));
  expect(history.spells("a", 9).map(({ level }) => level)).toEqual(["up", "down"]);
  history.close();
});
