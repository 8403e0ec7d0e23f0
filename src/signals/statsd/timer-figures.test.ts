import { describe, expect, test } from "bun:test";

import { createTimerFigures, figureNames, type TimerRules } from "./timer-figures.ts";

const plain: TimerRules = { percentiles: [], histograms: [], only: [] };
function figures(values: number[], rules: Partial<TimerRules> = {}, count = values.length): Record<string, number> {
  const found: Record<string, number> = {};
  createTimerFigures({ ...plain, ...rules })("a", values, count, 0.1, (figure, value) => {
    found[figure] = value;
  });
  return found;
}

describe("timerFigures", () => {
  test("timerFigures: one value", () => {
    expect(figures([100], { percentiles: [90, -10] })).toEqual({
      count_90: 1,
      mean_90: 100,
      upper_90: 100,
      sum_90: 100,
      sum_squares_90: 10_000,
      count_top10: 1,
      mean_top10: 100,
      lower_top10: 100,
      sum_top10: 100,
      sum_squares_top10: 10_000,
      std: 0,
      upper: 100,
      lower: 100,
      count: 1,
      count_ps: 10,
      sum: 100,
      sum_squares: 10_000,
      mean: 100,
      median: 100,
    });
  });

  test("timerFigures: several, with thresholds", () => {
    expect(figures([300, 100, 200], { percentiles: [90, 80] }, 50)).toMatchObject({
      std: 81.64965809277261,
      sum_squares: 140_000,
      count: 50,
      count_ps: 500,
      count_90: 3,
      mean_90: 200,
      upper_90: 300,
      sum_90: 600,
      count_80: 2,
      mean_80: 150,
      upper_80: 200,
      sum_80: 300,
      sum_squares_80: 50_000,
    });
    expect(figures([300, 200, 400, 100]).median).toBe(250);
  });

  test("timerFigures: a threshold below 0 is of the largest values", () => {
    const values = [...Array.from({ length: 8 }, () => 10), 100, 200];
    expect(figures(values, { percentiles: [-20] })).toMatchObject({
      mean_top20: 150,
      lower_top20: 100,
      sum_top20: 300,
      sum_squares_top20: 50_000,
    });
    expect(figures(values, { percentiles: [-100] })).toMatchObject({ mean_top100: 38, lower_top100: 10 });
  });

  test("timerFigures: a threshold that holds no value tells nothing; names of fractions", () => {
    expect(Object.keys(figures([1, 2], { percentiles: [10] })).some((name) => name.endsWith("_10"))).toBe(false);
    expect(figures([1, 2], { percentiles: [99.9] }).upper_99_9).toBe(2);
  });

  test("timerFigures: bins", () => {
    const bins = [1, 2.21, "inf"] as const;
    expect(figures([0.1234, 2.89, 4, 6, 8], { histograms: [{ metric: "a", bins }] })).toMatchObject({
      "histogram.bin_1": 1,
      "histogram.bin_2_21": 0,
      "histogram.bin_inf": 4,
    });
    const some = figures([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], { histograms: [{ metric: "", bins: [1, 2] }] });
    expect([some["histogram.bin_1"], some["histogram.bin_2"], some["histogram.bin_inf"]]).toEqual([0, 1, undefined]);
    const none = figures([1], {
      histograms: [
        { metric: "a", bins: [] },
        { metric: "", bins: [5] },
      ],
    });
    expect(Object.keys(none).some((name) => name.startsWith("histogram"))).toBe(false);
  });

  test("timerFigures: only those that are wanted", () => {
    const rules = {
      percentiles: [90, 99.9, -10],
      only: ["count", "upper_percent", "histogram"],
      histograms: [{ metric: "", bins: [5] }],
    };
    expect(Object.keys(figures([1, 2, 3], rules))).toEqual(["upper_90", "upper_99_9", "count", "histogram.bin_5"]);
  });

  test("figureNames: every figure there is, and no other", () => {
    const rules = { percentiles: [90, -10], histograms: [{ metric: "", bins: [5] }] };
    const told = Object.keys(figures([1, 2, 3, 4, 5, 6], rules));
    const general = told.map((name) => name.replace(/_(?:90|top10)$/, "_percent").replace(/\.bin_.*$/, ""));
    expect([...figureNames].sort()).toEqual([...new Set(general)].sort());
  });
});
