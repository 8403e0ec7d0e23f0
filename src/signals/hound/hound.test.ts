/** Rules over time on a clock that a test moves: when they are told, to whom, and what keeps them from it. */
import { expect, test } from "bun:test";

import { Fault } from "../../kit/fault.ts";
import { readRules } from "./rule-file.ts";
import { fakeSource, type Said, seriesOf } from "./testing/fake-source.ts";
import { HoundTest } from "./testing/test-hound.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const rule = { name: "load", target: "load", above: 10 };

/** A source of which the test says what each target is worth. */
function saying(values: Record<string, Said>) {
  return fakeSource((target) => values[target] ?? null);
}

test("round: word goes out at once, after 5, 30, 60, 120, 240 and 480 minutes, then every 24 hours, and on recovery", async () => {
  const values = { load: 12 };
  const run = new HoundTest([rule], saying(values));
  const told = await run.pass(4 * dayMs);
  const minutes = told.map((line) => Number.parseInt(line, 10));
  const pauses = minutes.slice(1).map((minute, position) => minute - (minutes[position] ?? 0));
  expect(minutes[0]).toBe(0);
  expect(pauses).toEqual([5, 30, 60, 120, 240, 480, 1440, 1440, 1440]);
  values.load = 9;
  expect(await run.pass(dayMs)).toEqual(["0: [RECOVERED] load"]);
  values.load = 10;
  expect((await run.pass(6 * minuteMs)).length).toBe(2);
});

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

