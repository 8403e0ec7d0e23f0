/**
 * A file of 2 GiB through curl to Hakmes and back, beside nginx: its DAV module takes the same file on the same disk, and
 * its static module gives it out. Hakmes cuts, hashes and syncs what it takes, and verifies each chunk it gives; nginx
 * does neither. Both take turns, every time with bytes nobody has seen.
 */
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { startChild } from "../src/kit/testing/child-node.ts";
import { cpuSeconds, forgetPeak, medianOf, mustHave, pause, peakBytes, residentBytes, spreadText } from "./measure.ts";
import { startNginx } from "./nginx.ts";
import { type BenchTable, type Effort, sizeText, verdict } from "./report.ts";

const mib = 2 ** 20;
const goals = { up: 0.5, down: 0.5, aboveBytes: 128 * mib };
const amounts: Record<Effort, { sizeBytes: number; turns: number; downs: number; restMs: number }> = {
  smoke: { sizeBytes: 8 * mib, turns: 1, downs: 1, restMs: 0 },
  quick: { sizeBytes: 1024 * mib, turns: 1, downs: 2, restMs: 3000 },
  full: { sizeBytes: 2048 * mib, turns: 3, downs: 3, restMs: 8000 },
};

interface Turn {
  seconds: number;
  cpuSeconds: number;
}

/** Measures rate, processor time and peak memory of both. */
export async function run(effort: Effort): Promise<BenchTable[]> {
  mustHave("nginx", "curl");
  const { sizeBytes, turns, downs, restMs } = amounts[effort];
  const folder = mkdtempSync(join(tmpdir(), "warren-bench-"));
  const files = join(folder, "files");
  mkdirSync(files);
  try {
    await using node = await startChild({ folder: mkdtempSync(join(folder, "node-")) });
    await using nginx = await startNginx(join(folder, "nginx"), files, false);
    await pause(restMs);
    const restBytes = residentBytes(node.pid);
    const source = join(folder, "source");
    const measured = {
      up: { warren: [] as Turn[], nginx: [] as Turn[] },
      down: { warren: [] as Turn[], nginx: [] as Turn[] },
    };
    const peaks = { up: { warren: 0, nginx: 0 }, down: { warren: 0, nginx: 0 } };
    const take = async (direction: "up" | "down", server: "warren" | "nginx", words: string[]) => {
      const { pid } = server === "warren" ? node : nginx;
      forgetPeak(pid);
      const cpuBefore = cpuSeconds(pid);
      const startedMs = performance.now();
      const output = await curl(words);
      const seconds = (performance.now() - startedMs) / 1000;
      measured[direction][server].push({ seconds, cpuSeconds: cpuSeconds(pid) - cpuBefore });
      peaks[direction][server] = Math.max(peaks[direction][server], peakBytes(pid));
      return output;
    };
    for (let turn = 0; turn < turns; turn++) {
      writeNoise(source, sizeBytes);
      await take("up", "nginx", ["-T", source, "-o", "/dev/null", `${nginx.url}/file`]);
      const answer = await take("up", "warren", ["-T", source, `${node.url}/hakmes/`]);
      const { key, size } = JSON.parse(answer) as { key: string; size: number };
      if (size !== sizeBytes) throw new Error(`The node answered ${answer.slice(0, 300)}`);
      const words = (url: string) => ["-o", "/dev/null", "-w", "%{size_download} %{http_code}", url];
      for (let down = 0; down < downs; down++) {
        for (const [server, url] of [
          ["nginx", `${nginx.url}/file`],
          ["warren", `${node.url}/hakmes/file/${key}/`],
        ] as const) {
          const output = await take("down", server, words(url));
          if (output !== `${sizeBytes} 200`) throw new Error(`The download from ${server} came to ${output}`);
        }
      }
    }
    const rows: BenchTable["rows"] = [];
    for (const direction of ["up", "down"] as const) {
      const ours = measured[direction].warren;
      for (const server of ["warren", "nginx"] as const) {
        const results = measured[direction][server];
        const rates = results.map(({ seconds }) => sizeBytes / mib / seconds);
        const ratio = medianOf(results.map(({ seconds }, at) => seconds / (ours[at]?.seconds ?? Number.NaN)));
        const above = Math.max(0, peaks.up.warren - restBytes, peaks.down.warren - restBytes);
        rows.push({
          transfer: direction,
          server,
          "MiB/s": medianOf(rates).toFixed(0),
          spread: spreadText(rates),
          "core seconds": medianOf(results.map((result) => result.cpuSeconds)).toFixed(1),
          "peak memory": sizeText(peaks[direction][server]),
          "warren / it": server === "warren" ? "" : ratio.toFixed(2),
          goal:
            server === "nginx"
              ? verdict(ratio >= goals[direction], String(goals[direction]))
              : direction === "up"
                ? verdict(
                    above <= goals.aboveBytes,
                    `${sizeText(above)} above rest, at most ${sizeText(goals.aboveBytes)}`,
                  )
                : "",
        });
      }
    }
    return [
      {
        title: `A file of ${sizeText(sizeBytes)} through curl, one node`,
        rows,
        notes: [
          `Medians of ${turns} uploads and ${turns * downs} downloads, servers in turn; the ratio is the median of the ratios of each turn.`,
          "nginx: one worker, sendfile, and for uploads dav_methods PUT; it does not sync. Hakmes answers an upload when every chunk is synced, and hashes each chunk before it gives any byte of it.",
          `At rest: ${sizeText(restBytes)} resident, ${restMs / 1000} s after the start.`,
        ],
      },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Fills a file with bytes nobody has seen. */
function writeNoise(path: string, sizeBytes: number): void {
  const piece = new Uint8Array(4 * mib);
  const file = openSync(path, "w");
  try {
    for (let at = 0; at < sizeBytes; at += piece.length) {
      for (let start = 0; start < piece.length; start += 65_536) {
        crypto.getRandomValues(piece.subarray(start, start + 65_536));
      }
      writeSync(file, piece, 0, Math.min(piece.length, sizeBytes - at));
    }
  } finally {
    closeSync(file);
  }
}

async function curl(words: readonly string[]): Promise<string> {
  const child = Bun.spawn(["curl", "-sS", "--fail-with-body", ...words], { stdout: "pipe", stderr: "pipe" });
  const [output, failure, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (exitCode !== 0) throw new Error(`curl ended with ${exitCode}: ${failure}${output.slice(0, 500)}`);
  return output;
}
