/**
 * Those who come back and go through the history: each in portions, as there is room with it, and one portion of anybody's
 * in a turn of the event loop, so that a thousand at once cost little memory and what is published meanwhile waits for
 * nobody. Between portions nothing is heard: it is in the history, and the last portion and the seat are one step.
 */
import type { OrderedHub } from "./hub-ordered.ts";
import type { Return, Returner } from "./hub.ts";
import type { Interest } from "./publication.ts";

/** What is read in one turn takes about a millisecond. */
const portion = { count: 200, characters: 65_536, looks: 1000 };

/** See the file's head. */
export class Returns {
  readonly #hub: Pick<OrderedHub, "resume" | "sit">;
  /** They wait for their turn. */
  #waiting: (() => void)[] = [];
  #at = 0;

  constructor(hub: Pick<OrderedHub, "resume" | "sit">) {
    this.#hub = hub;
  }

  /** See `Hub.goBack`. */
  async goBack(interests: readonly Interest[], returner: Returner, since: string): Promise<Return> {
    let position = since;
    let isComplete = true;
    while (await returner.room()) {
      await this.#turn();
      const found = this.#hub.resume(interests, position, portion);
      if (!found.isComplete) {
        isComplete = false;
        returner.gap();
      }
      for (const publication of found.publications) returner.hear(publication);
      if (found.next === undefined) {
        const { seat } = this.#hub.sit(interests, returner);
        return { position: seat.position, isComplete, seat };
      }
      position = found.next;
    }
    return { position, isComplete, seat: undefined };
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#waiting.length - this.#at === 1) setImmediate(() => this.#next());
    });
  }

  #next(): void {
    const go = this.#waiting[this.#at++];
    if (this.#at === this.#waiting.length || this.#at > 1024) {
      this.#waiting = this.#waiting.slice(this.#at);
      this.#at = 0;
    }
    if (this.#waiting.length > 0) setImmediate(() => this.#next());
    go?.();
  }
}
