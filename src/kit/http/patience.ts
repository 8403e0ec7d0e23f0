/**
 * Trying again: with growing pauses, spread by chance so that many who lost the same server do not come back at once, and
 * only as long as somebody is willing to wait without anything getting better. Work that gets on starts afresh.
 */
import { type Clock, sleep } from "../clock.ts";
import { Fault } from "../fault.ts";
import type { Random } from "../random.ts";

/** How long, and who is told. */
export interface PatienceOptions {
  clock: Clock;
  random: Random;
  /** Given up after this long without progress. */
  limitMs: number;
  /** Called before each pause. */
  onWait?: (fault: Fault, delayMs: number) => void;
}

const firstDelayMs = 250;
const lastDelayMs = 15_000;

/** Whether trying the same again may help: the other side is away, slow, busy or broken, not of another opinion. */
export function isPassing(fault: Fault): boolean {
  // Nobody makes space within minutes.
  if (fault.status === 507) return false;
  // The server waited for us in vain; or somebody else has it open, perhaps our own request that was cut.
  return (
    fault.status === 408 ||
    fault.status === 423 ||
    ["unavailable", "timeout", "internal", "limited"].includes(fault.kind)
  );
}

/** The patience of one piece of work. */
export class Patience {
  readonly #options: PatienceOptions;
  #sinceMs: number;
  /** Failures in a row. */
  failures = 0;

  constructor(options: PatienceOptions) {
    this.#options = options;
    this.#sinceMs = options.clock.monotonicMs();
  }

  /** The work has got on. */
  progressed(): void {
    this.#sinceMs = this.#options.clock.monotonicMs();
    this.failures = 0;
  }

  /**
   * Waits before the next attempt. Throws what was thrown when it is no Fault, when trying again is no use, or when
   * patience is at its end; throws the reason of `signal` when that aborts.
   */
  async after(thrown: unknown, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (!(thrown instanceof Fault) || !isPassing(thrown)) throw thrown;
    const { clock, limitMs, onWait, random } = this.#options;
    const leftMs = this.#sinceMs + limitMs - clock.monotonicMs();
    if (leftMs <= 0) throw thrown;
    const grownMs = Math.min(lastDelayMs, firstDelayMs * 2 ** Math.min(this.failures, 20));
    this.failures++;
    const wantedMs = Math.max(grownMs * (0.5 + random() / 2), Math.min(thrown.retryAfterMs ?? 0, 60_000));
    const delayMs = Math.min(wantedMs, leftMs);
    onWait?.(thrown, delayMs);
    await sleep(clock, delayMs, signal);
    signal?.throwIfAborted();
  }
}

/** Does `work` again and again, as long as it fails by what may pass and patience lasts. Without patience it is done once. */
export async function patiently<T>(
  patience: Patience | undefined,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  while (true) {
    try {
      return await work();
    } catch (thrown) {
      if (patience === undefined) throw thrown;
      await patience.after(thrown, signal);
    }
  }
}
