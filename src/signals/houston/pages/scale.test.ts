/* eslint-disable import/default -- what is imported is the text of a file, not what it exports */
import { expect, test } from "bun:test";

import fc from "fast-check";

import scaleText from "./scale.browser.js" with { type: "text" };

interface Wish {
  low: number | undefined;
  high: number | undefined;
  isLog: boolean;
  isStacked: boolean;
}
/** As the browser gets it. */
const { valueRange } = (await import(`data:text/javascript;base64,${btoa(scaleText)}`)) as {
  valueRange(
    min: number | null,
    max: number | null,
    wish: Wish,
    round: (min: number, max: number) => [number, number],
  ): [number, number];
};

const round = (min: number, max: number): [number, number] => [min - 1, max + 1];
const wish = { low: undefined, high: undefined, isLog: false, isStacked: false };

test("valueRange: what a graph says counts, and what it says the wrong way round is turned", () => {
  expect(valueRange(2, 4, wish, round)).toEqual([1, 5]);
  expect(valueRange(2, 4, { ...wish, low: 0, high: 100 }, round)).toEqual([0, 100]);
  expect(valueRange(2, 4, { ...wish, low: 100, high: 0 }, round)).toEqual([0, 100]);
  expect(valueRange(2, 4, { ...wish, isStacked: true }, round)).toEqual([0, 5]);
  expect(valueRange(null, null, wish, round)).toEqual([-1, 2]);
});

test("valueRange: whatever is asked, there is room between two finite numbers, above nought for logarithms", () => {
  const number = fc.double();
  const bound = fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }), { nil: undefined });
  fc.assert(
    fc.property(
      fc.option(number),
      fc.option(number),
      bound,
      bound,
      fc.boolean(),
      fc.boolean(),
      (min, max, low, high, isLog, isStacked) => {
        const [from, until] = valueRange(min, max, { low, high, isLog, isStacked }, round);
        expect(Number.isFinite(from) && Number.isFinite(until - from) && until > from).toBe(true);
        if (isLog) expect(from).toBeGreaterThan(0);
      },
    ),
  );
});