test("round: the words and the recipients are the predecessor's", async () => {
  const values = { load: 12 };
  const entry = { ...rule, to: "a@x.example, b@x.example", runbook: "https://wiki.example/load", kind: "notice" };
  const run = new HoundTest([entry], saying(values), { graphBase: "https://g.example/render/" });
  const [alert] = await run.round();
  expect(alert).toMatchObject({
    kind: "alert",
    subject: "[NOTICE] load",
    recipients: ["a@x.example", "b@x.example"],
    value: 12,
  });
  expect(alert?.text).toBe(
    [
      "load [load] has triggered an alert",
      "Status:\tFailed",
      "Message:\t12.000000 >= 10.000000",
      "",
      "Daily Graph: https://g.example/render/?target=load&target=threshold(10.000000)&width=1600&height=300&fontSize=20&bgcolor=FFFFFF&fgcolor=000000&hideGrid=true&colorList=%23999999,%23006699&from=-24hours",
      "Weekly Graph: https://g.example/render/?target=load&target=threshold(10.000000)&width=1600&height=150&fontSize=20&hideGrid=true&hideLegend=true&graphOnly=true&hideAxes=true&bgcolor=EEEEEE&fgcolor=000000&hideGrid=true&colorList=%23cccccc,%236699cc&from=-7days",
      "",
      "Runbook link:",
      "https://wiki.example/load",
      "",
    ].join("\n"),
  );
  values.load = 1;
  const [recovery] = await run.round();
  expect(recovery).toMatchObject({ subject: "[RECOVERED] load", text: "load [load] has returned below 10.000000\n" });
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

test("acknowledge: stops the repeats until it recovers, and the recovery is told", async () => {
  const values = { load: 12 };
  const run = new HoundTest([rule], saying(values));
  await run.round();
  expect(run.hound.acknowledge("nobody", "me")).toBe(false);
  expect(run.hound.acknowledge(run.hound.standings()[0]?.id ?? "", "me")).toBe(true);
  run.restart();
  expect(await run.pass(2 * dayMs)).toEqual([]);
  expect(run.hound.standings()[0]).toMatchObject({ mutedBy: "acknowledged", acknowledged: { by: "me" } });
  values.load = 1;
  expect(await run.pass(hourMs)).toEqual(["0: [RECOVERED] load"]);
  values.load = 12;
  expect(await run.pass(minuteMs)).toEqual(["0: [ALERT] load"]);
});

test("silence: what it covers is not told until it ends; others are", async () => {
  const values = { load: 12, web: 12 };
  const run = new HoundTest(
    [
      { ...rule, labels: { host: "db-1" } },
      { name: "web", target: "web", above: 1 },
    ],
    saying(values),
  );
  const untilAt = run.clock.now() + 3 * hourMs;
  const { id } = run.hound.silence({ matcher: "host=db-*", untilAt, by: "me", comment: "moving" });
  run.restart();
  expect(run.hound.silences()).toMatchObject([{ id, matcher: "host=db-*", by: "me", comment: "moving" }]);
  expect((await run.pass(2 * minuteMs)).join()).toBe("0: [ALERT] web");
  expect(run.hound.standings()[0]).toMatchObject({ mutedBy: "silence", silencedUntilAt: untilAt });
  expect(run.hound.unsilence(id, "me")).toBe(true);
  expect(run.hound.unsilence(id, "me")).toBe(false);
  expect((await run.pass(minuteMs)).join()).toBe("0: [ALERT] load");
  expect(() => run.hound.silence({ matcher: "nonsense", untilAt, by: "", comment: "" })).toThrow("wanted a label");
  expect(() => run.hound.silence({ matcher: "a=b", untilAt: 0, by: "", comment: "" })).toThrow("later than now");
});

test("tell: quiet hours hold back, and tell afterwards what came and went", async () => {
  const values = { load: 12, brief: 12 };
  const quiet = {
    windows: [
      { kind: "weekly" as const, days: [0, 1, 2, 3, 4, 5, 6], fromMinute: 22 * 60, untilMinute: 7 * 60, zone: "UTC" },
    ],
    exceptSeverities: ["critical"],
  };
  const entries = [
    { ...rule, severity: "warning" },
    { name: "brief", target: "brief", above: 1, severity: "warning" },
    { name: "loud", target: "load", above: 1 },
  ];
  const run = new HoundTest(entries, saying(values), { quiet }, Date.UTC(2030, 0, 1, 23));
  expect(await run.pass(hourMs, 10 * minuteMs)).toEqual(["0: [ALERT] loud", "10: [ALERT] loud", "40: [ALERT] loud"]);
  values.brief = 0;
  run.hound.acknowledge(run.hound.standings()[2]?.id ?? "", "me");
  run.restart();
  expect(await run.pass(8 * hourMs, 10 * minuteMs)).toEqual([
    "420: [ALERT] load",
    "420: [NOTICE] In quiet hours: brief",
    "430: [ALERT] load",
    "460: [ALERT] load",
  ]);
});

test("tell: a rule that depends on one that fails waits for it", async () => {
  const values = { router: 0, site: 0, page: 9 };
  const entries = [
    { name: "router", target: "router", below: 0, for: "3m" },
    { name: "site", target: "site", below: 0, depends_on: ["router"], for: "1m" },
    { name: "page", target: "page", above: 5, depends_on: ["site"] },
  ];
  const run = new HoundTest(entries, saying(values));
  expect(await run.pass(10 * minuteMs)).toEqual(["3: [ALERT] router", "8: [ALERT] router"]);
  values.router = 1;
  expect(await run.pass(2 * minuteMs)).toEqual(["0: [RECOVERED] router", "1: [ALERT] site"]);
  values.site = 1;
  expect(await run.pass(2 * minuteMs)).toEqual(["0: [RECOVERED] site", "1: [ALERT] page"]);
});

test("tell: points of what one depends on may come a round later, when it fails and when it is good again", async () => {
  const values = { page: 1, router: 1 };
  const entries = [
    { name: "page", target: "page", above: 5, depends_on: ["router"] },
    { name: "router", target: "router", below: 0 },
  ];
  const run = new HoundTest(entries, saying(values));
  await run.pass(minuteMs);
  values.page = 9;
  expect(await run.pass(minuteMs)).toEqual([]);
  expect(run.hound.standings()[0]).toMatchObject({ state: "Failed", mutedBy: "dependency" });
  values.router = 0;
  expect(await run.pass(2 * minuteMs)).toEqual(["0: [ALERT] router"]);
  values.router = 1;
  expect(await run.pass(minuteMs)).toEqual(["0: [RECOVERED] router"]);
  values.page = 1;
  expect(await run.pass(hourMs)).toEqual([]);
  // Where nothing else fails it is told all the same.
  values.page = 9;
  expect(await run.pass(3 * minuteMs)).toEqual(["1: [ALERT] page"]);
});

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

test("tell: many at once are one message, and never more than the throttle", async () => {
  const values: Record<string, Said> = {};
  const entries = Array.from({ length: 30 }, (_, number) => {
    values[`m${number}`] = 5;
    return {
      name: `r${number}`,
      target: `m${number}`,
      above: 1,
      ...(number < 20 ? {} : { to: `p${number}@x.example` }),
    };
  });
  const run = new HoundTest(entries, saying(values), { groupFrom: 5, throttle: 4 });
  const told = await run.round();
  expect(told.map(({ kind, rules, subject }) => `${kind} ${rules.length} ${subject}`)).toEqual([
    "alert 20 [ALERT] 20 metrics: r0, r1, r2 and 17 more",
    "alert 1 [ALERT] r20",
    "alert 1 [ALERT] r21",
    "alert 1 [ALERT] r22",
    "throttled 7 [ALERT] Hound is throttled",
  ]);
  expect(told[4]?.text).toStartWith("30 metrics were not OK.\nHound stopped sending messages after 4.\n");
  expect(told[4]?.recipients).toContain("p29@x.example");
  for (const key of Object.keys(values)) values[key] = 0;
  expect((await run.round()).map(({ kind, rules }) => `${kind} ${rules.length}`)).toEqual([
    "recovery 20",
    "recovery 1",
    "recovery 1",
    "recovery 1",
    "recoveries 7",
  ]);
});

test("tell: one that flaps is told once, then only at growing intervals, until it is calm", async () => {
  const values = { load: 12 };
  const flap = { failures: 3, windowMs: hourMs, calmMs: 30 * minuteMs };
  const run = new HoundTest([rule], saying(values), { level: { flap, gapMs: hourMs } });
  const told: string[] = [];
  for (let turn = 0; turn < 200; turn++) {
    values.load = turn % 2 === 0 ? 12 : 1;
    told.push(...(await run.pass(minuteMs)).map((line) => line.replace("0", String(turn))));
  }
  expect(told.slice(0, 5)).toEqual([
    "0: [ALERT] load",
    "1: [RECOVERED] load",
    "2: [ALERT] load",
    "3: [RECOVERED] load",
    "4: [ALERT] load (flapping)",
  ]);
  expect(told.length).toBe(8);
  expect(run.hound.standings()[0]).toMatchObject({ isFlapping: true });
  values.load = 1;
  expect((await run.pass(hourMs)).filter((line) => line.includes("RECOVERED"))).toEqual(["29: [RECOVERED] load"]);
});

test("tell: routes by label, and whoever is called in late", async () => {
  const values = { load: 12, web: 12 };
  const { parseMatcher } = await import("./matcher.ts");
  const routes = [
    { matcher: parseMatcher("severity=warning"), recipients: ["channel:room"], goesOn: true },
    { matcher: parseMatcher("team=web"), recipients: ["web@x.example"], goesOn: false },
    { matcher: parseMatcher("name=*"), recipients: ["rest@x.example"], goesOn: false },
  ];
  const entries = [
    { ...rule, escalate: { after: "2h", to: "boss@x.example" } },
    { name: "web", target: "web", above: 1, severity: "warning", labels: { team: "web" } },
  ];
  const run = new HoundTest(entries, saying(values), { routes });
  expect((await run.round()).map(({ recipients }) => recipients)).toEqual([
    ["rest@x.example"],
    ["channel:room", "web@x.example"],
  ]);
  await run.pass(2 * hourMs - minuteMs);
  run.clock.advance(minuteMs);
  expect((await run.round()).filter(({ subject }) => subject.includes("load"))).toMatchObject([
    { recipients: ["boss@x.example"] },
  ]);
  values.load = 1;
  expect((await run.round())[0]?.recipients).toEqual(["rest@x.example", "boss@x.example"]);
});

test("round: a source that cannot be read is one alert, not a storm", async () => {
  const state = { isAway: false, load: 12 };
  const source = fakeSource(() => {
    if (state.isAway) throw new Fault("unavailable", "x/away", "Connection refused");
    return state.load;
  });
  const run = new HoundTest([rule, { ...rule, name: "two" }], source, { tellsErrors: true });
  await run.round();
  state.isAway = true;
  run.clock.advance(minuteMs);
  const told = await run.pass(3 * hourMs);
  expect(told).toEqual([
    "5: [ERROR] Hound is blind",
    "10: [ERROR] Hound is blind",
    "40: [ERROR] Hound is blind",
    "100: [ERROR] Hound is blind",
  ]);
  expect(run.hound.sight().blind?.reason).toBe("Connection refused");
  expect(run.hound.standings().map((one) => one.state)).toEqual(["Failed", "Failed"]);
  state.isAway = false;
  state.load = 1;
  expect((await run.round()).map(({ subject }) => subject)).toEqual([
    "[RECOVERED] load",
    "[RECOVERED] two",
    "[RECOVERED] Hound sees again",
  ]);
});

test("round: errors are told together, with a schedule of their own", async () => {
  const values: Record<string, Said> = { load: null, other: null, good: 1 };
  const entries = [rule, { name: "other", target: "other", above: 5 }, { name: "good", target: "good", above: 5 }];
  const run = new HoundTest(entries, saying(values), { tellsErrors: true, blindAfterMs: 0 });
  expect(await run.pass(hourMs)).toEqual([
    "0: [ERROR] Hound encountered errors",
    "5: [ERROR] Hound encountered errors",
    "35: [ERROR] Hound encountered errors",
  ]);
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
  const { readRules } = await import("./rule-file.ts");
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

test("silence: everybody is told of it where that is wanted", async () => {
  const run = new HoundTest([rule], saying({ load: 1 }), { tellsSilences: true });
  const untilAt = run.clock.now() + hourMs;
  const { id } = run.hound.silence({ matcher: "name=load", untilAt, by: "ann", comment: "new disk" });
  const [made] = await run.round();
  expect(made).toMatchObject({ kind: "silence", recipients: ["ops@x.example"] });
  expect(made?.text).toBe(
    "Nothing is told of name=load until 2030-01-01 01:00 UTC: ann has silenced it.\n\nnew disk\n",
  );
  run.hound.unsilence(id, "bob");
  expect((await run.round())[0]?.subject).toBe("[NOTICE] No longer silent: name=load");
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

test("tell: a notice about thousands stays of a size that can be sent", async () => {
  const entries = Array.from({ length: 3000 }, (_, number) => ({
    name: `r${number}`,
    target: "load",
    above: number / 1e6,
  }));
  const run = new HoundTest(entries, saying({ load: 5 }), { groupFrom: 5, throttle: 10 });
  const [only, ...more] = await run.round();
  expect([more.length, only?.subject]).toEqual([0, "[ALERT] 3000 metrics: r0, r1, r2 and 2997 more"]);
  expect(only?.rules.length).toBe(1000);
  expect(only?.text.length).toBeLessThan(20_000);
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

test("clock: set forth by a day and back again it ends no silence before its time", async () => {
  const run = new HoundTest([rule], saying({ load: 12 }));
  run.hound.silence({ matcher: "name=load", untilAt: run.clock.now() + 2 * hourMs, by: "anna", comment: "" });
  run.clock.jump(dayMs);
  expect(run.hound.silences()).toEqual([]);
  run.clock.jump(-dayMs);
  expect(run.hound.silences()).toHaveLength(1);
  expect(await run.pass(hourMs)).toEqual([]);
});

test("silence: one that ends in thousands of years is refused, for no calendar has that day", () => {
  const run = new HoundTest([rule], saying({ load: 1 }), { tellsSilences: true });
  const wanted = { matcher: "name=load", untilAt: 9_000_000_000_000_000, by: "anna", comment: "" };
  expect(() => run.hound.silence(wanted)).toThrow("within ten years");
  expect(run.hound.silences()).toEqual([]);
});
