/**
 * Every function against a real graphite-web on the same points: the same names, tags, times and values in JSON.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";

import { evaluateTargets } from "../../../src/lib/graphite/evaluate.ts";
import { functions } from "../../../src/lib/graphite/function-table.ts";
import { MemorySource } from "../../../src/lib/graphite/memory-source.ts";
import { seriesForJson, type RenderOptions } from "../../../src/lib/graphite/render-format.ts";
import { cases } from "./cases.ts";
import { differences } from "./differences.ts";
import { graphiteWebFile, isThere, Oracle } from "./oracle.ts";
import { events, nowSeconds, points } from "./points.ts";

const source = new MemorySource(points, { events, nowSeconds });

interface Answer {
  readonly target: string;
  readonly tags: Record<string, string>;
  readonly datapoints: readonly (readonly [number | null, number])[];
}

async function ours(
  target: string,
  fromSeconds: number,
  untilSeconds: number,
  options: RenderOptions = {},
): Promise<Answer[] | string> {
  try {
    const found = await evaluateTargets([target], { source, fromSeconds, untilSeconds, nowSeconds });
    return seriesForJson(found, options).map(({ target: name, tags, datapoints }) => ({
      target: name,
      tags,
      datapoints: datapoints.map(([value, at]) => [value === value ? value : null, at] as const),
    }));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** What is different first, in words; undefined when nothing is. Numbers may differ in the last digits. */
function difference(expected: readonly Answer[], found: readonly Answer[]): string | undefined {
  const names = (list: readonly Answer[]) => JSON.stringify(list.map(({ target }) => target));
  if (names(expected) !== names(found)) return `names: expected ${names(expected)}, found ${names(found)}`;
  for (const [index, one] of expected.entries()) {
    const other = found[index];
    if (other === undefined) return "fewer series";
    const tags = (answer: Answer) => JSON.stringify(Object.entries(answer.tags).sort());
    if (tags(one) !== tags(other)) return `tags of ${one.target}: expected ${tags(one)}, found ${tags(other)}`;
    if (one.datapoints.length !== other.datapoints.length) {
      return `${one.target}: expected ${one.datapoints.length} points, found ${other.datapoints.length}`;
    }
    for (const [at, [value, time]] of one.datapoints.entries()) {
      const [otherValue = null, otherTime] = other.datapoints[at] ?? [];
      const near =
        value === otherValue ||
        (value !== null &&
          otherValue !== null &&
          Math.abs(value - otherValue) <= 1e-9 * Math.max(Math.abs(value), Math.abs(otherValue)));
      if (time !== otherTime || !near)
        return `${one.target}[${at}]: expected ${value} at ${time}, found ${otherValue} at ${otherTime}`;
    }
  }
  return undefined;
}

if (!isThere) {
  test("skipped: graphite-web is not installed", () => {
    console.log(`skipped: the functions need ${graphiteWebFile} (Debian's graphite-web and python3-whisper)`);
    expect(isThere).toBe(false);
  });
} else {
  describe("functions beside graphite-web", () => {
    let oracle: Oracle;
    beforeAll(async () => {
      oracle = await Oracle.start();
    }, 60_000);
    afterAll(async () => {
      await oracle[Symbol.asyncDispose]();
    });

    const ask = async (
      target: string,
      fromSeconds: number,
      untilSeconds: number,
      extra: Record<string, string> = {},
    ) => {
      const response = await oracle.render({
        target,
        format: "json",
        from: `${fromSeconds}`,
        until: `${untilSeconds}`,
        ...extra,
      });
      const text = await response.text();
      return response.ok ? (JSON.parse(text) as Answer[]) : text.slice(0, 300);
    };

    /** What differs, in a line a target. */
    const compare = async (target: string, fromSeconds: number, untilSeconds: number) => {
      const [expected, found] = await Promise.all([
        ask(target, fromSeconds, untilSeconds),
        ours(target, fromSeconds, untilSeconds),
      ]);
      if (typeof expected === "string" || typeof found === "string") {
        if (typeof expected === typeof found) return undefined;
        return `expected ${typeof expected === "string" ? `error: ${expected}` : "an answer"}, found ${typeof found === "string" ? `error: ${found}` : "an answer"}`;
      }
      return difference(expected, found);
    };

    const ranges = [
      [nowSeconds - 3600, nowSeconds],
      [nowSeconds - 7261, nowSeconds - 1817],
    ] as const;
    for (const [name, targets] of Object.entries(cases)) {
      test(`${name}: answers as graphite-web does`, async () => {
        const found: string[] = [];
        for (const target of targets) {
          for (const [from, until] of ranges) {
            const problem = await compare(target, from, until);
            const isMeant = differences[target] !== undefined;
            if (problem !== undefined && !isMeant) found.push(`${target}: ${problem}`);
            if (problem !== undefined) break;
          }
        }
        expect(found).toEqual([]);
      }, 60_000);
    }

    test("every function is compared", () => {
      const compared = Object.values(cases).flat().join(" ");
      const missing = [...functions.keys()].filter((name) => !new RegExp(`(?<!\\w)${name}\\(`).test(compared));
      expect(missing).toEqual([]);
    });
  });
}
