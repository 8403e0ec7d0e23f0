/**
 * Long work in parts: between two of them whoever else waits for this process (datagrams, other requests) gets a turn, but
 * not oftener than every few milliseconds, so that short work is not slowed.
 */
import type { Clock } from "../../kit/clock.ts";

/** How long others may have to wait for their turn. */
const turnMs = 12;

/** The turns of one piece of work. */
export class Turns {
  readonly #clock: Clock;
  readonly #give: () => Promise<void>;
  #endsMs: number;

  /** @param give lets others run. @default the runtime's own turn */
  constructor(clock: Clock, give = () => new Promise<void>((resolve) => setImmediate(resolve))) {
    this.#clock = clock;
    this.#give = give;
    this.#endsMs = clock.monotonicMs() + turnMs;
  }

  /** To be waited for when it is time for others; undefined while it is not. */
  next(): Promise<void> | undefined {
    if (this.#clock.monotonicMs() <= this.#endsMs) return undefined;
    return this.#given();
  }

  async #given(): Promise<void> {
    await this.#give();
    this.#endsMs = this.#clock.monotonicMs() + turnMs;
  }
}
