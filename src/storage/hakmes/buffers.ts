/**
 * Memory for chunks that are being filled or are on their way, used again and again: fresh memory for each chunk of a long
 * file would cost more in the kernel than copying into it does. What is free is let go when nobody takes files any more.
 */

/** Buffers of one length. */
export class Buffers {
  readonly sizeBytes: number;
  #free: Uint8Array<ArrayBuffer>[] = [];
  #users = 0;

  constructor(sizeBytes: number) {
    this.sizeBytes = sizeBytes;
  }

  /** Somebody begins to use them. */
  join(): void {
    this.#users++;
  }

  /** Somebody has ended. The last one leaves one buffer, for the next. */
  leave(): void {
    this.#users--;
    if (this.#users === 0) this.#free.length = Math.min(this.#free.length, 1);
  }

  take(): Uint8Array<ArrayBuffer> {
    return this.#free.pop() ?? new Uint8Array(this.sizeBytes);
  }

  /** Gives one back that nobody looks at any more. */
  give(buffer: Uint8Array<ArrayBuffer>): void {
    if (this.#users > 0 || this.#free.length === 0) this.#free.push(buffer);
  }
}
