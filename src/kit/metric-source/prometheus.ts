/**
 * Measurements from a Prometheus or a VictoriaMetrics: one range query for each target, several at a time. Points lie on
 * steps of whole multiples, so that one call's fall on the next one's, with null where nothing is known. The tree of names
 * is the names of metrics, then a metric's labels (`up{`), then a label's values (`up{job=`).
 *
 * Source: Prometheus' HTTP API v1; VictoriaMetrics answers the same and says `isPartial` where some of its nodes are away.
 */
import { z } from "zod";

import { Fault } from "../fault.ts";
import { inParallel } from "../in-parallel.ts";
import { NodeGlob } from "../../lib/graphite/glob.ts";
import { type Asking, parseNumbersJson, type Patience, Refused } from "./asking.ts";
import type { FoundNode, MetricSource, SourceRange, SourceSeries, TargetAnswer } from "./source.ts";

/** Prometheus gives no more points of a series at once. */
const pointsMax = 11_000;
const defaultPoints = 1000;
/** Of all series of one target, holes included: an answer tells a hole by nothing, so its length says little. */
const targetPointsMax = 5_000_000;
const nodesMax = 10_000;

const envelope = z.object({
  status: z.string(),
  isPartial: z.boolean().optional(),
  data: z.unknown().optional(),
  error: z.string().optional(),
  errorType: z.string().optional(),
});
const ranged = z.object({
  resultType: z.literal("matrix"),
  result: z.array(z.object({ metric: z.record(z.string(), z.string()), values: z.array(z.unknown()).optional() })),
});
const names = z.array(z.string());

