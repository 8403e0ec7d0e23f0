/** Rules with two thresholds: what rises, falls and recovers, when that is told, to whom, and how it is written. */
import { expect, test } from "bun:test";

import { parseMatcher } from "./matcher.ts";
import { RuleProblems, readRules } from "./rule-file.ts";
import { type Said, saying } from "./testing/fake-source.ts";
import { HoundTest } from "./testing/test-hound.ts";
import type { WeekWindow } from "./week-window.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const disk = { name: "disk", target: "disk", above: { warning: 80, critical: 95 } };
const defaults = { windowMs: 600_000, graceMs: undefined, forMs: 0, keepFiringMs: 0, zone: "UTC" };

/** Runs rounds a minute apart, one for each value; what was told, as `minute: subject`. */
async function over(run: HoundTest, values: Record<string, Said>, each: readonly Said[]): Promise<string[]> {
  const told: string[] = [];
  for (const [minute, said] of each.entries()) {
    values["disk"] = said;
    for (const { subject } of await run.round()) told.push(`${minute}: ${subject}`);
    run.clock.advance(minuteMs);
  }
  return told;
}

test("two levels: each change is told at once, a rise begins the schedule anew, and it recovers once", async () => {
  const values: Record<string, Said> = { disk: 85 };
  const run = new HoundTest([disk], saying(values));
  expect(await run.pass(2 * hourMs)).toEqual([
    "0: [ALERT] disk (warning)",
    "5: [ALERT] disk (warning)",
    "35: [ALERT] disk (warning)",
    "95: [ALERT] disk (warning)",
  ]);
  values["disk"] = 97;
  expect(await run.pass(40 * minuteMs)).toEqual([
    "0: [ALERT] disk (critical, was warning)",
    "5: [ALERT] disk (critical)",
    "35: [ALERT] disk (critical)",
  ]);
  values["disk"] = 90;
  // The schedule goes on from where it was: the fourth word is followed by one after two hours.
  expect(await run.pass(2 * hourMs)).toEqual(["0: [ALERT] disk (warning, was critical)"]);
  expect(await run.pass(minuteMs)).toEqual(["0: [ALERT] disk (warning)"]);
  values["disk"] = 10;
  expect(await run.pass(2 * hourMs)).toEqual(["0: [RECOVERED] disk"]);
});

test("two levels: the words name the level, the threshold that is passed, and what has changed", async () => {
  const values: Record<string, Said> = { disk: 85 };
  const run = new HoundTest([disk], saying(values), { graphBase: "https://g.example/render/" });
  const [warned] = await run.round();
  expect(warned?.text).toContain("Status:\tFailed (warning)\nMessage:\t85.000000 >= 80.000000\n");
  expect(warned?.text).toContain("&target=threshold(80.000000)&target=threshold(95.000000)&");
  expect(warned?.rules).toMatchObject([{ severity: "warning", threshold: 80, criticalThreshold: 95 }]);
  values["disk"] = 95;
  run.clock.advance(minuteMs);
  const [rose] = await run.round();
  expect(rose?.text).toContain("Status:\tFailed (critical, was warning)\nMessage:\t95.000000 >= 95.000000\n");
  expect(rose?.text).toContain("It has become worse; it fails for 1 min");
  expect(rose?.rules).toMatchObject([{ severity: "critical", severityBefore: "warning" }]);
  values["disk"] = 79;
  run.clock.advance(minuteMs);
  const [over] = await run.round();
  expect(over?.text).toBe("disk [disk] has returned below 80.000000\n");
  expect(run.hound.standings()).toMatchObject([{ state: "OK", grade: undefined, toldCount: 0 }]);
});

test("two levels: a rule may fall below its thresholds, too, and be critical from the first", async () => {
  const values: Record<string, Said> = {};
  const run = new HoundTest([{ ...disk, above: undefined, below: { warning: 20, critical: 5 } }], saying(values));
  expect(await over(run, values, [50, 5, 20, 21])).toEqual([
    "1: [ALERT] disk (critical)",
    "2: [ALERT] disk (warning, was critical)",
    "3: [RECOVERED] disk",
  ]);
});

