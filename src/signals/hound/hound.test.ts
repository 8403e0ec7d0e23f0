/** What hound keeps over restarts, new rules, a disk that is full and a clock that is set, and what it remembers. */
import { expect, test } from "bun:test";

import { Fault } from "../../kit/fault.ts";
import { readRules } from "./rule-file.ts";
import { fakeSource, type Said, saying, seriesOf } from "./testing/fake-source.ts";
import { HoundTest } from "./testing/test-hound.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const leapMs = 3650 * dayMs;
const rule = { name: "load", target: "load", above: 10 };

test("restart: a rule that was changed meanwhile goes on under its name", async () => {
  const values = { load: 12 };
  const run = new HoundTest([rule, { name: "other", target: "load", above: 11 }], saying(values));
  await run.round();
  run.restart([
    { ...rule, above: 8 },
    { name: "other", target: "load", above: 11 },
  ]);
  expect(run.hound.standings()[0]).toMatchObject({ state: "Failed", toldCount: 1 });
  expect(await run.round()).toEqual([]);
  // What was kept under the old id is not there a second time.
  run.restart([rule, { name: "load too", target: "load", above: 8 }]);
  values.load = 1;
  expect((await run.round()).map(({ subject }) => subject)).toEqual(["[RECOVERED] load"]);
});

test("setRules: of two that measure alike, the one that stays keeps what is its own", async () => {
  const values = { load: 12 };
  const first = { ...rule, name: "first", to: "a@x.example" };
  const second = { ...rule, name: "second", to: "b@x.example", for: "1h" };
  const run = new HoundTest([first, second], saying(values));
  await run.round();
  expect(run.hound.standings().map(({ state }) => state)).toEqual(["Failed", "Pending"]);
  run.restart([second]);
  expect(run.hound.standings()).toMatchObject([{ state: "Pending", toldCount: 0 }]);
});

test("handOn: what cannot be handed on waits, and is handed on once", async () => {
  const run = new HoundTest([rule], saying({ load: 12 }));
  run.isSinkBroken = true;
  expect(await run.pass(3 * minuteMs)).toEqual([]);
  run.restart();
  run.isSinkBroken = false;
  expect(await run.pass(minuteMs)).toEqual(["0: [ALERT] load"]);
});

test("setRules: a rule under its name goes on with what is remembered when its threshold changes", async () => {
  const run = new HoundTest([rule], saying({ load: 12 }));
  await run.round();
  const changed = readRules([{ ...rule, above: 11 }], undefined, {
    windowMs: 600_000,
    graceMs: undefined,
    forMs: 0,
    keepFiringMs: 0,
    zone: "UTC",
  });
  run.hound.setRules(changed);
  run.clock.advance(minuteMs);
  expect(await run.round()).toEqual([]);
  expect(run.hound.standings()).toMatchObject([{ id: changed[0]?.id, toldCount: 1, state: "Failed" }]);
  run.restart([{ ...rule, above: 11 }]);
  expect(await run.round()).toEqual([]);
});

test("round: nothing to judge is harmless and asks nobody", async () => {
  const source = fakeSource(() => 1);
  const run = new HoundTest([], source);
  expect(await run.round()).toEqual([]);
  expect(source.asked).toBe(0);
  expect(run.hound.find("22138d2e6b")).toBeUndefined();
});

test("history: tells what happened to a rule, newest first", async () => {
  const values = { load: 12 };
  const run = new HoundTest([rule], saying(values));
  await run.round();
  values.load = 1;
  run.clock.advance(minuteMs);
  await run.round();
  const [{ id } = { id: "" }] = run.hound.standings();
  expect(run.hound.history({ of: id, limit: 10 }).map(({ event, message }) => `${event} ${message}`.trim())).toEqual([
    "recovery told to ops@x.example",
    "OK",
    "told to ops@x.example",
    "Failed 12.000000 >= 10.000000",
  ]);
});

test("round: a store that stood still while the program did is given the grace before no data counts", async () => {
  const values: Record<string, Said> = { load: null };
  const run = new HoundTest([{ ...rule, no_data: "alert", grace: "5m" }], saying(values), { warmsUp: true });
  expect(await run.pass(5 * minuteMs)).toEqual([]);
  expect(run.hound.standings()[0]?.state).toBe("Unknown");
  expect(await run.pass(minuteMs)).toEqual(["0: [ALERT] load"]);
  run.restart();
  expect(await run.pass(4 * minuteMs)).toEqual([]);
  expect(run.hound.standings()[0]?.state).toBe("Failed");
});

test("round: what the disk does not keep did not happen", async () => {
  const values = { load: 12 };
  const run = new HoundTest([rule], saying(values));
  const keep = run.kept.keep.bind(run.kept);
  run.kept.keep = () => {
    throw new Error("The disk is full");
  };
  await expect(run.round()).rejects.toThrow("The disk is full");
  expect(run.hound.standings()[0]?.state).not.toBe("Failed");
  run.kept.keep = keep;
  expect((await run.round()).map(({ subject }) => subject)).toEqual(["[ALERT] load"]);
});

test("round: rules that change while it asks are judged in the same round", async () => {
  const rules = (name: string) =>
    readRules([{ name, target: name, above: 1 }], undefined, {
      windowMs: minuteMs,
      graceMs: undefined,
      forMs: 0,
      keepFiringMs: 0,
      zone: "UTC",
    });
  let asked = 0;
  const run: HoundTest = new HoundTest(
    [{ name: "old", target: "old", above: 1 }],
    fakeSource(() => {
      if (asked++ === 0) run.hound.setRules(rules("new"));
      return 5;
    }),
  );
  expect((await run.round()).map(({ subject }) => subject)).toEqual(["[ALERT] new"]);
});

