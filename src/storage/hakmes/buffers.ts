/**
 * Memory for chunks that are being filled or are on their way, used again and again: fresh memory for each chunk of a long
 * file would cost more in the kernel than copying into it does. Lengths double from a small one to that of the longest chunk,
 * so that a file of which little came holds little. What is free is let go when nobody takes files any more.
 */
import { letGo } from "../../kit/let-go.ts";

/** The smallest, bytes. */
const leastBytes = 64 * 1024;
/** What is kept for use although nobody uses it now, bytes. */
const freeMaxBytes = 32 * 1024 * 1024;

/** Buffers of some lengths. */
export class Buffers {
  /** The shortest and the longest there are, bytes. */
  readonly leastBytes: number;
  readonly mostBytes: number;
  readonly #free = new Map<number, Uint8Array<ArrayBuffer>[]>();
  #freeBytes = 0;
  #users = 0;

  /** `mostBytes` is the length of the longest chunk. */
  constructor(mostBytes: number) {
    this.mostBytes = mostBytes;
    this.leastBytes = Math.min(leastBytes, mostBytes);
  }

  /** Somebody begins to use them. */
  join(): void {
    this.#users++;
  }

  /** Somebody has ended. With the last one all that is free is let go. */
  leave(): void {
    this.#users--;
    if (this.#users > 0) return;
    for (const buffers of this.#free.values()) buffers.forEach(letGo);
    this.#free.clear();
    this.#freeBytes = 0;
  }

  /** The length that follows on this one. */
  after(sizeBytes: number): number {
    return Math.min(this.mostBytes, sizeBytes * 2);
  }

  /** One of a length that is `leastBytes`, or that {@link after} gave. What stands in it is undefined. */
  take(sizeBytes: number): Uint8Array<ArrayBuffer> {
    const buffer = this.#free.get(sizeBytes)?.pop();
    if (buffer) this.#freeBytes -= sizeBytes;
    return buffer ?? new Uint8Array(sizeBytes);
  }

  /** Gives one back that nobody looks at any more; its memory is free at once when enough is kept. */
  give(buffer: Uint8Array<ArrayBuffer>): void {
    const { byteLength } = buffer;
    if (this.#users === 0 || this.#freeBytes + byteLength > freeMaxBytes) {
      letGo(buffer);
      return;
    }
    this.#freeBytes += byteLength;
    const others = this.#free.get(byteLength);
    if (others) others.push(buffer);
    else this.#free.set(byteLength, [buffer]);
  }
}
