/**
 * Where uploads of the terminal come from: a file, which can be read again from any byte, and a stream, which cannot, so
 * that what the server has not confirmed is kept in memory, within a bound: a request carries no more than that.
 */
import { Fault } from "../../kit/fault.ts";
import type { UploadSource } from "./client.ts";

/** The bytes of a file of this size. */
export function fileSource(path: string, sizeBytes: number): UploadSource {
  return {
    sizeBytes,
    isRepeatable: true,
    from: (offset) => Bun.file(path).slice(offset, sizeBytes).stream(),
  };
}

/** The bytes of a stream that is read once. */
export class StreamSource implements UploadSource {
  readonly sizeBytes = undefined;
  readonly isRepeatable = false;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #keepBytes: number;
  #kept: Uint8Array[] = [];
  #keptFrom = 0;
  #keptTo = 0;
  #hasEnded = false;
  #pending: Promise<void> | undefined;

  /** At most `keepBytes`, and one chunk, are held in memory and sent by one request. */
  constructor(chunks: AsyncIterable<Uint8Array>, keepBytes: number) {
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.#keepBytes = keepBytes;
  }

  /** The whole stream when it ends within `keepBytes`; otherwise undefined, and all of it can still be read. */
  async whole(keepBytes: number): Promise<Uint8Array | undefined> {
    while (!this.#hasEnded && this.#keptTo <= keepBytes) await this.#more();
    return this.#hasEnded && this.#keptTo <= keepBytes ? Buffer.concat(this.#kept) : undefined;
  }

  async *from(offset: number): AsyncGenerator<Uint8Array, void, void> {
    if (offset < this.#keptFrom || offset > this.#keptTo) {
      throw new Fault("conflict", "hakmes/upload-lost", `Cannot read from byte ${offset} again: start the upload anew`);
    }
    let at = offset;
    while (true) {
      const chunk = this.#keptAt(at);
      if (chunk !== undefined) {
        at += chunk.byteLength;
        yield chunk;
      } else if (this.#hasEnded || this.#keptTo - this.#keptFrom >= this.#keepBytes) {
        return;
      } else {
        await this.#more();
      }
    }
  }

  confirmed(offset: number): void {
    while (this.#kept[0] !== undefined && this.#keptFrom + this.#kept[0].byteLength <= offset) {
      this.#keptFrom += this.#kept[0].byteLength;
      this.#kept.shift();
    }
  }

  endsAt(offset: number): boolean {
    return this.#hasEnded && offset === this.#keptTo;
  }

  #keptAt(offset: number): Uint8Array | undefined {
    let from = this.#keptFrom;
    for (const chunk of this.#kept) {
      if (offset < from + chunk.byteLength) return chunk.subarray(offset - from);
      from += chunk.byteLength;
    }
    return undefined;
  }

  /** Reads on. A request that was cut may still be waiting for the same chunk as the one after it. */
  #more(): Promise<void> {
    this.#pending ??= this.#read().finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  async #read(): Promise<void> {
    const next = await this.#chunks.next();
    if (next.done === true) {
      this.#hasEnded = true;
      return;
    }
    this.#kept.push(next.value);
    this.#keptTo += next.value.byteLength;
  }
}
