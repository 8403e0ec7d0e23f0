/**
 * What a node costs that has nothing to do, alone and as one of three, and how soon it is ready, empty and with many
 * blobs. No peer does the same at rest; the goals are fixed numbers.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "../src/kit/clock.ts";
import { type ChildNode, startChild } from "../src/kit/testing/child-node.ts";
import { keyOf } from "../src/storage/cask/key.ts";
import { openSqliteLedger } from "../src/storage/cask/ledger-sqlite.ts";
import { findFile } from "../src/storage/cask/store-disk-read.ts";
import { cpuSeconds, medianOf, pause, peakBytes, residentBytes, spreadText } from "./measure.ts";
import { together } from "./cluster.ts";
import { type BenchTable, type Effort, sizeText, verdict } from "./report.ts";

const mib = 2 ** 20;
const goals = { residentBytes: 80 * mib, coreShare: 0.01, emptyMs: 500, filledMs: 3000 };
const amounts: Record<Effort, { restMs: number; watchMs: number; starts: number; blobs: number }> = {
  smoke: { restMs: 100, watchMs: 200, starts: 1, blobs: 50 },
  quick: { restMs: 3000, watchMs: 5000, starts: 3, blobs: 20_000 },
  full: { restMs: 10_000, watchMs: 30_000, starts: 7, blobs: 200_000 },
};

/** Measures memory, processor time and time to be ready. */
export async function run(effort: Effort): Promise<BenchTable[]> {
  const amount = amounts[effort];
  const rest: BenchTable["rows"] = [];
  {
    await using node = await startChild();
    rest.push(...(await atRest("alone", [node], amount)));
  }
  {
    await using first = await startChild();
    await using second = await startChild({ words: ["up", "--join", first.gossip] });
    await using third = await startChild({ words: ["up", "--join", first.gossip] });
    await together([first, second, third]);
    rest.push(...(await atRest("of three", [first, second, third], amount)));
  }
  const folder = mkdtempSync(join(tmpdir(), "warren-bench-"));
  let ready: BenchTable["rows"];
  try {
    const filled = join(folder, "filled");
    fillFolder(join(filled, "data"), amount.blobs);
    ready = [
      await startTimes("empty", amount.starts, goals.emptyMs, (start) => join(folder, `empty-${start}`)),
      await startTimes(`with ${amount.blobs} blobs`, amount.starts, goals.filledMs, () => filled),
      await startTimes(`with ${amount.blobs} blobs, ledger lost`, amount.starts, goals.filledMs, (start) => {
        // The blobs are shared; each start has a ledger to make again.
        const lost = join(folder, `lost-${start}`);
        mkdirSync(join(lost, "data/cask"), { recursive: true });
        // A folder of blobs is one node's: what lost its ledger is still that node.
        cpSync(join(filled, "data/node-id"), join(lost, "data/node-id"));
        if (effort === "smoke")
          cpSync(join(filled, "data/cask/blobs"), join(lost, "data/cask/blobs"), { recursive: true });
        else
          writeFileSync(
            join(lost, "warren.toml"),
            `[cask]\nfolder = ${JSON.stringify(join(filled, "data/cask/blobs"))}\n`,
          );
        return lost;
      }),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return [
    {
      title: "At rest",
      rows: rest,
      notes: [
        `Resident memory ${amount.restMs / 1000} s after the start; processor time over the ${amount.watchMs / 1000} s after that.`,
        `Goals: at most ${sizeText(goals.residentBytes)} and less than ${goals.coreShare * 100} % of a core.`,
      ],
    },
    {
      title: "From the start of the process to `ready`",
      rows: ready,
      notes: [`Median of ${amount.starts} starts from warm caches, the time to launch the runtime included.`],
    },
  ];
}

async function atRest(
  what: string,
  nodes: readonly ChildNode[],
  amount: { restMs: number; watchMs: number },
): Promise<BenchTable["rows"]> {
  await pause(amount.restMs);
  const before = nodes.map(({ pid }) => cpuSeconds(pid));
  const resident = nodes.map(({ pid }) => residentBytes(pid));
  await pause(amount.watchMs);
  return nodes.map(({ pid }, at) => {
    const share = (cpuSeconds(pid) - (before[at] ?? 0)) / (amount.watchMs / 1000);
    const bytes = resident[at] ?? Number.NaN;
    return {
      node: nodes.length > 1 ? `${what}, ${at + 1}` : what,
      resident: sizeText(bytes),
      "resident later": sizeText(residentBytes(pid)),
      peak: sizeText(peakBytes(pid)),
      "memory goal": verdict(bytes <= goals.residentBytes, sizeText(goals.residentBytes)),
      core: `${(share * 100).toFixed(2)} %`,
      "core goal": verdict(share < goals.coreShare, "1 %"),
    };
  });
}

/** A data folder as a node with so many blobs of 100 bytes leaves it. */
function fillFolder(data: string, blobs: number): void {
  const cask = join(data, "cask");
  mkdirSync(join(cask, "blobs"), { recursive: true });
  const ledger = openSqliteLedger({ path: join(cask, "ledger.sqlite"), clock: systemClock });
  const made = new Set<string>();
  const bytes = Buffer.alloc(100);
  for (let number = 0; number < blobs; number++) {
    bytes.writeUInt32LE(number, 0);
    const digest = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
    const folder = join(cask, "blobs/sha256", digest.slice(0, 2));
    if (!made.has(folder)) mkdirSync(folder, { recursive: true });
    made.add(folder);
    const path = join(folder, digest);
    writeFileSync(path, bytes);
    const stat = findFile(path);
    if (!stat) throw new Error(`Cannot find ${path} after it was written`);
    const now = Date.now();
    ledger.put({ key: keyOf("sha256", digest), ...stat, sha256: digest, verifiedAt: now, surplusSince: 0 });
  }
  ledger.close();
}

async function startTimes(
  what: string,
  starts: number,
  goalMs: number,
  folderOf: (start: number) => string,
): Promise<Record<string, string>> {
  const times: number[] = [];
  let peak = 0;
  for (let start = 0; start < starts; start++) {
    const folder = folderOf(start);
    mkdirSync(folder, { recursive: true });
    const startedMs = performance.now();
    await using node = await startChild({ folder });
    times.push(performance.now() - startedMs);
    peak = Math.max(peak, peakBytes(node.pid));
    await node.end();
  }
  const median = medianOf(times);
  return {
    data: what,
    "ready after ms": median.toFixed(0),
    spread: spreadText(times),
    "slowest ms": Math.max(...times).toFixed(0),
    "peak memory": sizeText(peak),
    goal: verdict(median <= goalMs, `${goalMs} ms`),
  };
}
