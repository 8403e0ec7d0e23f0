/**
 * A bounded pipe between one writer and one reader: the writer waits when the reader is slow, and either end can give up.
 * Holds at most `maxBytes` plus one chunk.
 */
export class Channel implements AsyncIterable<Uint8Array> {
  readonly #maxBytes: number;
  readonly #chunks: Uint8Array[] = [];
  #queuedBytes = 0;
  #ended = false;
  #failure: unknown;
  #failed = false;
  #closedByReader = false;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** True when the reader has gone away; further writes are dropped. */
  get abandoned(): boolean {
    return this.#closedByReader;
  }

  /** Whether a write would have to wait. */
  get full(): boolean {
    return !this.#closedByReader && !this.#failed && this.#queuedBytes >= this.#maxBytes;
  }

  /** Queues a chunk without waiting; look at {@link full} before. */
  push(chunk: Uint8Array): void {
    if (this.#closedByReader || this.#failed) return;
    this.#chunks.push(chunk);
    this.#queuedBytes += chunk.byteLength;
    this.#wakeReader?.();
  }

  /** Resolves when there is room, or the reader has gone away. One waiter at a time. */
  room(): Promise<void> {
    if (!this.full) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wakeWriter = resolve;
    });
  }

  /** No more chunks will come. */
  end(): void {
    this.#ended = true;
    this.#wakeReader?.();
  }

  /** The reader sees `reason` thrown instead of an end; what is queued is dropped. */
  fail(reason: unknown): void {
    this.#failed = true;
    this.#failure = reason;
    this.#chunks.length = 0;
    this.#wakeReader?.();
    this.#wakeWriter?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      while (true) {
        if (this.#failed) throw this.#failure;
        const chunk = this.#chunks.shift();
        if (chunk) {
          this.#queuedBytes -= chunk.byteLength;
          if (!this.full) this.#wakeWriter?.();
          yield chunk;
        } else if (this.#ended) {
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.#wakeReader = resolve;
          });
        }
      }
    } finally {
      this.#closedByReader = true;
      this.#chunks.length = 0;
      this.#wakeWriter?.();
    }
  }
}
