/**
 * What rules say of a path, kept since the same paths come again and again and looking at one with every expression is
 * dear. Bounded by the characters of all paths; past that everything is forgotten and found anew.
 */

const charactersMax = 20_000_000;

/** Answers by path. */
export class KnownPaths<T> {
  readonly #known = new Map<string, T>();
  readonly #find: (path: string) => T;
  #characters = 0;

  /** `find` finds the answer, which must depend on the path alone. */
  constructor(find: (path: string) => T) {
    this.#find = find;
  }

  /** The answer for a path. */
  of(path: string): T {
    const known = this.#known.get(path);
    if (known !== undefined) return known;
    const found = this.#find(path);
    // A name costs more than its characters.
    this.#characters += path.length + 50;
    if (this.#characters > charactersMax) {
      this.#known.clear();
      this.#characters = path.length + 50;
    }
    this.#known.set(path, found);
    return found;
  }
}
