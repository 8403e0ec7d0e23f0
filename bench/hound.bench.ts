/**
 * How long a round over thousands of rules takes against the store of the same program, beside the way of the
 * predecessor: one question for each rule, one after the other, over HTTP to the same store. Every rule has a series of its
 * own, of which one in a hundred fails, and each round judges, keeps and measures as it always does.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { startChild, until } from "../src/kit/testing/child-node.ts";
import { cpuSeconds, medianOf, pause, peakBytes, spreadText } from "./measure.ts";
import { type BenchTable, type Effort, sizeText, verdict } from "./report.ts";

const amounts: Record<Effort, { rules: number; rounds: number; asked: number }> = {
  smoke: { rules: 50, rounds: 1, asked: 20 },
  quick: { rules: 5000, rounds: 5, asked: 500 },
  full: { rules: 5000, rounds: 15, asked: 5000 },
};
const pointsBack = 12;

/** Measures rounds. */
export async function run(effort: Effort): Promise<BenchTable[]> {
  const { asked, rounds, rules } = amounts[effort];
  const folder = mkdtempSync(join(tmpdir(), "warren-bench-"));
  try {
    const list = Array.from({ length: rules }, (_, rule) => ({
      name: `rule ${rule}`,
      target: `bench.app${rule % 50}.value${rule}`,
      above: 100,
    }));
    await Bun.write(join(folder, "rules.json"), JSON.stringify({ rules: list }));
    const services = ["cask", "hakmes", "reticulum", "statsd", "chimney", "mountwatch", "houston", "mediacheck"];
    const off = services.map((name) => `[${name}]\nenabled = false\n`).join("");
    await using node = await startChild({
      folder,
      config: `${off}[hound]\nfile = ${JSON.stringify(join(folder, "rules.json"))}\ncheck_interval = "1s"\n`,
    });
    const now = Math.floor(Date.now() / 1000);
    const lines = list.flatMap(({ target }, rule) =>
      Array.from(
        { length: pointsBack },
        (_, back) => `${target} ${rule % 100 === 0 ? 200 : rule % 90} ${now - back * 10}`,
      ),
    );
    const wrote = await fetch(`${node.url}/series/write`, { method: "POST", body: `${lines.join("\n")}\n` });
    if (!wrote.ok) throw new Error(`The points were not taken: ${await wrote.text()}`);
    await until(
      "the first round judged all rules",
      async () => (await standingsOf(node.url)).failed === Math.ceil(rules / 100),
      60_000,
    );

    const tookMs: number[] = [];
    const cpuBefore = cpuSeconds(node.pid);
    const beganMs = performance.now();
    for (let last: unknown; tookMs.length < rounds;) {
      await pause(200);
      const { roundAt, roundMs } = await standingsOf(node.url);
      if (roundAt !== last && roundMs !== undefined) tookMs.push(roundMs);
      last = roundAt;
    }
    const core = (cpuSeconds(node.pid) - cpuBefore) / ((performance.now() - beganMs) / 1000);

    const startedMs = performance.now();
    for (const { target } of list.slice(0, asked)) {
      const answer = await fetch(`${node.url}/series/render?target=keepLastValue(${target})&format=raw&from=-10mins`);
      await answer.text();
    }
    const oneByOneMs = ((performance.now() - startedMs) / asked) * rules;
    const roundMs = medianOf(tookMs);
    return [
      {
        title: `A round over ${rules} rules, each with a series of its own`,
        rows: [
          {
            way: "warren hound",
            "round, ms": roundMs.toFixed(0),
            "rules/s": ((rules / roundMs) * 1000).toFixed(0),
            spread: spreadText(tookMs),
          },
          {
            way: "one by one, as the predecessor",
            "round, ms": oneByOneMs.toFixed(0),
            "rules/s": ((rules / oneByOneMs) * 1000).toFixed(0),
          },
        ],
        notes: [
          `Medians of ${tookMs.length} rounds: asking, judging, keeping. Rounds follow each other every second; the node takes ${(core * 100).toFixed(0)} % of a core meanwhile.`,
          `One by one: ${asked} requests over loopback to the same store, reckoned up to ${rules}.`,
          `Peak memory of the node: ${sizeText(peakBytes(node.pid))}.`,
          verdict(roundMs <= 1000, `${rules} rules within a second`),
        ],
      },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function standingsOf(url: string): Promise<{ failed: number; roundAt?: number; roundMs?: number }> {
  const answer = await fetch(`${url}/hound/api/standings?state=Failed`);
  const { sight, standings } = (await answer.json()) as {
    sight: { roundAt?: number; roundMs?: number };
    standings: unknown[];
  };
  return { failed: standings.length, ...sight };
}
