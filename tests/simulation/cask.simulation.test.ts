/**
 * Whole clusters from seeds, in the gate: the formerly failing seeds, then a range of seeds spread over the cores of the
 * machine. `SIMULATION_SEEDS` sets how many, `SIMULATION_FROM` where they begin. A failure prints the seed and how to replay it.
 */
import { expect, test } from "bun:test";
import { availableParallelism } from "node:os";
import { join } from "node:path";

import { formerlyFailing } from "./formerly-failing.ts";
import { simulate } from "./simulate.ts";

const seeds = Number(Bun.env["SIMULATION_SEEDS"] ?? 2000);
const from = Number(Bun.env["SIMULATION_FROM"] ?? 1);

test("simulate: seeds that failed once hold now", () => {
  const broken = formerlyFailing
    .map(({ seed, mistake }) => ({ seed, mistake, violation: simulate(seed).violation }))
    .filter(({ violation }) => violation !== undefined);
  expect(broken).toEqual([]);
}, 120_000);

test("simulate: the same seed is the same story to the last event", () => {
  const told = (seed: number) => {
    const lines: string[] = [];
    simulate(seed, { trace: (line) => lines.push(line) });
    return lines;
  };
  for (const seed of [5, 6, 7]) {
    const first = told(seed);
    expect(first.length).toBeGreaterThan(20);
    expect(told(seed)).toEqual(first);
  }
}, 120_000);

test("simulate: faults, checks and healing really take place", () => {
  const totals: Record<string, number> = {};
  for (let seed = 1; seed <= 40; seed++) {
    const { checks, events, outcomes } = simulate(seed);
    for (const counted of [checks, events, outcomes]) {
      for (const [name, count] of Object.entries(counted)) totals[name] = (totals[name] ?? 0) + count;
    }
  }
  // A rule that is never put to the test would hold whatever the nodes do.
  for (const name of ["acknowledged", "bytes", "drop", "quarantined", "repaired", "pulled", "pushed", "handed-off"]) {
    expect({ name, often: (totals[name] ?? 0) >= 20 }).toEqual({ name, often: true });
  }
}, 120_000);

test(`simulate: ${seeds} seeds from ${from} break no invariant`, async () => {
  const lanes = Math.max(1, Math.min(availableParallelism(), 8));
  const share = Math.ceil(seeds / lanes);
  const run = join(import.meta.dir, "run.ts");
  const answers = await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      const args = ["--from", String(from + lane * share), "--seeds", String(share), "--keep-going"];
      const child = Bun.spawn([process.execPath, run, ...args], { stdout: "pipe", stderr: "pipe" });
      const [out, errors, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
      return code === 0 ? "" : out + errors;
    }),
  );
  expect(answers.join("")).toBe("");
}, 900_000);
