/**
 * A bounded memory of values by name: bounded by the bytes that each is said to take and by their number, and what was
 * unused for longest goes first. Nothing larger than a share of the whole is kept, or one value would cost all others.
 */

interface Held<V> {
  readonly value: V;
  readonly sizeBytes: number;
}

/** What is remembered, least recently used first. */
export class LeastRecent<V> {
  readonly #held = new Map<string, Held<V>>();
  readonly #maxBytes: number;
  readonly #maxCount: number;
  readonly #largestBytes: number;
  #sizeBytes = 0;

  constructor(maxBytes: number, maxCount: number, largestBytes: number = maxBytes / 8) {
    this.#maxBytes = maxBytes;
    this.#largestBytes = Math.min(maxBytes, largestBytes);
    this.#maxCount = maxCount;
  }

  get count(): number {
    return this.#held.size;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** The value of that name, which counts as used now. */
  get(name: string): V | undefined {
    const held = this.#held.get(name);
    if (!held) return undefined;
    this.#held.delete(name);
    this.#held.set(name, held);
    return held.value;
  }

  /** Remembers a value; whether it is kept. */
  set(name: string, value: V, sizeBytes: number): boolean {
    this.delete(name);
    if (sizeBytes > this.#largestBytes || this.#maxCount < 1) return false;
    this.#held.set(name, { value, sizeBytes });
    this.#sizeBytes += sizeBytes;
    for (const [oldest] of this.#held) {
      if (this.#sizeBytes <= this.#maxBytes && this.#held.size <= this.#maxCount) break;
      this.delete(oldest);
    }
    return true;
  }

  delete(name: string): boolean {
    const held = this.#held.get(name);
    if (!held) return false;
    this.#held.delete(name);
    this.#sizeBytes -= held.sizeBytes;
    return true;
  }

  /** Forgets every value whose name begins so. */
  deleteAll(prefix: string): void {
    for (const name of this.#held.keys()) if (name.startsWith(prefix)) this.delete(name);
  }

  values(): IterableIterator<V> {
    return this.#held.values().map(({ value }) => value);
  }
}
