/**
 * What a client of Cask sends, and the check that the node stored just that. Bytes at hand are hashed beside the main
 * thread, streams as they leave. Within one program nothing is hashed here: the node hashes the same memory.
 */
import type { Watch } from "../../kit/http/watch.ts";
import { digestBeside } from "./digest.ts";
import { type Algorithm, algorithmOf, algorithms, digestOf, type Key } from "./key.ts";

/** Bytes to be stored: at hand, in a file, made anew by each call, or a stream that can be read once. */
export type BlobSource = Uint8Array | Blob | (() => AsyncIterable<Uint8Array>) | AsyncIterable<Uint8Array>;

/** What was sent, hashed on its way: the answer's key must be that of these very bytes. */
export class SentDigest {
  readonly #wanted: readonly Algorithm[];
  readonly #within: boolean;
  /** Digests under way of bytes that were at hand. */
  #whole: ReadonlyMap<Algorithm, Promise<string>> | undefined;
  /** Hashers that streamed bytes went through. */
  readonly #hashers: ReadonlyMap<Algorithm, Bun.CryptoHasher>;

  /** Without an algorithm the node decides, so all it may choose are computed. */
  constructor(wanted: Algorithm | undefined, within: boolean) {
    this.#wanted = wanted === undefined ? algorithms : [wanted];
    this.#within = within;
    this.#hashers = new Map(within ? [] : this.#wanted.map((name) => [name, new Bun.CryptoHasher(name)]));
  }

  /** All bytes at once, not to be changed until the answer is there. */
  whole(bytes: Uint8Array): void {
    if (this.#within) return;
    const entries = this.#wanted.map(async (name): Promise<string> => digestBeside(name, bytes));
    // Whoever never asks, as no answer came, does not want to hear of a failure either.
    for (const digest of entries) digest.catch(() => undefined);
    this.#whole = new Map(this.#wanted.map((name, place) => [name, entries[place] as Promise<string>]));
  }

  /** The bytes in order. */
  update(chunk: Uint8Array): void {
    for (const hasher of this.#hashers.values()) hasher.update(chunk);
  }

  /** Whether a key is one that was wanted, and that of what was sent. */
  async is(key: Key): Promise<boolean> {
    const algorithm = algorithmOf(key);
    if (!this.#wanted.includes(algorithm)) return false;
    if (this.#within) return true;
    const digest = this.#whole ? await this.#whole.get(algorithm) : this.#hashers.get(algorithm)?.digest("hex");
    return digest === digestOf(key);
  }
}

/** The body of an upload, hashed as it leaves. */
export function uploadBody(
  source: BlobSource,
  sent: SentDigest,
  watch: Watch,
): Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> {
  if (source instanceof Uint8Array) {
    sent.whole(source);
    return source as Uint8Array<ArrayBuffer>;
  }
  const chunks = source instanceof Blob ? source.stream() : typeof source === "function" ? source() : source;
  const iterator = (chunks as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      watch.wait(false);
      try {
        const next = await iterator.next();
        watch.wait(true);
        if (next.done) return controller.close();
        sent.update(next.value);
        controller.enqueue(next.value);
      } catch (thrown) {
        watch.failure = thrown;
        controller.error(thrown);
      }
    },
    async cancel() {
      await iterator.return?.(undefined);
    },
  });
}
