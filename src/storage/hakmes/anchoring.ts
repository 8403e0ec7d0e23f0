/**
 * Giving imported files a manifest: a record that came from elsewhere is known to this catalog alone until its manifest lies
 * in Cask. Writes one after another; what cannot be written now waits.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import type { Work, WorkOutcome } from "../../kit/worker.ts";
import type { Key } from "../cask/client.ts";
import type { Catalog } from "./catalog.ts";
import type { StoredFile } from "./record.ts";

/** What anchoring stands on. */
export interface AnchoringParts {
  catalog: Catalog;
  clock: Clock;
  log: Logger;
  /** Writes the manifest of a file to Cask and enters it with its root. */
  anchor(file: StoredFile, signal: AbortSignal): Promise<unknown>;
  /** Something became known. */
  learned(): void;
}

/** Pause of a file whose manifest could not be written. */
const pauseMs = 60_000;
/** Files looked at to find the next. */
const lookMax = 64;

/** Writes the manifests that are missing. */
export function anchorWork(parts: AnchoringParts): Work {
  const { catalog, clock } = parts;
  const later = new Map<Key, number>();
  let written = 0;
  return {
    name: "anchor",
    summary: "Writes manifests to Cask for files that were imported without one",
    progress: () => ({ written, waiting: later.size }),
    async step(signal): Promise<WorkOutcome> {
      const nowMs = clock.monotonicMs();
      const lacking = catalog.unanchored(lookMax + later.size).filter((file) => file.manifest === undefined);
      const known = new Set(lacking.map(({ key }) => key));
      for (const key of later.keys()) if (!known.has(key)) later.delete(key);
      const file = lacking.find(({ key }) => (later.get(key) ?? nowMs) <= nowMs);
      if (file === undefined) return later.size === 0 ? "idle" : { waitMs: pauseMs };
      try {
        await parts.anchor(file, signal);
        later.delete(file.key);
        written++;
        parts.learned();
      } catch (thrown) {
        if (!(thrown instanceof Fault)) throw thrown;
        later.set(file.key, clock.monotonicMs() + pauseMs);
        parts.log.warn("The manifest of an imported file could not be written and will be tried again", {
          key: file.key,
          reason: reasonOf(thrown),
        });
      }
      return { waitMs: 0 };
    },
  };
}
