/**
 * Looks now and then whether the Cask that files are kept in answers, when it runs elsewhere, so that a node says of itself
 * that it cannot take or give files before somebody tries. Only the last answer counts.
 */
import { Fault, reasonOf } from "../../kit/fault.ts";
import type { Work } from "../../kit/worker.ts";
import type { CaskClient } from "../cask/client.ts";

const everyMs = 15_000;

/** The work, for `startWorker`, and what it saw last. */
export interface CaskWatch {
  readonly work: Work;
  /** Why Cask cannot be reached; undefined when it can, or was not asked yet. */
  trouble(): string | undefined;
}

/** Watches over a Cask elsewhere. */
export function watchCask(client: Pick<CaskClient, "status">): CaskWatch {
  let trouble: string | undefined;
  return {
    trouble: () => trouble,
    work: {
      name: "cask",
      summary: "Looks whether the Cask that files are kept in answers",
      async step(signal) {
        try {
          await client.status({ signal });
          trouble = undefined;
        } catch (thrown) {
          if (signal.aborted) return "idle";
          // An original answers, but has no such page; and a token may be good for blobs only.
          const answered = thrown instanceof Fault && !["unavailable", "timeout"].includes(thrown.kind);
          const isOriginal = thrown instanceof Fault && thrown.code === "cask/nonsense";
          trouble = answered || isOriginal ? undefined : reasonOf(thrown);
        }
        return { waitMs: everyMs };
      },
      progress: () => ({ cask: trouble === undefined ? "answers" : "does not answer" }),
    },
  };
}
