/**
 * Every function against a real graphite-web on the same points: the same names, tags, times and values in JSON.
 */
import { expect, test } from "bun:test";

import { describeFunctions, functions } from "../../../src/lib/graphite/function-table.ts";
import { difference, ours, theirs } from "./answers.ts";
import { besideGraphiteWeb } from "./beside.ts";
import { cases } from "./cases.ts";
import { differences } from "./differences.ts";
import { nowSeconds } from "./points.ts";

const ranges = [
  [nowSeconds - 3600, nowSeconds],
  [nowSeconds - 7261, nowSeconds - 1817],
] as const;

besideGraphiteWeb("functions beside graphite-web", "the functions need", (oracle) => {
  const compare = async (target: string, render: { maxDataPoints?: number } = {}, xFilesFactor = 0) => {
    for (const [from, until] of ranges) {
      const extra = {
        ...(render.maxDataPoints === undefined ? {} : { maxDataPoints: `${render.maxDataPoints}` }),
        xFilesFactor: `${xFilesFactor}`,
      };
      const [expected, found] = await Promise.all([
        theirs(oracle(), target, from, until, extra),
        ours(target, from, until, render, { xFilesFactor }),
      ]);
      const problem = difference(expected, found);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };

  for (const [name, targets] of Object.entries(cases)) {
    test(`${name}: answers as graphite-web does`, async () => {
      const found: string[] = [];
      for (const target of targets) {
        const problem = await compare(target);
        // What is said to differ has to, or the list would grow stale.
        if (differences[target] !== undefined && problem === undefined) found.push(`${target}: no longer differs`);
        if (differences[target] === undefined && problem !== undefined) found.push(`${target}: ${problem}`);
      }
      expect(found).toEqual([]);
    }, 180_000);
  }

  test("maxDataPoints: series are thinned out as graphite-web does", async () => {
    const found: string[] = [];
    for (const target of [
      "hosts.web1.cpu",
      "hosts.*.cpu",
      'consolidateBy(hosts.db1.cpu,"max")',
      "cumulative(hosts.web1.cpu)",
      "edge.sparse",
      "constantLine(3)",
    ]) {
      for (const maxDataPoints of [1, 7, 20, 59, 100, 1000]) {
        const problem = await compare(target, { maxDataPoints });
        if (problem !== undefined) found.push(`${target} in ${maxDataPoints}: ${problem}`);
      }
    }
    expect(found).toEqual([]);
  }, 180_000);

  test("xFilesFactor: of the request is heeded", async () => {
    const found: string[] = [];
    for (const target of [
      "sumSeries(hosts.*.cpu)",
      'summarize(edge.sparse,"10min")',
      "movingAverage(edge.sparse,5)",
      'aggregate(mixed.*,"max")',
    ]) {
      for (const factor of [0.1, 0.5, 1]) {
        const problem = await compare(target, { maxDataPoints: 10 }, factor);
        if (problem !== undefined) found.push(`${target} with ${factor}: ${problem}`);
      }
    }
    expect(found).toEqual([]);
  }, 180_000);

  test("tz: days begin where the request's zone says", async () => {
    const found: string[] = [];
    for (const timeZone of ["Europe/Berlin", "America/New_York", "Asia/Kolkata"]) {
      for (const target of [
        'smartSummarize(hosts.web1.cpu,"1h","sum","days")',
        'smartSummarize(hosts.web1.cpu,"1h","sum","hours")',
        'smartSummarize(season.a,"1d","avg","weeks2")',
        'smartSummarize(season.a,"1d","avg","months")',
        'hitcount(hosts.web1.cpu,"1d",true)',
        'hitcount(hosts.web1.cpu,"2h",true)',
      ]) {
        const [from, until] = ranges[0];
        const expected = await theirs(oracle(), target, from, until, { tz: timeZone });
        const problem = difference(expected, await ours(target, from, until, {}, { timeZone }));
        if (problem !== undefined) found.push(`${target} in ${timeZone}: ${problem}`);
      }
    }
    expect(found).toEqual([]);
  }, 180_000);

  test("every function is compared", () => {
    const compared = Object.values(cases).flat().join(" ");
    const missing = [...functions.keys()].filter((name) => !new RegExp(`(?<!\\w)${name}\\(`).test(compared));
    expect(missing).toEqual([]);
  });

  test("describeFunctions: the same functions, groups and parameters", async () => {
    const found = Object.entries(describeFunctions()).map(
      ([name, { group, params }]) => [name, { group, params }] as const,
    );
    const expected = Object.entries(await oracle().functions()).map(
      ([name, { group, params }]) => [name, { group, params }] as const,
    );
    const simple = (list: readonly (readonly [string, { group: string; params: readonly object[] }])[]) =>
      Object.fromEntries(
        list.map(([name, { group, params }]) => [
          name,
          [group, ...params.map((param) => JSON.stringify(sorted(param)))],
        ]),
      );
    expect(simple(found)).toEqual(simple(expected));
  });
});

/** Options depend on what a form should offer, so they are not compared. */
function sorted(param: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(param)
      .filter(([key]) => key !== "options")
      .sort(),
  );
}
