/**
 * Who wants what: prefixes of bytes, counted, for two subscriptions to one topic need two to be cancelled. Prefixes are
 * looked up by the lengths that occur, so looking up whom a message concerns does not depend on the number of subscribers,
 * and a prefix costs little more memory than its own bytes: a tree of bytes would cost two hundred times that.
 */

import { PrefixLengths } from "./prefix-lengths.ts";

/** The prefixes of one subscriber. */
interface Own {
  /** How often each is subscribed to. */
  readonly topics: Map<string, number>;
  sizeBytes: number;
}

/** A set of prefixes, each with its subscribers. */
export class Subscriptions<Subscriber> {
  /** By prefix, as latin1 text. */
  readonly #byTopic = new Map<string, Set<Subscriber>>();
  readonly #bySubscriber = new Map<Subscriber, Own>();
  readonly #lengths = new PrefixLengths();

  /** How many prefixes a subscriber has. */
  count(subscriber: Subscriber): number {
    return this.#bySubscriber.get(subscriber)?.topics.size ?? 0;
  }

  /** How many have this very prefix. */
  subscribers(topic: Uint8Array): number {
    return this.#byTopic.get(textOf(topic))?.size ?? 0;
  }

  /** How long the prefixes of a subscriber are together. */
  sizeBytes(subscriber: Subscriber): number {
    return this.#bySubscriber.get(subscriber)?.sizeBytes ?? 0;
  }

  /** Adds a subscription; true when the subscriber had none to this prefix. */
  add(topic: Uint8Array, subscriber: Subscriber): boolean {
    const text = textOf(topic);
    let own = this.#bySubscriber.get(subscriber);
    if (!own) this.#bySubscriber.set(subscriber, (own = { topics: new Map(), sizeBytes: 0 }));
    const before = own.topics.get(text) ?? 0;
    own.topics.set(text, before + 1);
    if (before > 0) return false;
    own.sizeBytes += text.length;
    const others = this.#byTopic.get(text);
    if (others) others.add(subscriber);
    else {
      this.#byTopic.set(text, new Set([subscriber]));
      this.#lengths.add(text.length);
    }
    return true;
  }

  /** Takes one subscription back; true when it was the last one to this prefix. What was never there is passed over. */
  remove(topic: Uint8Array, subscriber: Subscriber): boolean {
    const text = textOf(topic);
    const own = this.#bySubscriber.get(subscriber);
    const before = own?.topics.get(text);
    if (!own || before === undefined) return false;
    if (before > 1) {
      own.topics.set(text, before - 1);
      return false;
    }
    own.topics.delete(text);
    own.sizeBytes -= text.length;
    if (own.topics.size === 0) this.#bySubscriber.delete(subscriber);
    this.#leave(text, subscriber);
    return true;
  }

  /** Forgets a subscriber; gives the prefixes it had, as latin1 text. */
  forget(subscriber: Subscriber): string[] {
    const topics = [...(this.#bySubscriber.get(subscriber)?.topics.keys() ?? [])];
    this.#bySubscriber.delete(subscriber);
    for (const topic of topics) this.#leave(topic, subscriber);
    return topics;
  }

  /** Everyone with a prefix of `address`, each once. */
  match(address: Uint8Array): Set<Subscriber> {
    const found = new Set<Subscriber>();
    const longest = Math.min(address.length, this.#lengths.longest);
    const text = textOf(longest === address.length ? address : address.subarray(0, longest));
    for (const length of this.#lengths.sorted) {
      if (length > longest) break;
      const subscribers = this.#byTopic.get(length === longest ? text : text.slice(0, length));
      if (subscribers) for (const subscriber of subscribers) found.add(subscriber);
    }
    return found;
  }

  /** Whether anyone has a prefix of `address`. */
  concerns(address: Uint8Array): boolean {
    // Who wants everything is asked about every message.
    if (this.#lengths.sorted[0] === 0) return true;
    const longest = Math.min(address.length, this.#lengths.longest);
    const text = textOf(longest === address.length ? address : address.subarray(0, longest));
    return this.#lengths.sorted.some((length) => length <= longest && this.#byTopic.has(text.slice(0, length)));
  }

  #leave(topic: string, subscriber: Subscriber): void {
    const others = this.#byTopic.get(topic);
    if (!others?.delete(subscriber) || others.size > 0) return;
    this.#byTopic.delete(topic);
    this.#lengths.remove(topic.length);
  }
}

function textOf(bytes: Uint8Array): string {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer.toString("latin1");
}
