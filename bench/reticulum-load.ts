/**
 * Asks for many images once each, from wrk with a script: on a machine of two cores the load takes its share from what it
 * measures, and a client in JavaScript took as much as half of what the node itself needs beside decoding.
 */
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Resolves to how long all took, and the median of each. Throws when an answer was not an image. */
export async function askForAll(
  url: string,
  paths: readonly string[],
  connections: number,
): Promise<{ seconds: number; medianMs: number }> {
  const list = join(tmpdir(), `warren-bench-${crypto.randomUUID()}`);
  await Bun.write(list, paths.join("\n"));
  try {
    const child = Bun.spawn(
      ["wrk", "-t1", `-c${connections}`, "-d600s", "--timeout", "60s", "--latency", "-s", script, url],
      { env: { PATH: process.env.PATH ?? "", BENCH_PATHS: list }, stdout: "pipe", stderr: "inherit" },
    );
    let output = "";
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      output += text;
      if (/^end$/m.test(output)) child.kill("SIGINT");
    }
    await child.exited;
    const tookMs = Number(/^took ([\d.]+)$/m.exec(output)?.[1]);
    const latency = /^\s+50%\s+([\d.]+)(us|ms|s)\s*$/m.exec(output);
    const answers = [...output.matchAll(/^(\d{3}) (\d+)$/gm)];
    const bad = answers.find(([, status, bytes]) => status !== "200" || Number(bytes) < 100);
    if (bad !== undefined || answers.length !== paths.length || latency === null)
      throw new Error(
        `The load failed: ${bad?.[0] ?? answers.length} of ${paths.length} answers\n${output.slice(-2000)}`,
      );
    const unitMs = { us: 0.001, ms: 1, s: 1000 }[latency[2] as "us" | "ms" | "s"];
    return { seconds: tookMs / 1000, medianMs: Number(latency[1]) * unitMs };
  } finally {
    rmSync(list, { force: true });
  }
}

const script = join(import.meta.dir, "reticulum-list.lua");
