/**
 * One blob of 4 GiB up and down through curl: how much memory a node needs beyond what it needs at rest, alone and as
 * one of three that each take a copy, and how fast it goes. The bytes are checked by their hash on the way in and by
 * their count on the way out.
 */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type ChildNode, startChild } from "../src/kit/testing/child-node.ts";
import { together } from "./cluster.ts";
import { forgetPeak, mustHave, pause, peakBytes, residentBytes } from "./measure.ts";
import { type BenchTable, type Effort, sizeText, verdict } from "./report.ts";

const mib = 2 ** 20;
const goalBytes = 64 * mib;
const sizes: Record<Effort, number> = { smoke: 8 * mib, quick: 1024 * mib, full: 4096 * mib };
const restMs: Record<Effort, number> = { smoke: 0, quick: 3000, full: 10_000 };

/** Measures peak memory and speed. */
export async function run(effort: Effort): Promise<BenchTable[]> {
  mustHave("curl");
  const sizeBytes = sizes[effort];
  const root = mkdtempSync(join(tmpdir(), "warren-bench-"));
  const rows: BenchTable["rows"] = [];
  try {
    const file = join(root, "file");
    const folder = () => mkdtempSync(join(root, "node-"));
    {
      await using node = await startChild({ folder: folder() });
      await pause(restMs[effort]);
      rows.push(...(await upAndDown("one node", [node], file, sizeBytes, "raw")));
    }
    {
      await using node = await startChild({ folder: folder() });
      await pause(restMs[effort]);
      rows.push(...(await upAndDown("one node", [node], file, sizeBytes, "form")));
    }
    {
      await using first = await startChild({ folder: folder() });
      const words = ["up", "--join", first.gossip];
      await using second = await startChild({ words, folder: folder() });
      await using third = await startChild({ words, folder: folder() });
      await together([first, second, third]);
      await pause(restMs[effort]);
      rows.push(...(await upAndDown("three nodes", [first, second, third], file, sizeBytes, "raw")));
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  return [
    {
      title: `A blob of ${sizeText(sizeBytes)} through curl`,
      rows,
      notes: [
        `At rest: resident memory ${restMs[effort] / 1000} s after the start. Above: the peak during the transfer less that; of three nodes the highest.`,
        `Goal: at most ${sizeText(goalBytes)} above rest. The file is a sparse one with a number at its head, so reading it costs the sender little.`,
      ],
    },
  ];
}

async function upAndDown(
  what: string,
  nodes: readonly ChildNode[],
  file: string,
  sizeBytes: number,
  form: "raw" | "form",
): Promise<BenchTable["rows"]> {
  const [node] = nodes;
  if (!node) throw new Error("Cannot measure without a node");
  writeFileSync(file, crypto.randomUUID());
  truncateSync(file, sizeBytes);
  const rest = nodes.map(({ pid }) => residentBytes(pid));
  const measured = async (direction: string, words: string[]) => {
    for (const { pid } of nodes) forgetPeak(pid);
    const startedMs = performance.now();
    const output = await curl(words);
    const seconds = (performance.now() - startedMs) / 1000;
    const above = Math.max(...nodes.map(({ pid }, at) => peakBytes(pid) - (rest[at] ?? 0)));
    const row = {
      nodes: what,
      transfer: direction,
      "at rest": sizeText(Math.max(...rest)),
      "above at peak": sizeText(Math.max(0, above)),
      goal: verdict(above <= goalBytes, sizeText(goalBytes)),
      "MiB/s": (sizeBytes / mib / seconds).toFixed(0),
    };
    return { row, output };
  };
  const up = await measured(
    form === "raw" ? "up, raw" : "up, form",
    form === "raw" ? ["-T", file, `${node.url}/cask/`] : ["-F", `file=@${file}`, `${node.url}/cask/`],
  );
  const { key, success, size } = JSON.parse(up.output) as { key: string; success: boolean; size: number };
  if (!success || size !== sizeBytes) throw new Error(`The node answered ${up.output}`);
  const words = ["-o", "/dev/null", "-w", "%{size_download} %{http_code}", `${node.url}/cask/file/${key}/`];
  const down = await measured("down", words);
  if (down.output !== `${sizeBytes} 200`) throw new Error(`The download came to ${down.output}`);
  return [up.row, down.row];
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
