/**
 * `bun run simulate`: simulations from the command line.
 *
 *   --seeds N     how many seeds (default 1000)      --from S   the first one (default 1)
 *   --seed X      one seed only                      --trace    print everything that happens
 *   --keep-going  do not stop at the first violation
 */
import { parseArgs } from "node:util";

import { simulate } from "./simulate.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
    trace: { type: "boolean", default: false },
    "keep-going": { type: "boolean", default: false },
  },
});

const first = Number(values.seed ?? values.from);
const count = values.seed === undefined ? Number(values.seeds) : 1;
if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count) || count < 1) {
  console.error("Cannot simulate: wanted whole numbers after --seed, --seeds and --from");
  process.exit(2);
}
let seed = first;
process.on("unhandledRejection", (thrown) => {
  console.error(`seed ${seed}: a promise failed and nobody looked: ${thrown instanceof Error ? thrown.stack : thrown}`);
  process.exitCode = 1;
});
const startedMs = performance.now();
const totals: Record<string, number> = {};
const add = (group: string, numbers: Record<string, number>) => {
  for (const [name, number] of Object.entries(numbers)) {
    totals[`${group} ${name}`] = (totals[`${group} ${name}`] ?? 0) + number;
  }
};
let violations = 0;
let done = 0;
for (; seed < first + count; seed++) {
  const result = simulate(seed, values.trace ? { trace: (line) => console.log(line) } : {});
  done++;
  add("checks", result.checks);
  add("outcomes", result.outcomes);
  add("events", result.events);
  add("time", { virtualMs: result.lastedMs, healedMs: result.healedMs, timers: result.timers });
  // Lets failures that nobody looked at come to light under their seed.
  if (seed % 16 === 0) await new Promise<void>((resolve) => setImmediate(resolve));
  if (!result.violation) continue;
  violations++;
  const { rule, atMs, sentence } = result.violation;
  console.log(`seed ${seed}: ${rule} broken at ${atMs} ms: ${sentence}`);
  console.log(`  replay: bun run simulate --seed ${seed} --trace`);
  if (!values["keep-going"]) break;
}
const seconds = (performance.now() - startedMs) / 1000;
await new Promise<void>((resolve) => setImmediate(resolve));
console.log(
  `${done} seeds in ${seconds.toFixed(1)} s (${(done / seconds).toFixed(1)} a second), ${violations} violations`,
);
for (const [name, total] of Object.entries(totals)) console.log(`  ${name}: ${Math.round(total / done)} a seed`);
process.exitCode = violations > 0 ? 1 : (process.exitCode ?? 0);
