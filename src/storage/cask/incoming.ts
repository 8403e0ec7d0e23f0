/**
 * Bytes on their way into a store: hashed as they come, counted against the limit, named at the end. Whoever commits
 * them decides what becomes of a blob that is there already.
 */
import { Fault } from "../../kit/fault.ts";
import { type Algorithm, digestOf, type Key, keyOf } from "./key.ts";
import type { BlobStat, BlobWriter } from "./store.ts";

/** The refusal of a blob over the limit. */
export function tooLarge(maxBytes: number): Fault {
  return new Fault("too-large", "cask/too-large", `Cannot store the blob: it is larger than ${maxBytes} bytes`, {
    details: { maxBytes },
  });
}

/** The refusal of bytes that are not those of the key they were to have. */
export function wrongDigest(expected: Key, key: Key): Fault {
  return new Fault(
    "invalid",
    "cask/wrong-digest",
    `Cannot store the blob as "${expected}": its bytes hash to "${key}"`,
    { details: { expected, actual: key } },
  );
}

/** Bytes on their way into the store, hashed as they come. */
export class Incoming {
  readonly #writer: BlobWriter;
  readonly #known: Key | undefined;
  readonly #sha256: Bun.CryptoHasher | undefined;
  readonly #sha1: Bun.CryptoHasher | undefined;
  readonly #maxBytes: number;
  sizeBytes = 0;

  /** With `known`, a sha256 key, the bytes to come have been hashed by the caller. */
  constructor(writer: BlobWriter, algorithm: Algorithm, maxBytes: number, known?: Key) {
    this.#writer = writer;
    this.#known = known;
    this.#sha256 = known === undefined ? new Bun.CryptoHasher("sha256") : undefined;
    this.#sha1 = algorithm === "sha1" ? new Bun.CryptoHasher("sha1") : undefined;
    this.#maxBytes = maxBytes;
  }

  /** Hashes and stores a chunk, which stays as it is until the end if it is `lasting`. Throws `cask/too-large` beyond the limit. */
  write(chunk: Uint8Array, lasting = false): void | Promise<void> {
    this.sizeBytes += chunk.byteLength;
    if (this.sizeBytes > this.#maxBytes) throw tooLarge(this.#maxBytes);
    this.#sha256?.update(chunk);
    this.#sha1?.update(chunk);
    return this.#writer.write(chunk, lasting);
  }

  /** The names of what came. Call once, after the last chunk. */
  finish(): { key: Key; sha256: string } {
    if (this.#known !== undefined) return { key: this.#known, sha256: digestOf(this.#known) };
    const sha256 = this.#sha256?.digest("hex") ?? "";
    return { key: this.#sha1 ? keyOf("sha1", this.#sha1.digest("hex")) : keyOf("sha256", sha256), sha256 };
  }

  /** What came so far, from the beginning. */
  reread(): AsyncIterable<Uint8Array> {
    return this.#writer.reread();
  }

  /** Ends it: the bytes become a blob. */
  commit(key: Key, replace: boolean): Promise<BlobStat> {
    return this.#writer.commit(key, { replace });
  }

  /** Ends it: the bytes are dropped. */
  abort(): Promise<void> {
    return this.#writer.abort();
  }
}
