/**
 * One timer for all connections of the newer doors, which gives each a beat at its turn: to show that both ends live, to
 * tell how far the order has come, and to look whether the connection may still be. Beats are spread over the interval.
 */
import type { Clock } from "../../../kit/clock.ts";

const steps = 25;

/** Who beats. */
export interface Beating {
  beat(): void;
}

/** See the file's head. */
export class Pulse {
  readonly #members: Set<Beating>[] = Array.from({ length: steps }, () => new Set());
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

  /** Calls back at each beat from now on. */
  join(member: Beating): void {
    this.#turn = (this.#turn + 1) % steps;
    this.#members[this.#turn]?.add(member);
  }

  /** Calls back no more. */
  leave(member: Beating): void {
    for (const members of this.#members) if (members.delete(member)) return;
  }

  /** Beats no more. */
  stop(): void {
    this.#cancel();
  }

  #step(): void {
    this.#cancel = this.#clock.schedule(this.#stepMs, () => this.#step());
    this.#at = (this.#at + 1) % steps;
    for (const member of this.#members[this.#at] ?? []) member.beat();
  }
}