test("clock: set back by a day it delays nothing: repeats, for, errors and blindness go on from there", async () => {
  const values: Record<string, Said> = { load: 12, slow: 0, odd: 1 };
  let isAway = false;
  const source = fakeSource((target) => {
    if (isAway) throw new Fault("unavailable", "x/away", "away");
    return values[target] ?? null;
  });
  const entries = [
    rule,
    { name: "slow", target: "slow", above: 10, for: "20m" },
    { name: "odd", target: "odd", above: 10, keep_firing: "10m" },
  ];
  const run = new HoundTest(entries, source, { tellsErrors: true });
  values["odd"] = 11;
  expect(await run.pass(10 * minuteMs)).toEqual([
    "0: [ALERT] load",
    "0: [ALERT] odd",
    "5: [ALERT] load",
    "5: [ALERT] odd",
  ]);
  values["slow"] = 11;
  values["odd"] = 1;
  await run.pass(minuteMs);
  run.clock.jump(-dayMs);
  expect(await run.pass(40 * minuteMs)).toEqual([
    "10: [RECOVERED] odd",
    "20: [ALERT] slow",
    "25: [ALERT] slow",
    "30: [ALERT] load",
  ]);
  isAway = true;
  await run.pass(2 * minuteMs);
  run.clock.jump(-dayMs);
  expect(await run.pass(20 * minuteMs)).toEqual(["5: [ERROR] Hound is blind", "10: [ERROR] Hound is blind"]);
  isAway = false;
  values["load"] = null;
  await run.pass(2 * minuteMs);
  run.clock.jump(-dayMs);
  expect((await run.pass(20 * minuteMs)).filter((line) => line.includes("errors"))).toHaveLength(2);
});

test("clock: set forth by a day it says at most one word more, and once it is back everything goes on", async () => {
  const values = { load: 12 };
  const run = new HoundTest([rule], saying(values));
  expect(await run.pass(7 * minuteMs)).toHaveLength(2);
  run.clock.jump(dayMs);
  expect(await run.pass(10 * minuteMs)).toEqual(["0: [ALERT] load"]);
  run.clock.jump(-dayMs);
  expect(await run.pass(61 * minuteMs)).toEqual(["60: [ALERT] load"]);
  values.load = 1;
  expect(await run.pass(hourMs)).toEqual(["0: [RECOVERED] load"]);
});

test("clock: set forth by a day and back again it ends no silence before its time", async () => {
  const run = new HoundTest([rule], saying({ load: 12 }));
  run.hound.silence({ matcher: "name=load", untilAt: run.clock.now() + 2 * hourMs, by: "anna", comment: "" });
  run.clock.jump(dayMs);
  expect(run.hound.silences()).toEqual([]);
  run.clock.jump(-dayMs);
  expect(run.hound.silences()).toHaveLength(1);
  expect(await run.pass(hourMs)).toEqual([]);
});

test("forget: a wall clock that leaps ten years makes hound forget nothing, neither at work nor for a day from a start", async () => {
  for (const isAtStart of [false, true]) {
    const values: Record<string, Said> = { load: 12, other: 1 };
    const names = ["a", "b"];
    const source = fakeSource((target, untilSeconds) =>
      target === "host.*"
        ? { series: names.map((name) => seriesOf(name, [[1, untilSeconds]])) }
        : (values[target] ?? null),
    );
    const hosts = { name: "hosts", target: "host.*", above: 10, per_series: true };
    const run = new HoundTest([rule, { name: "other", target: "other", above: 10 }, hosts], source);
    await run.round();
    run.hound.silence({ matcher: "name=load", untilAt: run.clock.now() + hourMs, by: "anna", comment: "" });
    const untilAt = run.clock.now() + 30 * dayMs;
    run.hound.silence({ matcher: "name=other", untilAt, by: "anna", comment: "" });
    names.pop();
    await run.pass(2 * dayMs, hourMs);
    const kept = () => ({
      history: run.kept.history({ limit: 99 }).length,
      memories: run.kept.memories().length,
      silences: run.kept.silences(0).length,
      series: run.hound.standings().flatMap(({ series }) => series ?? []),
    });
    // One rule is gone from the file, one series from the source.
    run.restart([rule, hosts]);
    const before = kept();
    expect(before).toMatchObject({ memories: 4, silences: 2, series: ["a", "b"] });
    run.clock.jump(leapMs);
    if (isAtStart) run.restart([rule, hosts]);
    for (const passedMs of [0, 23 * hourMs]) {
      run.clock.advance(passedMs);
      await run.round();
      run.hound.forget(20 * dayMs);
      expect(kept()).toMatchObject({ memories: 4, silences: 2, series: ["a", "b"] });
      expect(run.kept.history({ limit: 99 }).length).toBeGreaterThanOrEqual(before.history);
    }
    if (isAtStart) {
      run.clock.advance(hourMs);
      await run.round();
      run.hound.forget(20 * dayMs);
      expect(kept()).toMatchObject({ memories: 2, silences: 0, series: ["a"] });
      continue;
    }
    run.clock.jump(-leapMs);
    expect(run.hound.silences()).toHaveLength(1);
    run.clock.advance(8 * dayMs);
    await run.round();
    run.hound.forget(20 * dayMs);
    expect(kept()).toMatchObject({ memories: 3, silences: 2, series: ["a"] });
    run.clock.advance(50 * dayMs);
    await run.round();
    run.hound.forget(20 * dayMs);
    expect(kept()).toMatchObject({ memories: 2, silences: 0, series: ["a"] });
  }
});
