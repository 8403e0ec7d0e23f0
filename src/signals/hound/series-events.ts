/**
 * Posts to the store of this program when a rule begins to fail or is good again, so that charts show it. Best effort:
 * what the store does not take is lost, as the history has it. Many at once become one.
 */
import { reasonOf } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import type { Reach } from "../../kit/reach.ts";
import type { RoundReport } from "./hound.ts";
import { changeWords, manyChangesWords, titleOf } from "./words.ts";

const titleMax = 400;
const manyChanges = 20;

/** Makes the poster. `reach` is asked at each round, as the store may start later. */
export function seriesEvents(parts: {
  reach: () => Reach | undefined;
  log: Logger;
}): (report: RoundReport, signal: AbortSignal) => Promise<void> {
  const { log, reach } = parts;
  return async ({ at, changes }, signal) => {
    const way = reach();
    if (!way || changes.length === 0) return;
    const isMany = changes.length > manyChanges;
    const events = isMany
      ? [
          {
            what: manyChangesWords(changes),
            tags: ["hound", "alert"],
            data: "",
          },
        ]
      : changes.map((change) => ({
          what: `${shortened(titleOf(change.watched))} ${changeWords(change)}`,
          tags: ["hound", change.to === "OK" ? "recovery" : "alert", change.watched.rule.id],
          data: change.to === "OK" ? "" : change.watched.memory.message,
        }));
    for (const event of events) {
      try {
        const answer = await way.fetch(`${way.baseUrl}/events`, {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ ...event, when: Math.floor(at / 1000) }),
          signal,
        });
        if (!answer.ok) throw new Error(`The store answered ${answer.status}: ${(await answer.text()).slice(0, 200)}`);
      } catch (thrown) {
        if (signal.aborted) return;
        log.warn("An alert could not be noted in the store", { reason: reasonOf(thrown) });
      }
    }
  };
}

/** A title of a length that the store takes. */
function shortened(title: string): string {
  return title.length <= titleMax ? title : `${title.slice(0, titleMax)}…`;
}
