/**
 * The two levels of a rule with two thresholds: past the first it fails as a warning, past the second as critical. One
 * rule, one memory: it rises after `for` and falls after `keep_firing`, is told of each change, and recovers once. Pure.
 * Rules with one threshold have no grade.
 */
import type { Grade, Memory } from "./memory.ts";
import type { Rule } from "./rule.ts";

/** A rule, or a series of it, with what is remembered. */
export interface Gradable {
  readonly rule: Rule;
  readonly memory: Memory;
}

/** What is remembered when a failing is seen at a grade; undefined for a rule with one threshold. */
export function graded(
  memory: Memory,
  seen: Grade | undefined,
  rule: Rule,
  { at, isGap }: { at: number; isGap: boolean },
): Memory {
  const { grade, gradeAt, turnSinceAt, ...rest } = memory;
  if (seen === undefined) return rest;
  const isNew = memory.level !== "Failed" && memory.level !== "Pending";
  // Whatever becomes critical was a warning first, if only for an instant.
  const stands = isNew ? "warning" : (grade ?? seen);
  if (stands === seen) return { ...rest, grade: seen, gradeAt: isNew ? at : (gradeAt ?? memory.levelAt) };
  const sinceAt = isNew || isGap ? at : (turnSinceAt ?? at);
  const waitMs = seen === "critical" ? rule.forMs : memory.level === "Failed" ? rule.keepFiringMs : 0;
  if (at - sinceAt < waitMs) return { ...rest, grade: stands, gradeAt: gradeAt ?? at, turnSinceAt: sinceAt };
  return { ...rest, grade: seen, gradeAt: at };
}

/** The same without a grade, for what is good. */
export function ungraded(memory: Memory): Memory {
  const { grade: _, gradeAt: __, turnSinceAt: ___, ...rest } = memory;
  return rest;
}

/** How severe it is now; of what is good, how severe it was told to be. */
export function severityOf({ memory, rule }: Gradable): string {
  if (rule.criticalThreshold === undefined) return rule.severity;
  return memory.grade ?? memory.toldGrade ?? rule.severity;
}

/** Whether it fails at another grade than was told last; one that flaps is told of rarely, whatever its grade. */
export function turnOf({ memory, rule }: Gradable): "rise" | "fall" | undefined {
  const { flappingSinceAt, grade, level, toldCount, toldGrade } = memory;
  if (rule.criticalThreshold === undefined || level !== "Failed" || flappingSinceAt !== undefined) return undefined;
  if (toldCount === 0 || grade === undefined || toldGrade === undefined || grade === toldGrade) return undefined;
  return grade === "critical" ? "rise" : "fall";
}
