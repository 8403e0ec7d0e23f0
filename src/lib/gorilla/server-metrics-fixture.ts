/**
 * Rows of numbers as servers give them, from a seed, for tests and benches of size: what statsd, collectd, telegraf and
 * the node exporter send every ten seconds. Noise is drawn from bell and long-tailed shapes, days have nights, and
 * counters start anew now and then.
 */

/** Kinds of rows, each with its share of a server's series: the shares add up to 1. */
export const serverMetrics: readonly {
  kind: string;
  share: number;
  row(random: () => number, count: number): Float64Array;
}[] = [
  {
    kind: "constant (limits, versions, sizes)",
    share: 0.2,
    row: (random, count) => new Float64Array(count).fill(Math.floor(random() * 1e9)),
  },
  {
    kind: "mostly zero (errors, drops)",
    share: 0.15,
    row: (random, count) => mapped(count, () => (random() < 0.01 ? Math.ceil(random() * 5) : 0)),
  },
  {
    kind: "small whole gauge (processes, connections)",
    share: 0.15,
    row: (random, count) => walk(random, count, 120, 1.5, 0),
  },
  { kind: "counter, packets", share: 0.1, row: (random, count) => counted(random, count, 900) },
  { kind: "counter, bytes", share: 0.1, row: (random, count) => counted(random, count, 120_000) },
  { kind: "percentage, one decimal", share: 0.1, row: (random, count) => walk(random, count, 22, 1.2, 1, 100) },
  { kind: "percentage, two decimals", share: 0.05, row: (random, count) => walk(random, count, 22, 1.2, 2, 100) },
  { kind: "gauge with two decimals (load)", share: 0.05, row: (random, count) => walk(random, count, 1.4, 0.06, 2) },
  {
    kind: "memory in bytes, by pages",
    share: 0.05,
    row: (random, count) => walk(random, count, 900_000, 60, 0).map((pages) => pages * 4096),
  },
  {
    kind: "rate of statsd (count / 10)",
    share: 0.05,
    row: (random, count) =>
      mapped(count, (at) => Math.max(0, Math.round(bell(random, 40 * day(at), 6 * day(at)))) / 10),
  },
];

/** Beside the mix: numbers without short decimals, which nothing makes small. */
export const roughMetrics: typeof serverMetrics = [
  {
    kind: "mean of timings, all digits",
    share: 0,
    row: (random, count) => mapped(count, () => bell(random, 30, 4) / 7),
  },
];

function mapped(count: number, value: (at: number) => number): Float64Array {
  return Float64Array.from({ length: count }, (_, at) => value(at));
}

function bell(random: () => number, mean: number, deviation: number): number {
  return mean + deviation * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** From 0.6 at night to 1.4 at noon, for points every ten seconds. */
function day(at: number): number {
  return 1 + 0.4 * Math.sin((2 * Math.PI * at) / 8640);
}

/** A level that is drawn back to its mean. */
function walk(random: () => number, count: number, mean: number, deviation: number, decimals: number, most = Infinity) {
  const scale = 10 ** decimals;
  let level = mean;
  return mapped(count, (at) => {
    level += 0.02 * (mean * day(at) - level) + bell(random, 0, deviation);
    level = Math.min(most, Math.max(0, level));
    return Math.round(level * scale) / scale;
  });
}

/** A counter that rises by about `per` a point, and starts from zero about once in ten days. */
function counted(random: () => number, count: number, per: number): Float64Array {
  let total = Math.floor(random() * 1e10);
  return mapped(count, (at) => {
    if (random() < 1 / 86_400) total = 0;
    total += Math.max(0, Math.round(bell(random, per * day(at), per * 0.12)));
    return total;
  });
}
