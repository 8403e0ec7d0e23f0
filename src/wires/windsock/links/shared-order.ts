/**
 * The order of publications that a log elsewhere keeps for all nodes (a stream of JetStream or Redis): its numbers are the
 * hub's numbers, so a client goes on at any node, and after a restart of all of them, where it was at another. What the
 * log no longer has is a gap; a log that began anew, or lost its end, is another run of numbers.
 */
import type { OrderedHub } from "../hub-ordered.ts";
import type { Envelope } from "../publication.ts";
import { newEpoch } from "../publication-log.ts";

/** What a log says of itself. */
export interface LogStanding {
  /** Another one for another log; letters and digits, at most 40. */
  epoch: string;
  /** The number of the oldest that is kept; `newest + 1` when none is. */
  oldest: number;
  newest: number;
}

/** Puts what the log gives into the hub. */
export class SharedOrder {
  readonly #hub: OrderedHub;
  /** How many are read back at the start, for those who come with an old position. */
  readonly #window: number;
  #epoch: string | undefined;
  /** Up to this number it is what was published before we came. */
  #oldUntil = 0;

  constructor(hub: OrderedHub, window: number) {
    this.#hub = hub;
    this.#window = window;
  }

  /** Of the log that is read now. */
  get epoch(): string | undefined {
    return this.#epoch;
  }

  /** The number that is wanted next. */
  get next(): number {
    return this.#hub.place.newest + 1;
  }

  /** Whether all that the log had when it was last asked is here. */
  has(newest: number): boolean {
    return this.next > newest;
  }

  /** The way to the log is open, or it was looked at again; gives the number to read from. */
  begin({ epoch, newest, oldest }: LogStanding): number {
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#oldUntil = newest;
      this.#hub.moveTo(epoch, Math.max(oldest, newest - this.#window + 1) - 1);
    } else if (newest < this.next - 1) {
      // The log came back without its last ones: its numbers will be given again, to others.
      this.#hub.moveTo(newEpoch(), newest);
    } else if (oldest > this.next) this.#hub.moveTo(this.#hub.place.epoch, oldest - 1);
    return this.next;
  }

  /** One publication of the log, in the order of its numbers; those that are here are passed over. */
  take(number: number, envelope: Envelope, at: number): void {
    if (number < this.next) return;
    if (number > this.next) this.#hub.moveTo(this.#hub.place.epoch, number - 1);
    // Who listens already must not hear what is old as if it were new.
    if (number <= this.#oldUntil) this.#hub.remember(envelope, at);
    else this.#hub.accept(envelope, at).catch(() => this.skip(number));
  }

  /** One that cannot be taken, as it is too large for this node or none at all. */
  skip(number: number): void {
    if (number >= this.next) this.#hub.moveTo(this.#hub.place.epoch, number);
  }
}
