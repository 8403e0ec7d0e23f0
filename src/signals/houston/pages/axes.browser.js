/** The two axes of a chart: time on the clocks of a zone below, values in their unit at the left. */
import { colour } from "./lines.browser.js";
import { ticksOf, wordsOf } from "./time-axis.browser.js";
import { formatOf, stepsOf } from "./units.browser.js";

/** @param {string} unit @param {{ time: { zone: string } }} live whose zone is asked for at each drawing @returns {import("uplot").Axis[]} */
export function axesOf(unit, live) {
  const format = formatOf(unit);
  const steps = stepsOf(unit);
  const grid = { stroke: colour("--line"), width: 1 };
  const shared = { stroke: colour("--ink-soft"), grid, ticks: grid };
  return [
    {
      ...shared,
      splits: (_plot, _axis, from, until, step) => ticksOf(from, until, step, live.time.zone),
      values: (_plot, splits, _axis, _space, step) => wordsOf(splits, step, live.time.zone),
    },
    {
      ...shared,
      size: 68,
      ...(steps ? { incrs: steps } : {}),
      values: (_plot, splits) => splits.map((value) => (value === null ? "" : format(value))),
    },
  ];
}
