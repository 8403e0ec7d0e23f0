import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { ParameterError } from "./call.ts";
import { evaluateTargets, type EvaluateOptions } from "./evaluate.ts";
import { describeFunctions, functions } from "./function-table.ts";
import { QueryLimitError } from "./limits.ts";
import { MemorySource } from "./memory-source.ts";
import { renderJson, renderRaw, seriesForJson } from "./render-format.ts";
import { makeSeries } from "./series.ts";
import type { FetchedSeries, SeriesSource } from "./source.ts";

const nowSeconds = 1_795_011_200;

function line(path: string, value: (index: number) => number, stepSeconds = 60): FetchedSeries {
  const last = nowSeconds - (nowSeconds % stepSeconds);
  return {
    path,
    stepSeconds,
    startSeconds: last - 999 * stepSeconds,
    values: Float64Array.from({ length: 1000 }, (_, index) => value(index)),
  };
}

const source = new MemorySource(
  [
    line("a.x", (index) => index),
    line("a.y", (index) => index * 2),
    line("gaps", (index) => (index % 2 === 0 ? index : Number.NaN)),
  ],
  { nowSeconds },
);

const options: EvaluateOptions = { source, fromSeconds: nowSeconds - 300, untilSeconds: nowSeconds, nowSeconds };
const evaluate = (target: string, more: Partial<EvaluateOptions> = {}) =>
  evaluateTargets([target], { ...options, ...more });
const raw = async (target: string, more: Partial<EvaluateOptions> = {}) =>
  String(renderRaw(await evaluate(target, more)).body);

