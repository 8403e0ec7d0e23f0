/**
 * Counters and distributions for what happens ten thousand times a second. To count is to add to a number in a cell;
 * labels are looked at when a cell is made, and the registry gets the numbers when it is read. The metrics that come out
 * are those of metrics.ts to the letter.
 *
 * Holds one cell for each combination of labels ever asked for, so labels must come from a short list.
 */
import Counter from "prom-client/lib/counter.js";
import Histogram from "prom-client/lib/histogram.js";

import type { MetricDeclaration, Metrics } from "./metrics.ts";

/** A number that only rises. */
export interface TallyCell {
  count: number;
}

/** Counters by labels. */
export interface Tally {
  /** The counter of these label values, given in the order of the declaration. */
  cell(...values: string[]): TallyCell;
}

/** Declares a counter. */
export function tally<Label extends string>(metrics: Metrics, declared: MetricDeclaration<Label>): Tally {
  const names = declared.labels ?? [];
  const cells = new Map<string, TallyCell & { labels: Partial<Record<Label, string>>; reported: number }>();
  // The registry holds it from here on.
  void new Counter<Label>({
    name: declared.name,
    help: declared.help,
    labelNames: [...names],
    registers: [metrics],
    collect() {
      for (const cell of cells.values()) {
        this.inc(cell.labels, cell.count - cell.reported);
        cell.reported = cell.count;
      }
    },
  });
  return {
    cell(...values) {
      const key = values.join("\n");
      let cell = cells.get(key);
      if (!cell) {
        cell = { count: 0, reported: 0, labels: labelsOf(names, values) };
        cells.set(key, cell);
      }
      return cell;
    },
  };
}

/** Observations over fixed bounds. */
export class SpreadCell<Label extends string> {
  readonly labels: Partial<Record<Label, string>>;
  readonly #bounds: readonly number[];
  /** One more than there are bounds, for what lies above them all. */
  readonly #counts: Float64Array;
  #sum = 0;

  /** `bounds` rise. */
  constructor(labels: Partial<Record<Label, string>>, bounds: readonly number[]) {
    this.labels = labels;
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] as number)) at++;
    this.#counts[at] = (this.#counts[at] as number) + 1;
    this.#sum += value;
  }

  /** As the registry wants it: each bucket with all below it, then sum and count. */
  values(name: string) {
    // In JSON the registry adds these to the labels, and does not do without.
    const sharedLabels = {};
    let count = 0;
    const buckets = [...this.#bounds, "+Inf"].map((le, at) => {
      count += this.#counts[at] as number;
      return { metricName: `${name}_bucket`, labels: { le, ...this.labels }, value: count, sharedLabels };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels: this.labels, value: this.#sum, sharedLabels },
      { metricName: `${name}_count`, labels: this.labels, value: count, sharedLabels },
    ];
  }
}

/** Distributions by labels. */
export interface Spread<Label extends string> {
  /** The distribution of these label values, given in the order of the declaration. */
  cell(...values: string[]): SpreadCell<Label>;
}

/** Declares a distribution over `buckets`, which rise. */
export function spread<Label extends string>(
  metrics: Metrics,
  declared: MetricDeclaration<Label> & { buckets: readonly number[] },
): Spread<Label> {
  const names = declared.labels ?? [];
  const cells = new Map<string, SpreadCell<Label>>();
  class Spreading extends Histogram<Label> {
    /** What prom-client asks of its own, in text and in JSON. */
    getForPromString() {
      const values = [...cells.values()].flatMap((cell) => cell.values(declared.name));
      return Promise.resolve({ ...declared, type: "histogram", values, aggregator: "sum" });
    }
  }
  void new Spreading({
    name: declared.name,
    help: declared.help,
    labelNames: [...names],
    buckets: [...declared.buckets],
    registers: [metrics],
  });
  return {
    cell(...values) {
      const key = values.join("\n");
      let cell = cells.get(key);
      if (!cell) {
        cell = new SpreadCell(labelsOf(names, values), declared.buckets);
        cells.set(key, cell);
      }
      return cell;
    },
  };
}

function labelsOf<Label extends string>(
  names: readonly Label[],
  values: readonly string[],
): Partial<Record<Label, string>> {
  if (values.length !== names.length) {
    throw new TypeError(`Cannot count: wanted a value for each of ${names.join(", ")}, got ${values.length}`);
  }
  const labels: Partial<Record<Label, string>> = {};
  names.forEach((name, at) => {
    labels[name] = values[at] as string;
  });
  return labels;
}
