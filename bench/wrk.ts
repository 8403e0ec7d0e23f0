/**
 * Load from wrk, one thread and 32 connections on core 1: it is written in C and needs far less of a core than what it
 * measures. Uploads come from a script that sends another body each time, made of a number and a fill.
 */
import { onCore } from "./measure.ts";

/** Connections of every load. */
export const connections = 32;

/** What wrk saw. */
export interface LoadResult {
  /** Requests per second. */
  rate: number;
  medianMs: number;
  p99Ms: number;
  requests: number;
}

/** Asks for `url` again and again. Throws when an answer was not a success. */
export function wrkGet(url: string, seconds: number): Promise<LoadResult> {
  return wrk([url], seconds, {});
}

/** Sends a body of `sizeBytes`, never the same twice, with `method`. Throws when an answer was not a success. */
export function wrkSend(method: "PUT" | "POST", url: string, sizeBytes: number, seconds: number): Promise<LoadResult> {
  return wrk(["-s", `${import.meta.dir}/wrk-unique.lua`, url], seconds, {
    BENCH_METHOD: method,
    BENCH_BYTES: String(sizeBytes),
    BENCH_SEED: crypto.randomUUID().replaceAll("-", "").slice(0, 16),
  });
}

async function wrk(words: string[], seconds: number, environment: Record<string, string>): Promise<LoadResult> {
  const command = [...onCore(1), "wrk", "-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "20s", "--latency"];
  const child = Bun.spawn([...command, ...words], {
    env: { PATH: process.env.PATH ?? "", ...environment },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, failure, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  const rate = /Requests\/sec:\s+([\d.]+)/.exec(output)?.[1];
  if (exitCode !== 0 || rate === undefined || /Non-2xx|Socket errors/.test(output)) {
    throw new Error(`The load failed:\n${output}${failure}`);
  }
  return {
    rate: Number(rate),
    medianMs: milliseconds(/^\s+50%\s+(\S+)/m.exec(output)?.[1]),
    p99Ms: milliseconds(/^\s+99%\s+(\S+)/m.exec(output)?.[1]),
    requests: Number(/(\d+) requests in/.exec(output)?.[1] ?? Number.NaN),
  };
}

function milliseconds(text = ""): number {
  const value = Number.parseFloat(text);
  return text.endsWith("us") ? value / 1000 : text.endsWith("ms") ? value : value * 1000;
}
