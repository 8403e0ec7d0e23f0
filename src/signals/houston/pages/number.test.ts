/* eslint-disable import/default -- what is imported is the text of a file, not what it exports */
import { expect, test } from "bun:test";

import fc from "fast-check";

import numberText from "./number.browser.js" with { type: "text" };

const alone = numberText.replaceAll(/^import .*$/gm, "");
/** As the browser gets them; what they draw with is not needed here. */
const { pathOf, reached } = (await import(`data:text/javascript;base64,${Buffer.from(alone).toString("base64")}`)) as {
  pathOf(values: readonly (number | null)[]): string;
  reached(
    value: number,
    thresholds: readonly { value: number; tone?: string; below?: boolean; label?: string }[],
  ): { label?: string } | undefined;
};

test("reached: the worst that is, from above or from below; none when none is", () => {
  const thresholds = [
    { value: 95, tone: "bad", label: "full" },
    { value: 80, tone: "warn", label: "nearly" },
    { value: 5, tone: "warn", below: true, label: "empty" },
  ];
  expect([4, 5, 6, 79, 80, 95, 1e308].map((value) => reached(value, thresholds)?.label)).toEqual([
    "empty",
    "empty",
    undefined,
    undefined,
    "nearly",
    "full",
    "full",
  ]);
});

test("pathOf: a line through what is known, a gap where that is far apart, and a flat one for what is all the same", () => {
  const values = Array<number | null>(101).fill(null).with(0, 0).with(10, 1).with(80, 1).with(90, 0).with(100, 0.5);
  expect(pathOf(values)).toBe("M0.0 23.0h0.1L10.0 1.0M80.0 1.0h0.1L90.0 23.0L100.0 12.0");
  expect(pathOf([7, 7])).toBe("M0.0 12.0h0.1L100.0 12.0");
  expect([pathOf([]), pathOf([null]), pathOf([3])]).toEqual(["", "", "M100.0 12.0h0.1"]);
});

test("pathOf: whatever the values are, every number of it is inside of the picture", () => {
  const value = fc.option(
    fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom(1e308, -1e308, 5e-324)),
  );
  fc.assert(
    fc.property(fc.array(value, { maxLength: 20 }), (values) => {
      for (const [, x, y] of pathOf(values).matchAll(/[ML](\S+) ([^MLh]+)/g)) {
        expect(Number(x)).toBeWithin(0, 100.1);
        expect(Number(y)).toBeWithin(1, 23.1);
      }
      expect(pathOf(values)).not.toMatch(/NaN|Infinity/);
    }),
  );
});
