/**
 * The lengths that occur among prefixes, in order: whoever looks for the prefixes of a text tries these, and no others.
 * Kept in order rather than sorted, for prefixes come and go all the time.
 */

/** See the file's head. */
export class PrefixLengths {
  /** How many distinct prefixes have a length. */
  readonly #counts = new Map<number, number>();
  readonly #sorted: number[] = [];

  /** The shortest first. Not to be kept: it changes. */
  get sorted(): readonly number[] {
    return this.#sorted;
  }

  /** 0 for none. */
  get longest(): number {
    return this.#sorted.at(-1) ?? 0;
  }

  /** One more prefix has a length. */
  add(length: number): void {
    const before = this.#counts.get(length) ?? 0;
    this.#counts.set(length, before + 1);
    if (before === 0) this.#sorted.splice(this.#placeOf(length), 0, length);
  }

  /** One less has it, of those that were added. */
  remove(length: number): void {
    const before = this.#counts.get(length) ?? 0;
    if (before > 1) this.#counts.set(length, before - 1);
    else if (this.#counts.delete(length)) this.#sorted.splice(this.#placeOf(length), 1);
  }

  #placeOf(length: number): number {
    let at = 0;
    let end = this.#sorted.length;
    while (at < end) {
      const middle = (at + end) >> 1;
      if ((this.#sorted[middle] ?? 0) < length) at = middle + 1;
      else end = middle;
    }
    return at;
  }
}
