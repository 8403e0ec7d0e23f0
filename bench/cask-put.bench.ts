/**
 * Durable uploads to one node, beside a bare loop that does for each blob only what the disk must do: write, fsync,
 * rename, fsync of the folder. Both have 32 in flight, the same cores and the same disk, and take turns; every body is another.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { startChild } from "../src/kit/testing/child-node.ts";
import { cpuSeconds, forgetPeak, medianOf, mustHave, onCore, peakBytes, pin, spreadText } from "./measure.ts";
import { type BenchTable, type Effort, sizeText, verdict } from "./report.ts";
import { type LoadResult, wrkSend } from "./wrk.ts";

const goal = 0.8;
const turnsOf: Record<Effort, { turns: number; seconds: number; warmUps: number }> = {
  smoke: { turns: 1, seconds: 1, warmUps: 0 },
  quick: { turns: 3, seconds: 1, warmUps: 1 },
  full: { turns: 5, seconds: 3, warmUps: 1 },
};

/** What both sides are given: cores, and threads for fsync (Bun takes one for each core, Warren asks for 16). */
interface Means {
  cores: "one" | "all";
  threads: string;
  environment: Record<string, string>;
}

const more = { threads: "16, 16", environment: { UV_THREADPOOL_SIZE: "16" } };
const usual = { threads: "16, Bun's own", environment: {} };
const means: readonly Means[] = [
  { cores: "all", ...usual },
  { cores: "one", ...usual },
  { cores: "all", ...more },
];

interface Bare {
  rate: number;
  peakBytes: number;
  cpuMicros: number;
}

/** Measures rate, latency, processor time and memory. */
export async function run(effort: Effort): Promise<BenchTable[]> {
  mustHave("wrk");
  const { turns, seconds } = turnsOf[effort];
  const rows: BenchTable["rows"] = [];
  // Removed at the very end: for some seconds after many files were deleted ext4 is slow to make new ones.
  const folder = mkdtempSync(join(tmpdir(), "warren-bench-"));
  try {
    for (const given of effort === "smoke" ? means.slice(0, 1) : means) {
      for (const sizeBytes of effort === "smoke" ? [4096] : [4096, 65_536]) {
        const own = mkdtempSync(join(folder, "pair-"));
        rows.push(...(await compare(own, given, sizeBytes, turnsOf[effort])));
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return [
    {
      title: "Durable uploads to one node, 32 clients",
      rows,
      notes: [
        `Medians of ${turns} turns of ${seconds} s each, in turn; the ratio is the median of the ratios of each turn.`,
        "Raw POST bodies with Content-Length over keep-alive connections, all different. One core: server and loop on core 0. All cores: on any. wrk is on core 1.",
        "The loop hashes nothing, keeps no ledger and speaks no HTTP. Each of its blobs has an fsync of its folder to itself; Warren lets uploads to one folder share one.",
        "Threads: those that fsync runs on, of Warren and of the loop. Warren asks for 16; Bun by itself takes one for each core, UV_THREADPOOL_SIZE gives the loop 16 as well.",
      ],
    },
  ];
}

async function compare(
  folder: string,
  given: Means,
  sizeBytes: number,
  { turns, seconds, warmUps }: { turns: number; seconds: number; warmUps: number },
): Promise<BenchTable["rows"]> {
  const bareFolder = join(folder, "bare");
  mkdirSync(bareFolder);
  const ours: (LoadResult & { cpuMicros: number; peakBytes: number })[] = [];
  const theirs: Bare[] = [];
  {
    await using node = await startChild({ environment: given.environment, folder });
    if (given.cores === "one") pin(node.pid, 0);
    for (let turn = -warmUps; turn < turns; turn++) {
      const length = turn < 0 ? 1 : seconds;
      forgetPeak(node.pid);
      const cpuBefore = cpuSeconds(node.pid);
      const result = await wrkSend("POST", `${node.url}/cask/`, sizeBytes, length);
      const cpuMicros = ((cpuSeconds(node.pid) - cpuBefore) * 1e6) / result.requests;
      const bare = await runBare(given, bareFolder, sizeBytes, length);
      if (turn < 0) continue;
      ours.push({ ...result, cpuMicros, peakBytes: peakBytes(node.pid) });
      theirs.push(bare);
    }
  }
  const ratio = medianOf(ours.map(({ rate }, turn) => rate / (theirs[turn]?.rate ?? Number.NaN)));
  const [ourRates, theirRates] = [ours.map(({ rate }) => rate), theirs.map(({ rate }) => rate)];
  return [
    {
      blob: sizeText(sizeBytes),
      cores: given.cores,
      threads: given.threads,
      what: "warren",
      "blobs/s": medianOf(ourRates).toFixed(0),
      spread: spreadText(ourRates),
      "median ms": medianOf(ours.map(({ medianMs }) => medianMs)).toFixed(1),
      "p99 ms": medianOf(ours.map(({ p99Ms }) => p99Ms)).toFixed(0),
      "core µs/blob": medianOf(ours.map(({ cpuMicros }) => cpuMicros)).toFixed(0),
      "peak memory": sizeText(Math.max(...ours.map((turn) => turn.peakBytes))),
      "warren / it": "",
      goal: "",
    },
    {
      blob: sizeText(sizeBytes),
      cores: given.cores,
      threads: given.threads,
      what: "bare loop",
      "blobs/s": medianOf(theirRates).toFixed(0),
      spread: spreadText(theirRates),
      "core µs/blob": medianOf(theirs.map(({ cpuMicros }) => cpuMicros)).toFixed(0),
      "peak memory": sizeText(Math.max(...theirs.map((turn) => turn.peakBytes))),
      "warren / it": ratio.toFixed(2),
      goal: verdict(ratio >= goal, String(goal)),
    },
  ];
}

async function runBare(
  { cores, environment }: Means,
  folder: string,
  sizeBytes: number,
  seconds: number,
): Promise<Bare> {
  const words = [join(import.meta.dir, "bare-writer.ts"), folder, String(sizeBytes), String(seconds)];
  const child = Bun.spawn([...(cores === "one" ? onCore(0) : []), process.execPath, ...words], {
    env: { PATH: process.env.PATH ?? "", ...environment },
    stdout: "pipe",
    stderr: "inherit",
  });
  const [output, exitCode] = await Promise.all([new Response(child.stdout).text(), child.exited]);
  if (exitCode !== 0) throw new Error(`The bare loop ended with ${exitCode}`);
  return JSON.parse(output) as Bare;
}
