/**
 * One file on its way in. Bytes are cut as they come; each chunk is hashed and stored beside the next ones, as many at once as
 * there is room for, while the main thread goes on cutting and hashing the whole. Kept in memory are the chunk that is being
 * filled and the chunks on their way; `write` waits when that becomes too much.
 *
 * The first failure ends the intake: transfers under way are aborted, every later call throws it again. What was stored stays
 * in Cask under its own hash, where the next attempt finds it.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { createCutter, type CutPlan } from "../../lib/chunker/cut-plan.ts";
import type { Cutter } from "../../lib/chunker/cutter.ts";
import { type Algorithm, algorithmOf, type Key } from "../cask/client.ts";
import { ChunkList } from "./chunk-list.ts";
import { type ChunkStore, patientPausesMs, patiently } from "./chunk-store.ts";
import { keyOfBytes, keyOfHash } from "./digest.ts";
import type { Intake, Suspended, Taken } from "./hakmes.ts";
import type { Chunk, FileLabel } from "./record.ts";
import type { Room } from "./room.ts";

/** What an intake needs. */
export interface IntakeParts {
  readonly chunks: ChunkStore;
  readonly clock: Clock;
  readonly algorithm: Algorithm;
  readonly plan: CutPlan;
  /** Chunks of one file on their way at once. */
  readonly parallel: number;
  /** What all uploads together may have on its way. */
  readonly room: Room;
  /** Enters the whole file: manifest, catalog, the others. */
  readonly enter: (whole: WholeFile, label: FileLabel, signal: AbortSignal) => Promise<Taken>;
  readonly signal?: AbortSignal | undefined;
}

/** A file all of whose chunks are in Cask. */
export interface WholeFile {
  readonly key: Key;
  readonly sizeBytes: number;
  readonly chunks: ChunkList;
  readonly newChunks: number;
}

/** Keys put last are remembered, so that runs of equal chunks are sent once. */
const rememberedMax = 4096;
/** More pieces than this in the unfinished chunk are put together. */
const piecesMax = 256;

