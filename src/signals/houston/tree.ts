/**
 * How the tree of metrics is walked in the explorer: which pattern finds what is below a branch, and which branch is above.
 * Graphite's branches are parts of a path; a Prometheus has metrics, then a metric's labels (`up{`), then a label's values
 * (`up{job=`).
 */
import type { MetricSource } from "../../kit/metric-source/source.ts";

type Language = MetricSource["language"];

/** The pattern whose nodes lie directly below `path`; an empty path is the top. */
export function patternBelow(path: string, language: Language): string {
  if (path === "") return "*";
  return language === "promql" ? path : `${path}.*`;
}

/** The branch above; empty for the top. */
export function branchAbove(path: string, language: Language): string {
  if (language === "graphite") return path.split(".").slice(0, -1).join(".");
  const [, metric] = /^([^{]*\{)./.exec(path) ?? [];
  return metric ?? "";
}

/** The branch of a metric's labels, where the language has any. */
export function labelsOf(id: string, language: Language): string | undefined {
  return language === "promql" && !id.includes("{") ? `${id}{` : undefined;
}
