/**
 * Measurements from a Graphite, or what speaks like one. Several targets go in one request, with a line of our own between
 * them that tells where one ends and the next begins. Where the request is refused it is cut in halves, down to the targets
 * that really cannot be answered; where an answer is not in order (some clones mix the series of several targets) targets
 * are asked one by one from then on.
 */
import { inParallel } from "../in-parallel.ts";
import { type Asking, type Patience, Refused } from "./asking.ts";
import { readNodes, readRendered } from "./graphite-json.ts";
import type { MetricSource, SourceRange, SourceSeries, TargetAnswer } from "./source.ts";

const groupMax = 25;
const groupBytesMax = 32 * 1024;
const markOf = (at: number) => `warren-mark-${at}`;

/** A source at an address, which is where a Graphite begins or its whole render URL. */
export function graphiteSource(asking: Asking, parallel: number): MetricSource {
  const isRender = asking.path.endsWith("/render");
  const base = asking.path.replace(/\/render$/, "");
  // A render URL is kept to the letter: one with a slash at its end may know no other.
  const renderPath = isRender ? `${base}/render${asking.endsInSlash ? "/" : ""}` : `${base}/render`;
  let isOrdered = true;

  const ask = async (
    targets: readonly string[],
    range: SourceRange,
    patience: Patience,
    signal: AbortSignal,
    longestMs?: number,
  ) => {
    const form = new URLSearchParams({
      format: "json",
      from: String(Math.floor(range.fromSeconds)),
      until: String(Math.floor(range.untilSeconds)),
    });
    if (range.maxDataPoints !== undefined)
      form.set("maxDataPoints", String(Math.max(1, Math.floor(range.maxDataPoints))));
    for (const target of targets) form.append("target", target);
    const text = await asking.post(renderPath, form, patience, signal, longestMs);
    try {
      return readRendered(text);
    } catch (thrown) {
      if (!(thrown instanceof SyntaxError)) throw thrown;
      throw asking.whole("it answers, but not as Graphite does; check the address", thrown);
    }
  };

  const one = async (
    target: string,
    range: SourceRange,
    patience: Patience,
    signal: AbortSignal,
  ): Promise<TargetAnswer> => {
    try {
      return { series: await ask([target], range, patience, signal) };
    } catch (thrown) {
      if (thrown instanceof Refused) return { fault: thrown.fault };
      throw thrown;
    }
  };

  /** Several at once; undefined where they have to be asked in smaller parts. */
  const together = async (targets: readonly string[], range: SourceRange, patience: Patience, signal: AbortSignal) => {
    const marked = targets.flatMap((target, at) => [`alias(constantLine(0),"${markOf(at)}")`, target]);
    marked.push(`alias(constantLine(0),"${markOf(targets.length)}")`);
    try {
      // Half of the time is left for the parts.
      const found = parted(await ask(marked, range, patience, signal, patience.leftMs() / 2), targets.length);
      if (!found) isOrdered = false;
      return found;
    } catch (thrown) {
      if (thrown instanceof Refused) return undefined;
      throw thrown;
    }
  };

  const group = async (
    targets: readonly string[],
    range: SourceRange,
    patience: Patience,
    signal: AbortSignal,
  ): Promise<readonly TargetAnswer[]> => {
    if (targets.length > 1 && isOrdered && patience.leftMs() > 0) {
      const found = await together(targets, range, patience, signal);
      if (found) return found.map((series) => ({ series }));
      if (isOrdered) {
        const middle = Math.ceil(targets.length / 2);
        const first = await group(targets.slice(0, middle), range, patience, signal);
        return [...first, ...(await group(targets.slice(middle), range, patience, signal))];
      }
    }
    const answers: TargetAnswer[] = [];
    for (const target of targets) answers.push(await one(target, range, patience, signal));
    return answers;
  };

  return {
    name: asking.name,
    language: "graphite",
    async render(targets, range, signal) {
      const answers: TargetAnswer[] = [];
      const patience = asking.patience();
      const groups = groupsOf(targets, groupMax, groupBytesMax);
      await inParallel(groups, parallel, async (indices) => {
        const found = await group(
          indices.map((at) => targets[at] ?? ""),
          range,
          patience,
          signal,
        );
        indices.forEach((at, place) => {
          const answer = found[place];
          if (answer) answers[at] = answer;
        });
      });
      return answers;
    },
    async find(pattern, signal) {
      const form = new URLSearchParams({ query: pattern, format: "treejson" });
      try {
        return readNodes(await asking.post(`${base}/metrics/find`, form, asking.patience(), signal));
      } catch (thrown) {
        if (thrown instanceof Refused) throw thrown.fault;
        if (!(thrown instanceof SyntaxError)) throw thrown;
        throw asking.whole("it answers, but not as Graphite does; check the address", thrown);
      }
    },
  };
}

/** Indices of targets in groups of at most so many and about so many bytes. */
export function groupsOf(targets: readonly string[], countMax: number, bytesMax: number): number[][] {
  const groups: number[][] = [];
  let bytes = 0;
  targets.forEach((target, at) => {
    const last = groups.at(-1);
    bytes += target.length + 60;
    if (last && last.length < countMax && bytes <= bytesMax) last.push(at);
    else {
      groups.push([at]);
      bytes = target.length + 60;
    }
  });
  return groups;
}

/** Series between marks; undefined when the marks are not all there and in order. */
function parted(series: readonly SourceSeries[], count: number): SourceSeries[][] | undefined {
  if (series[0]?.name !== markOf(0) || series.at(-1)?.name !== markOf(count)) return undefined;
  const parts: SourceSeries[][] = [];
  for (const each of series) {
    if (each.name === markOf(parts.length)) parts.push([]);
    else parts.at(-1)?.push(each);
  }
  return parts.length === count + 1 ? parts.slice(0, count) : undefined;
}
