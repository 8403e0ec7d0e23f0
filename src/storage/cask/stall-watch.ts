/**
 * Noticing that bytes have stopped moving between two nodes: a limit on silence, not on the whole transfer.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";

/** How long to wait for the answer after the last byte: the peer's fsync of a large blob takes its time (reckoned at 20 MB/s). */
export function answerLimitMs(limitMs: number, sizeBytes: number): number {
  return limitMs + sizeBytes / 20_000;
}

/** Aborts its signal when bytes stop moving for too long. */
export class StallWatch {
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #abort = new AbortController();
  #cancel: () => void;

  constructor(clock: Clock, limitMs: number) {
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#cancel = clock.schedule(limitMs, () => this.#expire());
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  async *over(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let sizeBytes = 0;
    for await (const chunk of bytes) {
      sizeBytes += chunk.byteLength;
      this.#rearm(this.#limitMs);
      yield chunk;
    }
    this.#rearm(answerLimitMs(this.#limitMs, sizeBytes));
  }

  #rearm(limitMs: number): void {
    this.#cancel();
    this.#cancel = this.#clock.schedule(limitMs, () => this.#expire());
  }

  done(): void {
    this.#cancel();
  }

  #expire(): void {
    this.#abort.abort(new Fault("timeout", "cask/peer-stalled", `The peer took nothing for ${this.#limitMs} ms`));
  }
}
