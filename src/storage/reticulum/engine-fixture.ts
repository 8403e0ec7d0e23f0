/** Engines for tests: real processes with limits of a test's choice, gone when the test leaves its block. */
import { mkdtempSync, rmSync } from "node:fs";
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

/** Starts one. */
export function testEngine(
  options: Partial<Omit<EngineOptions, "limits">> & { limits?: Partial<ImageLimits> } = {},
): TestEngine {
  const folder = mkdtempSync(join(tmpdir(), "warren-engine-"));
  const engine = createEngine({
    folder,
    clock: systemClock,
    log: silent,
    ...options,
    limits: { ...usualLimits, ...options.limits },
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

/** Whether a process is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
