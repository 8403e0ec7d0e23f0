/**
 * What is told of a timer's values at a flush. Figures and names are Etsy's (its section "timers"), with two differences:
 * a threshold of -100 is all values instead of no number, and the limit `upper_percent` covers `upper_99_9` too.
 */

/** Which figures there are. */
export interface TimerRules {
  /** Thresholds in percent; those below 0 are of the largest values. */
  percentiles: readonly number[];
  /** The first whose `metric` is part of the name counts; `bins` are exclusive upper limits. */
  histograms: readonly { metric: string; bins: readonly (number | "inf")[] }[];
  /** Only these figures, `upper_percent` for all of a kind; all when empty. */
  only: readonly string[];
}

/** All figures that can be asked for; those in percent stand for those of all thresholds. */
export const figureNames: ReadonlySet<string> = new Set([
  "count",
  "count_ps",
  "mean",
  "median",
  "upper",
  "lower",
  "sum",
  "sum_squares",
  "std",
  "histogram",
  "count_percent",
  "mean_percent",
  "upper_percent",
  "lower_percent",
  "sum_percent",
  "sum_squares_percent",
]);

/** A timer with no value in this interval. */
export const idleFigures = ["count", "count_ps"] as const;

/** Told each figure; `percentile` is the threshold of an `upper_<percentile>`. */
export type EmitFigure = (figure: string, value: number, percentile?: number) => void;

/** How a threshold stands in a figure's name: `90`, `99_9`, `top10`. */
export function percentileEnding(percentile: number): string {
  return String(percentile).replace(".", "_").replace("-", "top");
}

/** Fewer values are in order sooner without the runtime's sort, and with nothing made for it. */
const insertionMax = 24;

/**
 * What tells figures by rules. It has room of its own, which a hundred thousand timers share, so that none leaves anything
 * behind. `values` are not empty and stay as they are; `count` is the sum of 1/rate; `intervalSeconds` is what rates are per.
 */
export function createTimerFigures(
  rules: TimerRules,
): (name: string, values: readonly number[], count: number, intervalSeconds: number, emit: EmitFigure) => void {
  const only = rules.only.length === 0 ? undefined : new Set(rules.only);
  const isWanted = (general: string) => only === undefined || only.has(general);
  const thresholds = [...new Set(rules.percentiles)].map((percentile) => {
    const side = percentile < 0 ? "lower" : "upper";
    const ending = percentileEnding(percentile);
    const named = (figure: string) => (isWanted(`${figure}_percent`) ? `${figure}_${ending}` : undefined);
    return {
      percentile,
      share: Math.abs(percentile) / 100,
      count: named("count"),
      mean: named("mean"),
      limit: named(side),
      sum: named("sum"),
      squares: named("sum_squares"),
    };
  });
  const histograms = isWanted("histogram")
    ? rules.histograms.map(({ metric, bins }) => ({
        metric,
        bins: bins.map((limit) => ({
          figure: `histogram.bin_${String(limit).replace(".", "_")}`,
          below: limit === "inf" ? Number.POSITIVE_INFINITY : limit,
        })),
      }))
    : [];
  let ordered = new Float64Array(insertionMax);
  /** The sum of the first so many of those, and of their squares. */
  let sums = new Float64Array(insertionMax + 1);
  let squares = new Float64Array(insertionMax + 1);

  const order = (values: readonly number[]): void => {
    const n = values.length;
    if (n > ordered.length) {
      const room = Math.max(n, ordered.length * 2);
      ordered = new Float64Array(room);
      sums = new Float64Array(room + 1);
      squares = new Float64Array(room + 1);
    }
    for (let position = 0; position < n; position++) {
      const value = values[position] as number;
      let to = position;
      if (n <= insertionMax) {
        for (; to > 0 && (ordered[to - 1] as number) > value; to--) ordered[to] = ordered[to - 1] as number;
      }
      ordered[to] = value;
    }
    if (n > insertionMax) ordered.subarray(0, n).sort();
    for (let position = 0; position < n; position++) {
      const value = ordered[position] as number;
      sums[position + 1] = (sums[position] as number) + value;
      squares[position + 1] = (squares[position] as number) + value * value;
    }
  };

  return (name, values, count, intervalSeconds, emit) => {
    const tell = (figure: string, value: number) => {
      if (isWanted(figure)) emit(figure, value);
    };
    order(values);
    const n = values.length;
    const at = (position: number) => ordered[position] as number;
    for (const threshold of thresholds) {
      const k = n === 1 ? 1 : Math.min(n, Math.round(threshold.share * n));
      if (k === 0) continue;
      const isTop = threshold.percentile < 0;
      const [from, to] = isTop ? [n - k, n] : [0, k];
      const sum = (sums[to] as number) - (sums[from] as number);
      if (threshold.count !== undefined) emit(threshold.count, k);
      if (threshold.mean !== undefined) emit(threshold.mean, sum / k);
      if (threshold.limit !== undefined) {
        if (isTop) emit(threshold.limit, at(from));
        else emit(threshold.limit, at(to - 1), threshold.percentile);
      }
      if (threshold.sum !== undefined) emit(threshold.sum, sum);
      if (threshold.squares !== undefined) emit(threshold.squares, (squares[to] as number) - (squares[from] as number));
    }

    const sum = sums[n] as number;
    const mean = sum / n;
    let differences = 0;
    for (let position = 0; position < n; position++) differences += (at(position) - mean) ** 2;
    const middle = n >> 1;
    tell("std", Math.sqrt(differences / n));
    tell("upper", at(n - 1));
    tell("lower", at(0));
    tell("count", count);
    tell("count_ps", count / intervalSeconds);
    tell("sum", sum);
    tell("sum_squares", squares[n] as number);
    tell("mean", mean);
    tell("median", n % 2 === 1 ? at(middle) : (at(middle - 1) + at(middle)) / 2);

    let position = 0;
    for (const { below, figure } of histograms.find(({ metric }) => name.includes(metric))?.bins ?? []) {
      const before = position;
      while (position < n && at(position) < below) position++;
      emit(figure, position - before);
    }
  };
}
