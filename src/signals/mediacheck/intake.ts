/**
 * What a run takes in: each page, each mention and each address once, up to as many as the settings let. What is beyond
 * is told as a limit, and held against the page that asked for it: nobody may take for good what was not looked at.
 */
import { Ledger, type LedgerEntry } from "./ledger.ts";
import type { ResourceKind } from "./reference.ts";
import { type CheckSettings, fits } from "./settings.ts";

/** How an address is used. */
export interface Use {
  /** The page that people see. */
  page: string;
  how: string;
  kind: ResourceKind;
  via?: string;
}

const keptMaxBytes = 256 * 1024 * 1024;

/** The intake of one run. */
export class Intake {
  readonly ledger = new Ledger();
  readonly #settings: Pick<CheckSettings, "maxPages" | "maxResources" | "skip">;
  readonly #keptBytes: () => number;
  readonly #seen = new Set<string>();
  readonly #pages = new Set<string>();
  readonly #limits = new Set<string>();

  /** `keptBytes` tells how much text is held at the moment. */
  constructor(settings: Pick<CheckSettings, "maxPages" | "maxResources" | "skip">, keptBytes: () => number) {
    this.#settings = settings;
    this.#keptBytes = keptBytes;
  }

  /** What was not looked at, and why; one sentence each. */
  limits(): string[] {
    return [...this.#limits];
  }

  /** Tells that something is beyond what is looked at. */
  limit(sentence: string): void {
    this.#limits.add(sentence);
  }

  /** Whether this key comes for the first time. */
  once(key: string): boolean {
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    return true;
  }

  /** Whether a page is to be visited now: it comes for the first time, and there are not too many. */
  takePage(url: string): boolean {
    const { maxPages } = this.#settings;
    if (this.#pages.has(url)) return false;
    if (this.#pages.size >= maxPages) {
      this.limit(`There are more than ${maxPages} pages; the others were not looked at`);
      return false;
    }
    this.#pages.add(url);
    return true;
  }

  /** The entry of an address; undefined when it is left alone. */
  enter(url: string, use: Use): LedgerEntry | undefined {
    const { maxResources, skip } = this.#settings;
    const isNew = this.ledger.find(url) === undefined;
    if (isNew && (this.ledger.size >= maxResources || this.#keptBytes() > keptMaxBytes)) {
      this.limit(
        `There is more than a run looks at: ${maxResources} addresses, and 256 MiB of text; the others were left out`,
      );
      // How far links are followed is the operator's to bound.
      if (use.kind !== "page")
        this.ledger
          .find(use.page)
          ?.hold({ isHard: true, sentence: "Not all that it asks for was looked at: there is too much" });
      return undefined;
    }
    const entry = this.ledger.entry(url);
    entry.use(use);
    if (!skip.some((pattern) => fits(url, pattern))) return entry;
    entry.skip();
    return undefined;
  }
}
