/**
 * Background work: a Worker does one bounded unit at a time and says whether there is more. The loop that drives it
 * paces, backs off after failures, can be woken early, and can be looked at while it runs. A unit is never cut in the
 * middle before the stop deadline; waiting is cut at once.
 */
import { type Clock, sleep } from "./clock.ts";
import { reasonOf } from "./fault.ts";
import type { Logger } from "./log.ts";

/** What a unit of work says at its end: go on after `waitMs` (0 = at once), or wait for a wake-up. */
export type WorkOutcome = { waitMs: number } | "idle";

/** One kind of background work. */
export interface Work {
  /** Short and constant, such as `scrub`. */
  name: string;
  /** One sentence for people. */
  summary: string;
  /** One bounded unit. Throwing counts as a failure and is tried again with a growing pause. */
  step(signal: AbortSignal): Promise<WorkOutcome>;
  /** What to show: position, speed, what is left. */
  progress?(): Record<string, string | number>;
}

/** A running loop over a Work, as pages and metrics see it. */
export interface Worker {
  readonly name: string;
  readonly summary: string;
  state(): "working" | "waiting" | "idle" | "failing" | "paused" | "stopped";
  /** Failures in a row, and the last one's reason. */
  failures(): { count: number; reason: string };
  progress(): Record<string, string | number>;
  /** Ends a wait early. */
  wake(): void;
  pause(): void;
  resume(): void;
  /** Stops after the unit at hand. */
  stop(): Promise<void>;
}

/** How long steps may follow each other before the event loop gets its turn. */
const longestTurnMs = 10;

/** Starts driving `work`. Failures wait 1 s, doubling to 5 min. */
export function startWorker(work: Work, options: { clock: Clock; log: Logger; idleMs?: number }): Worker {
  const stopping = new AbortController();
  const idleMs = options.idleMs ?? 60_000;
  let state: ReturnType<Worker["state"]> = "waiting";
  let failureCount = 0;
  let failureReason = "";
  let waiting = new AbortController();
  let woken = false;
  let paused = false;

  let yieldedAtMs = options.clock.monotonicMs();

  const pauseFor = async (delayMs: number) => {
    if (woken || stopping.signal.aborted) return;
    waiting = new AbortController();
    await sleep(options.clock, delayMs, waiting.signal);
  };

  const loop = async () => {
    while (!stopping.signal.aborted) {
      if (paused) {
        state = "paused";
        await pauseFor(3_600_000);
        woken = false;
        continue;
      }
      woken = false;
      state = "working";
      try {
        const outcome = await work.step(stopping.signal);
        failureCount = 0;
        failureReason = "";
        if (outcome === "idle") {
          state = "idle";
          await pauseFor(idleMs);
        } else if (outcome.waitMs > 0) {
          state = "waiting";
          await pauseFor(outcome.waitMs);
        } else if (options.clock.monotonicMs() - yieldedAtMs >= longestTurnMs) {
          // Steps that never wait for anything would keep every request waiting for them.
          await sleep(options.clock, 0, stopping.signal);
          yieldedAtMs = options.clock.monotonicMs();
        } else {
          await Promise.resolve();
        }
      } catch (thrown) {
        if (stopping.signal.aborted) break;
        failureCount++;
        failureReason = reasonOf(thrown);
        state = "failing";
        options.log.warn("Background work failed and will be tried again", {
          worker: work.name,
          failures: failureCount,
          reason: failureReason,
        });
        await pauseFor(Math.min(1000 * 2 ** (failureCount - 1), 300_000));
      }
    }
    state = "stopped";
  };
  const finished = loop();
  const wake = () => {
    woken = true;
    waiting.abort();
  };
  return {
    name: work.name,
    summary: work.summary,
    state: () => state,
    failures: () => ({ count: failureCount, reason: failureReason }),
    progress: () => work.progress?.() ?? {},
    wake,
    pause() {
      paused = true;
      wake();
    },
    resume() {
      paused = false;
      wake();
    },
    async stop() {
      stopping.abort();
      wake();
      await finished;
    },
  };
}
