/**
 * Files being made of partial uploads. All their bytes are read to hash the whole, which may take longer than a request
 * lives, so the work goes on without one; what a restart interrupts begins again.
 */
import { type Clock, sleep } from "../../kit/clock.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import type { Key } from "../cask/client.ts";
import type { Hakmes, Suspended } from "./hakmes.ts";
import { parseConcat } from "./tus-headers.ts";
import type { TusUpload } from "./tus-ledger.ts";
import { labelIn } from "./tus-metadata.ts";

/** What joining stands on. */
export interface TusJoinParts {
  readonly hakmes: Pick<Hakmes, "join">;
  readonly clock: Clock;
  readonly log: Logger;
  /** What is on disk of a part; undefined for an empty one. */
  suspended(id: string): Promise<Suspended | undefined>;
  /** The file is in the catalog. */
  joined(id: string, key: Key, partIds: readonly string[]): void;
}

/** How many are made at a time. */
const joinsMax = 4;

const empty: Suspended = { sizeBytes: 0, chunks: [], tail: new Uint8Array(0) };

/** The joins under way. */
export class TusJoins {
  readonly #parts: TusJoinParts;
  readonly #running = new Map<string, Promise<void>>();
  readonly #stopping = new AbortController();

  constructor(parts: TusJoinParts) {
    this.#parts = parts;
  }

  has(id: string): boolean {
    return this.#running.has(id);
  }

  /** Makes the file of a final upload; resolves when it is done, or after `waitMs` while the work goes on. Faults: `hakmes/tus-busy` and those of `Hakmes.join`. */
  async run(upload: TusUpload, waitMs: number, clock: Clock): Promise<void> {
    let running = this.#running.get(upload.id);
    if (!running) {
      if (this.#running.size >= joinsMax || this.#stopping.signal.aborted) {
        throw new Fault("unavailable", "hakmes/tus-busy", "Cannot concatenate now: too much is under way", {
          retryAfterMs: 5000,
        });
      }
      running = this.#join(upload).finally(() => this.#running.delete(upload.id));
      this.#running.set(upload.id, running);
    }
    if (waitMs === Number.POSITIVE_INFINITY) return running;
    const enough = new AbortController();
    try {
      const outcome = await Promise.race([running.then(() => "done"), sleep(clock, waitMs, enough.signal)]);
      if (outcome !== "done") {
        running.catch((thrown: unknown) =>
          this.#parts.log.warn("Uploads could not be concatenated and will be tried again", {
            upload: upload.id,
            reason: reasonOf(thrown),
          }),
        );
      }
    } finally {
      enough.abort();
    }
    return undefined;
  }

  /** Ends what runs. */
  async close(): Promise<void> {
    this.#stopping.abort(new Fault("unavailable", "hakmes/stopping", "The node stops: go on when it is back"));
    await Promise.allSettled(this.#running.values());
  }

  async #join(upload: TusUpload): Promise<void> {
    const { hakmes, joined, suspended } = this.#parts;
    const concat = parseConcat(upload.concat);
    const partIds = concat.kind === "final" ? concat.partIds : [];
    const parts: Suspended[] = [];
    for (const id of partIds) parts.push((await suspended(id)) ?? empty);
    const { file } = await hakmes.join(parts, labelIn(upload.metadata), { signal: this.#stopping.signal });
    joined(upload.id, file.key, partIds);
  }
}
