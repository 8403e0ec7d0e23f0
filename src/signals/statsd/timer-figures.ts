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

/** A timer with no value in this interval. */
export const idleFigures = ["count", "count_ps"] as const;

/**
 * Calls `emit` with each figure. `values` are sorted in place, ascending, and are not empty; `count` is the sum of 1/rate;
 * `intervalSeconds` is what rates are per.
 */
export function timerFigures(
  name: string,
  values: Float64Array,
  count: number,
  intervalSeconds: number,
  rules: TimerRules,
  emit: (figure: string, value: number) => void,
): void {
  const wanted = rules.only.length === 0 ? undefined : new Set(rules.only);
  const tell = (figure: string, value: number, general = figure) => {
    if (wanted === undefined || wanted.has(general)) emit(figure, value);
  };
  values.sort();
  const n = values.length;
  const at = (position: number) => values[position] as number;
  const sums = new Float64Array(n + 1);
  const squares = new Float64Array(n + 1);
  for (let position = 0; position < n; position++) {
    const value = at(position);
    sums[position + 1] = (sums[position] as number) + value;
    squares[position + 1] = (squares[position] as number) + value * value;
  }
  const sumOf = (list: Float64Array, from: number, to: number) => (list[to] as number) - (list[from] as number);

  for (const percentile of rules.percentiles) {
    const k = n === 1 ? 1 : Math.min(n, Math.round((Math.abs(percentile) / 100) * n));
    if (k === 0) continue;
    const isTop = percentile < 0;
    const [from, to] = isTop ? [n - k, n] : [0, k];
    const ending = String(percentile).replace(".", "_").replace("-", "top");
    const side = isTop ? "lower" : "upper";
    const sum = sumOf(sums, from, to);
    tell(`count_${ending}`, k, "count_percent");
    tell(`mean_${ending}`, sum / k, "mean_percent");
    tell(`${side}_${ending}`, isTop ? at(from) : at(to - 1), `${side}_percent`);
    tell(`sum_${ending}`, sum, "sum_percent");
    tell(`sum_squares_${ending}`, sumOf(squares, from, to), "sum_squares_percent");
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

  const bins = rules.histograms.find(({ metric }) => name.includes(metric))?.bins ?? [];
  let position = 0;
  for (const limit of bins) {
    let inBin = 0;
    const below = limit === "inf" ? Number.POSITIVE_INFINITY : limit;
    while (position < n && at(position) < below) {
      position++;
      inBin++;
    }
    tell(`histogram.bin_${String(limit).replace(".", "_")}`, inBin, "histogram");
  }
}
