/**
 * Chunks in memory, for tests: every fault that Cask may show can be planted, by key or for all.
 */
import { Fault } from "../../kit/fault.ts";
import { type Algorithm, algorithmOf, type Key } from "../cask/client.ts";
import type { ChunkStore } from "./chunk-store.ts";
import { keyOfShort } from "./digest.ts";

/** What to do to a call. */
export type Trouble = (call: {
  verb: "put" | "get" | "find";
  key: Key;
}) => "fail" | "miss" | "garble" | "short" | undefined;

/** A {@link ChunkStore} in memory. */
export class MemoryChunkStore implements ChunkStore {
  readonly blobs = new Map<Key, Uint8Array>();
  /** Consulted before each call. */
  trouble: Trouble = () => undefined;
  /** Awaited by each call before it does anything. */
  gate: (call: { verb: "put" | "get" | "find"; key: Key; signal?: AbortSignal | undefined }) => Promise<void> =
    async () => undefined;
  readonly asked = { put: 0, get: 0, find: 0 };
  /** Calls under way now, and the most there ever were. */
  underWay = 0;
  mostUnderWay = 0;

  put(algorithm: Algorithm, bytes: Uint8Array, signal?: AbortSignal): Promise<{ key: Key; isNew: boolean }> {
    const key = keyOfShort(algorithm, bytes);
    return this.#call("put", key, signal, () => {
      const isNew = !this.blobs.has(key);
      if (isNew) this.blobs.set(key, bytes.slice());
      return { key, isNew };
    });
  }

  get(key: Key, maxBytes: number, signal?: AbortSignal): Promise<Uint8Array> {
    return this.#call("get", key, signal, (trouble) => {
      const bytes = this.#require(key, trouble);
      if (bytes.byteLength > maxBytes) throw wrongSize(key);
      if (keyOfShort(algorithmOf(key), bytes) === key) return bytes;
      throw new Fault("unavailable", "cask/wrong-bytes", `The bytes that came are not those of ${key}`);
    });
  }

  async *stream(key: Key, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
    const bytes = await this.#call("get", key, signal, (trouble) => this.#require(key, trouble));
    const pieceBytes = 10_000;
    for (let at = 0; at < bytes.byteLength; at += pieceBytes) yield bytes.slice(at, at + pieceBytes);
  }

  find(key: Key, signal?: AbortSignal): Promise<{ sizeBytes: number } | undefined> {
    return this.#call("find", key, signal, (trouble) => {
      const bytes = trouble === "miss" ? undefined : this.blobs.get(key);
      return bytes === undefined ? undefined : { sizeBytes: bytes.byteLength };
    });
  }

  #require(key: Key, trouble: ReturnType<Trouble>): Uint8Array {
    const bytes = trouble === "miss" ? undefined : this.blobs.get(key);
    if (bytes === undefined) throw new Fault("missing", "cask/not-found", `Cannot find ${key}`);
    if (trouble === "short") return bytes.slice(0, -1);
    const copy = bytes.slice();
    if (trouble === "garble") copy[copy.length >> 1] = ((copy[copy.length >> 1] ?? 0) + 1) & 255;
    return copy;
  }

  async #call<T>(
    verb: "put" | "get" | "find",
    key: Key,
    signal: AbortSignal | undefined,
    act: (trouble: ReturnType<Trouble>) => T,
  ): Promise<T> {
    signal?.throwIfAborted();
    this.asked[verb]++;
    this.mostUnderWay = Math.max(this.mostUnderWay, ++this.underWay);
    try {
      await this.gate({ verb, key, signal });
      signal?.throwIfAborted();
      const trouble = this.trouble({ verb, key });
      if (trouble === "fail") throw new Fault("unavailable", "cask/unreachable", "Cannot reach Cask");
      return act(trouble);
    } finally {
      this.underWay--;
    }
  }
}

function wrongSize(key: Key): Fault {
  return new Fault("unavailable", "hakmes/chunk-size", `Cask has another number of bytes as ${key}`);
}
