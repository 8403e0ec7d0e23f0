import { expect, test } from "bun:test";

import { Fault } from "../../../kit/fault.ts";
import type { MetricSource, SourceSeries } from "../../../kit/metric-source/source.ts";
import { type GraphOrder, graphPng, graphSvg } from "./graph-drawing.ts";

const series = (name: string, values: readonly (number | null)[], stepSeconds = 60): SourceSeries => ({
  name,
  tags: {},
  points: values.map((value, position) => [value, 1000 + position * stepSeconds] as const),
});

function sourceOf(found: readonly SourceSeries[] | Fault): MetricSource {
  return {
    name: "made up",
    language: "graphite",
    render: (targets) =>
      Promise.resolve(targets.map(() => (found instanceof Fault ? { fault: found } : { series: found }))),
    find: () => Promise.resolve([]),
  };
}

const order: GraphOrder = {
  targets: ["a"],
  thresholds: [5],
  fromSeconds: 1000,
  untilSeconds: 2000,
  look: "day",
  ground: "paper",
};
const draw = (found: readonly SourceSeries[] | Fault, changes: Partial<GraphOrder> = {}) =>
  graphSvg(sourceOf(found), { ...order, ...changes }, new AbortController().signal);

test("graphSvg: what is drawn changes with the series, the threshold and the one series that is meant", async () => {
  const two = [series("a", [1, 2, null, 4, 3]), series("b", [9, 8, 7, 6, 5])];
  const all = await draw(two);
  expect(all).toStartWith("<svg");
  expect(await draw(two, { series: "a" })).toBe(await draw(two.slice(0, 1)));
  expect(await draw(two, { series: "gone" })).toBe(all);
  expect(await draw(two, { thresholds: [] })).not.toBe(all);
  expect(await draw(two, { thresholds: [5, 7] })).not.toBe(all);
});

test("graphSvg: nothing measured is a picture that says so; odd points are no trouble", async () => {
  const none = await draw([]);
  expect(none).toStartWith("<svg");
  expect(await draw([series("empty", [])])).toBe(none);
  for (const odd of [series("one", [1]), series("still", [1, 2], 0), series("back", [1, 2], -60)]) {
    expect(await draw([odd])).toStartWith("<svg");
  }
  const wide: SourceSeries = {
    name: "wide",
    tags: {},
    points: [
      [1, 1000],
      [2, 1001],
      [3, 1e9],
    ],
  };
  expect((await draw([wide])).length).toBeLessThan(1_000_000);
});

test("graphSvg: a target that has no answer is the Fault of the source", async () => {
  const fault = new Fault("invalid", "test/no", "no such function");
  await expect(draw(fault)).rejects.toBe(fault);
});

test("graphPng: is a PNG of the predecessor's sizes", async () => {
  for (const [look, height] of [
    ["day", 300],
    ["week", 150],
  ] as const) {
    const png = await graphPng(sourceOf([series("a", [1, 2, 3])]), { ...order, look }, new AbortController().signal);
    const view = new DataView(png.buffer, png.byteOffset);
    expect([view.getUint32(0), view.getUint32(16), view.getUint32(20)]).toEqual([0x89504e47, 1600, height]);
  }
});
