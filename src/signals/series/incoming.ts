/**
 * What came in and what becomes of it: one place that every way in goes through. Names that are not wanted are left out,
 * the others rewritten and aggregated by carbon's rules where there are any; then points go into the store, and on to
 * wherever they are handed on to. Counts everything for metrics and the page.
 */
import type { BadLine } from "../../lib/graphite/line.ts";
import type { Point } from "../../lib/graphite/path.ts";
import type { Aggregating } from "./rules/aggregating.ts";
import type { NameList } from "./rules/name-list.ts";
import type { Rewriting } from "./rules/rewriting.ts";
import { refusalReasons, type SeriesStore, type WriteResult } from "./store.ts";

const badLinesKept = 20;

/** Carbon's rules, each as far as a file of it is configured. */
export interface Rules {
  whitelist?: NameList;
  blacklist?: NameList;
  rewriting?: Rewriting;
  aggregating?: Aggregating;
}

/** Where points go. */
export interface IncomingParts {
  store: SeriesStore;
  /** They are kept here, not only handed on. */
  keep: boolean;
  /** Hands on; undefined where nothing is. */
  forward: ((points: readonly Point[]) => void) | undefined;
}

/** The way from every listener into the store. */
export class Incoming {
  readonly #parts: IncomingParts;
  #rules: Rules = {};
  #hasRules = false;
  #unwanted = 0;
  #aggregated = 0;
  #histograms = 0;
  #badCount = 0;
  #badLines: BadLine[] = [];

  constructor(parts: IncomingParts) {
    this.#parts = parts;
  }

  /** Lines and items so far that were no points. */
  get badCount(): number {
    return this.#badCount;
  }

  /** The newest of them, newest first. */
  get badLines(): readonly BadLine[] {
    return this.#badLines;
  }

  /**
   * Points whose names were not wanted, points that rules made, points that rules could not count in any more, and
   * native histograms that came and are not kept.
   */
  get counts(): { unwanted: number; aggregated: number; unaggregated: number; histograms: number } {
    return {
      unwanted: this.#unwanted,
      aggregated: this.#aggregated,
      unaggregated: this.#rules.aggregating?.left ?? 0,
      histograms: this.#histograms,
    };
  }

  /** From now on these rules are used. What the former had gathered is told first, and gone on with. */
  use(rules: Rules): void {
    const former = this.#rules.aggregating;
    if (former && rules.aggregating !== former) {
      this.#pass(this.#made(Infinity, true));
      rules.aggregating?.takeOver(former);
    }
    this.#rules = rules;
    this.#hasRules = Object.values(rules).some((each) => each !== undefined);
  }

  /** Takes points. Those that are not wanted count as taken, since nobody is to send them again. */
  take(points: readonly Point[]): WriteResult {
    if (!this.#hasRules) return this.#pass(points);
    const { aggregating, blacklist, rewriting, whitelist } = this.#rules;
    const kept: Point[] = [];
    for (const point of points) {
      const { path } = point;
      if (blacklist?.has(path) || (whitelist && !whitelist.isEmpty && !whitelist.has(path))) {
        this.#unwanted++;
        continue;
      }
      const own = rewriting?.has("pre") ? { ...point, path: rewriting.apply("pre", path) } : point;
      if (aggregating?.take(own)) continue;
      kept.push(rewriting?.has("post") ? { ...own, path: rewriting.apply("post", own.path) } : own);
    }
    const result = this.#pass(kept);
    result.accepted += points.length - kept.length;
    return result;
  }

  /** Tells what rules have made of intervals that are over; with `all`, of those that are not too. */
  tell(nowSeconds: number, all = false): void {
    this.#pass(this.#made(nowSeconds, all));
  }

  bad(lines: readonly BadLine[], count: number): void {
    this.#badCount += count;
    this.#badLines = [...lines.toReversed(), ...this.#badLines].slice(0, badLinesKept);
  }

  /** Native histograms came, of which nothing is kept. */
  leave(histograms: number): void {
    this.#histograms += histograms;
  }

  #made(nowSeconds: number, all: boolean): Point[] {
    const { aggregating, rewriting } = this.#rules;
    const points = aggregating?.due(nowSeconds, all) ?? [];
    this.#aggregated += points.length;
    if (!rewriting?.has("post")) return points;
    return points.map((point) => ({ ...point, path: rewriting.apply("post", point.path) }));
  }

  #pass(points: readonly Point[]): WriteResult {
    const { forward, keep, store } = this.#parts;
    forward?.(points);
    if (keep) return store.write(points);
    const none = Object.fromEntries(refusalReasons.map((reason) => [reason, 0])) as Record<
      (typeof refusalReasons)[number],
      number
    >;
    return { accepted: points.length, ...none };
  }
}
