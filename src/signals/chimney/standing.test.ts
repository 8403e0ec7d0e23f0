import { describe, expect, test } from "bun:test";

import type { Outcome } from "./outcome.ts";
import { judge, lateAt, type Level, type Standing, unknownSince } from "./standing.ts";

const outcome = (isGood: boolean): Outcome => ({ isGood, reason: "", latencyMs: 1 });
const rule = { failures: 3, successes: 2 };

/** The levels after each of a row of outcomes: `+` good, `-` bad. */
function course(signs: string, from: Standing = unknownSince(0)): Level[] {
  let standing = from;
  return [...signs].map((sign, at) => {
    standing = judge(standing, outcome(sign === "+"), at + 1, rule).standing;
    return standing.level;
  });
}

describe("judge", () => {
  test("judge: the first success of an unknown check makes it up, so many failures in a row make it down", () => {
    expect(course("+--+---")).toEqual(["up", "up", "up", "up", "up", "up", "down"]);
    expect(course("---")).toEqual(["unknown", "unknown", "down"]);
  });

  test("judge: it takes so many successes in a row to come up again, and a failure between begins anew", () => {
    expect(course("---+-++")).toEqual(["unknown", "unknown", "down", "down", "down", "down", "up"]);
  });

  test("judge: a change tells from where, to where, and how long it lasted", () => {
    const up = judge(unknownSince(0), outcome(true), 100, rule);
    expect(up.change).toEqual({ from: "unknown", to: "up", lastedMs: 100 });
    const down = judge({ ...up.standing, failuresInRow: 2 }, outcome(false), 5000, rule);
    expect(down.change).toEqual({ from: "up", to: "down", lastedMs: 4900 });
    expect(down.standing).toMatchObject({ level: "down", sinceAt: 5000, failuresInRow: 3 });
    expect(judge(down.standing, outcome(false), 6000, rule).change).toBeUndefined();
  });
});

describe("lateAt", () => {
  const times = { everyMs: 1000, graceMs: 100 };
  const beat = { lastBeatAt: undefined, watchedSinceAt: 0, lastMissedAt: undefined };

  test("lateAt: time and grace count from the last beat, or from when we began to watch, whichever is later", () => {
    expect(lateAt(beat, times)).toBe(1100);
    expect(lateAt({ ...beat, lastBeatAt: 500 }, times)).toBe(1600);
    expect(lateAt({ ...beat, lastBeatAt: 500, watchedSinceAt: 90_000 }, times)).toBe(91_100);
  });

  test("lateAt: once missed it is told again with each beat that does not come", () => {
    expect(lateAt({ ...beat, lastMissedAt: 1100 }, times)).toBe(2100);
    expect(lateAt({ ...beat, lastMissedAt: 1100, lastBeatAt: 1500 }, times)).toBe(2600);
  });
});
