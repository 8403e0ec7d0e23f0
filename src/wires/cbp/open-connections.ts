/**
 * The connections that are open, each of which knows its place. A `Set` would do the same; but where entries come and go as
 * fast as here it often moves to a new table, and each table that it left points to the next one. One of them that has
 * become old keeps what all later ones held from being freed until everything is looked at, and every small collection
 * then copes with thousands of dead connections: some 3 % of what a short connection costs.
 */

/** What has a place among the open ones; -1 while it has none. */
export interface Placed {
  place: number;
}

/** The open ones, in no order. Going through them may end any of them; who comes meanwhile is not met. */
export class OpenConnections<Item extends Placed> {
  readonly #items: Item[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** Adds one that has no place yet. */
  add(item: Item): void {
    item.place = this.#items.length;
    this.#items.push(item);
  }

  /** Whether it was there. */
  delete(item: Item): boolean {
    const { place } = item;
    if (place < 0) return false;
    item.place = -1;
    const last = this.#items.pop();
    if (last === undefined || last === item) return true;
    this.#items[place] = last;
    last.place = place;
    return true;
  }

  /** From the last to the first: where one is taken out, one that was met already takes its place. */
  *[Symbol.iterator](): Generator<Item, void> {
    for (let place = this.#items.length - 1; place >= 0; place--) {
      const item = this.#items[place];
      if (item !== undefined) yield item;
    }
  }
}
