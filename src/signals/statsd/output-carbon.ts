/**
 * Targets that speak one of Graphite's protocols: a Graphite by line or pickle, or the store of the same program by
 * requests. What they have in common is kit/carbon's sender with its spool; what is added here is Etsy's account of itself
 * (`graphiteStats`), which tells of the flush before, and goes to a Graphite only.
 */
import type { Clock } from "../../kit/clock.ts";
import type { CarbonSender } from "../../kit/carbon/sender.ts";
import type { Naming } from "./naming.ts";
import type { Output } from "./output.ts";

/** What such a target is made of. */
export interface CarbonOutputParts {
  kind: "graphite" | "series";
  sender: CarbonSender;
  naming: Naming;
  clock: Clock;
  startedAt: number;
}

/** A target over a sender, which it closes in the end. */
export function carbonOutput({ kind, sender, naming, clock, startedAt }: CarbonOutputParts): Output {
  let lengthBytes = 0;
  let writeMs = 0;
  const seconds = (at: number) => Math.round(at / 1000);
  return {
    begin(atSeconds) {
      const batch = sender.batch();
      if (kind === "graphite" && naming.style !== "statsd-go") {
        const { lastFailedAt, lastSentAt } = sender.state();
        batch.add(naming.own("graphiteStats.last_exception"), seconds(lastFailedAt), atSeconds);
        batch.add(naming.own("graphiteStats.last_flush"), seconds(lastSentAt || startedAt), atSeconds);
        batch.add(naming.own("graphiteStats.flush_time"), Math.round(writeMs), atSeconds);
        batch.add(naming.own("graphiteStats.flush_length"), lengthBytes, atSeconds);
      }
      const before = sender.state().sentBytes;
      const startedMs = clock.monotonicMs();
      return {
        add: (path, value) => batch.add(path, value, atSeconds),
        addAt: (path, value, ownSeconds) => batch.add(path, value, ownSeconds),
        end() {
          batch.end();
          void sender.settled().then(() => {
            writeMs = clock.monotonicMs() - startedMs;
            lengthBytes = sender.state().sentBytes - before;
          });
        },
      };
    },
    state: () => ({ ...sender.state(), kind, lastLengthBytes: lengthBytes, lastWriteMs: writeMs }),
    close: () => sender.close(),
  };
}
