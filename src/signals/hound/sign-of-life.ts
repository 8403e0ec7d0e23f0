/**
 * Tells another place after each round that Hound still judges and gets word out: a heartbeat of a Chimney elsewhere, or
 * of a service for such signs. When they stop, that place has word to send which Hound cannot: that Hound itself has
 * stopped, sees nothing, or cannot write to its disk. One sign at a time; one that fails is followed by the next.
 */
import type { Clock } from "../../kit/clock.ts";
import { reasonOf } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import { outbound } from "../../kit/outbound.ts";

/** Gives signs of life. */
export interface SignOfLife {
  /** Gives one, unless one is under way. */
  give(): void;
  /** Why the last one did not arrive; undefined when it did, or there was none yet. */
  trouble(): string | undefined;
  /** Resolves when none is under way. */
  settled(): Promise<void>;
}

const timeoutMs = 10_000;
const answerBytesMax = 4096;

/** Signs to `url`, which may be secret and so is never shown. */
export function signOfLife(parts: { url: string; clock: Clock; log: Logger; signal: AbortSignal }): SignOfLife {
  const { clock, log, signal, url } = parts;
  let underWay: Promise<void> | undefined;
  let trouble: string | undefined;
  const note = (now: string | undefined): void => {
    if (now !== undefined && trouble === undefined) log.warn("A sign of life did not arrive", { reason: now });
    trouble = now;
  };
  const send = async (): Promise<void> => {
    try {
      const { status } = await outbound(url, { clock, timeoutMs, maxBytes: answerBytesMax, maxRedirects: 0, signal });
      note(status >= 200 && status < 300 ? undefined : `it was answered with status ${status}`);
    } catch (thrown) {
      if (!signal.aborted) note(reasonOf(thrown).replaceAll(url, "***"));
    }
  };
  return {
    give() {
      underWay ??= send().finally(() => {
        underWay = undefined;
      });
    },
    trouble: () => trouble,
    settled: () => underWay ?? Promise.resolve(),
  };
}
