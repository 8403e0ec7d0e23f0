/**
 * Metrics of the program: declared once, in base units, named `warren_<service>_<noun>_<unit>`, exposed as Prometheus
 * text. A service declares all of its own in one file, so that the list can be read and documented.
 */
import Counter from "prom-client/lib/counter.js";
import Gauge from "prom-client/lib/gauge.js";
import Histogram from "prom-client/lib/histogram.js";
import Registry from "prom-client/lib/registry.js";

/** The metrics of one process. */
export type Metrics = Registry;

/** A fresh, empty set. Nothing is registered globally, so tests can hold several. */
export function createMetrics(): Metrics {
  return new Registry();
}

/** Name, sentence and label names of a metric. */
export interface MetricDeclaration<Label extends string> {
  name: string;
  help: string;
  labels?: readonly Label[];
}

/** A number that only rises. */
export function counter<Label extends string = never>(
  metrics: Metrics,
  declared: MetricDeclaration<Label>,
): Counter<Label> {
  return new Counter({
    name: declared.name,
    help: declared.help,
    labelNames: [...(declared.labels ?? [])],
    registers: [metrics],
  });
}

/** A number that is read at each scrape, or set. */
export function gauge<Label extends string = never>(
  metrics: Metrics,
  declared: MetricDeclaration<Label> & { read?: () => number },
): Gauge<Label> {
  const { read } = declared;
  return new Gauge({
    name: declared.name,
    help: declared.help,
    labelNames: [...(declared.labels ?? [])],
    registers: [metrics],
    ...(read
      ? {
          collect(this: Gauge<Label>) {
            this.set(read());
          },
        }
      : {}),
  });
}

/** A distribution over fixed bounds. */
export function histogram<Label extends string = never>(
  metrics: Metrics,
  declared: MetricDeclaration<Label> & { buckets: readonly number[] },
): Histogram<Label> {
  return new Histogram({
    name: declared.name,
    help: declared.help,
    labelNames: [...(declared.labels ?? [])],
    buckets: [...declared.buckets],
    registers: [metrics],
  });
}

/** Bounds for request times in seconds, 0.5 ms to 30 s. */
export const latencyBuckets: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];
