/** What came in and what became of it: one place that every way in goes through, with counts for metrics and the page. */
import type { BadLine } from "../../lib/graphite/line.ts";
import type { Point } from "../../lib/graphite/path.ts";
import type { SeriesStore, WriteResult } from "./store.ts";

const badLinesKept = 20;

/** The way from every listener into the store. */
export class Incoming {
  readonly #store: SeriesStore;
  #badCount = 0;
  #badLines: BadLine[] = [];

  constructor(store: SeriesStore) {
    this.#store = store;
  }

  /** Lines and items so far that were no points. */
  get badCount(): number {
    return this.#badCount;
  }

  /** The newest of them, newest first. */
  get badLines(): readonly BadLine[] {
    return this.#badLines;
  }

  take(points: readonly Point[]): WriteResult {
    return this.#store.write(points);
  }

  bad(lines: readonly BadLine[], count: number): void {
    this.#badCount += count;
    this.#badLines = [...lines.toReversed(), ...this.#badLines].slice(0, badLinesKept);
  }
}
