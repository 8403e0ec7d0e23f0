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
import type { Buffers } from "./buffers.ts";
import { keyOfHash } from "./digest.ts";
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
  /** For chunks, each as long as the longest. */
  readonly buffers: Buffers;
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

/** Keys seen last are remembered, so that a chunk that comes again counts once. */
const rememberedMax = 4096;

/** A chunk on its way, or just stored. */
interface Sent {
  readonly bytes: Uint8Array;
  readonly buffer: Uint8Array<ArrayBuffer>;
  readonly key: Promise<Key>;
  /** How many transfers and comparisons need its buffer. */
  users: number;
}

/** A file that is being taken. */
export class FileIntake implements Intake {
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
      let start = 0;
      for (const end of this.#cutter.push(bytes)) {
        this.#fill(bytes.subarray(start, end));
        await this.#send();
        start = end;
      }
      this.#fill(bytes.subarray(start));
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
        if (this.#cutter.push(before.tail).length > 0) throw new Error("the bytes since the last cut have a cut");
        this.#fill(before.tail);
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
      const whole = { key, sizeBytes: this.#sizeBytes, chunks: this.#list, newChunks: this.#newChunks };
      const taken = await this.#parts.enter(whole, label, this.#abort.signal);
      this.#end();
      return taken;
    });
  }

  abandon(): void {
    this.#fail(new Fault("conflict", "hakmes/abandoned", "The upload was abandoned"));
  }

  #fill(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    this.#buffer ??= this.#parts.buffers.take();
    this.#buffer.set(bytes, this.#filledBytes);
    this.#filledBytes += bytes.byteLength;
  }

  #tail(): Uint8Array {
    return this.#buffer?.slice(0, this.#filledBytes) ?? new Uint8Array(0);
  }

  /** Puts what was filled on its way as a chunk; waits while too much is. */
  async #send(): Promise<void> {
    const { parallel, room } = this.#parts;
    const buffer = this.#buffer;
    const sizeBytes = this.#filledBytes;
    if (!buffer || sizeBytes === 0) return;
    while (this.#underWay.size >= parallel) await Promise.race(this.#underWay);
    this.#throwIfFailed();
    const bytes = buffer.subarray(0, sizeBytes);
    this.#filledBytes = 0;
    if (this.#last?.bytes.byteLength === sizeBytes && Buffer.compare(this.#last.bytes, bytes) === 0) {
      // The buffer is filled again.
      this.#track(this.#name(this.#list.add(sizeBytes), this.#last.key));
      return;
    }
    this.#buffer = undefined;
    await room.enter(sizeBytes, this.#abort.signal);
    const sent: Sent = { bytes, buffer, key: this.#store(bytes), users: 2 };
    if (this.#last) this.#release(this.#last);
    this.#last = sent;
    const arrived = this.#name(this.#list.add(sizeBytes), sent.key).then(() => this.#release(sent));
    this.#track(arrived.finally(() => room.give(sizeBytes)));
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
    if (this.#last) this.#release(this.#last);
    this.#last = undefined;
    // A call that is under way may look at it for a moment more.
    if (this.#buffer && !(this.#failure && this.#isBusy)) this.#parts.buffers.give(this.#buffer);
    this.#buffer = undefined;
    this.#seen.clear();
    this.#parts.buffers.leave();
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.reason;
  }
}
