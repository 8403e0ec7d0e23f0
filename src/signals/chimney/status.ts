/** The state of the checks for programs: what `status.json` and the verb `check` print. */
import type { CheckView } from "./checker.ts";
import { failingOf, type Outcome } from "./outcome.ts";

/** All checks, and how many stand which way. */
export function statusOf(views: readonly CheckView[]) {
  const count = (level: string) => views.filter(({ standing }) => standing.level === level).length;
  return { up: count("up"), down: count("down"), unknown: count("unknown"), checks: views.map(checkStatus) };
}

/** One check. */
export function checkStatus({ lastBeatAt, nextAt, plan, standing }: CheckView) {
  return {
    name: plan.name,
    kind: plan.kind,
    ...(plan.target === "" ? {} : { target: shownTarget(plan.target) }),
    level: standing.level,
    sinceAt: standing.sinceAt,
    failuresInRow: standing.failuresInRow,
    ...(standing.lastAt === undefined ? {} : { askedAt: standing.lastAt }),
    ...(nextAt === undefined ? {} : { nextAt: Math.round(nextAt) }),
    ...(lastBeatAt === undefined ? {} : { lastBeatAt }),
    ...(standing.last ? { last: outcomeStatus(standing.last) } : {}),
  };
}

/** One outcome. */
export function outcomeStatus(outcome: Outcome) {
  const { expiresAt, finalUrl, isGood, latencyMs, reason, report, status } = outcome;
  return {
    isGood,
    reason,
    latencyMs: Math.round(latencyMs * 1000) / 1000,
    ...(status === undefined ? {} : { status }),
    ...(finalUrl === undefined ? {} : { finalUrl: shownTarget(finalUrl) }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(report ? { tests: { ...report, failing: failingOf(outcome) } } : {}),
  };
}

/** A target as it may be shown: without the password that a URL may carry. */
export function shownTarget(target: string): string {
  return target.replace(/^(\w+:\/\/)[^/@]*@/, "$1");
}
