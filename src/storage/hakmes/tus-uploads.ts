/**
 * Resumable uploads: what may be done to one, and what is true afterwards. Bytes are cut and stored while they come; the
 * offset that a client is told is what is on disk, chunks in Cask and the rest in a file here, so that any crash is followed
 * by going on from there. A request that is cut in its middle keeps what came, unless it carried a checksum: bytes that
 * could not be checked are as if they had never come.
 *
 * Entering a finished file in the catalog can be repeated: where a crash came between that and this ledger, the next
 * request or the cleaning does it again, to the same end. Routes are in `tus.ts`, cleaning is driven by `tus-clean.ts`.
 */
import { join as pathOf } from "node:path";

import type { Clock } from "../../kit/clock.ts";
import { makeFolders } from "../../kit/disk/atomic.ts";
import { Fault } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import type { Hakmes } from "./hakmes.ts";
import { Holds } from "./tus-holds.ts";
import type { Checksum, Concat } from "./tus-headers.ts";
import { TusJoins } from "./tus-joins.ts";
import { offsetOf, TusLedger, type TusUpload } from "./tus-ledger.ts";
import { type TusLimits, withDefaults } from "./tus-limits.ts";
import { Reception, wrongOffset } from "./tus-reception.ts";
import { TusTails } from "./tus-tails.ts";

/** What resumable uploads stand on. */
export interface TusUploadParts {
  readonly hakmes: Pick<Hakmes, "begin" | "join">;
  /** A folder for the ledger and the tails, made when it is not there. */
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: TusLimits;
  /** Makes ids: 32 lower-case hex digits. @default 128 bits of the system's chance */
  readonly newId?: () => string;
}

/** The bytes of one request. */
export interface TusBytes {
  /** Where they belong; anything but the upload's own offset is refused. */
  readonly offsetBytes: number;
  readonly body: ReadableStream<Uint8Array> | null;
  /** As the request announced it. */
  readonly announcedBytes: number | undefined;
  /** The length of the whole, for an upload that deferred it. */
  readonly lengthBytes: number | undefined;
  readonly checksum: Checksum | undefined;
}

/** How long parts are kept after they were made into a file. */
const joinedMs = 3_600_000;
/** How many ended uploads are remembered as such. */
const endedMax = 10_000;
/** How many uploads one step of cleaning looks at. */
const cleanMax = 100;

/** The resumable uploads of a node. */
export class TusUploads {
  readonly #parts: TusUploadParts;
  readonly #limits: Required<TusLimits>;
  readonly #ledger: TusLedger;
  readonly #tails: TusTails;
  readonly #holds: Holds;
  readonly #reception: Reception;
  readonly #joins: TusJoins;

