/**
 * Limits of time for questions to others: an answer that is late is a Fault, whatever the asked does with the signal.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";

/**
 * What `ask` gives within `limitMs`; afterwards its signal aborts and the Fault `hakmes/too-late` is thrown, also when the
 * caller's own `signal` aborts before.
 */
export async function within<T>(
  clock: Clock,
  limitMs: number,
  ask: (signal: AbortSignal) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const limit = new AbortController();
  return new Promise<T>((resolve, reject) => {
    const giveUp = () => {
      const late = new Fault("timeout", "hakmes/too-late", `No answer came within ${limitMs} ms`);
      limit.abort(late);
      finish(() => reject(late));
    };
    const cancel = clock.schedule(limitMs, giveUp);
    const finish = (action: () => void) => {
      cancel();
      signal?.removeEventListener("abort", giveUp);
      action();
    };
    if (signal?.aborted) {
      giveUp();
      return;
    }
    signal?.addEventListener("abort", giveUp, { once: true });
    ask(limit.signal).then(
      (value) => finish(() => resolve(value)),
      (thrown: unknown) => finish(() => reject(thrown)),
    );
  });
}
