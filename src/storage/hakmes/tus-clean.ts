/**
 * The background work of resumable uploads: ends those whose time is over, lets go of intakes nobody asks for, and finishes
 * files that a crash or an unreachable Cask left owed.
 */
import type { Work } from "../../kit/worker.ts";
import type { TusUploads } from "./tus-uploads.ts";

/** How long after a step the next one comes. */
const everyMs = 15_000;

/** The work, for `startWorker`. */
export function tusCleaning(uploads: Pick<TusUploads, "clean" | "counts">): Work {
  let ended = 0;
  let finished = 0;
  return {
    name: "uploads",
    summary: "Ends resumable uploads whose time is over, and finishes what a crash left owed",
    async step() {
      const done = await uploads.clean();
      ended += done.ended;
      finished += done.finished;
      // More may be waiting where something was done; each step looks at a bounded number.
      return { waitMs: done.ended > 0 ? 0 : everyMs };
    },
    progress() {
      const { open, openBytes } = uploads.counts();
      return { unfinished: open, bytes: openBytes, ended, finished };
    },
  };
}
