/**
 * What is known of each resource while a run goes on: who mentions it, what its answer was, what is held against it. Every
 * address has one entry, however often it is mentioned; an entry without an answer at the end says why.
 */
import type { LoadOutcome } from "./loader.ts";
import { typeOf } from "./content-kind.ts";
import { type ResourceKind, shownUrl } from "./reference.ts";
import type { ResourceReport, Trouble, Use } from "./report.ts";

const usesMax = 20;
const troublesMax = 20;

/** One resource as it becomes known. */
export class LedgerEntry {
  readonly url: string;
  readonly #uses: Use[] = [];
  readonly #kinds = new Set<ResourceKind>();
  readonly #troubles = new Map<string, Trouble>();
  #useCount = 0;
  #outcome: LoadOutcome | undefined;
  #sizeBytes = 0;
  #isSkipped = false;
  /** Uses that are not judged yet. */
  open = 0;

  constructor(url: string) {
    this.url = url;
  }

  use(use: Use): void {
    this.#useCount++;
    this.#kinds.add(use.kind);
    if (this.#uses.length < usesMax)
      this.#uses.push({
        ...use,
        page: shownUrl(use.page),
        ...(use.via === undefined ? {} : { via: shownUrl(use.via) }),
      });
  }

  hold(trouble: Trouble): void {
    const { isHard, sentence } = trouble;
    const known = this.#troubles.get(sentence);
    if (known) {
      if (isHard && !known.isHard) this.#troubles.set(sentence, trouble);
      return;
    }
    if (this.#troubles.size >= troublesMax) {
      // What decides the verdict takes the place of what does not.
      const soft = isHard ? this.#troubles.values().find((one) => !one.isHard) : undefined;
      if (!soft) return;
      this.#troubles.delete(soft.sentence);
    }
    this.#troubles.set(sentence, trouble);
  }

  skip(): void {
    this.#isSkipped = true;
  }

  /** The answer, or why there is none; the first counts. */
  answered(outcome: LoadOutcome): void {
    if (this.#outcome) return;
    this.#outcome = outcome;
    if (outcome.answer) this.#sizeBytes = outcome.answer.sizeBytes;
  }

  report(): ResourceReport {
    const troubles = [...this.#troubles.values()].toSorted((one, other) => Number(other.isHard) - Number(one.isHard));
    const answer = this.#outcome?.answer;
    const about = answer ?? this.#outcome?.failure;
    return {
      url: shownUrl(this.url),
      kinds: [...this.#kinds],
      verdict: troubles.some(({ isHard }) => isHard)
        ? "bad"
        : this.#isSkipped
          ? "skipped"
          : troubles.length > 0
            ? "warn"
            : "good",
      troubles,
      uses: this.#uses,
      useCount: this.#useCount,
      ...(answer ? { status: answer.status, type: typeOf(answer.headers), sizeBytes: this.#sizeBytes } : {}),
      ...(answer?.isCut ? { isCut: true } : {}),
      ...(about ? { elapsedMs: Math.round(about.elapsedMs), attempts: about.attempts } : {}),
      ...(answer && answer.url !== this.url ? { finalUrl: shownUrl(answer.url) } : {}),
    };
  }
}

/** All entries of a run, in order of their first mention. */
export class Ledger {
  readonly #entries = new Map<string, LedgerEntry>();

  get size(): number {
    return this.#entries.size;
  }

  find(url: string): LedgerEntry | undefined {
    return this.#entries.get(url);
  }

  entry(url: string): LedgerEntry {
    const known = this.#entries.get(url);
    if (known) return known;
    const entry = new LedgerEntry(url);
    this.#entries.set(url, entry);
    return entry;
  }

  /** Holds against every use that has no answer why it has none. */
  close(sentence: string): void {
    for (const entry of this.#entries.values()) if (entry.open > 0) entry.hold({ isHard: true, sentence });
  }

  reports(): ResourceReport[] {
    return [...this.#entries.values()].map((entry) => entry.report());
  }
}