describe("evaluateTargets", () => {
  test("templates hold in the part that is fetched again for earlier values", async () => {
    const start = 1_795_010_940;
    expect(await raw('template(movingAverage(a.$1,2),"x")')).toBe(
      `movingAverage(a.x,2),${start},${start + 300},60|993.5,994.5,995.5,996.5,997.5\n`,
    );
    expect(await raw("template(alias(a.$1,$2),1,2)", { template: { "1": "y", "2": "named" } })).toContain(
      `named,${start}`,
    );
  });

  test("setXFilesFactor holds for what is evaluated after it, in its own target only", async () => {
    const targets = ["sumSeries(setXFilesFactor(a.*,1),gaps)", "sumSeries(a.x,gaps)"];
    const found = await evaluateTargets(targets, options);
    expect(found.map(({ values }) => values.filter((value) => value === value).length)).toEqual([2, 5]);
  });

  test("the same paths over the same time are fetched once", async () => {
    let count = 0;
    const counting: SeriesSource = { fetch: (query, from, until) => (count++, source.fetch(query, from, until)) };
    await evaluateTargets(["sumSeries(a.*)", "maxSeries(a.*)", "movingAverage(a.*,3)"], {
      ...options,
      source: counting,
    });
    expect(count).toBe(2);
  });

  test("series of the source are never changed", async () => {
    const before = line("kept", (index) => index);
    const copy = before.values.slice();
    const fixed: SeriesSource = { fetch: async () => [before] };
    for (const name of functions.keys()) {
      for (const rest of ["", ",2", ',"5min"', ',"sum"', ',1,"sum"']) {
        await evaluate(`${name}(kept${rest})`, { source: fixed }).catch((error: unknown) => {
          if (!(error instanceof ParameterError) && !(error instanceof QueryLimitError)) throw error;
        });
      }
    }
    expect(before.values).toEqual(copy);
  });

  test("a mistake says which argument is wrong", async () => {
    await expect(evaluate("nonsense(a.x)")).rejects.toThrow("Received request for unknown function: nonsense");
    await expect(evaluate("scale(a.x)")).rejects.toThrow("Cannot call scale: factor is missing");
    await expect(evaluate('scale(a.x,"b")')).rejects.toThrow(
      'Cannot call scale: factor must be of type float, not "b"',
    );
    await expect(evaluate("scale(2,a.x)")).rejects.toThrow(
      'Cannot call scale: seriesList must be of type seriesList, not "2"',
    );
    await expect(evaluate("scale(a.x,1,2)")).rejects.toThrow("Cannot call scale: it takes 2 arguments at most");
    await expect(evaluate("scale(a.x,bogus=2)")).rejects.toThrow("Cannot call scale: it has no parameter bogus");
    await expect(evaluate('summarize(a.x,"5parsecs")')).rejects.toThrow(
      'Cannot call summarize: intervalString: Cannot parse time unit "parsecs"',
    );
    await expect(evaluate("5")).resolves.toEqual([]);
    await expect(evaluate("movingAverage(a.x,1e300)")).rejects.toThrow("it asks for a time before 1970");
    await expect(evaluate("removeBetweenPercentile(gone,50)")).resolves.toEqual([]);
  });

  test("a query past its bounds is cut with a sentence", async () => {
    const cut = (target: string, more: Partial<EvaluateOptions>) => expect(evaluate(target, more)).rejects;
    await cut("a.*", { maxSeries: 1 }).toThrow("Query has too many series: 2 where 1 are allowed");
    await cut("scale(a.*,2)", { maxPoints: 15 }).toThrow("Query has too many points: more than 15");
    let asked = 0;
    await cut("scale(scale(a.x,2),2)", { isOver: () => ++asked > 3 }).toThrow(QueryLimitError);
    await cut('events("*")', { fromSeconds: 0, untilSeconds: 4e9 }).toThrow("too many points");
    await cut('randomWalk("x",1)', { fromSeconds: 0, untilSeconds: 4e9 }).toThrow("too many points");
    await cut('summarize(constantLine(1),"1s")', { fromSeconds: 0, untilSeconds: 4e9 }).toThrow(
      "more than 10000000 values",
    );
    await cut("movingAverage(".repeat(20) + "a.x" + ",2)".repeat(20), {}).toThrow("Query is too deep");
    const growing = "aliasSub(".repeat(40) + "a.x" + ",'.*','\\0\\0\\0\\0')".repeat(40);
    await cut(growing, {}).toThrow("more than 65536 characters");
  });

  test("wide windows over many values are quick and agree with narrow ones", async () => {
    const wide = line("wide", (index) => Math.sin(index) * 100);
    const values = Float64Array.from({ length: 400_000 }, (_, index) =>
      index % 13 === 0 ? Number.NaN : Math.sin(index) * 100,
    );
    const many: SeriesSource = { fetch: async () => [{ ...wide, values }] };
    for (const name of ["average", "sum", "min", "max", "median", "count"]) {
      const [found] = await evaluate(`movingWindow(wide,500,"${name}")`, { source: many });
      for (const index of [0, 1234, 399_000]) {
        const window = [...values.subarray(index, index + 500)]
          .filter((value) => value === value)
          .sort((left, right) => left - right);
        const total = window.reduce((sum, value) => sum + value, 0);
        const middle = window.length >> 1;
        const median =
          window.length % 2 === 1 ? window[middle] : ((window[middle - 1] ?? 0) + (window[middle] ?? 0)) / 2;
        const expected =
          {
            average: total / window.length,
            sum: total,
            min: window[0],
            max: window.at(-1),
            median,
            count: window.length,
          }[name] ?? 0;
        expect(found?.values[index]).toBeCloseTo(expected, 8);
      }
    }
  });

  test("nothing but errors of the asker comes of any target", async () => {
    const path = fc.constantFrom("a.x", "a.*", "gaps", "gone", "sumSeries(a.*)");
    const rest = fc.constantFrom(
      "2",
      "-1",
      "0",
      '"5min"',
      '"sum"',
      "none",
      "true",
      "inf",
      "a.y",
      '"("',
      "0.5",
      '"1d"',
      "1e300",
      '"%"',
      '""',
    );
    const call = fc
      .tuple(fc.constantFrom(...functions.keys()), path, fc.array(rest, { maxLength: 4 }))
      .map(([name, first, list]) => `${name}(${[first, ...list].join(",")})`);
    await fc.assert(
      fc.asyncProperty(
        call,
        fc.constantFrom("", "|movingAverage(2)", '|aliasByNode(0,"x")', "|summarize('1h')"),
        async (text, tail) => {
          try {
            const found = await evaluate(text + tail, { maxPoints: 3_000_000 });
            for (const limit of [1, 3, 1000]) renderJson(found, { maxDataPoints: limit });
          } catch (error) {
            const isMeant =
              error instanceof ParameterError || error instanceof SyntaxError || error instanceof RangeError;
            if (!isMeant) throw error;
          }
        },
      ),
      { numRuns: 3000 },
    );
  }, 120_000);
});

describe("render-format", () => {
  test("renderJson: nothing known is null, nothing finite 1e9999", () => {
    const values = Float64Array.of(1, Number.NaN, Infinity, -Infinity);
    const series = makeSeries({ name: 'a"b', startSeconds: 60, endSeconds: 300, stepSeconds: 60, values });
    expect(String(renderJson([series]).body)).toBe(
      '[{"target": "a\\"b", "tags": {"name": "a\\"b"}, "datapoints": [[1.0, 60], [null, 120], [1e9999, 180], [-1e9999, 240]]}]',
    );
    expect(renderJson([], { jsonp: "cb" })).toEqual({ body: "cb([])", contentType: "text/javascript" });
    expect(seriesForJson([series], { maxDataPoints: 0 })).toHaveLength(1);
  });
});

describe("describeFunctions", () => {
  test("every function says what it does and is described", () => {
    const all = Object.values(describeFunctions());
    expect(all.length).toBe(functions.size);
    expect(all.filter(({ description }) => !/^[\w(].*\.$/.test(description))).toEqual([]);
    expect(describeFunctions()["scale"]).toEqual({
      name: "scale",
      function: "scale(seriesList, factor)",
      description: "Multiplies by a factor.",
      module: "graphite.render.functions",
      group: "Transform",
      params: [
        { name: "seriesList", type: "seriesList", required: true },
        { name: "factor", type: "float", required: true },
      ],
    });
  });
});
