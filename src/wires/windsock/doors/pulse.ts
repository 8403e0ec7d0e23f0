/**
 * One timer for all connections of the newer doors, which gives each a beat at its turn: to show that both ends live, to
 * tell how far the order has come, and to look whether the connection may still be. Beats are spread over the interval.
 */
import type { Clock } from "../../../kit/clock.ts";

const steps = 25;

/** See the file's head. */
export class Pulse {
  readonly #beats: Set<() => void>[] = Array.from({ length: steps }, () => new Set());
  readonly #clock: Clock;
  readonly #stepMs: number;
  #cancel: () => void;
  #at = 0;
  #turn = 0;

  /** Each member beats every `intervalMs`. */
  constructor(clock: Clock, intervalMs: number) {
    this.#clock = clock;
    this.#stepMs = intervalMs / steps;
    this.#cancel = clock.schedule(this.#stepMs, () => this.#step());
  }

  /** Calls back at each beat until the function is called. */
  join(beat: () => void): () => void {
    this.#turn = (this.#turn + 1) % steps;
    const set = this.#beats[this.#turn];
    // The same function may be there for two.
    const own = () => beat();
    set?.add(own);
    return () => void set?.delete(own);
  }

  /** Beats no more. */
  stop(): void {
    this.#cancel();
  }

  #step(): void {
    this.#cancel = this.#clock.schedule(this.#stepMs, () => this.#step());
    this.#at = (this.#at + 1) % steps;
    for (const beat of this.#beats[this.#at] ?? []) beat();
  }
}
