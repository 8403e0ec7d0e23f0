/**
 * Looks at folders, each look in a process of its own with a deadline. A process that does not answer is killed, and if
 * the kernel will not let it die, it is left behind: as long as it hangs no other is started for the same folder, so
 * that a disk that hangs for a month costs one process. This program itself never touches what it watches.
 */
import { z } from "zod";

import { type Clock, sleep } from "../../kit/clock.ts";
import { reasonOf } from "../../kit/fault.ts";
import { innerCommand } from "../../kit/self.ts";
import type { ProbeAnswer } from "./verdict.ts";

/** Looks at a folder; with `write` also by writing. */
export interface Prober {
  look(path: string, write: boolean, signal?: AbortSignal): Promise<ProbeAnswer>;
  /** Processes that were told to end and have not. */
  stuck(): number;
}

/** How looks are made. */
export interface ProberOptions {
  clock: Clock;
  timeoutMs: number;
  /** The command that looks at a path. @default this very program */
  command?: (path: string, write: boolean) => string[];
}

const answerShape = z.union([
  z.object({
    kind: z.literal("seen"),
    latencyMs: z.number(),
    isOwnDevice: z.boolean(),
    totalBytes: z.number(),
    usedBytes: z.number(),
    availableBytes: z.number(),
    inodes: z.number(),
    freeInodes: z.number(),
    writeMs: z.number().exactOptional(),
    writeFailure: z.string().exactOptional(),
  }),
  z.object({ kind: z.literal("failed"), code: z.string() }),
]);

const usual = (path: string, write: boolean) => innerCommand("mount-probe", path, ...(write ? ["write"] : []));

/** A prober over processes. */
export function createProber({ clock, command = usual, timeoutMs }: ProberOptions): Prober {
  const left = new Map<string, { sinceMs: number }>();
  return {
    stuck: () => left.size,
    async look(path, write, signal) {
      const before = left.get(path);
      if (before) return { kind: "hung", afterMs: Math.round(clock.monotonicMs() - before.sinceMs) };
      const sinceMs = clock.monotonicMs();
      const child = started(command(path, write));
      // What was seen before must not stand for what nobody can look at now.
      if (child instanceof Error)
        return { kind: "failed", code: `the process that looks could not be started, ${reasonOf(child)}` };
      left.set(path, { sinceMs });
      const gone = child.exited.then(() => left.delete(path));
      const waiting = new AbortController();
      const stop = () => waiting.abort();
      signal?.addEventListener("abort", stop, { once: true });
      // The word of a process that then cannot end is not waited for either: what it closes may hang, too.
      const said = Promise.all([new Response(child.stdout).text(), gone]).then(([text]) => text);
      const text = await Promise.race([said, sleep(clock, timeoutMs, waiting.signal)]);
      waiting.abort();
      signal?.removeEventListener("abort", stop);
      if (text === undefined) {
        child.kill("SIGKILL");
        // What can die does so in a moment, and then the next look is a new one.
        child.unref();
        await Promise.race([gone, sleep(clock, 200)]);
        return { kind: "hung", afterMs: timeoutMs };
      }
      return read(text);
    },
  };
}

/** The process, or why there is none: no more may be started, or no more files opened. */
function started(words: string[]): Bun.Subprocess<"ignore", "pipe", "ignore"> | Error {
  try {
    return Bun.spawn(words, {
      cwd: "/",
      stdio: ["ignore", "pipe", "ignore"],
      argv0: "warren",
      // Nothing of this program's environment, which may hold secrets.
      env: { BUN_ENABLE_CRASH_REPORTING: "0", DO_NOT_TRACK: "1", UV_THREADPOOL_SIZE: "1" },
    });
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown) return thrown;
    throw thrown;
  }
}

function read(text: string): ProbeAnswer {
  try {
    const parsed = answerShape.safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data;
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
  }
  return { kind: "failed", code: "no answer, the process that looks ended early" };
}