  private constructor(parts: TusUploadParts, ledger: TusLedger, tails: TusTails) {
    const { clock, hakmes, log } = parts;
    const limits = withDefaults(parts.limits);
    this.#parts = parts;
    this.#limits = limits;
    this.#ledger = ledger;
    this.#tails = tails;
    this.#holds = new Holds(clock, limits);
    this.#reception = new Reception({
      hakmes,
      ledger,
      tails,
      clock,
      log,
      live: limits,
      senderIdleMs: limits.senderIdleMs,
      checkpointMs: limits.checkpointMs,
      expiry: () => this.#expiry(),
    });
    this.#joins = new TusJoins({
      hakmes,
      clock,
      log,
      suspended: async (id) => this.#reception.suspended(this.#partOf(id)),
      joined: (id, key, partIds) => {
        this.#ledger.complete(id, key, this.#expiry());
        // A client whose answer was lost may ask once more; nobody else needs them.
        for (const partId of partIds) this.#ledger.hasten(partId, clock.now() + joinedMs);
      },
    });
  }

  /** Opens what an earlier run left. Faults: those of opening a database. */
  static async open(parts: TusUploadParts): Promise<TusUploads> {
    await makeFolders(parts.folder);
    const ledger = new TusLedger(pathOf(parts.folder, "tus.sqlite"));
    try {
      return new TusUploads(
        parts,
        ledger,
        await TusTails.open(pathOf(parts.folder, "tus-tails"), ledger.tailNames(), parts.log),
      );
    } catch (thrown) {
      ledger.close();
      throw thrown;
    }
  }

  /** The longest file that is taken. */
  get maxBytes(): number {
    return this.#limits.maxBytes;
  }

  /** Unfinished uploads with the bytes that they have, and intakes in memory. */
  counts(): { open: number; openBytes: number; busy: number; idle: number } {
    return { ...this.#ledger.counts(), ...this.#reception.counts() };
  }

  /** An upload as it is on disk. Faults: `hakmes/tus-missing` (404), `hakmes/tus-gone` (410). */
  look(id: string): TusUpload {
    const upload = this.#ledger.find(id);
    if (!upload)
      throw new Fault("missing", "hakmes/tus-missing", `Cannot find upload "${id}": there is none of that name`);
    if (upload.state === "gone" || upload.expiresAt <= this.#parts.clock.now()) {
      throw new Fault(
        "missing",
        "hakmes/tus-gone",
        `Cannot go on with upload "${id}": it was ended or its time ran out`,
        {
          status: 410,
        },
      );
    }
    return upload;
  }

  /** Makes an upload; an empty file is finished at once. Faults: `hakmes/tus-too-many` (unavailable), `hakmes/too-large` (413). */
  async create(wanted: {
    kind: "whole" | "partial";
    concat: string;
    lengthBytes: number | undefined;
    metadata: string;
  }): Promise<TusUpload> {
    if (wanted.lengthBytes !== undefined) this.#refuseLong(wanted.lengthBytes);
    const upload = this.#enter(wanted);
    if (upload.kind === "partial" || upload.lengthBytes !== 0) return upload;
    const hold = await this.#holds.take(upload.id);
    try {
      return await this.#finish(upload, hold.signal);
    } catch (thrown) {
      this.#ledger.forget(upload.id);
      throw thrown;
    } finally {
      hold.release();
    }
  }

  /**
   * Makes a file of partial uploads. When that takes long the upload comes back as it is, still open, and the work goes on.
   * Faults: `hakmes/tus-part` (invalid), and those of `create` and `Hakmes.join`.
   */
  async concatenate(concat: Concat & { kind: "final" }, metadata: string): Promise<TusUpload> {
    const lengthBytes = concat.partIds.reduce((sum, id) => sum + this.#completePart(id), 0);
    this.#refuseLong(lengthBytes);
    const upload = this.#enter({ kind: "final", concat: concat.text, lengthBytes, metadata });
    try {
      await this.#joins.run(upload, this.#limits.joinWaitMs, this.#parts.clock);
    } catch (thrown) {
      this.#ledger.forget(upload.id);
      throw thrown;
    }
    return this.look(upload.id);
  }

  /**
   * An upload as a client may go on with it: no other request works on it any more, and if it has all its bytes it is a
   * file. Faults: those of {@link look}, `hakmes/tus-locked` (423), and those of finishing.
   */
  async attend(id: string): Promise<TusUpload> {
    const before = this.look(id);
    if (before.kind === "final" || before.state === "done") return before;
    const hold = await this.#holds.take(id);
    try {
      const upload = this.look(id);
      return isOwed(upload) ? await this.#finish(upload, hold.signal) : upload;
    } finally {
      hold.release();
    }
  }

  /**
   * Adds bytes, and finishes the file when they are its last. Faults: those of {@link attend} and of bodies,
   * `hakmes/tus-offset` (409), `hakmes/tus-final` (403), `hakmes/tus-length` (invalid), `hakmes/too-large` (413),
   * `hakmes/tus-checksum` (460), `hakmes/tus-busy` (unavailable).
   */
  async write(id: string, bytes: TusBytes): Promise<TusUpload> {
    this.look(id);
    const hold = await this.#holds.take(id);
    try {
      const found = this.look(id);
      if (found.kind === "final") {
        throw new Fault("forbidden", "hakmes/tus-final", `Cannot add to upload "${id}": it is made of others`);
      }
      if (bytes.offsetBytes !== offsetOf(found)) {
        throw wrongOffset(id, `it is at ${offsetOf(found)}, not at ${bytes.offsetBytes}`);
      }
      const upload = this.#withLength(found, bytes.lengthBytes);
      const roomBytes = (upload.lengthBytes ?? this.maxBytes) - bytes.offsetBytes;
      if ((bytes.announcedBytes ?? 0) > roomBytes) throw tooLong(upload.lengthBytes ?? this.maxBytes);
      if (bytes.body !== null && upload.state === "open") {
        await this.#reception.receive(
          upload,
          { body: bytes.body, maxBytes: roomBytes, checksum: bytes.checksum },
          hold,
        );
      }
      const after = this.#held(id);
      return isOwed(after) ? await this.#finish(after, hold.signal) : after;
    } finally {
      hold.release();
    }
  }

  /** Ends an upload, whatever another request does with it. A file that came of it stays. Faults: `hakmes/tus-locked` (423) and those of {@link look}. */
  async terminate(id: string): Promise<void> {
    this.look(id);
    if (this.#joins.has(id) || this.#ledger.isPart(id)) {
      throw new Fault("conflict", "hakmes/tus-locked", `Cannot end upload "${id}": it is being made into a file`, {
        status: 423,
        retryAfterMs: 5000,
      });
    }
    const hold = await this.#holds.take(id, { atOnce: true });
    try {
      await this.#end(this.look(id));
    } finally {
      hold.release();
    }
  }

  /**
   * One bounded step of tidying: intakes nobody asks for are let go of, uploads whose time is over are ended, files owed
   * are finished. Says what it did; throws the first failure of a file owed after having tried all.
   */
  async clean(): Promise<{ ended: number; finished: number }> {
    this.#reception.dropIdle();
    let ended = 0;
    for (const upload of this.#ledger.expired(this.#parts.clock.now(), cleanMax)) {
      if (this.#holds.isHeld(upload.id) || this.#joins.has(upload.id)) continue;
      if (upload.state === "gone") this.#ledger.forget(upload.id);
      else await this.#end(upload);
      ended++;
    }
    this.#ledger.forgetEnded(endedMax);
    let finished = 0;
    const failures: unknown[] = [];
    for (const { id, kind } of this.#ledger.owed(cleanMax)) {
      if (this.#holds.isHeld(id) || this.#joins.has(id)) continue;
      try {
        if (kind === "final") await this.#joinAgain(id);
        else await this.attend(id);
        finished++;
      } catch (thrown) {
        failures.push(thrown);
      }
    }
    if (failures.length > 0) throw failures[0];
    return { ended, finished };
  }

  /** Cuts the requests at hand, each keeping what came; more are refused. Called when the node begins to stop. */
  async stop(): Promise<void> {
    await Promise.all([this.#holds.stop(), this.#joins.close()]);
  }

  /** Stops, and closes what is open. */
  async close(): Promise<void> {
    await this.stop();
    await this.#reception.close();
    this.#ledger.close();
  }

  #enter(wanted: Pick<TusUpload, "kind" | "lengthBytes" | "metadata" | "concat">): TusUpload {
    const { clock, newId = randomId } = this.#parts;
    const { maxUnfinished } = this.#limits;
    if (this.#ledger.openCount() >= maxUnfinished) {
      throw new Fault(
        "unavailable",
        "hakmes/tus-too-many",
        `Cannot begin another upload: ${maxUnfinished} are unfinished; finish or end some first`,
        { retryAfterMs: 60_000 },
      );
    }
    const id = newId();
    this.#ledger.create({ ...wanted, id, createdAt: clock.now(), expiresAt: this.#expiry() });
    return this.look(id);
  }

  /** An upload that is held, whose time does not run out meanwhile. */
  #held(id: string): TusUpload {
    const upload = this.#ledger.find(id);
    if (!upload) throw new RangeError(`Cannot go on with upload ${id}: it is gone although it is held`);
    return upload;
  }

  /** The length of a partial upload that has all its bytes. */
  #completePart(id: string): number {
    const part = this.look(id);
    if (part.kind === "partial" && part.lengthBytes === offsetOf(part)) return part.lengthBytes;
    const why = part.kind === "partial" ? "it lacks bytes" : "it was not created as a part";
    throw new Fault("invalid", "hakmes/tus-part", `Cannot concatenate upload "${id}": ${why}`);
  }

  /** A part that an open upload is made of; its time does not run out meanwhile. */
  #partOf(id: string): TusUpload {
    const part = this.#ledger.find(id);
    return part?.state === "open" ? part : this.look(id);
  }

  /** The upload with the length that a request gives it; a known one does not change. */
  #withLength(upload: TusUpload, lengthBytes: number | undefined): TusUpload {
    if (lengthBytes === undefined || lengthBytes === upload.lengthBytes) return upload;
    if (upload.lengthBytes !== undefined || lengthBytes < offsetOf(upload)) {
      throw new Fault(
        "invalid",
        "hakmes/tus-length",
        `Cannot make upload "${upload.id}" ${lengthBytes} bytes long: it ${upload.lengthBytes === undefined ? `has ${offsetOf(upload)}` : `was to have ${upload.lengthBytes}`}`,
      );
    }
    this.#refuseLong(lengthBytes);
    this.#ledger.advance(upload.id, { chunks: [], tail: upload.tail, lengthBytes, expiresAt: this.#expiry() });
    return this.look(upload.id);
  }

  /** Makes a file of an upload that has all its bytes. */
  async #finish(upload: TusUpload, signal: AbortSignal): Promise<TusUpload> {
    const key = await this.#reception.finish(upload, signal);
    this.#ledger.complete(upload.id, key, this.#expiry());
    await this.#tails.remove(upload.tail.name);
    return this.#held(upload.id);
  }

  async #joinAgain(id: string): Promise<void> {
    const upload = this.look(id);
    try {
      await this.#joins.run(upload, Number.POSITIVE_INFINITY, this.#parts.clock);
    } catch (thrown) {
      // Parts that are gone or damaged do not come back; whoever asks is told that this one is gone, too.
      if (
        thrown instanceof Fault &&
        ["hakmes/tus-gone", "hakmes/tus-missing", "hakmes/tus-offset"].includes(thrown.code)
      ) {
        await this.#end(upload);
      }
      throw thrown;
    }
  }

  async #end(upload: TusUpload): Promise<void> {
    this.#reception.forget(upload.id);
    this.#ledger.end(upload.id, this.#expiry());
    await this.#tails.remove(upload.tail.name);
  }

  #refuseLong(lengthBytes: number): void {
    if (lengthBytes > this.maxBytes) throw tooLong(this.maxBytes);
  }

  #expiry(): number {
    return this.#parts.clock.now() + this.#limits.keepMs;
  }
}

/** Whether a file is owed for an upload: all its bytes are there. */
function isOwed(upload: TusUpload): boolean {
  return upload.state === "open" && upload.kind === "whole" && upload.lengthBytes === offsetOf(upload);
}

function tooLong(maxBytes: number): Fault {
  return new Fault(
    "too-large",
    "hakmes/too-large",
    `Cannot take the upload: it exceeds the limit of ${maxBytes} bytes`,
    {
      details: { maxBytes },
    },
  );
}

function randomId(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("hex");
}
