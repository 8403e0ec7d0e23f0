/**
 * Whether targets are written well, told before anything is measured: each is read, and for the store of this program,
 * whose functions are known, also worked out over a series that is made up. Another Graphite may have functions of its
 * own, so there only the reading counts; what a Prometheus takes is not known here.
 */
import { evaluateTargets } from "../../lib/graphite/evaluate.ts";
import { ParameterError } from "../../lib/graphite/call.ts";
import { QueryLimitError } from "../../lib/graphite/limits.ts";
import type { FetchedSeries, SeriesSource } from "../../lib/graphite/source.ts";
import { parseTagExpressions } from "../../lib/graphite/tag-expression.ts";
import { parseTarget } from "../../lib/graphite/target.ts";

/** Whose language targets are in: that of the store of this program, of another Graphite, or of a Prometheus. */
export type TargetLanguage = "store" | "graphite" | "prometheus";

const untilSeconds = 1_700_000_000;
const fromSeconds = untilSeconds - 3600;
const valuesMax = 60;
/** What these want depends on how many series there are, and when. */
const dependsOnSeries = /\b(?:areaBetween|verticalLine)\s*\(/;

/** One series for whatever is asked, with a value at each step. */
const madeUp: SeriesSource = {
  async fetch(query, from, until): Promise<FetchedSeries[]> {
    if (query.kind === "tags") parseTagExpressions(query.expressions);
    const path =
      query.kind === "tags"
        ? "made.up;tag=value"
        : query.pattern.replaceAll(/\{([^,{}]*)[^{}]*\}/g, "$1").replaceAll(/\[[^\]]*\]|[*?]/g, "x");
    const stepSeconds = Math.max(60, Math.ceil((until - from) / valuesMax));
    const startSeconds = from - (from % stepSeconds) + stepSeconds;
    const count = Math.max(1, Math.floor((until - startSeconds) / stepSeconds) + 1);
    return [{ path, startSeconds, stepSeconds, values: new Float64Array(count).fill(1) }];
  },
};

/** What is wrong with a target; undefined where nothing is, as far as can be told. */
export async function targetProblem(target: string, language: TargetLanguage): Promise<string | undefined> {
  if (language === "prometheus") return undefined;
  try {
    parseTarget(target);
    if (language === "graphite" || dependsOnSeries.test(target)) return undefined;
    const maxPoints = 1_000_000;
    await evaluateTargets([target], { source: madeUp, fromSeconds, untilSeconds, nowSeconds: untilSeconds, maxPoints });
    return undefined;
  } catch (thrown) {
    // How much is too much shows with what there is.
    if (thrown instanceof QueryLimitError) return undefined;
    if (thrown instanceof SyntaxError || thrown instanceof RangeError || thrown instanceof ParameterError)
      return thrown.message;
    throw thrown;
  }
}
