/**
 * Uploads to three nodes with three copies and a quorum of two, all on this machine and its one disk: how many a second,
 * and how many bytes cross the network for each. No peer does the same; one node alone stands beside it for scale.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { startChild } from "../src/kit/testing/child-node.ts";
import { cpuSeconds, forgetPeak, loopbackBytes, medianOf, mustHave, peakBytes, spreadText } from "./measure.ts";
import { together } from "./cluster.ts";
import { type BenchTable, type Effort, sizeText } from "./report.ts";
import { type LoadResult, wrkSend } from "./wrk.ts";

const turnsOf: Record<Effort, { turns: number; seconds: number; warmUps: number }> = {
  smoke: { turns: 1, seconds: 1, warmUps: 0 },
  quick: { turns: 2, seconds: 1, warmUps: 1 },
  full: { turns: 5, seconds: 3, warmUps: 1 },
};

/** Measures rate, latency, processor time, memory and bytes on the wire. */
export async function run(effort: Effort): Promise<BenchTable[]> {
  mustHave("wrk");
  const { turns, seconds, warmUps } = turnsOf[effort];
  const rows: BenchTable["rows"] = [];
  const root = mkdtempSync(join(tmpdir(), "warren-bench-"));
  const folder = () => mkdtempSync(join(root, "node-"));
  try {
    await using alone = await startChild({ folder: folder() });
    await using first = await startChild({ folder: folder() });
    const words = ["up", "--join", first.gossip];
    await using second = await startChild({ words, folder: folder() });
    await using third = await startChild({ words, folder: folder() });
    await together([first, second, third]);
    for (const sizeBytes of effort === "smoke" ? [4096] : [4096, 65_536, 1_048_576]) {
      const sides = [
        { name: "one node, one copy", url: alone.url, pids: [alone.pid] },
        { name: "three nodes, three copies", url: first.url, pids: [first.pid, second.pid, third.pid] },
      ].map((side) => ({
        ...side,
        results: [] as (LoadResult & { wireBytes: number; cpuMicros: number })[],
        peak: 0,
      }));
      for (let turn = -warmUps; turn < turns; turn++) {
        for (const side of sides) {
          for (const pid of side.pids) forgetPeak(pid);
          const [wire, cpu] = [loopbackBytes(), cpuOf(side.pids)];
          const result = await wrkSend("POST", `${side.url}/cask/`, sizeBytes, turn < 0 ? 1 : seconds);
          if (turn < 0) continue;
          const wireBytes = (loopbackBytes() - wire) / result.requests;
          side.results.push({ ...result, wireBytes, cpuMicros: ((cpuOf(side.pids) - cpu) * 1e6) / result.requests });
          side.peak = Math.max(side.peak, ...side.pids.map(peakBytes));
        }
      }
      for (const side of sides) {
        const rates = side.results.map(({ rate }) => rate);
        const wireBytes = medianOf(side.results.map((result) => result.wireBytes));
        rows.push({
          blob: sizeText(sizeBytes),
          what: side.name,
          "blobs/s": medianOf(rates).toFixed(0),
          "MiB/s": ((medianOf(rates) * sizeBytes) / 2 ** 20).toFixed(1),
          spread: spreadText(rates),
          "median ms": medianOf(side.results.map(({ medianMs }) => medianMs)).toFixed(1),
          "p99 ms": medianOf(side.results.map(({ p99Ms }) => p99Ms)).toFixed(0),
          "bytes on the wire": `${Math.round(wireBytes)} (${(wireBytes / sizeBytes).toFixed(2)} of the blob)`,
          "core µs/blob": medianOf(side.results.map(({ cpuMicros }) => cpuMicros)).toFixed(0),
          "peak of a node": sizeText(side.peak),
        });
      }
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  return [
    {
      title: "Durable uploads, 32 clients, quorum of two",
      rows,
      notes: [
        `Medians of ${turns} turns of ${seconds} s each, in turn. All nodes and the load share the machine's cores; nothing is pinned but wrk, to core 1.`,
        "All three nodes sync to the same disk, so three copies cost at least three times the syncs.",
        "Bytes on the wire are those of the loopback device: the client's upload, the copies between nodes, acknowledgements, headers, gossip. With three copies the blob itself is sent three times.",
      ],
    },
  ];
}

function cpuOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
}
