/**
 * Reading blobs that this node holds, beside nginx with sendfile serving files of the same bytes. Servers take turns on
 * core 0, the load runs on core 1; of every pair of turns both are in the same minute of the same machine.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { startChild } from "../src/kit/testing/child-node.ts";
import { cpuSeconds, forgetPeak, medianOf, mustHave, peakBytes, pin, spreadText } from "./measure.ts";
import { startNginx } from "./nginx.ts";
import { type BenchTable, type Effort, sizeText, verdict } from "./report.ts";
import { type LoadResult, wrkGet } from "./wrk.ts";

const sizes = [
  { bytes: 1024, goal: 0.6 },
  { bytes: 64 * 1024, goal: 0.6 },
  { bytes: 8 * 1024 * 1024, goal: 0.8 },
];
const turnsOf: Record<Effort, { turns: number; seconds: number; warmUps: number }> = {
  smoke: { turns: 1, seconds: 1, warmUps: 0 },
  quick: { turns: 3, seconds: 1, warmUps: 1 },
  full: { turns: 7, seconds: 3, warmUps: 1 },
};

/** Measures rate, latency and memory of both. */
export async function run(effort: Effort): Promise<BenchTable[]> {
  mustHave("nginx", "wrk");
  const { turns, seconds, warmUps } = turnsOf[effort];
  const folder = mkdtempSync(join(tmpdir(), "warren-bench-"));
  const files = join(folder, "files");
  mkdirSync(files);
  const rows: BenchTable["rows"] = [];
  try {
    await using node = await startChild();
    await using plain = await startNginx(join(folder, "plain"), files, false);
    await using caching = await startNginx(join(folder, "caching"), files, true);
    pin(node.pid, 0);
    for (const { bytes: sizeBytes, goal } of effort === "smoke" ? sizes.slice(0, 1) : sizes) {
      const bytes = randomBytes(sizeBytes);
      const name = String(sizeBytes);
      await Bun.write(join(files, name), bytes);
      const key = await stored(node.url, bytes);
      const servers = [
        { name: "warren", pid: node.pid, url: `${node.url}/cask/file/${key}/` },
        { name: "nginx", pid: plain.pid, url: `${plain.url}/${name}` },
        { name: "nginx, open_file_cache", pid: caching.pid, url: `${caching.url}/${name}` },
      ].map((server) => ({ ...server, results: [] as (LoadResult & { cpuMicros: number })[], peak: 0 }));
      // The turn before the first warms caches and compilers.
      for (let turn = -warmUps; turn < turns; turn++) {
        for (const server of servers) {
          forgetPeak(server.pid);
          const cpuBefore = cpuSeconds(server.pid);
          const result = await wrkGet(server.url, turn < 0 ? 1 : seconds);
          const cpuMicros = ((cpuSeconds(server.pid) - cpuBefore) * 1e6) / result.requests;
          if (turn < 0) continue;
          server.results.push({ ...result, cpuMicros });
          server.peak = Math.max(server.peak, peakBytes(server.pid));
        }
      }
      const ours = servers[0]?.results ?? [];
      for (const server of servers) {
        const rates = server.results.map(({ rate }) => rate);
        // Turn by turn, so that what slowed the machine down for a moment slowed both.
        const ratio = medianOf(rates.map((rate, turn) => (ours[turn]?.rate ?? 0) / rate));
        const cpuMicros = medianOf(server.results.map((result) => result.cpuMicros));
        const cpuRatio = cpuMicros / medianOf(ours.map((result) => result.cpuMicros));
        rows.push({
          blob: sizeText(sizeBytes),
          server: server.name,
          "requests/s": medianOf(rates).toFixed(0),
          "MiB/s": ((medianOf(rates) * sizeBytes) / 2 ** 20).toFixed(0),
          spread: spreadText(rates),
          "median ms": medianOf(server.results.map(({ medianMs }) => medianMs)).toFixed(2),
          "p99 ms": medianOf(server.results.map(({ p99Ms }) => p99Ms)).toFixed(1),
          "core µs/request": cpuMicros.toFixed(1),
          "peak memory": sizeText(server.peak),
          "warren / it": server.name === "warren" ? "" : ratio.toFixed(2),
          "by core time": server.name === "warren" ? "" : cpuRatio.toFixed(2),
          goal: server.name === "nginx" ? verdict(ratio >= goal, String(goal)) : "",
        });
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return [
    {
      title: "Reading a blob held here, 32 connections",
      rows,
      notes: [
        `Medians of ${turns} turns of ${seconds} s each, servers in turn; the ratio is the median of the ratios of each turn.`,
        "Server on core 0, wrk on core 1, loopback, keep-alive. nginx has one worker, sendfile on, no access log.",
        "By core time: requests that a core's second is good for, in user and system time of the process. Other programs on the machine disturb it less than rates.",
        "Warren checks on every request that the file's size, time and inode are those it verified; nginx with open_file_cache looks once a minute.",
      ],
    },
  ];
}

/** Bytes nobody has seen. */
export function randomBytes(sizeBytes: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(sizeBytes);
  for (let at = 0; at < sizeBytes; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}

/** Stores bytes at a node; their key. */
export async function stored(url: string, bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const response = await fetch(`${url}/cask/`, { method: "POST", body: bytes });
  const { key, success } = (await response.json()) as { key: string; success: boolean };
  if (!success) throw new Error(`The node did not store ${bytes.length} bytes: ${response.status}`);
  return key;
}
