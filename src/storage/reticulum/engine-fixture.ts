/** Engines for tests: real processes with limits of a test's choice, gone when the test leaves its block. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import type { ImageLimits } from "./engine.ts";
import { createEngine, type EngineOptions, type ProcessEngine, usualLimits } from "./engine-pool.ts";

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};

/** An engine that is closed with its block. */
export interface TestEngine extends AsyncDisposable {
  readonly engine: ProcessEngine;
}

/**
 * Starts one. A job has ten minutes unless a test says otherwise: decoders yield to everyone, and on a busy machine what takes
 * a moment elsewhere may take half a minute.
 */
export function testEngine(
  options: Partial<Omit<EngineOptions, "limits">> & { limits?: Partial<ImageLimits> } = {},
): TestEngine {
  const folder = mkdtempSync(join(tmpdir(), "warren-engine-"));
  const engine = createEngine({
    folder,
    clock: systemClock,
    log: silent,
    ...options,
    limits: { ...usualLimits, timeMs: 600_000, ...options.limits },
  });
  return {
    engine,
    [Symbol.asyncDispose]: async () => {
      await engine.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The code of the Fault that a promise ends with, or `fine`; anything else that is thrown goes on. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "fine";
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown.code;
    throw thrown;
  }
}

/** Whether a process is there. One that has ended and that nobody has asked after is not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return process.platform !== "linux" || !["Z", "X"].includes(statOf(pid)[0] ?? "Z");
}

/** What the processor did for a process so far, ms; 0 where the system does not tell. */
export function processorMs(pid: number): number {
  if (process.platform !== "linux") return 0;
  const [user, system] = statOf(pid).slice(11, 13).map(Number);
  // In hundredths of a second, on every Linux.
  return ((user ?? 0) + (system ?? 0)) * 10;
}

/** What stands behind the name in /proc/…/stat, beginning with the state; nothing when the process is gone. */
function statOf(pid: number): string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown) return [];
    throw thrown;
  }
}
