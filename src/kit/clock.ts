/**
 * Time as a value: what depends on time takes a Clock, so that tests and simulations decide when it passes.
 * Wall time may jump (an operator sets the clock); monotonic time never goes back. Measure with the latter.
 */

/** A source of time and of wake-ups. */
export interface Clock {
  /** Wall time in milliseconds since 1970-01-01 UTC; may jump in either direction. */
  now(): number;
  /** Milliseconds since some fixed instant of this process; never decreases. */
  monotonicMs(): number;
  /** Calls `callback` once after at least `delayMs` of monotonic time. The returned function cancels it and may be called twice. */
  schedule(delayMs: number, callback: () => void): () => void;
}

/** The longest delay the runtime's timers keep; they fire at once when asked for more. */
const timerLimitMs = 2 ** 31 - 1;

/** The machine's own clock. Timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  schedule(delayMs, callback) {
    let timer: ReturnType<typeof setTimeout>;
    const wait = (leftMs: number) => {
      timer =
        leftMs > timerLimitMs
          ? setTimeout(wait, timerLimitMs, leftMs - timerLimitMs)
          : // The runtime drops fractions of a millisecond, and would fire before the time.
            setTimeout(callback, Math.ceil(leftMs));
      timer.unref();
    };
    wait(delayMs);
    return () => clearTimeout(timer);
  },
};

/** Resolves after `delayMs`, or at once when `signal` aborts. Never rejects; look at the signal afterwards. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const finish = () => {
      cancel();
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    const cancel = clock.schedule(delayMs, finish);
    signal?.addEventListener("abort", finish, { once: true });
  });
}
