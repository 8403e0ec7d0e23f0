/**
 * The interests of one listener, each once. Nearly every listener has one, and there are thousands of them, so a map is
 * made for the second only.
 */
import { type Interest, interestKey } from "./publication.ts";

/** See the file's head. */
export class InterestSet {
  #only: Interest | undefined;
  /** By their keys, where there were ever two. */
  #many: Map<string, Interest> | undefined;

  constructor(interests: Iterable<Interest> = []) {
    for (const interest of interests) this.add(interest);
  }

  get size(): number {
    return this.#many?.size ?? (this.#only ? 1 : 0);
  }

  has(interest: Interest): boolean {
    if (this.#many) return this.#many.has(interestKey(interest));
    return this.#only !== undefined && interestKey(this.#only) === interestKey(interest);
  }

  /** False for one that it has. */
  add(interest: Interest): boolean {
    if (this.has(interest)) return false;
    if (this.#many) this.#many.set(interestKey(interest), interest);
    else if (!this.#only) this.#only = interest;
    else {
      this.#many = new Map([this.#only, interest].map((each) => [interestKey(each), each]));
      this.#only = undefined;
    }
    return true;
  }

  /** False for one that it has not. */
  delete(interest: Interest): boolean {
    if (this.#many) return this.#many.delete(interestKey(interest));
    if (!this.has(interest)) return false;
    this.#only = undefined;
    return true;
  }

  [Symbol.iterator](): Iterator<Interest> {
    return (this.#many ? [...this.#many.values()] : this.#only ? [this.#only] : []).values();
  }
}
