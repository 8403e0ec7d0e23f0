/**
 * One file on its way in. Bytes are cut as they come; each chunk is hashed and stored beside the next ones, as many at once as
 * there is room for, while the main thread goes on cutting and hashing the whole. Kept in memory are the chunk that is being
 * filled and the chunks on their way; `write` waits when that becomes too much.
 *
 * All intakes share the memory for chunks that are being filled. When there is no more, one that has been silent for a moment
 * sends what it holds as a chunk, and so does one that has waited in vain for a while: the file is the same, only cut once
 * where the plan would not have.
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
import type { Buffers } from "./buffers.ts";
import { keyOfHash } from "./digest.ts";
import type { Intake, Suspended, Taken } from "./hakmes.ts";
import type { Chunk, FileLabel } from "./record.ts";
import type { Holder, Room } from "./room.ts";

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
  readonly buffers: Buffers;
  /** For chunks that are being filled, of all intakes together, beside the shortest buffer that each may have. */
  readonly fillingRoom: Room;
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
  /** Whether every chunk ends where the plan says. */
  readonly isCutByPlan: boolean;
}

/** What is to grow waits this long for others to make room before it is sent as it is, ms. */
const growWaitMs = 1000;

/** Keys seen last are remembered, so that a chunk that comes again counts once. */
const rememberedMax = 4096;

/** A chunk on its way, or just stored. */
interface Sent {
  readonly bytes: Uint8Array;
  readonly buffer: Uint8Array<ArrayBuffer>;
  readonly key: Promise<Key>;
  /** How many transfers and comparisons need its buffer. */
  users: number;
  /** What it has of the room for filling. */
  readonly grownBytes: number;
}