test("two levels: for and keep_firing wait at each of the two, on the way up and on the way down", async () => {
  const values: Record<string, Said> = {};
  const run = new HoundTest([{ ...disk, for: "3m", keep_firing: "2m" }], saying(values));
  expect(await over(run, values, [85, 97, 97, 97, 97, 97])).toEqual([
    // It is past the lower for three minutes before it is past the upper for three.
    "3: [ALERT] disk (warning)",
    "4: [ALERT] disk (critical, was warning)",
  ]);
  // A minute below the upper is no fall, and a minute of good no recovery; together they are a fall.
  expect(await over(run, values, [85, 97, 97, 85, 10, 85])).toEqual([
    "3: [ALERT] disk (critical)",
    "5: [ALERT] disk (warning, was critical)",
  ]);
  // Two minutes past the upper are no rise.
  expect(await over(run, values, [97, 97, 97, 10, 10, 10])).toEqual(["5: [RECOVERED] disk"]);
  expect(await over(run, values, [97, 97, 97, 97])).toEqual(["3: [ALERT] disk (critical)"]);
});

test("two levels: an acknowledged warning that becomes critical is told, an acknowledged critical that falls is not", async () => {
  const values: Record<string, Said> = {};
  const run = new HoundTest([disk], saying(values));
  await over(run, values, [85]);
  const [{ id } = { id: "" }] = run.hound.standings();
  run.hound.acknowledge(id, "ann");
  expect(await over(run, values, [85, 85, 85, 85, 85, 85, 85])).toEqual([]);
  expect(await over(run, values, [97])).toEqual(["0: [ALERT] disk (critical, was warning)"]);
  run.hound.acknowledge(id, "ann");
  run.restart();
  expect(await over(run, values, [85, 97, 85, 97, 97])).toEqual([]);
  expect(await over(run, values, [1])).toEqual(["0: [RECOVERED] disk"]);
});

test("two levels: routes, silences and quiet hours go by the level, and whoever was told hears of each change", async () => {
  const values: Record<string, Said> = {};
  const night: WeekWindow = {
    kind: "weekly",
    days: [0, 1, 2, 3, 4, 5, 6],
    fromMinute: 0,
    untilMinute: 60,
    zone: "UTC",
  };
  const routes = [
    { matcher: parseMatcher("severity=warning"), recipients: ["room@x.example"], goesOn: false },
    { matcher: parseMatcher("severity=critical"), recipients: ["pager@x.example"], goesOn: false },
  ];
  const run = new HoundTest([disk], saying(values), {
    routes,
    quiet: { windows: [night], exceptSeverities: ["critical"] },
  });
  const tell = async (said: number) => {
    values["disk"] = said;
    const told = await run.round();
    run.clock.advance(minuteMs);
    return told.map(({ recipients, subject }) => `${subject} to ${recipients.join(" ")}`);
  };
  // It is midnight.
  expect(await tell(85)).toEqual([]);
  expect(await tell(97)).toEqual(["[ALERT] disk (critical) to pager@x.example"]);
  // Who was woken hears that it is less, and only then may sleep.
  expect(await tell(85)).toEqual(["[ALERT] disk (warning, was critical) to room@x.example pager@x.example"]);
  expect(await tell(1)).toEqual([]);
  await run.pass(hourMs);
  run.hound.silence({ matcher: "severity=warning", untilAt: run.clock.now() + hourMs, by: "ann", comment: "" });
  expect(await tell(85)).toEqual([]);
  expect(run.hound.standings()).toMatchObject([{ mutedBy: "silence", severity: "warning" }]);
  expect(await tell(97)).toEqual(["[ALERT] disk (critical) to pager@x.example"]);
  expect(await tell(1)).toEqual(["[RECOVERED] disk to pager@x.example"]);
});

