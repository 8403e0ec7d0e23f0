/**
 * The bytes of resumable uploads on their way to where they are safe: from a request into an intake, from there as chunks
 * into Cask and as a row and a tail onto this disk, and back again when an upload is taken up. What the ledger says was synced before.
 *
 * Bytes that come without a checksum are kept as far as they came, whatever becomes of their request. Those with one count
 * only once all of them came and it was right; until then nothing of them is brought to disk.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { limitBody } from "../../kit/http/body.ts";
import type { Logger } from "../../kit/log.ts";
import type { Key } from "../cask/client.ts";
import type { Hakmes, Suspended } from "./hakmes.ts";
import type { Checksum } from "./tus-headers.ts";
import type { Hold } from "./tus-holds.ts";
import { noTail, offsetOf, type TusLedger, type TusUpload } from "./tus-ledger.ts";
import { type Live, LiveIntakes, type LiveLimits } from "./tus-live.ts";
import { labelIn } from "./tus-metadata.ts";
import type { TusTails } from "./tus-tails.ts";

/** What reception stands on. */
export interface ReceptionParts {
  readonly hakmes: Pick<Hakmes, "begin">;
  readonly ledger: TusLedger;
  readonly tails: TusTails;
  readonly clock: Clock;
  readonly log: Logger;
  readonly live: LiveLimits;
  /** A sender who is silent for this long is cut off. */
  readonly senderIdleMs: number;
  /** While a request is under way, what came of it is brought to disk this often. */
  readonly checkpointMs: number;
  /** When an upload that is touched now expires, epoch ms. */
  expiry(): number;
}

/** The bytes of one request. */
export interface Offered {
  readonly body: ReadableStream<Uint8Array>;
  /** More are refused. */
  readonly maxBytes: number;
  readonly checksum: Checksum | undefined;
}

/** Takes bytes. All methods are for the one who holds the upload. */
export class Reception {
  readonly #parts: ReceptionParts;
  readonly #live: LiveIntakes;

  constructor(parts: ReceptionParts) {
    this.#parts = parts;
    this.#live = new LiveIntakes(parts.hakmes, parts.clock, parts.log, parts.live);
  }

  /** Intakes in use, and kept for a next request. */
  counts(): { busy: number; idle: number } {
    return this.#live.counts();
  }

  /**
   * Takes the bytes of a request and brings them to disk, as far as they came. Faults: those of bodies, the hold's reason,
   * `hakmes/tus-checksum` (460), `hakmes/tus-busy` (unavailable), and those of storing.
   */
  async receive(upload: TusUpload, offered: Offered, hold: Hold): Promise<void> {
    const live = await this.#live.take(upload.id, () => this.suspended(upload), hold.signal);
    let isSound = false;
    try {
      const refusal = await this.#pour(upload.id, offered, live, hold);
      if (refusal === undefined || offered.checksum === undefined) await this.#save(upload.id, live, "all");
      isSound = true;
      if (refusal !== undefined) throw refusal.thrown;
    } finally {
      if (isSound) this.#live.keep(upload.id, live);
      else this.#live.drop(live);
    }
  }

  /** Makes a file of an upload that has all its bytes. */
  async finish(upload: TusUpload, signal: AbortSignal): Promise<Key> {
    const live = await this.#live.take(upload.id, () => this.suspended(upload), signal);
    try {
      const { file } = await live.intake.finish(labelIn(upload.metadata));
      return file.key;
    } finally {
      this.#live.drop(live);
    }
  }

  /** What is on disk of an upload; undefined when that is nothing. A tail that is damaged is given up: its sender has to send it again. */
  async suspended(upload: TusUpload): Promise<Suspended | undefined> {
    const { expiry, ledger, tails } = this.#parts;
    if (offsetOf(upload) === 0) return undefined;
    const tail = await tails.read(upload.tail);
    if (tail) return { sizeBytes: offsetOf(upload), chunks: ledger.chunks(upload.id), tail };
    ledger.advance(upload.id, { chunks: [], tail: noTail, expiresAt: expiry() });
    throw wrongOffset(upload.id, "its last bytes were lost on this node");
  }

  /** Lets go of the intake kept for an upload. */
  forget(id: string): void {
    this.#live.forget(id);
  }

  /** Lets go of intakes nobody asked for. */
  dropIdle(): void {
    this.#live.dropIdle();
  }

  close(): Promise<void> {
    return this.#live.close();
  }

  /** From the body into the intake. Gives the failure of the sender, after which the intake is sound. */
  async #pour(id: string, offered: Offered, live: Live, hold: Hold): Promise<{ thrown: unknown } | undefined> {
    const { checkpointMs, clock, senderIdleMs } = this.#parts;
    const { checksum, maxBytes } = offered;
    const hash = checksum && new Bun.CryptoHasher(checksum.algorithm);
    const undo = checksum && live.intake.mark();
    const body = limitBody(offered.body, { maxBytes, clock, idleTimeoutMs: senderIdleMs, signal: hold.signal });
    let savedMs = clock.monotonicMs();
    try {
      for (;;) {
        const next = await body.next().catch((thrown: unknown) => ({ thrown }));
        if ("thrown" in next) {
          await undo?.();
          return next;
        }
        if (next.done === true) break;
        hold.moved();
        hash?.update(next.value);
        await live.intake.write(next.value);
        hold.moved();
        if (checksum || clock.monotonicMs() - savedMs < checkpointMs) continue;
        await this.#save(id, live, "chunks");
        hold.moved();
        savedMs = clock.monotonicMs();
      }
    } finally {
      await body.return(undefined);
    }
    if (!checksum || hash?.digest().equals(checksum.digest) === true) return undefined;
    await undo?.();
    return { thrown: wrongChecksum(checksum) };
  }

  /** Brings an intake to disk: all of it, or, in the middle of a request, only the chunks. */
  async #save(id: string, live: Live, what: "chunks" | "all"): Promise<void> {
    const { expiry, ledger, tails } = this.#parts;
    const { chunks, sizeBytes, tail: rest } = await live.intake.settle({ after: live.savedChunks });
    const before = ledger.find(id);
    if (!before) throw new RangeError(`Cannot save upload ${id}: it is gone although it is held`);
    // Until the tail that a client was told of has become part of a chunk, it stays.
    if (what === "chunks" && sizeBytes - rest.length < offsetOf(before)) return;
    const tail = what === "chunks" ? noTail : await tails.write(id, sizeBytes, rest);
    ledger.advance(id, { chunks, tail, expiresAt: expiry() });
    live.savedChunks += chunks.length;
    if (before.tail.name !== tail.name) await tails.remove(before.tail.name);
  }
}

/** The refusal of bytes for another offset than the upload's. */
export function wrongOffset(id: string, why: string): Fault {
  return new Fault(
    "conflict",
    "hakmes/tus-offset",
    `Cannot go on with upload "${id}" there: ${why}; ask for its offset`,
  );
}

function wrongChecksum({ algorithm }: Checksum): Fault {
  return new Fault(
    "invalid",
    "hakmes/tus-checksum",
    `Cannot take the bytes: their ${algorithm} is not the one in Upload-Checksum; send them again`,
    { status: 460 },
  );
}