/** A file that is being taken. */
export class FileIntake implements Intake, Holder {
  readonly #parts: IntakeParts;
  readonly #list = new ChunkList();
  readonly #abort = new AbortController();
  readonly #left = () => this.#fail(this.#parts.signal?.reason);
  /** Transfers under way. */
  readonly #underWay = new Set<Promise<void>>();
  readonly #seen = new Set<Key>();
  #hash: Bun.CryptoHasher;
  #cutter: Cutter;
  /** The bytes since the last cut. */
  #buffer: Uint8Array<ArrayBuffer> | undefined;
  #filledBytes = 0;
  /** What the buffer has of the room for filling. */
  #grownBytes = 0;
  #silentSinceMs: number;
  #isCutByPlan = true;
  readonly #leaveRoom: () => void;
  /** The chunk cut last: a run of equal ones is sent once. */
  #last: Sent | undefined;
  #sizeBytes = 0;
  #newChunks = 0;
  #failure: { reason: unknown } | undefined;
  #isBusy = false;
  #isOver = false;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
    this.#hash = new Bun.CryptoHasher(parts.algorithm);
    this.#cutter = createCutter(parts.plan);
    this.#silentSinceMs = parts.clock.monotonicMs();
    this.#leaveRoom = parts.fillingRoom.join(this);
    parts.buffers.join();
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
      await this.#pour(bytes);
    });
  }

  /** Takes chunks that are in Cask already; `bytes` are theirs, in order, each verified. Ends the chunk at hand before. */
  async adopt(chunks: readonly Chunk[], bytes: AsyncIterable<Uint8Array>): Promise<void> {
    await this.#exclusively(async () => {
      await this.#send();
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
      return { sizeBytes: this.#sizeBytes, chunks, tail: this.#tail() };
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
        // A chunk that is still on its way would put its key where another's belongs.
        await this.#arrived();
        this.#hash = before.hash.copy();
        this.#list.cutAt(before.count);
        this.#sizeBytes = before.sizeBytes;
        this.#filledBytes = 0;
        this.#cutter.finish();
        await this.#pour(before.tail);
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
      await this.#send();
      await this.#arrived();
      const whole = {
        key,
        sizeBytes: this.#sizeBytes,
        chunks: this.#list,
        newChunks: this.#newChunks,
        isCutByPlan: this.#isCutByPlan,
      };
      const taken = await this.#parts.enter(whole, label, this.#abort.signal);
      this.#end();
      return taken;
    });
  }

  abandon(): void {
    this.#fail(new Fault("conflict", "hakmes/abandoned", "The upload was abandoned"));
  }

  silentSince(): number | undefined {
    const holds = this.#grownBytes > 0 || (this.#last?.grownBytes ?? 0) > 0;
    return holds && !this.#isBusy ? this.#silentSinceMs : undefined;
  }

  giveWay(): void {
    this.#forgetLast();
    const { fillingRoom, parallel, room } = this.#parts;
    if (!fillingRoom.isWanted || this.#grownBytes === 0 || this.#filledBytes === 0) return;
    // Between two calls nothing may be left half done: what cannot begin at once is left to the next time.
    if (this.#underWay.size >= parallel || !room.take(this.#filledBytes)) return;
    this.#endChunkEarly();
    this.#dispatch();
    this.#forgetLast();
  }

  /** Cuts and fills, sending what is full. */
  async #pour(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength;) {
      const buffer = await this.#withSpace();
      // After a cut the rest has to fit into a fresh one.
      const pieceBytes = Math.min(buffer.byteLength - this.#filledBytes, this.#parts.buffers.leastBytes);
      const piece = bytes.subarray(at, at + pieceBytes);
      let start = 0;
      for (const end of this.#cutter.push(piece)) {
        this.#fill(piece.subarray(start, end));
        await this.#send();
        start = end;
      }
      this.#fill(piece.subarray(start));
      at += piece.byteLength;
    }
  }

  /** The buffer, with space in it. */
  async #withSpace(): Promise<Uint8Array> {
    const { buffers, fillingRoom } = this.#parts;
    const buffer = (this.#buffer ??= buffers.take(buffers.leastBytes));
    if (this.#filledBytes < buffer.byteLength) return buffer;
    const larger = buffers.after(buffer.byteLength);
    const moreBytes = larger - buffer.byteLength;
    if (!fillingRoom.take(moreBytes)) {
      this.#forgetLast();
      if (!(await fillingRoom.enterWithin(moreBytes, growWaitMs, this.#abort.signal))) {
        this.#throwIfFailed();
        this.#endChunkEarly();
        await this.#send();
        return (this.#buffer ??= buffers.take(buffers.leastBytes));
      }
      if (this.#failure) fillingRoom.give(moreBytes);
      this.#throwIfFailed();
    }
    this.#buffer = buffers.take(larger);
    this.#buffer.set(buffer);
    this.#grownBytes += moreBytes;
    buffers.give(buffer);
    return this.#buffer;
  }

  #endChunkEarly(): void {
    this.#cutter.finish();
    this.#isCutByPlan = false;
  }

  /** There is space for it. */
  #fill(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    this.#buffer ??= this.#parts.buffers.take(this.#parts.buffers.leastBytes);
    this.#buffer.set(bytes, this.#filledBytes);
    this.#filledBytes += bytes.byteLength;
  }

  #tail(): Uint8Array {
    return this.#buffer?.slice(0, this.#filledBytes) ?? new Uint8Array(0);
  }

  /** Puts what was filled on its way as a chunk; waits while too much is. */
  async #send(): Promise<void> {
    const { parallel, room } = this.#parts;
    const sizeBytes = this.#filledBytes;
    if (sizeBytes === 0) return;
    while (this.#underWay.size >= parallel) await Promise.race(this.#underWay);
    this.#throwIfFailed();
    await room.enter(sizeBytes, this.#abort.signal);
    if (this.#failure) room.give(sizeBytes);
    this.#throwIfFailed();
    this.#dispatch();
  }

  /** The same, of what has its room already and need not wait. */
  #dispatch(): void {
    const { fillingRoom, room } = this.#parts;
    const buffer = this.#buffer;
    const sizeBytes = this.#filledBytes;
    if (!buffer) throw new Error("there is nothing to send");
    const bytes = buffer.subarray(0, sizeBytes);
    this.#filledBytes = 0;
    if (this.#last?.bytes.byteLength === sizeBytes && Buffer.compare(this.#last.bytes, bytes) === 0) {
      // The buffer is filled again.
      room.give(sizeBytes);
      this.#track(this.#name(this.#list.add(sizeBytes), this.#last.key));
      return;
    }
    this.#buffer = undefined;
    const sent: Sent = { bytes, buffer, key: this.#store(bytes), users: 2, grownBytes: this.#grownBytes };
    this.#grownBytes = 0;
    this.#forgetLast();
    this.#last = sent;
    if (fillingRoom.isWanted) this.#forgetLast();
    const arrived = this.#name(this.#list.add(sizeBytes), sent.key).then(() => this.#release(sent));
    this.#track(arrived.finally(() => room.give(sizeBytes)));
  }

  #forgetLast(): void {
    const last = this.#last;
    if (!last) return;
    this.#last = undefined;
    this.#parts.fillingRoom.give(last.grownBytes);
    this.#release(last);
  }

  async #store(bytes: Uint8Array): Promise<Key> {
    const { algorithm, chunks, clock } = this.#parts;
    const { signal } = this.#abort;
    const { key, isNew } = await patiently(clock, patientPausesMs, signal, () => chunks.put(algorithm, bytes, signal));
    if (isNew && !this.#seen.has(key)) this.#newChunks++;
    this.#seen.add(key);
    const [oldest] = this.#seen;
    if (this.#seen.size > rememberedMax && oldest !== undefined) this.#seen.delete(oldest);
    return key;
  }

  async #name(place: number, key: Promise<Key>): Promise<void> {
    this.#list.name(place, await key);
  }

  /** Counts a transfer as under way until it has ended; its failure ends the intake. */
  #track(transfer: Promise<void>): void {
    const tracked = transfer
      .catch((thrown: unknown) => this.#fail(thrown))
      .finally(() => {
        this.#underWay.delete(tracked);
      });
    this.#underWay.add(tracked);
  }

  /** One of those who need a chunk's buffer needs it no more. After a failure somebody may still look at it: it is not used again. */
  #release(sent: Sent): void {
    sent.users--;
    if (sent.users === 0) this.#parts.buffers.give(sent.buffer);
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
      this.#silentSinceMs = this.#parts.clock.monotonicMs();
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
    this.#forgetLast();
    // A call that is under way may look at it for a moment more.
    if (this.#buffer && !(this.#failure && this.#isBusy)) this.#parts.buffers.give(this.#buffer);
    this.#buffer = undefined;
    this.#parts.fillingRoom.give(this.#grownBytes);
    this.#grownBytes = 0;
    this.#leaveRoom();
    this.#seen.clear();
    this.#parts.buffers.leave();
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.reason;
  }
}
