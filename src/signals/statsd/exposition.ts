/**
 * All values in Prometheus's text format (version 0.0.4). Counters rise over all flushes here, timers are summaries with
 * the quantiles of the newest flush that had values, gauges are as they are, sets the count of the newest flush. What a
 * name may not hold becomes `_`; two names that become one share a family, and only where their labels differ too.
 */
import type { Buckets } from "./buckets.ts";

/** The content type of the answer. */
export const expositionType = "text/plain; version=0.0.4; charset=utf-8";

/** The text, in parts, so that it can be streamed. */
export function* exposition(buckets: Buckets): Generator<string> {
  yield* families("counter", buckets.counters, (name, labels, { total }) =>
    sample(name.endsWith("_total") ? name : `${name}_total`, labels, total),
  );
  yield* families("gauge", buckets.gauges, (name, labels, { value }) => sample(name, labels, value));
  yield* families("gauge", buckets.sets, (name, labels, { closed }) => sample(name, labels, closed), "_distinct");
  yield* families("summary", buckets.timers, (name, labels, bucket) => {
    let lines = "";
    for (let at = 0; at < bucket.quantiles.length; at += 2) {
      const [percentile = 0, value = 0] = bucket.quantiles.slice(at, at + 2);
      const quantile = `quantile="${percentile / 100}"`;
      lines += sample(name, labels === "" ? quantile : `${labels},${quantile}`, value);
    }
    return `${lines}${sample(`${name}_sum`, labels, bucket.totalSum)}${sample(`${name}_count`, labels, bucket.totalCount)}`;
  });
}

function* families<B>(
  type: string,
  map: ReadonlyMap<string, B>,
  text: (name: string, labels: string, bucket: B) => string,
  ending = "",
): Generator<string> {
  // Lines of a family have to stand together, and buckets come in the order of their making.
  const found = new Map<string, { labels: string; bucket: B }[]>();
  for (const [path, bucket] of map) {
    const { name, labels } = namedIn(path);
    const list = found.get(`${name}${ending}`);
    if (list) list.push({ labels, bucket });
    else found.set(`${name}${ending}`, [{ labels, bucket }]);
  }
  for (const [name, list] of found) {
    const shown = type === "counter" && !name.endsWith("_total") ? `${name}_total` : name;
    let part = `# TYPE ${shown} ${type}\n`;
    const seen = new Set<string>();
    for (const { labels, bucket } of list) {
      if (seen.has(labels)) continue;
      seen.add(labels);
      part += text(name, labels, bucket);
    }
    yield part;
  }
}

function sample(name: string, labels: string, value: number): string {
  const text =
    value === Number.POSITIVE_INFINITY ? "+Inf" : value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value);
  return `${name}${labels === "" ? "" : `{${labels}}`} ${text}\n`;
}

function namedIn(path: string): { name: string; labels: string } {
  const [name = "", ...tags] = path.split(";");
  const labels = new Map<string, string>();
  for (const tag of tags) {
    const at = tag.indexOf("=");
    const label = (at < 0 ? tag : tag.slice(0, at)).replaceAll(/[^a-zA-Z0-9_]/g, "_");
    if (label === "") continue;
    labels.set(/^\d/.test(label) ? `_${label}` : label, at < 0 ? "true" : tag.slice(at + 1));
  }
  const safe = name.replaceAll(/[^a-zA-Z0-9_]/g, "_");
  return {
    name: /^\d/.test(safe) ? `_${safe}` : safe,
    labels: [...labels].map(([label, value]) => `${label}="${escaped(value)}"`).join(","),
  };
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
