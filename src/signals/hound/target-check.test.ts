import { expect, test } from "bun:test";

import { targetProblem } from "./target-check.ts";

test("targetProblem: what cannot be read, unknown functions and wrong arguments are told where the store is asked", async () => {
  for (const [target, words] of [
    ["x y(", undefined],
    ["sumSeries(a.*.b", "at character"],
    ["sumSeriess(a.*.b)", "unknown function: sumSeriess"],
    ["alias(sumSeries(a.*.b))", "newName is missing"],
    ["movingAverage(a.b, 'five')", "movingAverage"],
    ["seriesByTag('name!=x')", "at least one"],
  ] as const) {
    const problem = await targetProblem(target, "store");
    if (words === undefined) expect([target, problem]).toEqual([target, undefined]);
    else expect(problem).toContain(words);
  }
});

test("targetProblem: what depends on what there is, is let be", async () => {
  for (const target of [
    "server.*.cpu.load_average.{1,5}_minute*",
    "aliasByNode(asPercent(server.*.disk.*.available, server.*.disk.*.total), 1, 3)",
    "divideSeries(a.{b,c}.x, sumSeries(a.*.y))",
    "seriesByTag('name=cpu', 'host=~web.*') | groupByTags('sum', 'host')",
    "movingAverage(a.b, '1y')",
    "timeShift(movingMedian(a.b, 100), '7d')",
    "areaBetween(a.{low,high})",
    'template(hosts.$1.cpu, "web1")',
    'aliasQuery(a.*.b, "a", "a", "%g")',
  ])
    expect([target, await targetProblem(target, "store")]).toEqual([target, undefined]);
});

test("targetProblem: another Graphite may have functions of its own, and a Prometheus another language", async () => {
  expect(await targetProblem("ourOwn(a.b)", "graphite")).toBeUndefined();
  expect(await targetProblem("ourOwn(a.b", "graphite")).toContain("at character");
  expect(await targetProblem("rate(x[5m]) > 3", "prometheus")).toBeUndefined();
});