/** A source at the address before `/api/v1`. */
export function prometheusSource(
  asking: Asking,
  { parallel, stepSeconds }: { parallel: number; stepSeconds: number },
): MetricSource {
  const base = asking.path.replace(/\/api\/v1$/, "");

  const ask = async (
    path: string,
    form: URLSearchParams,
    patience: Patience,
    signal: AbortSignal,
  ): Promise<unknown> => {
    const text = await asking.post(`${base}/api/v1/${path}`, form, patience, signal);
    const parsed = envelope.safeParse(jsonOf(text));
    if (!parsed.success) throw asking.whole("it answers, but not as Prometheus does; check the address");
    const { status, error, data, isPartial } = parsed.data;
    if (status !== "success") throw asking.refused(error ?? "it gives no reason", "invalid");
    if (isPartial) throw asking.refused("only a part of the measurements can be read, as some of its nodes are away");
    return data;
  };

  const one = async (
    target: string,
    range: SourceRange,
    patience: Patience,
    signal: AbortSignal,
  ): Promise<TargetAnswer> => {
    const grid = gridOf(range, stepSeconds);
    const form = new URLSearchParams({
      query: target,
      start: String(grid.startSeconds),
      end: String(grid.startSeconds + (grid.count - 1) * grid.stepSeconds),
      step: String(grid.stepSeconds),
      timeout: `${Math.max(1, Math.ceil(patience.leftMs() / 1000))}s`,
    });
    try {
      const parsed = ranged.safeParse(await ask("query_range", form, patience, signal));
      if (!parsed.success) throw asking.refused("the answer is no matrix");
      const count = parsed.data.result.length;
      if (count * grid.count > targetPointsMax)
        throw asking.refused(`${count} series of ${grid.count} points are too many; ask for fewer`, "too-large");
      return { series: parsed.data.result.map(({ metric, values }) => seriesOf(metric, values ?? [], grid, target)) };
    } catch (thrown) {
      if (thrown instanceof Refused) return { fault: thrown.fault };
      throw thrown;
    }
  };

  const list = async (
    path: string,
    match: string | undefined,
    patience: Patience,
    signal: AbortSignal,
  ): Promise<string[]> => {
    const form = new URLSearchParams({ limit: String(nodesMax) });
    if (match !== undefined) form.append("match[]", match);
    const parsed = names.safeParse(await asking.get(`${base}/api/v1/${path}`, form, patience, signal).then(unwrap));
    if (!parsed.success) throw asking.refused("the answer is no list of names");
    return parsed.data;
  };
  const unwrap = (text: string): unknown => {
    const parsed = envelope.safeParse(jsonOf(text));
    if (!parsed.success || parsed.data.status !== "success")
      throw asking.whole("it answers, but not as Prometheus does; check the address");
    return parsed.data.data;
  };

  return {
    name: asking.name,
    language: "promql",
    async render(targets, range, signal) {
      const answers: TargetAnswer[] = [];
      const patience = asking.patience();
      await inParallel([...targets.keys()], parallel, async (at) => {
        answers[at] = await one(targets[at] ?? "", range, patience, signal);
      });
      return answers;
    },
    async find(pattern, signal) {
      const patience = asking.patience();
      const [, metric, label] = /^([^{}=]*)\{(?:([^{}="]+)=)?$/.exec(pattern) ?? [];
      try {
        if (metric === undefined)
          return globbed(await list("label/__name__/values", undefined, patience, signal), pattern);
        if (!/^[a-zA-Z_:][\w:]*$/.test(metric)) return [];
        if (label !== undefined) {
          if (!/^[a-zA-Z_]\w*$/.test(label)) return [];
          const values = await list(`label/${label}/values`, metric, patience, signal);
          return values.map((value) => ({
            id: `${metric}{${label}=${JSON.stringify(value)}}`,
            text: value,
            isLeaf: true,
          }));
        }
        const labels = await list("labels", metric, patience, signal);
        return labels
          .filter((each) => each !== "__name__")
          .map((each) => ({ id: `${metric}{${each}=`, text: each, isLeaf: false }));
      } catch (thrown) {
        if (thrown instanceof Refused) throw thrown.fault;
        throw thrown;
      }
    },
  };
}

interface Grid {
  startSeconds: number;
  stepSeconds: number;
  count: number;
}

/** The steps of an answer: as fine as wanted, as coarse as the bounds ask for. */
function gridOf({ fromSeconds, untilSeconds, maxDataPoints = defaultPoints }: SourceRange, finest: number): Grid {
  const most = Math.min(pointsMax - 1, Math.max(1, Math.floor(maxDataPoints)));
  const lengthSeconds = Math.max(0, untilSeconds - fromSeconds);
  const stepSeconds = Math.max(1, finest, Math.ceil(lengthSeconds / most));
  const first = Math.ceil(fromSeconds / stepSeconds);
  const last = Math.max(first, Math.floor(untilSeconds / stepSeconds));
  return { startSeconds: first * stepSeconds, stepSeconds, count: last - first + 1 };
}

function seriesOf(
  metric: Readonly<Record<string, string>>,
  values: readonly unknown[],
  { startSeconds, stepSeconds, count }: Grid,
  target: string,
): SourceSeries {
  const points: [number | null, number][] = Array.from({ length: count }, (_, at) => [
    null,
    startSeconds + at * stepSeconds,
  ]);
  for (const each of values) {
    if (!isPair(each)) continue;
    const [atSeconds, text] = each;
    const point = points[Math.round((atSeconds - startSeconds) / stepSeconds)];
    const value = numberOf(text);
    if (point && !Number.isNaN(value)) point[0] = value;
  }
  const { __name__: own = "", ...tags } = metric;
  const labels = Object.entries(tags).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  const name = labels.length === 0 ? own : `${own}{${labels.join(",")}}`;
  return { name: name === "" ? target : name, tags: { ...metric }, points };
}

function isPair(value: unknown): value is [number, string] {
  return Array.isArray(value) && typeof value[0] === "number" && typeof value[1] === "string";
}

function numberOf(text: string): number {
  if (text === "+Inf" || text === "Inf") return Infinity;
  return text === "-Inf" ? -Infinity : Number(text);
}

function globbed(all: readonly string[], pattern: string): FoundNode[] {
  const matches = pattern === "" || pattern === "*" ? () => true : globOf(pattern);
  return all.flatMap((name) => (matches(name) ? [{ id: name, text: name, isLeaf: true }] : [])).slice(0, nodesMax);
}

function globOf(pattern: string): (name: string) => boolean {
  try {
    const glob = new NodeGlob(pattern);
    return (name) => glob.matches(name);
  } catch (thrown) {
    if (!(thrown instanceof RangeError) && !(thrown instanceof SyntaxError)) throw thrown;
    throw new Fault("invalid", "metric-source/pattern", thrown.message, { cause: thrown });
  }
}

function jsonOf(text: string): unknown {
  try {
    return parseNumbersJson(text);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}
