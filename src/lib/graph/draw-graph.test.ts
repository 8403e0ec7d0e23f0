import { describe, expect, test } from "bun:test";

import { startCost } from "./cost-fixture.ts";
import { drawGraph } from "./draw-graph.ts";
import { parseGraphParameters } from "./graph-parameters.ts";
import type { GraphSeries } from "./graph-series.ts";
import { AreaStack, linesOf, type TraceOptions } from "./trace.ts";
import { regular } from "./typeface.ts";

const start = 1_795_000_000;
const series = (values: GraphSeries["values"], more: Partial<GraphSeries> = {}): GraphSeries => ({
  name: "a",
  startSeconds: start,
  stepSeconds: 60,
  values,
  ...more,
});
const draw = (list: readonly GraphSeries[], query = "", range?: Parameters<typeof drawGraph>[2]) =>
  drawGraph(list, parseGraphParameters(new URLSearchParams(query)), range);
const bare = "graphOnly=true&width=100&height=100&lineWidth=1";
/** The paths of a colour: their commands. */
const paths = (svg: string, paint: string) =>
  [...svg.matchAll(/<path d="([^"]*)"([^>]*)\/>/g)]
    .filter((match) => match[2]?.includes(paint))
    .map((match) => match[1] ?? "");
const uses = (svg: string) => svg.split("<use ").length - 1;

