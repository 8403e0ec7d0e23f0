/**
 * Keeps the way to what carries messages between nodes (NATS, Redis): opened, and when it is lost opened again, after a
 * pause that grows while it stays away. Whatever carries, only one way is open at a time.
 */
import { type Clock, sleep } from "../../../kit/clock.ts";
import { reasonOf } from "../../../kit/fault.ts";
import type { Logger } from "../../../kit/log.ts";
import { OutageLog } from "../outage-log.ts";

/** What is kept up. */
export interface UpkeepParts {
  clock: Clock;
  log: Logger;
  /** What carries, for people. */
  name: string;
  /**
   * Opens the way and works until it fails or `ending` aborts, which it may abort itself; calls `stands` when all works. It
   * lets go of all that it opened before it ends.
   */
  live(ending: AbortController, stands: () => void): Promise<void>;
}

/** A way that is kept up. */
export interface Upkeep {
  /** What is wrong, for people; undefined when nothing is. */
  readonly failure: string | undefined;
  /** Resolves when the way stood for the first time, or after five seconds without that. */
  readonly begun: Promise<void>;
  /** Ends it, and resolves when all is let go of. */
  stop(): Promise<void>;
}

/** What is told to end gets so long to let go; then it is left to itself. */
const letGoMs = 500;
const firstPauseMs = 100;
const longestPauseMs = 2000;
const openMs = 5000;

/** Begins. */
export function keepUp({ clock, live, log, name }: UpkeepParts): Upkeep {
  const over = new AbortController();
  const { promise: stood, resolve: standsFirst } = Promise.withResolvers<void>();
  const outage = new OutageLog(log, `${name}, which carries messages between nodes, is away; trying again`);
  let failure: string | undefined = `${name} was not reached yet`;
  const tryOnce = async (): Promise<string> => {
    const ending = new AbortController();
    const stop = () => ending.abort();
    over.signal.addEventListener("abort", stop, { once: true });
    const { promise: leftAlone, resolve: leave } = Promise.withResolvers<void>();
    ending.signal.addEventListener("abort", () => clock.schedule(letGoMs, leave), { once: true });
    const stands = () => {
      if (ending.signal.aborted) return;
      failure = undefined;
      outage.over();
      standsFirst();
    };
    try {
      // A library may wait for ever for what a broken server owes it.
      await Promise.race([live(ending, stands), leftAlone]);
      return `the connection to ${name} was lost`;
    } catch (thrown) {
      return reasonOf(thrown);
    } finally {
      ending.abort();
      over.signal.removeEventListener("abort", stop);
    }
  };
  const keep = async (): Promise<void> => {
    let pauseMs = firstPauseMs;
    while (!over.signal.aborted) {
      const sinceMs = clock.monotonicMs();
      failure = await tryOnce();
      if (over.signal.aborted) return;
      outage.failed({ reason: failure });
      if (clock.monotonicMs() - sinceMs > longestPauseMs) pauseMs = firstPauseMs;
      await sleep(clock, pauseMs, over.signal);
      pauseMs = Math.min(longestPauseMs, pauseMs * 2);
    }
  };
  const keeping = keep();
  return {
    get failure() {
      return failure;
    },
    begun: Promise.race([stood, sleep(clock, openMs, over.signal)]),
    async stop() {
      over.abort();
      await keeping;
    },
  };
}

/** What a promise gives. Rejects when that takes longer than `limitMs`; `what` is then said not to have been answered. */
export async function answered<T>(clock: Clock, limitMs: number, what: string, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const cancel = clock.schedule(limitMs, () => reject(new Error(`${what} was not answered within ${limitMs} ms`)));
  try {
    return await Promise.race([work, promise]);
  } finally {
    cancel();
  }
}
