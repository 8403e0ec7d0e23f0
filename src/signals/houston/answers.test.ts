import { describe, expect, test } from "bun:test";

import { Fault } from "../../kit/fault.ts";
import type { MetricSource } from "../../kit/metric-source/source.ts";
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import { chartSeries, WatchedSource } from "./answers.ts";
import { rangeOf, zoneOf } from "./range.ts";

const never = new AbortController().signal;
const range = { fromSeconds: 0, untilSeconds: 100, points: 10 };

describe("WatchedSource", () => {
  test("charts: a span of a chart that goes back before time began, or is nearly nothing, is still asked", async () => {
    const asked: unknown[] = [];
    const source: MetricSource = {
      name: "test",
      language: "graphite",
      async render(targets, { fromSeconds, untilSeconds }) {
        asked.push([fromSeconds, untilSeconds]);
        return targets.map(() => ({ series: [] }));
      },
      find: async () => [],
    };
    const watched = new WatchedSource(source, { clock: new ManualClock(), told() {} });
    const charts = [4e9, 1e-9, 30.5].map((spanSeconds) => ({ targets: ["a"], spanSeconds }));
    await watched.charts(charts, range, never);
    expect(asked).toEqual([
      [0, 100],
      [99, 100],
      [70, 100],
    ]);
  });

  test("rangeOf: what goes back before 1970 begins there", () => {
    expect(rangeOf("-60y", "now", 1_795_000_000)).toEqual({ fromSeconds: 0, untilSeconds: 1_795_000_000 });
    expect(rangeOf("00:00_20261025", "00:00_20261026", 1_795_000_000, "Europe/Berlin")).toEqual({
      fromSeconds: Date.parse("2026-10-25T00:00+02:00") / 1000,
      untilSeconds: Date.parse("2026-10-26T00:00+01:00") / 1000,
    });
    expect(["Europe/Berlin", "UTC", "Mars/Olympus", "../etc", "", null].map(zoneOf)).toEqual([
      "Europe/Berlin",
      "UTC",
      ...Array(4).fill(undefined),
    ]);
    expect(() => rangeOf("-80y", "-70y", 1_795_000_000)).toThrow("same time");
  });

  test("charts: shared targets are asked once, and each chart gets its own answer and its own problem", async () => {
    const asked: unknown[] = [];
    const source: MetricSource = {
      name: "test",
      language: "graphite",
      async render(targets, { fromSeconds, untilSeconds }) {
        asked.push([targets, fromSeconds, untilSeconds]);
        return targets.map((target) =>
          target === "bad"
            ? { fault: new Fault("invalid", "x", "no such thing") }
            : {
                series: [
                  {
                    name: target,
                    tags: {},
                    points: [
                      [1, 10],
                      [null, 20],
                    ],
                  },
                ],
              },
        );
      },
      find: async () => [],
    };
    const told: unknown[] = [];
    const watched = new WatchedSource(source, {
      clock: new ManualClock(),
      told: (outcome, _, targets) => told.push([outcome, targets]),
    });
    const answers = await watched.charts(
      [{ targets: ["a", "b"] }, { targets: ["b", "bad"] }, { targets: ["a"], spanSeconds: 30 }],
      range,
      never,
    );
    expect(asked).toEqual([
      [["a", "b", "bad"], 0, 100],
      [["a"], 70, 100],
    ]);
    expect(answers.map(({ problems, series }) => [series.map(({ name }) => name), problems])).toEqual([
      [["a", "b"], []],
      [["b"], ["bad: no such thing"]],
      [["a"], []],
    ]);
    expect(told).toEqual([
      ["good", 3],
      ["good", 1],
    ]);
  });

  test("charts: one question gets so many points and no more, and the source is not asked for what nobody gets", async () => {
    let asked = 0;
    const points = Array.from({ length: 10_000 }, (_, at): [number, number] => [1, at]);
    const source: MetricSource = {
      name: "test",
      language: "graphite",
      async render(targets) {
        asked += targets.length;
        return targets.map((target) => ({ series: [{ name: target, tags: {}, points }] }));
      },
      find: async () => [],
    };
    const watched = new WatchedSource(source, { clock: new ManualClock(), told() {} });
    const charts = Array.from({ length: 500 }, (_, at) => ({
      targets: Array.from({ length: 50 }, (_, slot) => `${at} ${slot}`),
    }));
    const answers = await watched.charts(charts, range, never);
    expect(answers.map(({ series }) => series.length)).toEqual(charts.map((_, at) => (at < 4 ? 50 : 0)));
    expect(answers.at(-1)?.problems).toEqual([
      "Left out: one question gets 2,000,000 points at most, ask for less at once",
    ]);
    expect(asked).toBeLessThanOrEqual(400);
    const spans = charts.map(({ targets }, at) => ({ targets: targets.slice(0, 1), spanSeconds: at + 1 }));
    expect((await watched.charts(spans, range, never)).filter(({ series }) => series.length > 0)).toHaveLength(200);
    const same = charts.map(() => ({ targets: Array<string>(50).fill("same") }));
    expect((await watched.charts(same, range, never)).filter(({ series }) => series.length > 0)).toHaveLength(4);
  });

  test("trouble: begins when the source is away and ends with the next answer; a wrong question is none", async () => {
    let fault: Fault | undefined = new Fault("unavailable", "x", "it is away");
    const source: MetricSource = {
      name: "test",
      language: "graphite",
      async render(targets) {
        if (fault) throw fault;
        return targets.map(() => ({ series: [] }));
      },
      find: async () => [],
    };
    const clock = new ManualClock();
    const watched = new WatchedSource(source, { clock, told: () => undefined });
    const ask = () => watched.charts([{ targets: ["a"] }], range, never);
    await expect(ask()).rejects.toThrow("it is away");
    await ask().catch(() => undefined);
    expect(watched.trouble?.sentence).toBe("it is away");
    fault = undefined;
    await ask();
    expect(watched.trouble).toBeUndefined();
    fault = new Fault("invalid", "x", "nonsense");
    await ask().catch(() => undefined);
    expect(watched.trouble).toBeUndefined();
  });

  test("chartSeries: even times are counted, others are told", () => {
    expect(
      chartSeries({
        name: "a",
        tags: {},
        points: [
          [1, 10],
          [null, 20],
          [3, 30],
        ],
      }),
    ).toEqual({ name: "a", start: 10, step: 10, values: [1, null, 3] });
    expect(
      chartSeries({
        name: "a",
        tags: {},
        points: [
          [1, 10],
          [2, 15],
          [3, 30],
        ],
      }),
    ).toEqual({ name: "a", times: [10, 15, 30], values: [1, 2, 3] });
    expect(chartSeries({ name: "a", tags: {}, points: [] })).toEqual({ name: "a", start: 0, step: 1, values: [] });
  });
});