describe("drawGraph", () => {
  test("drawGraph: is exactly as large as asked, and refers to nothing outside", () => {
    const svg = draw([series([1, 2, 3])], "width=123&height=45");
    expect(svg).toStartWith('<svg xmlns="http://www.w3.org/2000/svg" role="img" width="123" height="45"');
    expect([...svg.matchAll(/(?:href|url)[="(]+([^")]*)/g)].every((match) => match[1]?.startsWith("#"))).toBe(true);
    expect(svg).not.toMatch(/<text|font-family|<script/);
  });

  test("drawGraph: no series, and series without any time, say that there is no data", () => {
    for (const svg of [draw([]), draw([series([])]), draw([series([1, 2], { stepSeconds: 0 })])]) {
      expect(uses(svg)).toBe("NoData".length);
      expect(svg).toContain('fill="#c80032"');
    }
  });

  test("drawGraph: series of which nothing is known have their axes all the same", () => {
    expect(uses(draw([series([null, Number.NaN, null])]))).toBeGreaterThan(6);
  });

  test("drawGraph: the axis of time is the range, where one is given", () => {
    const whole = { fromSeconds: start, untilSeconds: start + 240 };
    const [line = ""] = paths(draw([series([0, 1, 0])], bare, whole), "#6464ff");
    expect(line).toStartWith("M0.5 ");
    // Half of the range is known; one more step of the last value would be beyond the series.
    const xs = [...line.matchAll(/([\d.]+) [\d.]+/g)].map((match) => Number(match[1]));
    expect(Math.max(...xs)).toBeCloseTo(0.5 + 98 / 2, 0);
  });

  test("drawGraph: what a title says is text to XML as well", () => {
    const parameters = { ...parseGraphParameters(new URLSearchParams()), title: '<script>&"\u0000\uD800' };
    const svg = drawGraph([series([1, 2])], parameters);
    expect(svg).toContain("<title>&#60;script&#62;&#38;&#34;\uFFFD</title>");
  });

  test("drawGraph: colours come from the series, or else in turn", () => {
    const list = ["green", undefined, undefined].map((color) =>
      series([1, 2], color === undefined ? {} : { draw: { color } }),
    );
    const svg = draw(list, `${bare}&colorList=red,0000ff80`);
    expect(paths(svg, 'stroke="#00c800"')).toHaveLength(1);
    expect(paths(svg, 'stroke="#c80032"')).toHaveLength(1);
    expect(paths(svg, 'stroke="#0000ff" stroke-opacity="0.502"')).toHaveLength(1);
    expect(() => draw([series([1, 2], { draw: { color: "nocolour" } })])).toThrow(RangeError);
  });

  test("drawGraph: how a series wants to be drawn is followed", () => {
    const svg = draw(
      [
        series([1, 2], { draw: { color: "red", dashed: 7, lineWidth: 3, alpha: 0.5 } }),
        series([1, 2], { draw: { color: "green", invisible: true } }),
        series([null, 1, null, 0, 1], { draw: { color: "gold", drawAsInfinite: true } }),
      ],
      bare,
    );
    expect(svg).toMatch(/stroke="#c80032" stroke-opacity="0.5" stroke-width="3"[^>]*stroke-dasharray="7"/);
    expect(paths(svg, "#00c800")).toEqual([]);
    expect(paths(svg, "#c8c800")[0]?.split("M")).toHaveLength(3);
  });

  test("drawGraph: the legend is shown for ten series, unless it is asked for or forbidden", () => {
    const boxes = (count: number, query = "") =>
      draw(
        Array.from({ length: count }, () => series([1, 2])),
        query,
      ).split('stroke="#6f6f6f"').length - 1;
    expect(boxes(10)).toBe(10);
    expect(boxes(11)).toBe(0);
    expect(boxes(11, "hideLegend=false")).toBe(11);
    expect(boxes(2, "hideLegend=true")).toBe(0);
    expect(boxes(5, "uniqueLegend=true")).toBe(1);
    expect(boxes(1, "width=120&height=60")).toBe(0);
    expect(boxes(1, "width=120&height=60&hideLegend=false")).toBe(1);
  });

  test("drawGraph: a long legend leaves half of the picture, and counts what is left out", () => {
    const list = Array.from({ length: 500 }, (_, at) => series([1, 2], { name: `hosts.web${at}.cpu` }));
    const svg = draw(list, "hideLegend=false");
    const lowest = Math.max(...[...svg.matchAll(/<rect x="[^"]*" y="([\d.]+)"/g)].map((match) => Number(match[1])));
    expect(lowest).toBeLessThan(250);
    const clip = /<svg x="[^"]*" y="[^"]*" width="[^"]*" height="([\d.]+)"/.exec(svg.slice(10));
    expect(Number(clip?.[1])).toBeGreaterThan(75);
  });

  test("drawGraph: a second axis takes room on the right", () => {
    const list = [series([1, 2]), series([1e9, 2e9], { draw: { secondYAxis: true } })];
    const clip = (svg: string) =>
      Number(/<svg x="([\d.]+)"/.exec(svg.slice(10))?.[1]) +
      Number(/<svg x="[^"]*" y="[^"]*" width="([\d.]+)"/.exec(svg.slice(10))?.[1]);
    expect(clip(draw(list))).toBeLessThan(clip(draw(list.slice(0, 1))) - 10);
  });

  test("drawGraph: millions of values cost little more than the picture has pixels", () => {
    const values = Float64Array.from({ length: 1_000_000 }, (_, at) => Math.sin(at));
    const costMs = startCost();
    const svg = draw([1, 2, 3].map(() => series(values, { stepSeconds: 1 })));
    expect(costMs()).toBeLessThan(3000);
    expect(svg.length).toBeLessThan(100_000);
  });

  test("drawGraph: three thousand series make a picture of bounded size, and more make none", () => {
    const values = Float64Array.from({ length: 1000 }, (_, at) => at % 7);
    const list = Array.from({ length: 3000 }, () => series(values));
    expect(draw(list, "hideLegend=false&width=2000").length).toBeLessThan(2_500_000);
    expect(draw(list, "areaMode=all&areaAlpha=0.5&width=4000").length).toBeLessThan(6_000_000);
    expect(() => draw([...list, series(values)])).toThrow("3000 series at most");
  }, 120_000);

  test("drawGraph: a long line is drawn in pieces that hang together", () => {
    const values = Float64Array.from({ length: 900 }, (_, at) => at % 9);
    const svg = draw([series(values)], "graphOnly=true&width=1000&height=100");
    const pieces = [...svg.matchAll(/<path d="M([^"]*)"\/>/g)].map((match) =>
      (match[1] ?? "").replace("L", " ").split(" "),
    );
    expect(pieces.length).toBeGreaterThan(5);
    pieces.slice(1).forEach((piece, at) => expect(piece.slice(0, 4)).toEqual((pieces[at] ?? []).slice(-4)));
    // Each piece but the first repeats two points.
    expect(pieces.reduce((sum, piece) => sum + piece.length / 2 - 2, 2)).toBe(900);
  });

  test("drawGraph: values that share a pixel become one as the series asks", () => {
    const values = Array.from({ length: 10_000 }, (_, at) => (at % 100 === 0 ? 50 : 0));
    const heights = (consolidation: "max" | "average") => {
      const [line = ""] = paths(draw([series(values, { consolidation })], `${bare}&yMin=0&yMax=100`), "#6464ff");
      const numbers = line.replace(/[ML]/g, " ").trim().split(" ").map(Number);
      return numbers.filter((_, at) => at % 2 === 1);
    };
    expect(Math.min(...heights("max"))).toBeCloseTo(50, 0);
    expect(Math.min(...heights("average"))).toBeGreaterThan(90);
  });
});

