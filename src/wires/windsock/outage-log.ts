/**
 * Says of something elsewhere that it is away: each reason once, however often it is tried, until it is there again. What is
 * the same as before is for whoever looks closely.
 */
import type { Logger } from "../../kit/log.ts";

/** So many reasons are told of one outage. */
const mostTold = 20;

/** See the file's head. */
export class OutageLog {
  readonly #log: Logger;
  readonly #sentence: string;
  readonly #told = new Set<string>();

  /** `sentence` says what is away. */
  constructor(log: Logger, sentence: string) {
    this.#log = log;
    this.#sentence = sentence;
  }

  /** It was tried, and failed. */
  failed(facts: { reason: string; endpoint?: string }): void {
    const key = `${facts.endpoint ?? ""} ${facts.reason}`;
    if (this.#told.has(key) || this.#told.size >= mostTold) {
      this.#log.debug(this.#sentence, facts);
      return;
    }
    this.#told.add(key);
    this.#log.warn(this.#sentence, facts);
  }

  /** It is there. */
  over(): void {
    this.#told.clear();
  }
}