test("two levels: one that goes to and fro between them flaps, and is told of rarely", async () => {
  const values: Record<string, Said> = {};
  const flap = { failures: 3, windowMs: hourMs, calmMs: 30 * minuteMs };
  const run = new HoundTest([disk], saying(values), { level: { flap, gapMs: hourMs } });
  const turns = Array.from({ length: 120 }, (_, minute) => (minute % 2 === 0 ? 85 : 97));
  expect(await over(run, values, turns)).toEqual([
    "0: [ALERT] disk (warning)",
    "1: [ALERT] disk (critical, was warning)",
    "2: [ALERT] disk (warning, was critical)",
    // The third beginning within the hour: from here on by the schedule alone.
    "32: [ALERT] disk (warning, flapping)",
    "92: [ALERT] disk (warning, flapping)",
  ]);
  values["disk"] = 97;
  expect(await run.pass(hourMs)).toEqual(["29: [ALERT] disk (critical, was warning)", "34: [ALERT] disk (critical)"]);
});

test("two levels: no data that alerts is critical; an error leaves the level as it was", async () => {
  const values: Record<string, Said> = {};
  const run = new HoundTest([{ ...disk, no_data: "alert" }], saying(values));
  expect(await over(run, values, [85, null])).toEqual([
    "0: [ALERT] disk (warning)",
    "1: [ALERT] disk (critical, was warning)",
  ]);
});

test("two levels: the history has each change, and a rule that gets or loses its second level goes on", async () => {
  const values: Record<string, Said> = {};
  const run = new HoundTest([{ ...disk, above: 80 }], saying(values));
  expect(await over(run, values, [97])).toEqual(["0: [ALERT] disk"]);
  run.restart([disk]);
  expect(await over(run, values, [97, 97])).toEqual([]);
  expect(run.hound.standings()).toMatchObject([{ state: "Failed", grade: "critical", toldCount: 1 }]);
  expect(await over(run, values, [85, 97, 97])).toEqual(["2: [ALERT] disk (critical)"]);
  run.restart([{ ...disk, above: 80 }]);
  expect(await over(run, values, [97])).toEqual([]);
  expect(run.hound.standings()).toMatchObject([{ state: "Failed", grade: undefined, severity: "critical" }]);
  run.restart([disk]);
  const { id } = run.hound.standings()[0] ?? { id: "" };
  await over(run, values, [97, 85, 1]);
  const events = run.hound.history({ of: id, limit: 50 }).map(({ event }) => event);
  expect(events.slice(0, 5)).toEqual(["recovery told", "OK", "told", "warning", "critical"]);
});

test("two levels: what is written wrongly is said with what is wanted; other rules keep their ids", () => {
  const problemOf = (entry: object) => {
    try {
      readRules([{ name: "n", target: "t", ...entry }], undefined, defaults);
      return "";
    } catch (thrown) {
      if (thrown instanceof RuleProblems) return thrown.problems.join("; ");
      throw thrown;
    }
  };
  expect(problemOf({ above: { warning: 80, critical: 80 } })).toContain("above: wanted critical above warning");
  expect(problemOf({ below: { warning: 5, critical: 10 } })).toContain(
    "wanted critical below warning: 10 is not below 5",
  );
  expect(problemOf({ above: { warning: 80 } })).toContain("above: wanted a number, or two such as");
  expect(problemOf({ above: "80" })).toContain("above: wanted a number, or two such as");
  expect(problemOf({ above: { warning: 1, critical: 2 }, severity: "page" })).toContain("severity: wanted none");
  expect(problemOf({ above: { warning: 1, critical: 2 }, below: 1 })).toContain('either "above" or "below"');
  const [one, two] = readRules(
    [
      { name: "a", target: "foo", above: 10 },
      { name: "b", target: "foo", above: { warning: 10, critical: 20 } },
    ],
    undefined,
    defaults,
  );
  expect(one?.id).toBe("22138d2e6b");
  expect(two?.id).toMatch(/^[0-9a-f]{10}$/);
  expect(two?.id).not.toBe(one?.id);
});
