/**
 * What one query may cost: series, points and time. Past a bound it is cut with a sentence that says which one.
 */

/** The bounds. */
export interface QueryLimits {
  /** Series that one fetch or function may give. @default 20000 */
  readonly maxSeries?: number;
  /** Values made by the whole query, those fetched and those in between. @default 50000000 */
  readonly maxPoints?: number;
  /** Says that the time is over. Asked often, so it should be cheap. @default never */
  readonly isOver?: () => boolean;
}

/** A query that went past a bound. Its message is for whoever asked. */
export class QueryLimitError extends RangeError {
  override readonly name = "QueryLimitError";
}

/** Counts what a query costs. */
export class Budget {
  readonly #maxSeries: number;
  readonly #maxPoints: number;
  readonly #isOver: () => boolean;
  #points = 0;

  constructor(limits: QueryLimits) {
    this.#maxSeries = limits.maxSeries ?? 20_000;
    this.#maxPoints = limits.maxPoints ?? 50_000_000;
    this.#isOver = limits.isOver ?? (() => false);
  }

  /** How many values the query may still make. */
  get pointsLeft(): number {
    return this.#maxPoints - this.#points;
  }

  /** @throws QueryLimitError when the time is over. */
  checkTime(): void {
    if (this.#isOver()) throw new QueryLimitError("Query took too long: ask for fewer series or a shorter time");
  }

  /** Counts series and their values. @throws QueryLimitError past a bound. */
  spend(seriesCount: number, pointCount: number): void {
    this.checkTime();
    if (seriesCount > this.#maxSeries) {
      throw new QueryLimitError(`Query has too many series: ${seriesCount} where ${this.#maxSeries} are allowed`);
    }
    this.#points += pointCount;
    if (this.#points > this.#maxPoints) {
      throw new QueryLimitError(
        `Query has too many points: more than ${this.#maxPoints}; ask for fewer series or a shorter time`,
      );
    }
  }
}
