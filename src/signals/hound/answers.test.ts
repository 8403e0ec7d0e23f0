/** Asking for many rules at once, with sources that are late, half away, or away. */
import { expect, test } from "bun:test";

import { Fault } from "../../kit/fault.ts";
import type { MetricSource } from "../../kit/metric-source/source.ts";
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { askAll } from "./answers.ts";
import { readRules } from "./rule-file.ts";
import { fakeSource } from "./testing/fake-source.ts";

const defaults = { windowMs: 600_000, graceMs: undefined, forMs: 0, keepFiringMs: 0, zone: "UTC" };
const never = new AbortController().signal;

function rulesOf(targets: readonly string[]) {
  return readRules(
    targets.map((target, number) => ({ name: `r${number}`, target, above: number })),
    undefined,
    defaults,
  );
}

test("askAll: what is asked twice is asked once, many targets in one question", async () => {
  const source = fakeSource(() => 1);
  const rules = rulesOf(Array.from({ length: 5000 }, (_, number) => `t${number % 4000}`));
  const answers = await askAll(source, rules, 1000, { clock: new ManualClock(), signal: never });
  expect(source.asked).toBe(4);
  expect(rules.every((rule) => answers.of?.(rule)[0]?.series?.[0]?.points[0]?.[0] === 1)).toBe(true);
});

test("askAll: a question that hangs is given up, and its targets are asked in smaller ones", async () => {
  const clock = new ManualClock();
  const good = fakeSource(() => 1);
  let questions = 0;
  const source: MetricSource = {
    ...good,
    render(targets, range, signal) {
      questions++;
      if (targets.includes("hangs")) return new Promise(() => undefined);
      return good.render(targets, range, signal);
    },
  };
  const targets = Array.from({ length: 300 }, (_, number) => (number === 120 ? "hangs" : `t${number}`));
  const rules = rulesOf(targets);
  const asked = askAll(source, rules, 1000, { clock, signal: never, batch: 100, timeoutMs: 10_000 });
  const answers = await clock.until(asked);
  expect(clock.monotonicMs()).toBe(20_000);
  expect(questions).toBe(5);
  const failed = rules.filter((rule) => answers.of?.(rule)[0]?.fault !== undefined);
  expect(failed.length).toBe(50);
  expect(answers.of?.(failed[0] ?? (rules[0] as (typeof rules)[0]))[0]?.fault?.kind).toBe("timeout");
});

test("askAll: a source of which nothing can be read is blind; one that refuses what is asked is not", async () => {
  const clock = new ManualClock();
  const away = fakeSource(() => {
    throw new Fault("unavailable", "x/y", "Connection refused");
  });
  expect(await askAll(away, rulesOf(["a", "b"]), 1000, { clock, signal: never })).toEqual({
    blind: "Connection refused",
  });
  const refusing = fakeSource(() => ({ fault: new Fault("invalid", "x/y", "No such function") }));
  const answers = await askAll(refusing, rulesOf(["a", "b"]), 1000, { clock, signal: never });
  expect(answers.blind).toBeUndefined();
});

test("askAll: ends when it is told to", async () => {
  const stop = new AbortController();
  const source: MetricSource = { ...fakeSource(() => 1), render: () => new Promise(() => undefined) };
  const asked = askAll(source, rulesOf(["a"]), 1000, { clock: new ManualClock(), signal: stop.signal });
  stop.abort(new Error("Stopping"));
  await expect(asked).rejects.toThrow("Stopping");
});
