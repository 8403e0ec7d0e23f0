/**
 * The node's own metrics as points: what `/metrics` says to Prometheus, below `warren.<host>.`. `warren_<service>_<rest>`
 * becomes `<service>.<rest>`, labels follow in the order of their names, `{reason="late"}` as `.late`. Of a distribution
 * the sum and the count go in, not its bounds. Bounded, as labels can make many.
 */
import type { Metrics } from "../../../kit/metrics.ts";
import { asNode, type Tell } from "./gather.ts";

const figuresMax = 5000;

/** Tells all figures; returns how many were left out for the bound. */
export async function ownFigures(metrics: Metrics, tell: Tell): Promise<number> {
  let left = 0;
  let told = 0;
  for (const { name, values } of await metrics.getMetricsAsJSON()) {
    for (const each of values) {
      const { labels, value, metricName = name } = { metricName: name, ...each };
      if (metricName.endsWith("_bucket") || !Number.isFinite(value)) continue;
      if (told++ >= figuresMax) left++;
      else tell(pathOf(metricName, labels), value);
    }
  }
  return left;
}

function pathOf(name: string, labels: Readonly<Partial<Record<string, string | number>>>): string {
  const [, service, rest] = /^warren_([a-z]+)_(.+)$/.exec(name) ?? [];
  const start = service === undefined || rest === undefined ? name.replace("_", ".") : `${service}.${rest}`;
  const nodes = Object.entries(labels)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([, value]) => asNode(String(value ?? "")));
  return [start, ...nodes].join(".");
}
