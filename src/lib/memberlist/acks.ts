/**
 * Pings on their way: which sequence number waits for what. An entry answers at most one ack, hears any number of nacks and is
 * taken out by its owner when its time is over.
 */
import { U32_MAX } from "./messages.ts";

/** What a ping in flight wants to hear. */
export interface PingWaiter {
  ack(): void;
  nack(): void;
}

/** Sequence numbers of one node and who waits for them. */
export class Acks {
  readonly #waiters = new Map<number, PingWaiter>();
  #sequence = 0;

  /** Registers a waiter under a new sequence number. */
  expect(waiter: PingWaiter): number {
    this.#sequence = this.#sequence >= U32_MAX ? 1 : this.#sequence + 1;
    this.#waiters.set(this.#sequence, waiter);
    return this.#sequence;
  }

  /** Stops waiting. */
  forget(sequence: number): void {
    this.#waiters.delete(sequence);
  }

  /** An ack came; one that nobody waits for is ignored. */
  ack(sequence: number): void {
    const waiter = this.#waiters.get(sequence);
    this.#waiters.delete(sequence);
    waiter?.ack();
  }

  /** A nack came; the ack may still follow. */
  nack(sequence: number): void {
    this.#waiters.get(sequence)?.nack();
  }
}
