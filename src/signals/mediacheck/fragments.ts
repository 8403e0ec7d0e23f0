/** Links to parts of pages: which pages have which names, who links where, and which of the links lead to nothing. */

/** A link that leads to nothing. */
export interface DeadFragment {
  /** The page with the link. */
  page: string;
  url: string;
  fragment: string;
}

/** The links of one run. Only those to pages that were read can be judged. */
export class Fragments {
  readonly #names = new Map<string, ReadonlySet<string>>();
  readonly #links = new Map<string, DeadFragment>();
  readonly #max: number;

  /** Keeps so many links at most. */
  constructor(max: number) {
    this.#max = max;
  }

  /** A page was read; `urls` are its addresses. */
  read(urls: readonly string[], names: ReadonlySet<string>): void {
    for (const url of urls) this.#names.set(url, names);
  }

  link(link: DeadFragment): void {
    if (link.fragment !== "" && this.#links.size < this.#max) {
      this.#links.set(`${link.page} ${link.url}#${link.fragment}`, link);
    }
  }

  dead(): DeadFragment[] {
    return [...this.#links.values()].filter(({ fragment, url }) => {
      const names = this.#names.get(url);
      // The top of a page, and text to look for, need no name.
      return (
        names !== undefined && fragment.toLowerCase() !== "top" && !fragment.includes(":~:") && !names.has(fragment)
      );
    });
  }
}
