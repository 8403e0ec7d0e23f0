/**
 * The key of a file whose bytes pass by, perhaps some of them twice, as when a part is sent again. Without a hint both
 * hashes are computed, for it is the server that decides which one names the file.
 */
import { type Algorithm, algorithmOf, digestOf, type Key, requireKey } from "../cask/client.ts";

/** The hashes of the first {@link sizeBytes} bytes of a file. */
export class FileHash {
  readonly #hashers: ReadonlyMap<Algorithm, Bun.CryptoHasher>;
  #sizeBytes = 0;

  constructor(algorithm?: Algorithm) {
    const wanted: readonly Algorithm[] = algorithm === undefined ? ["sha256", "sha1"] : [algorithm];
    this.#hashers = new Map(wanted.map((name) => [name, new Bun.CryptoHasher(name)]));
  }

  /** How many bytes were hashed. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Takes the bytes that stand at `offset`, as far as they are new. Throws RangeError when bytes before it are missing. */
  take(offset: number, chunk: Uint8Array): void {
    if (offset > this.#sizeBytes)
      throw new RangeError(`Cannot hash from ${offset} on: wanted what follows ${this.#sizeBytes}`);
    const fresh = chunk.subarray(Math.min(chunk.byteLength, this.#sizeBytes - offset));
    for (const hasher of this.#hashers.values()) hasher.update(fresh);
    this.#sizeBytes += fresh.byteLength;
  }

  /** Takes bytes that follow what was hashed, until there are `until` of them or no more come. */
  async catchUp(following: AsyncIterable<Uint8Array>, until: number, signal?: AbortSignal): Promise<void> {
    for await (const chunk of following) {
      signal?.throwIfAborted();
      this.take(this.#sizeBytes, chunk.subarray(0, until - this.#sizeBytes));
      if (this.#sizeBytes >= until) return;
    }
  }

  /** Whether these bytes are those of `key`; undefined when its hash was not computed. */
  isOf(key: Key): boolean | undefined {
    const hasher = this.#hashers.get(algorithmOf(key));
    return hasher === undefined ? undefined : hasher.copy().digest("hex") === digestOf(key);
  }

  /** The keys of the bytes so far. */
  keys(): Key[] {
    return [...this.#hashers].map(([name, hasher]) => requireKey(`${name}:${hasher.copy().digest("hex")}`));
  }
}
