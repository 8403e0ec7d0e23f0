/** One topic that a page hears: history first, then what comes, nothing twice. */
import { concerns } from "./session.browser.js";

/** @typedef {import("./session.browser.js").Publication & {value: unknown}} Message */

/** A publication with its content read as JSON, where it is. @param {import("./session.browser.js").Publication} publication @returns {Message} */
export function messageOf(publication) {
  let value;
  try {
    value = JSON.parse(publication.content);
  } catch {
    value = undefined;
  }
  return { ...publication, value };
}

/** See the file's head. */
export class Subscription {
  /** What came while its history was asked for. @type {Message[] | undefined} */
  #early;
  /** Positions of its history, which may be met again on the way. @type {Set<string>} */
  #seen = new Set();

  /**
   * @param {import("./session.browser.js").Topic} topic @param {(message: Message) => void} hear
   * @param {(() => void) | undefined} gap @param {boolean} isEarly
   */
  constructor(topic, hear, gap, isEarly) {
    this.topic = topic;
    this.hear = hear;
    this.gap = gap;
    if (isEarly) this.#early = [];
  }

  /** @param {Message} message */
  tell(message) {
    if (!concerns(this.topic, message.address) || this.#seen.has(message.position)) return;
    if (this.#early) this.#early.push(message);
    else this.hear(message);
  }

  /** @param {readonly import("./session.browser.js").Publication[]} history */
  begin(history) {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const publication of history) {
      this.#seen.add(publication.position);
      this.hear(messageOf(publication));
    }
    for (const message of early) this.tell(message);
  }
}
