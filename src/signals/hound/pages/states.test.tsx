import { expect, test } from "bun:test";

import type { Rule } from "../rule.ts";
import type { StandingState } from "../standing.ts";
import { comparisonOf, shownValue } from "./states.tsx";

test("shownValue: four decimals at most, and no zeros for their own sake", () => {
  expect([12, 12.34567, -0.00001, 1e9, 0.1 + 0.2].map(shownValue)).toEqual(["12", "12.3457", "0", "1000000000", "0.3"]);
});

test("comparisonOf: the sign is the one that holds, as the predecessor showed it", () => {
  const shown = (state: StandingState, direction: Rule["direction"], value: number | undefined = 3) =>
    comparisonOf({ state, value, rule: { direction, threshold: 10 } });
  expect([shown("OK", "above"), shown("OK", "below"), shown("Failed", "above"), shown("Failed", "below")]).toEqual([
    "3 < 10",
    "3 > 10",
    "3 > 10",
    "3 < 10",
  ]);
  expect([shown("Error", "above"), shown("NoData", "below")]).toEqual(["3 > 10", "3 < 10"]);
  expect(comparisonOf({ state: "Error", value: undefined, rule: { direction: "above", threshold: 10 } })).toBe(
    "? > 10",
  );
});
