/**
 * Several Hakmes from seeds, in the gate. `HAKMES_SEEDS` sets how many, `HAKMES_FROM` where they begin. A failure names its
 * seed; `HAKMES_FROM=<seed> HAKMES_SEEDS=1 HAKMES_TRACE=1` tells its whole story.
 */
import { expect, test } from "bun:test";

import { tellStory } from "./hakmes-story.ts";
import type { HakmesMistake } from "./hakmes-world.ts";

const seeds = Number(Bun.env["HAKMES_SEEDS"] ?? 20);
const from = Number(Bun.env["HAKMES_FROM"] ?? 1);
const trace = Bun.env["HAKMES_TRACE"] === undefined ? {} : { trace: (line: string) => console.log(line) };

test("tellStory: the same seed is the same story to the last line", () => {
  const told = () => {
    const lines: string[] = [];
    tellStory(7, { trace: (line) => lines.push(line) });
    return lines;
  };
  const first = told();
  expect(first.length).toBeGreaterThan(40);
  expect(told()).toEqual(first);
}, 120_000);

test(`tellStory: ${seeds} seeds from ${from} break no promise, and everything is put to the test`, () => {
  const totals: Record<string, number> = {};
  const broken: { seed: number; violation: string }[] = [];
  for (let seed = from; seed < from + seeds; seed++) {
    const { violation, counts } = tellStory(seed, trace);
    if (violation !== undefined) broken.push({ seed, violation });
    for (const [name, count] of Object.entries(counts)) totals[name] = (totals[name] ?? 0) + count;
  }
  expect(broken).toEqual([]);
  if (seeds < 20) return;
  for (const name of ["acknowledged", "given", "not there", "planted", "crash", "cut", "lose catalog"]) {
    expect({ name, often: (totals[name] ?? 0) >= seeds }).toEqual({ name, often: true });
  }
}, 600_000);

const mistakes: readonly HakmesMistake[] = [
  "believes every manifest",
  "asks nobody",
  "takes half a list for a whole one",
  "tells nobody and does not search",
];
test.each(mistakes)(
  "tellStory: a program that %s is found out",
  (mistake) => {
    let seed = 1;
    while (seed <= 12 && tellStory(seed, { mistake }).violation === undefined) seed++;
    expect(seed).toBeLessThanOrEqual(12);
  },
  120_000,
);
