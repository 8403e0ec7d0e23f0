/** Verdicts from values: what counts as one, which series counts, and what is compared. */
import { expect, test } from "bun:test";
import fc from "fast-check";

import { Fault } from "../../kit/fault.ts";
import type { Rule } from "./rule.ts";
import { readRules } from "./rule-file.ts";
import { seriesOf } from "./testing/fake-source.ts";
import { asksOf, verdictsOf } from "./verdict.ts";

const at = 1_900_000_000;
const rule = (written: object): Rule => {
  const defaults = { windowMs: 600_000, graceMs: undefined, forMs: 0, keepFiringMs: 0, zone: "UTC" };
  const [read] = readRules([{ name: "r", target: "t", ...written }], undefined, defaults);
  return read as Rule;
};
const newest = (...values: (number | null)[]) => ({
  series: values.map((value, number) => seriesOf(`s${number}`, [[value, at]])),
});

test("verdictsOf: the worst of several series counts, up or down, and those without values do not", () => {
  expect(verdictsOf(rule({ above: 5 }), [newest(1, 9, null, 3)], at)).toMatchObject([{ outcome: "bad", value: 9 }]);
  expect(verdictsOf(rule({ below: 5 }), [newest(7, 4, Number.NaN)], at)).toMatchObject([{ outcome: "bad", value: 4 }]);
  expect(verdictsOf(rule({ above: 5, either_way: true }), [newest(1, -9)], at)).toMatchObject([{ value: 9 }]);
  expect(verdictsOf(rule({ above: 5 }), [newest(null)], at)).toMatchObject([{ outcome: "no-data" }]);
  expect(verdictsOf(rule({ above: 5 }), [{ series: [] }], at)).toMatchObject([{ outcome: "no-data" }]);
});

test("verdictsOf: a fault is an error in its words; too many series are one, too", () => {
  const fault = new Fault("invalid", "x/y", "No such function");
  expect(verdictsOf(rule({ above: 5 }), [{ fault }], at)).toMatchObject([
    { outcome: "error", message: "No such function" },
  ]);
  const many = newest(...Array.from({ length: 1001 }, () => 1));
  expect(verdictsOf(rule({ above: 5, per_series: true }), [many], at)).toMatchObject([{ outcome: "error" }]);
  expect(verdictsOf(rule({ above: 5 }), [many], at)).toMatchObject([{ outcome: "good" }]);
});

test("verdictsOf: what is left of two infinities is no value, and hides none", () => {
  const changing = rule({ above: 5, change: { over: "1m" } });
  const points = (first: number, last: number) => ({
    series: [
      seriesOf("odd", [
        [Infinity, at - 60],
        [Infinity, at],
      ]),
      seriesOf("plain", [
        [first, at - 60],
        [last, at],
      ]),
    ],
  });
  expect(verdictsOf(changing, [points(0, 9)], at)).toMatchObject([{ outcome: "bad", value: 9 }]);
  expect(verdictsOf(changing, [points(0, 1)], at)).toMatchObject([{ outcome: "good", value: 1 }]);
  const [odd] = points(0, 0).series;
  expect(verdictsOf(changing, [{ series: odd ? [odd] : [] }], at)).toMatchObject([{ outcome: "no-data" }]);
});

test("verdictsOf: for any values, exactly those on the wrong side of the threshold fail", () => {
  const value = fc.double({ noNaN: true, noDefaultInfinity: true });
  fc.assert(
    fc.property(value, value, (measured, threshold) => {
      const [above] = verdictsOf(rule({ above: threshold }), [newest(measured)], at);
      const [below] = verdictsOf(rule({ below: threshold }), [newest(measured)], at);
      expect(above?.outcome).toBe(measured >= threshold ? "bad" : "good");
      expect(below?.outcome).toBe(measured <= threshold ? "bad" : "good");
    }),
  );
});

test("verdictsOf: a change needs a value before it; from nothing there are no percents", () => {
  const change = (as: string) => rule({ above: 5, change: { over: "1m", as } });
  const series = {
    series: [
      seriesOf("s", [
        [0, at - 120],
        [0, at - 60],
        [30, at],
      ]),
    ],
  };
  expect(verdictsOf(change("difference"), [series], at)).toMatchObject([{ value: 30 }]);
  expect(verdictsOf(change("per-second"), [series], at)).toMatchObject([{ value: 0.5, outcome: "good" }]);
  expect(verdictsOf(change("percent"), [series], at)).toMatchObject([{ value: undefined, outcome: "good" }]);
  expect(verdictsOf(change("difference"), [newest(30)], at)).toMatchObject([{ value: undefined, outcome: "good" }]);
});

test("asksOf: weeks ask for the same window, whole weeks before", () => {
  const asks = asksOf(rule({ above: 1, weeks: { count: 2 } }), at);
  expect(asks.map(({ fromSeconds, untilSeconds }) => [at - fromSeconds, at - untilSeconds])).toEqual([
    [600, 0],
    [605_400, 604_800],
    [1_210_200, 1_209_600],
  ]);
});

test("verdictsOf: a line that never moved makes no sensation of a hair's breadth", () => {
  const odd = rule({ above: 3, weeks: { count: 1, as: "deviations" }, either_way: true });
  const flat = {
    series: [
      seriesOf("s0", [
        [100, at - 604_860],
        [100, at - 604_800],
      ]),
    ],
  };
  expect(verdictsOf(odd, [newest(100.5), flat], at)).toMatchObject([{ outcome: "good", value: 0.5 }]);
  expect(verdictsOf(odd, [newest(90), flat], at)).toMatchObject([{ outcome: "bad", value: 10 }]);
  expect(verdictsOf(odd, [newest(90), { series: [] }], at)).toMatchObject([{ outcome: "good", value: undefined }]);
});