const options = (mode: TraceOptions["mode"], connectedLimit = Infinity): TraceOptions => ({
  mode,
  connectedLimit,
  yOf: (value) => 100 - value,
});
const trace = (...values: number[]) => ({ values: Float64Array.from(values), leftPixels: 0, stepPixels: 10 });
const none = Number.NaN;

describe("linesOf", () => {
  test("linesOf: a slope ends level where values end", () => {
    expect(linesOf(trace(1, 2, none, 4), options("slope"))).toEqual([
      [0, 99, 10, 98, 20, 98],
      [30, 96, 40, 96],
    ]);
  });

  test("linesOf: a staircase holds each value for its step", () => {
    expect(linesOf(trace(1, none, 3), options("staircase"))).toEqual([
      [0, 99, 10, 99],
      [20, 97, 30, 97],
    ]);
  });

  test("linesOf: connected values bridge gaps up to a limit", () => {
    const values = trace(1, none, 3, none, none, 6);
    expect(linesOf(values, options("connected"))).toEqual([[0, 99, 20, 97, 50, 94]]);
    expect(linesOf(values, options("connected", 1))).toEqual([
      [0, 99, 20, 97],
      [50, 94, 60, 94],
    ]);
  });
});

describe("AreaStack", () => {
  test("AreaStack: summed areas stand on each other, above zero and below it", () => {
    const stack = new AreaStack(options("slope"), 100, 2, true);
    expect(stack.add(trace(10, 20)).area).toEqual([[0, 90, 10, 80, 10, 100, 0, 100]]);
    expect(stack.add(trace(-5, -5)).area).toEqual([[0, 105, 10, 105, 10, 100, 0, 100]]);
    expect(stack.add(trace(1, 2)).area).toEqual([[0, 89, 10, 78, 10, 80, 0, 90]]);
    expect(stack.add(trace(-1, 0)).area).toEqual([[0, 106, 10, 105, 10, 105, 0, 105]]);
  });

  test("AreaStack: areas that are not summed show where they reach further", () => {
    const stack = new AreaStack(options("slope"), 100, 2, false);
    stack.add(trace(10, 20));
    expect(stack.add(trace(30, 5)).area).toEqual([[0, 70, 10, 80, 10, 80, 0, 90]]);
  });

  test("AreaStack: an area that changes sides goes through nothing", () => {
    const stack = new AreaStack(options("slope"), 100, 2, true);
    stack.add(trace(10, 10));
    expect(stack.add(trace(5, -5)).area).toEqual([
      [0, 85, 5, 90, 5, 90, 0, 90],
      [5, 100, 10, 105, 10, 100, 5, 100],
    ]);
  });
});

describe("Typeface", () => {
  test("Typeface: letters of many scripts are there, and what is cut ends in an ellipsis", () => {
    const ids = new Set(regular.outlinesOf("aÄßяΩ→µ…").map(({ id }) => id));
    expect(ids.size).toBe(8);
    expect(ids.has("r0")).toBe(false);
    const cut = regular.fitted("hosts.web1.cpu.user", 10, 50);
    expect(cut).toMatch(/^hosts.*…$/);
    expect(regular.widthOf(cut, 10)).toBeLessThanOrEqual(50);
    expect(regular.fitted("short", 10, 50)).toBe("short");
  });
});
