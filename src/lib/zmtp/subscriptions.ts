/**
 * Who wants what: prefixes of bytes, counted, for two subscriptions to one topic need two to be cancelled. Looking up
 * whom a message concerns costs one step for each byte of its first frame, whatever the number of subscribers.
 */

interface Branch<Subscriber> {
  next: Map<number, Branch<Subscriber>> | undefined;
  /** Who subscribed to exactly this prefix, and how often. */
  here: Map<Subscriber, number> | undefined;
}

/** A set of prefixes, each with its subscribers. */
export class Subscriptions<Subscriber> {
  readonly #root: Branch<Subscriber> = { next: undefined, here: undefined };
  /** For each subscriber its prefixes, as latin1 text, so that one who leaves is forgotten whole. */
  readonly #topics = new Map<Subscriber, Set<string>>();

  /** How many prefixes a subscriber has. */
  count(subscriber: Subscriber): number {
    return this.#topics.get(subscriber)?.size ?? 0;
  }

  /** Adds a subscription; true when the subscriber had none to this prefix. */
  add(topic: Uint8Array, subscriber: Subscriber): boolean {
    let branch = this.#root;
    for (const byte of topic) {
      branch.next ??= new Map();
      let next = branch.next.get(byte);
      if (!next) {
        next = { next: undefined, here: undefined };
        branch.next.set(byte, next);
      }
      branch = next;
    }
    branch.here ??= new Map();
    const before = branch.here.get(subscriber) ?? 0;
    branch.here.set(subscriber, before + 1);
    let topics = this.#topics.get(subscriber);
    if (!topics) this.#topics.set(subscriber, (topics = new Set()));
    topics.add(Buffer.from(topic).toString("latin1"));
    return before === 0;
  }

  /** Takes one subscription back; true when it was the last one to this prefix. What was never there is passed over. */
  remove(topic: Uint8Array, subscriber: Subscriber): boolean {
    return this.#remove(topic, subscriber, false);
  }

  /** Forgets a subscriber; gives the prefixes it had, as latin1 text. */
  forget(subscriber: Subscriber): string[] {
    const topics = [...(this.#topics.get(subscriber) ?? [])];
    for (const topic of topics) this.#remove(Buffer.from(topic, "latin1"), subscriber, true);
    return topics;
  }

  /** Everyone with a prefix of `address`, each once. */
  match(address: Uint8Array): Set<Subscriber> {
    const found = new Set<Subscriber>();
    let branch: Branch<Subscriber> | undefined = this.#root;
    for (let index = 0; branch; index++) {
      if (branch.here) for (const subscriber of branch.here.keys()) found.add(subscriber);
      if (index >= address.length) break;
      branch = branch.next?.get(address[index] ?? 0);
    }
    return found;
  }

  #remove(topic: Uint8Array, subscriber: Subscriber, isWhole: boolean): boolean {
    const path: Branch<Subscriber>[] = [this.#root];
    for (const byte of topic) {
      const next = path.at(-1)?.next?.get(byte);
      if (!next) return false;
      path.push(next);
    }
    const last = path.at(-1);
    const before = last?.here?.get(subscriber);
    if (!last?.here || before === undefined) return false;
    if (before > 1 && !isWhole) {
      last.here.set(subscriber, before - 1);
      return false;
    }
    last.here.delete(subscriber);
    if (last.here.size === 0) last.here = undefined;
    // Empty branches go, so that topics that came and went leave nothing.
    for (let index = topic.length - 1; index >= 0; index--) {
      const branch = path[index + 1];
      if (!branch || branch.here || branch.next) break;
      const above = path[index];
      above?.next?.delete(topic[index] ?? 0);
      if (above?.next?.size === 0) above.next = undefined;
    }
    const topics = this.#topics.get(subscriber);
    topics?.delete(Buffer.from(topic).toString("latin1"));
    if (topics?.size === 0) this.#topics.delete(subscriber);
    return true;
  }
}
