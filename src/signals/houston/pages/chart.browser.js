/**
 * One chart: a graph's attributes and what the source answered become a uPlot. Colours come from the page's own styles, so
 * that day and night are theirs. Whoever draws decides the time that is shown; a stretch drawn over it is told as an event.
 */
import uPlot from "uplot";

import { axesOf } from "./axes.browser.js";
import { coloursOf, isSet, numberOf } from "./attributes.browser.js";
import { columnsOf } from "./columns.browser.js";
import { colour, drawLines } from "./lines.browser.js";
import { valueRange } from "./scale.browser.js";
import { whenOf } from "./time-axis.browser.js";
import { formatOf } from "./units.browser.js";

/** @typedef {import("./columns.browser.js").Series} Series */
/** @typedef {import("./lines.browser.js").Threshold} Threshold */
/** @typedef {{ kind?: string, title: string, targets: string[], unit: string, attrs: Record<string, string>, thresholds: Threshold[], spanSeconds?: number }} Spec */
/** @typedef {import("./lines.browser.js").Time} Time */
/** @typedef {{ raw: (number | null | undefined)[][], time: Time }} Live */
/** @typedef {{ plot: uPlot, signature: string, live: Live }} Chart */

const hues = 8;

/**
 * Draws a chart into `place`, or draws the new figures into the one that is there.
 * @param {HTMLElement} place @param {Spec} spec @param {{ present: Series[], earlier: Series[], moved: (at: number) => number | undefined }} found
 * @param {Time} time @param {Chart | undefined} before @returns {{ chart: Chart, left: number }}
 */
export function draw(place, spec, found, time, before) {
  const { attrs, thresholds, unit } = spec;
  const isStacked = attrs["areaMode"] === "stacked";
  const columns = columnsOf(found.present, found.earlier, found.moved, {
    isStacked,
    nullIsZero: isSet(attrs["drawNullAsZero"]),
  });
  const signature = JSON.stringify([columns.labels, document.documentElement.dataset["theme"]]);
  if (before && before.signature === signature) {
    before.live.raw = columns.raw;
    before.live.time = time;
    before.plot.setData(columns.table);
    return { chart: before, left: columns.left };
  }
  before?.plot.destroy();
  const format = formatOf(unit);
  const ink = colour("--ink-soft");
  const list = coloursOf(attrs["colorList"]);
  const [low, high] = [numberOf(attrs["yMin"]), numberOf(attrs["yMax"])];
  const base = numberOf(attrs["logBase"]);
  const isLog = base === 2 || base === 10;
  const paths = attrs["lineMode"] === "staircase" ? uPlot.paths.stepped?.({ align: 1 }) : undefined;
  const live = { raw: columns.raw, time };
  const series = columns.labels.map(({ isEarlier, name }, at) => {
    const stroke = list[at % list.length] ?? colour(`--hue-${(at % hues) + 1}`);
    const isFilled =
      !isEarlier && (attrs["areaMode"] === "all" || (at === 0 && (isStacked || attrs["areaMode"] === "first")));
    return {
      label: isEarlier ? `${name} (before)` : name,
      stroke: isEarlier ? ink : stroke,
      width: numberOf(attrs["lineWidth"]) ?? 1.25,
      ...(isEarlier ? { dash: [3, 3] } : {}),
      ...(isFilled ? { fill: `${stroke}40` } : {}),
      ...(paths ? { paths } : {}),
      spanGaps: attrs["lineMode"] === "connected",
      points: { show: false },
      /** @param {uPlot} _plot @param {number | null} _value @param {number} index @param {number | null} slot */
      value(_plot, _value, index, slot) {
        const column = live.raw[index - 1] ?? [];
        const value = slot === null ? column.findLast((each) => typeof each === "number") : column[slot];
        return typeof value === "number" ? format(value) : "–";
      },
    };
  });
  const plot = new uPlot(
    {
      width: Math.max(200, time.width),
      height: Math.min(600, Math.max(150, numberOf(attrs["height"]) ?? 180)),
      cursor: {
        drag: { x: true, y: false, setScale: false },
        sync: {
          key: "houston",
          scales: ["x", null],
          filters: { pub: (type) => /^mouse(?:move|leave|enter)$/.test(type) },
        },
        points: { size: 6 },
      },
      legend: { show: !isSet(attrs["hideLegend"]), live: true },
      scales: {
        x: { range: () => [live.time.from, live.time.until] },
        y: {
          ...(isLog ? { distr: 3, log: base } : {}),
          range: (_plot, min, max) =>
            valueRange(min, max, { low, high, isLog, isStacked }, (least, greatest) =>
              uPlot.rangeNum(least, greatest, { min: { pad: 0.1, soft: 0, mode: 2 }, max: { pad: 0.1 } }),
            ),
        },
      },
      axes: axesOf(unit, live),
      series: [
        { label: "Time", value: (_plot, value) => (value === null ? "newest" : whenOf(value, live.time.zone)) },
        ...series,
      ],
      bands: isStacked
        ? series
            .slice(1)
            .flatMap((each, at) =>
              columns.labels[at + 1]?.isEarlier
                ? []
                : [{ series: /** @type {[number, number]} */ ([at + 2, at + 1]), fill: `${each.stroke}40` }],
            )
        : [],
      hooks: {
        draw: [(plot) => drawLines(plot, live.time, thresholds)],
        setSelect: [
          (plot) => {
            if (plot.select.width < 4) return;
            const detail = {
              from: plot.posToVal(plot.select.left, "x"),
              until: plot.posToVal(plot.select.left + plot.select.width, "x"),
            };
            plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
            place.dispatchEvent(new CustomEvent("chart-zoom", { bubbles: true, detail }));
          },
        ],
        setCursor: [
          (plot) => {
            const at = plot.cursor.left ?? -1;
            const near =
              at < 0 ? undefined : live.time.happenings.find((each) => Math.abs(plot.valToPos(each.at, "x") - at) < 5);
            if (plot.over.title !== (near?.text ?? "")) plot.over.title = near?.text ?? "";
          },
        ],
      },
    },
    columns.table,
    place,
  );
  return { chart: { plot, signature, live }, left: columns.left };
}
