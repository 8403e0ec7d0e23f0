/** How rules are judged over time, on a clock that a test moves: what fails, what is an error, what has no data. */
import { expect, test } from "bun:test";

import { Fault } from "../../kit/fault.ts";
import { fakeSource, type Said, saying, seriesOf } from "./testing/fake-source.ts";
import { HoundTest } from "./testing/test-hound.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const rule = { name: "load", target: "load", above: 10 };

test("round: the predecessor's thresholds: above fails from it on, below down from it", async () => {
  const values: Record<string, Said> = { up: 10, down: 10 };
  const run = new HoundTest(
    [
      { name: "a", target: "up", above: 10 },
      { name: "b", target: "down", below: 10 },
    ],
    saying(values),
  );
  await run.round();
  expect(run.hound.standings().map(({ message, state }) => `${state} ${message}`)).toEqual([
    "Failed 10.000000 >= 10.000000",
    "Failed 10.000000 <= 10.000000",
  ]);
  values["up"] = 9.99;
  values["down"] = 10.01;
  await run.round();
  expect(run.hound.standings().map(({ state }) => state)).toEqual(["OK", "OK"]);
});

test("round: no number is no value, neither good nor bad, and nothing is told to recover that was never told", async () => {
  const values: Record<string, Said> = { load: Number.NaN };
  const run = new HoundTest([rule], saying(values));
  expect(await run.pass(hourMs)).toEqual([]);
  expect(run.hound.standings()[0]).toMatchObject({ state: "NoData", message: "There are no values" });
  values["load"] = 1;
  expect(await run.pass(hourMs)).toEqual([]);
  values["load"] = { fault: new Fault("invalid", "x/y", "No such function") };
  await run.round();
  expect(run.hound.standings()[0]).toMatchObject({ state: "Error", message: "No such function" });
  // An error between does not delay a later alert.
  values["load"] = 11;
  expect((await run.round()).map(({ subject }) => subject)).toEqual(["[ALERT] load"]);
});

test("round: an error over a failing rule neither repeats nor recovers it", async () => {
  const values: Record<string, Said> = { load: 12, other: 1 };
  const run = new HoundTest([rule, { name: "other", target: "other", above: 5 }], saying(values));
  await run.round();
  values["load"] = { fault: new Fault("unavailable", "x/y", "away") };
  run.clock.advance(minuteMs);
  expect(await run.pass(2 * hourMs)).toEqual([]);
  values["load"] = 1;
  expect((await run.round()).map(({ kind }) => kind)).toEqual(["recovery"]);
});

test("round: for and keep_firing wait until it has lasted", async () => {
  const values = { load: 12 };
  const run = new HoundTest([{ ...rule, for: "5m", keep_firing: "10m" }], saying(values));
  expect(await run.pass(4 * minuteMs)).toEqual([]);
  expect(run.hound.standings()[0]?.state).toBe("Pending");
  expect(await run.pass(2 * minuteMs)).toEqual(["1: [ALERT] load"]);
  values.load = 1;
  expect(await run.pass(8 * minuteMs)).toEqual(["4: [ALERT] load"]);
  values.load = 11;
  await run.pass(minuteMs);
  values.load = 1;
  expect(await run.pass(12 * minuteMs)).toEqual(["10: [RECOVERED] load"]);
});

test("round: what is made of no data is the rule's to say", async () => {
  const values: Record<string, Said> = {};
  const entries = ["ok", "alert", "keep", "state"].map((policy) => ({
    name: policy,
    target: policy,
    above: 1,
    no_data: policy,
  }));
  for (const { target } of entries) values[target] = 0;
  const run = new HoundTest(entries, saying(values));
  await run.round();
  for (const { target } of entries) values[target] = null;
  expect((await run.round()).map(({ subject }) => subject)).toEqual(["[ALERT] alert"]);
  expect(run.hound.standings().map(({ state }) => state)).toEqual(["OK", "Failed", "OK", "NoData"]);
});

