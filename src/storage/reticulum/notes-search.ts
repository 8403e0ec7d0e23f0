/**
 * Finds notes again in Cask: looks at every small blob once, bucket by bucket, at an easy pace. A node that begins with an
 * empty folder has all notes after one round; later rounds are rare and look at new blobs only.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import type { Work, WorkOutcome } from "../../kit/worker.ts";
import type { CaskClient, Key } from "../cask/client.ts";
import { decodeNote, type Note, noteBytesMax } from "./notes.ts";
import type { Notes } from "./notes-sqlite.ts";

/** What the search stands on. */
export interface SearchParts {
  cask: Pick<CaskClient, "keys" | "get">;
  notes: Notes;
  clock: Clock;
  learn(notes: readonly Note[]): readonly Note[];
}

const buckets = 256;
/** Between two buckets. */
const paceMs = 20;
/** Until the next round, after one that saw every blob. */
const roundMs = 86_400_000;
/** And after one that did not. */
const retryMs = 600_000;
/** Blobs read before other work gets its turn. */
const readsPerStep = 64;

/** The search as background work. */
export class NotesSearch {
  readonly #parts: SearchParts;
  #bucket = 0;
  #isComplete = true;
  #found = 0;
  #looked = 0;
  #rounds = 0;

  constructor(parts: SearchParts) {
    this.#parts = parts;
  }

  work(): Work {
    return {
      name: "search",
      summary: "looks for notes on images among the small blobs of Cask",
      step: (signal) => this.step(signal),
      progress: () => ({
        bucket: this.#bucket,
        of: buckets,
        looked: this.#looked,
        found: this.#found,
        rounds: this.#rounds,
      }),
    };
  }

  /** Looks at some blobs of one bucket. */
  async step(signal: AbortSignal): Promise<WorkOutcome> {
    const { cask, notes } = this.#parts;
    let listing;
    try {
      listing = await cask.keys(this.#bucket, { signal });
    } catch (thrown) {
      // A Cask that does not list for us will not in a minute either.
      if (thrown instanceof Fault && ["forbidden", "unauthorized", "missing"].includes(thrown.kind))
        return { waitMs: roundMs };
      throw thrown;
    }
    this.#isComplete &&= listing.complete;
    const wanted = listing.keys.filter(({ key, sizeBytes }) => sizeBytes <= noteBytesMax && !notes.isExamined(key));
    const examined: Key[] = [];
    for (const { key } of wanted.slice(0, readsPerStep)) {
      signal.throwIfAborted();
      this.#looked++;
      if (await this.#look(key, signal)) examined.push(key);
      else this.#isComplete = false;
    }
    notes.examined(examined);
    if (wanted.length > readsPerStep && examined.length > 0) return { waitMs: paceMs };
    this.#bucket++;
    if (this.#bucket < buckets) return { waitMs: paceMs };
    this.#bucket = 0;
    const waitMs = this.#isComplete ? roundMs : retryMs;
    this.#isComplete = true;
    this.#rounds++;
    return { waitMs };
  }

  /** Whether a blob could be read; a note in it is taken in. */
  async #look(key: Key, signal: AbortSignal): Promise<boolean> {
    try {
      const pieces: Uint8Array[] = [];
      for await (const piece of (await this.#parts.cask.get(key, { signal })).bytes) pieces.push(piece);
      const note = decodeNote(Buffer.concat(pieces), this.#parts.clock.now());
      if (note !== undefined) this.#found += this.#parts.learn([note]).length;
      return true;
    } catch (thrown) {
      if (thrown instanceof Fault && !signal.aborted) return false;
      throw thrown;
    }
  }
}
