/**
 * Memory for chunks that are being filled or are on their way, used again and again: fresh memory for each chunk of a long
 * file would cost more in the kernel than copying into it does. What is free is let go when nobody takes files any more.
 */
import { letGo } from "../../kit/let-go.ts";

/** Buffers that are kept for use although nobody uses them now. */
const freeMax = 16;

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
    if (this.#users === 0) for (const buffer of this.#free.splice(1)) letGo(buffer);
  }

  take(): Uint8Array<ArrayBuffer> {
    return this.#free.pop() ?? new Uint8Array(this.sizeBytes);
  }

  /** Gives one back that nobody looks at any more; its memory is free at once when enough are kept. */
  give(buffer: Uint8Array<ArrayBuffer>): void {
    if (this.#free.length < (this.#users > 0 ? freeMax : 1)) this.#free.push(buffer);
    else letGo(buffer);
  }
}
