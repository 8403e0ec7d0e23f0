/**
 * How a rule stands after a verdict: a pure step from what is remembered. An error, or no data where that is a state of
 * its own, stands over the level and leaves it as it was, so it neither hides a failing that goes on nor makes a
 * recovery of one that never was. Leaves out what is told (telling.ts).
 */
import { graded, ungraded } from "./grade.ts";
import { type Grade, type Memory, notAfter } from "./memory.ts";
import type { Rule } from "./rule.ts";
import type { StandingState } from "./standing.ts";
import type { Verdict } from "./verdict.ts";

/** When failing and recovering in turns is too much. */
export interface FlapLimits {
  /** So many beginnings of failing, or rises to critical, within `windowMs` are flapping; 0: nothing is. */
  failures: number;
  windowMs: number;
  /** It is calm again when nothing changed for so long. */
  calmMs: number;
}

/** What holds for all rules. */
export interface LevelLimits {
  flap: FlapLimits;
  /** What was not judged for longer than this begins its `for` anew: nobody knows what was between. */
  gapMs: number;
}

/** How it stands for people. */
export function stateOf({ level, trouble }: Memory): StandingState {
  return trouble?.kind ?? level;
}

/** Since when it stands so. */
export function sinceOf({ levelAt, trouble }: Memory): number {
  return trouble?.sinceAt ?? levelAt;
}

/** What is remembered after a verdict at an instant. */
export function judged(before: Memory, verdict: Verdict, rule: Rule, at: number, limits: LevelLimits): Memory {
  const memory = notAfter(before, at);
  const { outcome } = verdict;
  if (outcome === "error") return troubled(memory, "Error", verdict.message, at);
  if (outcome === "no-data") {
    if (rule.noData === "state") return troubled(memory, "NoData", verdict.message, at);
    if (rule.noData === "keep") return calmed({ ...clear(memory), judgedAt: at }, at, limits.flap);
  }
  const isBad = outcome === "bad" || (outcome === "no-data" && rule.noData === "alert");
  const seen: Memory = {
    ...clear(memory),
    judgedAt: at,
    ...(verdict.value === undefined ? {} : { value: verdict.value }),
    ...(isBad ? { message: verdict.message } : {}),
  };
  // No data that alerts is as bad as can be.
  const grade = rule.criticalThreshold === undefined ? undefined : (verdict.grade ?? "critical");
  return calmed(isBad ? failing(seen, memory, grade, rule, at, limits) : good(seen, rule, at), at, limits.flap);
}

function troubled(memory: Memory, kind: "Error" | "NoData", message: string, at: number): Memory {
  const sinceAt = memory.trouble?.kind === kind ? memory.trouble.sinceAt : at;
  return { ...memory, judgedAt: at, trouble: { kind, sinceAt, message: message.slice(0, 500) } };
}

function clear(memory: Memory): Memory {
  const { trouble: _, ...rest } = memory;
  return rest;
}

function failing(
  seen: Memory,
  before: Memory,
  grade: Grade | undefined,
  rule: Rule,
  at: number,
  limits: LevelLimits,
): Memory {
  const isGap = before.judgedAt === undefined || at - before.judgedAt > limits.gapMs;
  const { goodSinceAt: _, ...rest } = seen;
  const memory = graded(rest, grade, rule, { at, isGap });
  if (memory.level === "Failed") {
    const isRise = before.grade === "warning" && memory.grade === "critical";
    return isRise ? risen(memory, at, limits.flap) : memory;
  }
  if (rule.forMs > 0) {
    if (memory.level !== "Pending" || isGap) return { ...memory, level: "Pending", levelAt: at };
    if (at - memory.levelAt < rule.forMs) return memory;
  }
  const failed: Memory = { ...memory, level: "Failed", levelAt: at };
  return counted(memory.grade === undefined ? failed : { ...failed, gradeAt: at }, at, limits.flap);
}

/** It became critical: whoever acknowledged the warning has not seen this. */
function risen({ acknowledged, ...memory }: Memory, at: number, flap: FlapLimits): Memory {
  const isCovered = acknowledged !== undefined && acknowledged.grade !== "warning";
  return counted(isCovered ? { ...memory, acknowledged } : memory, at, flap);
}

/** With one more beginning, of which too many are flapping. */
function counted(memory: Memory, at: number, flap: FlapLimits): Memory {
  const failures = [...memory.failures, at].filter((failedAt) => at - failedAt <= flap.windowMs).slice(-100);
  const isFlapping = flap.failures > 0 && failures.length >= flap.failures;
  return {
    ...memory,
    failures,
    ...(isFlapping && memory.flappingSinceAt === undefined ? { flappingSinceAt: at } : {}),
  };
}

function good(memory: Memory, rule: Rule, at: number): Memory {
  if (memory.level === "OK") return memory;
  if (memory.level === "Failed" && rule.keepFiringMs > 0) {
    const goodSinceAt = memory.goodSinceAt === undefined || memory.goodSinceAt > at ? at : memory.goodSinceAt;
    if (at - goodSinceAt < rule.keepFiringMs)
      return { ...graded(memory, memory.grade && "warning", rule, { at, isGap: false }), goodSinceAt };
  }
  const { goodSinceAt: _, heldSinceAt, ...rest } = ungraded(memory);
  const over: Memory = { ...rest, level: "OK", levelAt: at };
  if (memory.level !== "Failed") return over;
  if (memory.toldCount > 0) return over;
  const { acknowledged: __, ...forgotten } = over;
  if (heldSinceAt === undefined) return forgotten;
  const { missed } = memory;
  return {
    ...forgotten,
    missed: {
      fromAt: missed?.fromAt ?? heldSinceAt,
      untilAt: at,
      times: (missed?.times ?? 0) + 1,
      message: memory.message,
    },
  };
}

function calmed(memory: Memory, at: number, flap: FlapLimits): Memory {
  if (memory.flappingSinceAt === undefined) return memory;
  const changedAt = Math.max(memory.levelAt, memory.gradeAt ?? memory.levelAt);
  if (flap.failures > 0 && at - changedAt < flap.calmMs && at >= changedAt) return memory;
  const { flappingSinceAt: _, ...calm } = memory;
  return { ...calm, failures: [] };
}
