import { expect, test } from "bun:test";

import type { Checker, CheckView } from "./checker.ts";
import { historyOf } from "./days.ts";
import { unknownSince } from "./standing.ts";

const dayMs = 86_400_000;
const now = 20_000 * dayMs + 5 * 3_600_000;
const hour = (at: number, runs: number, bad: number) => ({ at, runs, bad, latencyMsAverage: 1, latencyMsMax: 1 });
const view = (name: string) => ({ plan: { name, kind: "http" }, standing: unknownSince(7) }) as CheckView;
const checker: Pick<Checker, "views"> = { views: () => [view("a"), view("b")] };

test("historyOf: hours become days of UTC, from the first of so many days on, of the checks that are named", () => {
  const asked: unknown[] = [];
  const history = {
    hoursOf(name: string, sinceAt: number) {
      asked.push([name, sinceAt]);
      return [hour(now - dayMs, 3, 1), hour(now - dayMs + 3_600_000, 4, 0), hour(now - 60_000, 2, 2)];
    },
  };
  const today = 20_000 * dayMs;
  expect(historyOf(checker, history, new URLSearchParams("days=2&check=b&check=nobody"), now)).toEqual({
    checks: [
      {
        name: "b",
        kind: "http",
        level: "unknown",
        sinceAt: 7,
        days: [
          { at: today - dayMs, runs: 7, bad: 1 },
          { at: today, runs: 2, bad: 2 },
        ],
      },
    ],
  });
  expect(asked).toEqual([["b", today - dayMs]]);
  expect(historyOf(checker, history, new URLSearchParams("days=1e9"), now).checks).toHaveLength(2);
  expect(asked.at(-1)).toEqual(["b", today - 399 * dayMs]);
});
