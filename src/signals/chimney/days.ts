/** The days of checks for programs: what `history.json` gives, so that a status page can show how a service did. */
import type { Checker } from "./checker.ts";
import type { History } from "./history.ts";

const dayMs = 86_400_000;
const daysMax = 400;
const checksMax = 200;

/** Checks named by `check` (several; all without any) with sums of their last `days` days in UTC, oldest first. */
export function historyOf(
  checker: Pick<Checker, "views">,
  history: Pick<History, "hoursOf">,
  words: URLSearchParams,
  now: number,
) {
  const count = Math.min(daysMax, Math.max(1, Math.trunc(Number(words.get("days")) || 90)));
  const names = new Set(words.getAll("check"));
  const sinceAt = now - (now % dayMs) - (count - 1) * dayMs;
  const views = checker.views().filter(({ plan }) => names.size === 0 || names.has(plan.name));
  return {
    checks: views.slice(0, checksMax).map(({ plan, standing }) => {
      const days = new Map<number, { at: number; runs: number; bad: number }>();
      for (const hour of history.hoursOf(plan.name, sinceAt)) {
        const at = hour.at - (hour.at % dayMs);
        const day = days.get(at) ?? { at, runs: 0, bad: 0 };
        days.set(at, { at, runs: day.runs + hour.runs, bad: day.bad + hour.bad });
      }
      return {
        name: plan.name,
        kind: plan.kind,
        level: standing.level,
        sinceAt: standing.sinceAt,
        ...(standing.lastAt === undefined ? {} : { askedAt: standing.lastAt }),
        days: [...days.values()],
      };
    }),
  };
}