test("round: values count within the grace, so points that are late are no silence", async () => {
  const source = fakeSource((target, untilSeconds) => ({
    series: [
      seriesOf(target, [
        [20, untilSeconds - 120],
        [null, untilSeconds - 60],
        [null, untilSeconds],
      ]),
    ],
  }));
  const run = new HoundTest(
    [
      { ...rule, grace: "2m" },
      { ...rule, name: "strict", grace: "1m" },
    ],
    source,
  );
  await run.round();
  expect(run.hound.standings().map(({ state }) => state)).toEqual(["Failed", "NoData"]);
});

test("round: each series by itself, and one that stops to report is missed, then forgotten", async () => {
  const values: Record<string, Said> = { "host.*": { series: [] } };
  const hosts = (loads: Record<string, number>) => {
    values["host.*"] = { series: Object.entries(loads).map(([name, load]) => seriesOf(name, [[load, 4_102_444_800]])) };
  };
  const source = fakeSource((target, untilSeconds) => {
    const said = values[target];
    if (said === undefined || said === null || typeof said === "number" || !said.series) return null;
    return { series: said.series.map(({ name, points }) => seriesOf(name, [[points[0]?.[0] ?? null, untilSeconds]])) };
  });
  const run = new HoundTest(
    [{ name: "hosts", target: "host.*", above: 10, per_series: true, no_data: "alert" }],
    source,
  );
  hosts({ a: 1, b: 20 });
  const [alert] = await run.round();
  expect(alert).toMatchObject({ subject: "[ALERT] hosts: b", rules: [{ series: "b" }] });
  hosts({ b: 1 });
  run.clock.advance(minuteMs);
  expect((await run.round()).map(({ subject }) => subject)).toEqual(["[ALERT] hosts: a", "[RECOVERED] hosts: b"]);
  expect(run.hound.find(run.hound.standings()[0]?.id ?? "")).toMatchObject({ series: "a", message: "It is gone" });
  await run.pass(8 * dayMs, hourMs);
  expect(run.hound.standings().map(({ series }) => series)).toEqual(["b"]);
});

test("round: series whose names change all the time are kept to a bound, and what was told goes last", async () => {
  let names: string[] = [];
  const source = fakeSource((_, untilSeconds) => ({
    series: names.map((name) => seriesOf(name, [[name === "first" ? 20 : 1, untilSeconds]])),
  }));
  const run = new HoundTest([{ name: "pods", target: "pod.*", above: 10, per_series: true }], source);
  names = ["first"];
  expect((await run.round()).length).toBe(1);
  for (let round = 0; round < 30; round++) {
    names = Array.from({ length: 300 }, (_, number) => `pod-${round}-${number}`);
    run.clock.advance(minuteMs);
    await run.round();
  }
  const kept = run.hound.standings().map(({ series }) => series ?? "");
  expect(kept.length).toBe(2000);
  expect(kept.includes("first")).toBe(true);
  expect(kept.filter((name) => name.startsWith("pod-29-")).length).toBe(300);
  expect(kept.some((name) => name.startsWith("pod-5-"))).toBe(false);
  run.restart();
  expect(run.hound.standings().length).toBe(2000);
});

test("round: change and weeks compare with what was before", async () => {
  const atSeconds = Date.UTC(2030, 0, 1) / 1000;
  const source = fakeSource((target, untilSeconds) => {
    if (target === "disk")
      return {
        series: [
          seriesOf(target, [
            [50, untilSeconds - 3660],
            [80, untilSeconds],
          ]),
        ],
      };
    const isNow = untilSeconds >= atSeconds;
    return {
      series: [
        seriesOf(
          target,
          isNow
            ? [[40, untilSeconds]]
            : [
                [8, untilSeconds - 60],
                [12, untilSeconds],
              ],
        ),
      ],
    };
  });
  const entries = [
    { name: "grows", target: "disk", above: 50, change: { over: "1h", as: "percent" } },
    { name: "odd", target: "visits", above: 10, weeks: { count: 2 }, either_way: true },
    { name: "much", target: "visits", above: 250, weeks: { count: 2, as: "percent" } },
  ];
  const run = new HoundTest(entries, source);
  await run.round();
  expect(run.hound.standings().map(({ message, value }) => `${value} ${message}`)).toEqual([
    "60 60.000000 >= 50.000000 (percent over 3600 s)",
    "15 15.000000 >= 10.000000 (deviations against 2 weeks before, either way)",
    "300 300.000000 >= 250.000000 (percent against 2 weeks before)",
  ]);
});
