/**
 * Lists of what may be heard or said, held once however many connections have the same: most tokens of an application say the
 * same few things, and an idle connection is little more than what its token said. Bounded: tokens may also all differ.
 */
import type { Interest } from "../publication.ts";

/** Lists that are known at the same time. */
const maxLists = 4096;
/** Longer ones are each on their own: they would be long keys too. */
const maxKeyLength = 1024;

/** Lists by what they say. */
export class SharedInterests {
  readonly #lists = new Map<string, readonly Interest[]>();

  /** A list that says what `made` does, which is not changed afterwards. */
  of(made: readonly Interest[]): readonly Interest[] {
    const key = JSON.stringify(made);
    if (key.length > maxKeyLength) return made;
    const known = this.#lists.get(key);
    if (known) return known;
    // Those that are held stay as they are; the ones that come are shared anew.
    if (this.#lists.size >= maxLists) this.#lists.clear();
    this.#lists.set(key, made);
    return made;
  }
}
