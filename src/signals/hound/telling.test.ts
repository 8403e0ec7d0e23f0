/** When word goes out, how often, in which words and to whom, on a clock that a test moves. */
import { expect, test } from "bun:test";

import { Fault } from "../../kit/fault.ts";
import { parseMatcher } from "./matcher.ts";
import { fakeSource, type Said, saying } from "./testing/fake-source.ts";
import { HoundTest } from "./testing/test-hound.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const rule = { name: "load", target: "load", above: 10 };

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
