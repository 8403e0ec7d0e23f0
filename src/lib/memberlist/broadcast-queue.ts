/**
 * News waiting to be gossiped. Each piece is sent a limited number of times, the least told first; a newer piece about the
 * same member replaces the older one. Bounded: when the queue is full the piece told most often goes.
 */
import { BROADCASTS_MAX } from "./limits.ts";

interface Broadcast {
  readonly subject: string;
  readonly bytes: Uint8Array;
  readonly toSubject: boolean;
  readonly order: number;
  readonly done: (() => void) | undefined;
  transmits: number;
}

/** One piece of news. */
export interface News {
  /** The member it is about; newer news about it replaces older. */
  readonly subject: string;
  readonly bytes: Uint8Array;
  /** Whether the subject should hear it too: an accusation, but not that it lives. */
  readonly toSubject: boolean;
  /** Called when it was sent often enough, or replaced. */
  readonly done?: (() => void) | undefined;
}

/** What one datagram has room for. */
export interface Room {
  readonly bytes: number;
  /** Overhead of each piece besides itself. */
  readonly partBytes: number;
  readonly countMax: number;
  /** A piece sent this often leaves the queue. */
  readonly transmitLimit: number;
  /** Name of the receiver, if it is known. */
  readonly receiver: string | undefined;
}

/** A transmit-limited queue of encoded messages. */
export class BroadcastQueue {
  #queue: Broadcast[] = [];
  #order = 0;

  /** Pieces of news that still have to be sent. */
  get size(): number {
    return this.#queue.length;
  }

  /** Adds news. */
  add(news: News): void {
    const { subject, bytes, toSubject, done } = news;
    const old = this.#queue.findIndex((broadcast) => broadcast.subject === subject);
    if (old >= 0) this.#remove(old);
    if (this.#queue.length >= BROADCASTS_MAX) {
      let most = 0;
      for (let index = 1; index < this.#queue.length; index++) {
        if ((this.#queue[index]?.transmits ?? 0) > (this.#queue[most]?.transmits ?? 0)) most = index;
      }
      this.#remove(most);
    }
    this.#queue.push({ subject, bytes, toSubject, order: this.#order++, done, transmits: 0 });
  }

  /** Takes messages for one datagram. The least told go first, longer before shorter, newer before older. */
  take(room: Room): Uint8Array[] {
    if (this.#queue.length === 0) return [];
    this.#queue.sort(
      (left, right) =>
        left.transmits - right.transmits || right.bytes.length - left.bytes.length || right.order - left.order,
    );
    const taken: Broadcast[] = [];
    let leftBytes = room.bytes;
    for (const broadcast of this.#queue) {
      if (taken.length >= room.countMax || leftBytes <= room.partBytes) break;
      const costBytes = broadcast.bytes.length + room.partBytes;
      if (costBytes > leftBytes || (!broadcast.toSubject && broadcast.subject === room.receiver)) continue;
      leftBytes -= costBytes;
      broadcast.transmits++;
      taken.push(broadcast);
    }
    this.#dropTold(room.transmitLimit);
    return taken.map((broadcast) => broadcast.bytes);
  }

  /** Counts everything as sent once more, for a round in which nobody was left who needed any of it. */
  age(transmitLimit: number): void {
    for (const broadcast of this.#queue) broadcast.transmits++;
    this.#dropTold(transmitLimit);
  }

  #dropTold(transmitLimit: number): void {
    const told = this.#queue.filter((broadcast) => broadcast.transmits >= transmitLimit);
    if (told.length === 0) return;
    this.#queue = this.#queue.filter((broadcast) => broadcast.transmits < transmitLimit);
    for (const broadcast of told) broadcast.done?.();
  }

  #remove(index: number): void {
    const [removed] = this.#queue.splice(index, 1);
    removed?.done?.();
  }
}