/** A file that is being taken. */
export class FileIntake implements Intake {
  readonly #parts: IntakeParts;
  readonly #list: ChunkList;
  readonly #abort = new AbortController();
  readonly #left = () => this.#fail(this.#parts.signal?.reason);
  /** Transfers under way. */
  readonly #underWay = new Set<Promise<void>>();
  readonly #sent = new Map<Key, Promise<void>>();
  #hash: Bun.CryptoHasher;
  #cutter: Cutter;
  #pieces: Uint8Array[] = [];
  #pieceBytes = 0;
  #sizeBytes = 0;
  #newChunks = 0;
  #failure: { reason: unknown } | undefined;
  #isBusy = false;
  #isOver = false;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
    this.#list = new ChunkList();
    this.#hash = new Bun.CryptoHasher(parts.algorithm);
    this.#cutter = createCutter(parts.plan);
    if (parts.signal?.aborted) this.#left();
    else parts.signal?.addEventListener("abort", this.#left, { once: true });
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#exclusively(async () => {
      this.#hash.update(bytes);
      this.#sizeBytes += bytes.byteLength;
      let start = 0;
      for (const end of this.#cutter.push(bytes)) {
        await this.#send(this.#chunkWith(bytes.subarray(start, end)));
        start = end;
      }
      if (start < bytes.byteLength) this.#keep(bytes.subarray(start));
    });
  }

  /** Takes chunks that are in Cask already; `bytes` are theirs, in order, each verified. Ends the chunk at hand before. */
  async adopt(chunks: readonly Chunk[], bytes: AsyncIterable<Uint8Array>): Promise<void> {
    await this.#exclusively(async () => {
      if (this.#pieceBytes > 0) await this.#send(this.#chunkWith(new Uint8Array(0)));
      this.#cutter.finish();
      for await (const piece of bytes) this.#hash.update(piece);
      for (const { key, sizeBytes } of chunks) {
        this.#list.name(this.#list.add(sizeBytes), key);
        this.#sizeBytes += sizeBytes;
      }
    });
  }

  settle(options: { after?: number } = {}): Promise<Suspended> {
    return this.#exclusively(async () => {
      await this.#arrived();
      const chunks = [...this.#list.from(options.after)].map(([key, sizeBytes]) => ({ key, sizeBytes }));
      return { sizeBytes: this.#sizeBytes, chunks, tail: this.#tail().slice() };
    });
  }

  mark(): () => Promise<void> {
    const before = {
      hash: this.#hash.copy(),
      count: this.#list.length,
      tail: this.#tail(),
      sizeBytes: this.#sizeBytes,
    };
    return () =>
      this.#exclusively(async () => {
        // A chunk that is still being hashed would put its key where another's belongs.
        await this.#arrived();
        this.#hash = before.hash.copy();
        this.#list.cutAt(before.count);
        this.#sizeBytes = before.sizeBytes;
        this.#pieces = [];
        this.#pieceBytes = 0;
        this.#cutter.finish();
        if (this.#cutter.push(before.tail).length > 0) throw new Error("the bytes since the last cut have a cut");
        this.#keep(before.tail);
      });
  }

  finish(label: FileLabel, expected?: Key): Promise<Taken> {
    return this.#exclusively(async () => {
      const { algorithm } = this.#parts;
      if (expected !== undefined && algorithmOf(expected) !== algorithm) {
        throw new Fault(
          "invalid",
          "hakmes/algorithm",
          `Cannot check the bytes against "${expected}": they were hashed with ${algorithm}`,
        );
      }
      const key = keyOfHash(algorithm, this.#hash);
      if (expected !== undefined && expected !== key) {
        throw new Fault(
          "conflict",
          "hakmes/wrong-bytes",
          `Cannot store the bytes as "${expected}": they are those of "${key}"`,
          { details: { expected, key } },
        );
      }
      if (this.#pieceBytes > 0) await this.#send(this.#chunkWith(new Uint8Array(0)));
      await this.#arrived();
      const whole = { key, sizeBytes: this.#sizeBytes, chunks: this.#list, newChunks: this.#newChunks };
      const taken = await this.#parts.enter(whole, label, this.#abort.signal);
      this.#end();
      return taken;
    });
  }

  abandon(): void {
    this.#fail(new Fault("conflict", "hakmes/abandoned", "The upload was abandoned"));
  }

  #keep(piece: Uint8Array): void {
    if (piece.byteLength === 0) return;
    this.#pieces.push(piece);
    this.#pieceBytes += piece.byteLength;
    if (this.#pieces.length > piecesMax) this.#pieces = [this.#tail()];
  }

  /** The bytes since the last cut, in one piece. */
  #tail(): Uint8Array {
    const [only] = this.#pieces;
    return this.#pieces.length === 1 && only ? only : joined(this.#pieces, this.#pieceBytes);
  }

  /** The chunk that ends with `rest`. */
  #chunkWith(rest: Uint8Array): Uint8Array {
    this.#keep(rest);
    const chunk = this.#tail();
    this.#pieces = [];
    this.#pieceBytes = 0;
    return chunk;
  }

  /** Puts a chunk on its way; waits while too much is. */
  async #send(bytes: Uint8Array): Promise<void> {
    while (this.#underWay.size >= this.#parts.parallel) await Promise.race(this.#underWay);
    this.#throwIfFailed();
    await this.#parts.room.enter(bytes.byteLength, this.#abort.signal);
    const place = this.#list.add(bytes.byteLength);
    const transfer = this.#store(bytes, place)
      .catch((thrown: unknown) => this.#fail(thrown))
      .finally(() => {
        this.#parts.room.give(bytes.byteLength);
        this.#underWay.delete(transfer);
      });
    this.#underWay.add(transfer);
  }

  async #store(bytes: Uint8Array, place: number): Promise<void> {
    const { chunks, clock } = this.#parts;
    const { signal } = this.#abort;
    const key = await keyOfBytes(this.#parts.algorithm, bytes);
    this.#list.name(place, key);
    const sent = this.#sent.get(key);
    if (sent) return sent;
    const put = patiently(clock, patientPausesMs, signal, () => chunks.put(key, bytes, signal)).then(({ isNew }) => {
      if (isNew) this.#newChunks++;
    });
    this.#sent.set(key, put);
    if (this.#sent.size > rememberedMax) {
      const [oldest] = this.#sent.keys();
      if (oldest !== undefined) this.#sent.delete(oldest);
    }
    await put;
  }

  /** Waits until nothing is under way; throws when something failed. */
  async #arrived(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
    this.#throwIfFailed();
  }

  /** One call at a time; a failure ends the intake. */
  async #exclusively<T>(action: () => Promise<T>): Promise<T> {
    this.#throwIfFailed();
    if (this.#isBusy) throw new TypeError("Cannot do two things with one intake at once: wait for the first");
    if (this.#isOver) throw new TypeError("Cannot go on with an intake that has ended");
    this.#isBusy = true;
    try {
      return await action();
    } catch (thrown) {
      this.#fail(thrown);
      this.#throwIfFailed();
      throw thrown;
    } finally {
      this.#isBusy = false;
    }
  }

  #fail(reason: unknown): void {
    if (this.#failure !== undefined || this.#isOver) return;
    this.#failure = { reason };
    this.#abort.abort(reason);
    this.#end();
  }

  #end(): void {
    this.#isOver = true;
    this.#parts.signal?.removeEventListener("abort", this.#left);
    this.#pieces = [];
    this.#pieceBytes = 0;
    this.#sent.clear();
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.reason;
  }
}

function joined(pieces: readonly Uint8Array[], sizeBytes: number): Uint8Array {
  const whole = new Uint8Array(sizeBytes);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}
