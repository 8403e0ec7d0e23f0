/**
 * The chunks of a file while it comes in: 41 bytes for each instead of an object, so that a file of a tebibyte needs 41 MiB.
 * A chunk has its place as soon as it is cut, and its key when it was hashed.
 *
 * One entry: the size as a double, 1 for sha1 or 2 for sha256, the digest.
 */
import { algorithmOf, digestOf, type Key, requireKey } from "../cask/client.ts";

const digestAt = 9;
const entryBytes = digestAt + 32;

/** Chunks in order. */
export class ChunkList {
  #bytes = new Uint8Array(0);
  #count = 0;

  get length(): number {
    return this.#count;
  }

  /** Adds a chunk whose key is yet to come; gives its place. */
  add(sizeBytes: number): number {
    if ((this.#count + 1) * entryBytes > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(64 * entryBytes, 2 * this.#bytes.length));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#view().setFloat64(this.#count * entryBytes, sizeBytes);
    return this.#count++;
  }

  /** Sets the key of the chunk at a place; nothing when the list was cut before it. */
  name(place: number, key: Key): void {
    if (place >= this.#count) return;
    const offset = place * entryBytes;
    this.#bytes[offset + digestAt - 1] = algorithmOf(key) === "sha1" ? 1 : 2;
    this.#bytes.set(Buffer.from(digestOf(key), "hex"), offset + digestAt);
  }

  /** Forgets the chunks from a place on. */
  cutAt(length: number): void {
    this.#count = Math.min(this.#count, length);
  }

  /** The chunks from a place on; all must have their keys. */
  *from(place = 0): Generator<readonly [key: Key, sizeBytes: number], void, void> {
    for (let at = place; at < this.#count; at++) {
      const offset = at * entryBytes;
      const isShort = this.#bytes[offset + digestAt - 1] === 1;
      const digest = this.#bytes.subarray(offset + digestAt, offset + digestAt + (isShort ? 20 : 32));
      const key = requireKey(`${isShort ? "sha1" : "sha256"}:${Buffer.from(digest).toString("hex")}`);
      yield [key, this.#view().getFloat64(offset)];
    }
  }

  #view(): DataView {
    return new DataView(this.#bytes.buffer);
  }
}
