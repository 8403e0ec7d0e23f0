/**
 * Bodies that have to be there as a whole before they can be read, such as write requests and whisper files. All requests
 * together hold no more than a bound: whoever would go past it is to come again.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { type BodySource, requestBody } from "../../kit/http/body.ts";

const allMaxDefaultBytes = 256 << 20;

/** Bodies of one set of routes. */
export class WholeBodies {
  readonly #clock: Clock;
  readonly #maxBytes: number;
  readonly #allMaxBytes: number;
  #heldBytes = 0;

  /** `maxBytes` is the longest of one, `allMaxBytes` what all may hold, which is enough for one in any case. */
  constructor(clock: Clock, maxBytes: number, allMaxBytes = allMaxDefaultBytes) {
    this.#clock = clock;
    this.#maxBytes = maxBytes;
    this.#allMaxBytes = Math.max(allMaxBytes, maxBytes);
  }

  /**
   * Reads a body and gives it to `use`; what that resolves with. Faults: `series/busy` when others hold too much at the
   * same time, those of {@link requestBody}, and those of `use`.
   */
  async read<T>(request: BodySource, use: (bytes: Uint8Array<ArrayBuffer>) => T | Promise<T>): Promise<T> {
    const chunks: Uint8Array[] = [];
    let ownBytes = 0;
    try {
      for await (const chunk of requestBody(request, { maxBytes: this.#maxBytes, clock: this.#clock })) {
        ownBytes += chunk.length;
        this.#heldBytes += chunk.length;
        if (this.#heldBytes > this.#allMaxBytes) {
          throw new Fault("unavailable", "series/busy", "Cannot take more at the same time: come again in a moment", {
            retryAfterMs: 1000,
          });
        }
        chunks.push(chunk);
      }
      // Not Uint8Array.from, which goes through a Buffer byte by byte.
      return await use(new Uint8Array(Buffer.concat(chunks.splice(0))));
    } finally {
      this.#heldBytes -= ownBytes;
    }
  }
}
