import { expect, test } from "bun:test";

import { systemClock } from "../../kit/clock.ts";
import { silentLog } from "../../kit/log.ts";
import { seriesOf } from "./testing/fake-source.ts";
import { plainPolicy } from "./testing/test-hound.ts";
import { replay } from "./replay.ts";
import { readRules } from "./rule-file.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

test("replay: of a rule with two levels every word is there, and one failing from its first to its last", async () => {
  const defaults = { windowMs: 600_000, graceMs: undefined, forMs: 0, keepFiringMs: 0, zone: "UTC" };
  const written = { name: "disk", target: "disk", above: { warning: 80, critical: 95 } };
  const [rule] = readRules([written], undefined, defaults);
  if (!rule) throw new Error("there is no rule");
  const fromAt = 1e12;
  const worth = (at: number) => [10, 85, 97, 85, 10][Math.floor((at - fromAt / 1000) / 300)] ?? 10;
  const report = await replay(rule, {
    source: {
      name: "fake",
      language: "graphite",
      async render(targets, { fromSeconds, untilSeconds }) {
        const points: [number, number][] = [];
        for (let at = fromSeconds; at <= untilSeconds; at += 60) points.push([worth(at), at]);
        return targets.map((target) => ({ series: [seriesOf(target, points)] }));
      },
      find: async () => [],
    },
    policy: plainPolicy,
    fromAt,
    untilAt: fromAt + 1_500_000,
    everyMs: 60_000,
    clock: systemClock,
    log: silentLog,
    signal: new AbortController().signal,
  });
  expect(report.told.map(({ at, subject }) => `${(at - fromAt) / 60_000}: ${subject}`)).toEqual([
    "5: [ALERT] disk (warning)",
    "10: [ALERT] disk (critical, was warning)",
    "15: [ALERT] disk (warning, was critical)",
    "20: [RECOVERED] disk",
  ]);
  expect(report.failings).toEqual([
    { fromAt: fromAt + 300_000, untilAt: fromAt + 1_200_000, message: "85.000000 >= 80.000000" },
  ]);
});

test("replay: a long past of short rounds is judged a little more coarsely, and one that is far too long is refused", async () => {
  const defaults = { windowMs: 600_000, graceMs: undefined, forMs: hourMs, keepFiringMs: 0, zone: "UTC" };
  const [rule] = readRules([{ name: "load", target: "load", above: 10 }], undefined, defaults);
  if (!rule) throw new Error("there is no rule");
  const run = (pastMs: number) =>
    replay(rule, {
      source: {
        name: "fake",
        language: "graphite",
        async render(targets, { fromSeconds, untilSeconds }) {
          const count = Math.floor((untilSeconds - fromSeconds) / 60);
          const points = Array.from({ length: count }, (_, at): [number, number] => [12, fromSeconds + at * 60]);
          return targets.map((target) => ({ series: [seriesOf(target, points)] }));
        },
        find: async () => [],
      },
      policy: plainPolicy,
      fromAt: 1e12,
      untilAt: 1e12 + pastMs,
      everyMs: 1000,
      clock: systemClock,
      log: silentLog,
      signal: new AbortController().signal,
    });
  const report = await run(dayMs);
  expect(report.rounds).toBeLessThanOrEqual(50_000);
  expect(report.failings).toHaveLength(1);
  expect((report.failings[0]?.fromAt ?? 0) - 1e12).toBeLessThan(hourMs + 10_000);
  await expect(run(70 * dayMs)).rejects.toThrow("the past may be");
}, 120_000);
