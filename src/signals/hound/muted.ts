/**
 * Whether a failing rule is to be told now, and if not, why not. Pure. Silences, acknowledgements and maintenance end
 * the matter while they last; quiet hours and dependencies only put it off.
 */
import { severityOf } from "./grade.ts";
import { attributesOf, type Matcher, matches } from "./matcher.ts";
import type { Memory } from "./memory.ts";
import type { Rule } from "./rule.ts";
import type { MutedBy } from "./standing.ts";
import { isWithin, type WeekWindow } from "./week-window.ts";

/** A rule, or one series of it, with what is remembered. */
export interface Watched {
  /** As `RuleStanding.id`. */
  readonly id: string;
  readonly rule: Rule;
  readonly series: string | undefined;
  readonly memory: Memory;
}

/** What mutes, of all rules. */
export interface Muting {
  at: number;
  silences: readonly { matcher: Matcher; untilAt: number }[];
  /** For all rules but those of these severities, which may ring at night. */
  quiet: { windows: readonly WeekWindow[]; exceptSeverities: readonly string[] };
  maintenance: readonly { matcher: Matcher | undefined; windows: readonly WeekWindow[] }[];
  /** Whether a rule fails, or soon may: one that it depends on then does, too. */
  isDown(ruleId: string): boolean;
}

/** What keeps it from being told; undefined when nothing does. */
export function mutedBy(watched: Watched, muting: Muting): MutedBy | undefined {
  const { memory, rule } = watched;
  if (isInMaintenance(watched, muting)) return "maintenance";
  if (silencedUntil(watched, muting) !== undefined) return "silence";
  if (memory.acknowledged) return "acknowledged";
  if (rule.dependsOn.some((id) => muting.isDown(id)) || isEarly(watched)) return "dependency";
  return isQuiet(watched, muting) ? "quiet hours" : undefined;
}

/**
 * Whether it began to fail in the last round, and what it depends on may only be seen to fail in the next: points do not
 * all arrive at once. One with a `for` has waited already.
 */
function isEarly({ memory, rule }: Watched): boolean {
  return rule.dependsOn.length > 0 && rule.forMs === 0 && isNew(memory) && memory.toldCount === 0;
}

/** Whether it came to stand so in the last round in which it was judged. */
function isNew({ judgedAt, levelAt }: Memory): boolean {
  return levelAt === judgedAt;
}

/** Whether it is in quiet hours. Who was woken by what is critical hears at night, too, that it is less, or over. */
export function isQuiet(watched: Watched, { at, quiet }: Muting): boolean {
  const { memory, rule } = watched;
  if (isWithin(rule.quietHours, at)) return true;
  const severities = [severityOf(watched), rule.criticalThreshold === undefined ? undefined : memory.toldGrade];
  const isLoud = severities.some((severity) => severity !== undefined && quiet.exceptSeverities.includes(severity));
  return !isLoud && isWithin(quiet.windows, at);
}

/** The end of the longest silence that covers it. */
export function silencedUntil(watched: Watched, { at, silences }: Muting): number | undefined {
  const own = silences.filter(({ untilAt }) => untilAt > at);
  if (own.length === 0) return undefined;
  const attributes = attributesOf(watched);
  const ends = own.filter(({ matcher }) => matches(matcher, attributes)).map(({ untilAt }) => untilAt);
  return ends.length === 0 ? undefined : Math.max(...ends);
}

function isInMaintenance(watched: Watched, { at, maintenance }: Muting): boolean {
  if (isWithin(watched.rule.maintenance, at)) return true;
  return maintenance.some(
    ({ matcher, windows }) =>
      isWithin(windows, at) && (matcher === undefined || matches(matcher, attributesOf(watched))),
  );
}

/** Tells for each rule whether it, or one that it depends on, fails or may soon. */
export function downTeller(watched: Iterable<Watched>): (ruleId: string) => boolean {
  const rules = new Map<string, Rule>();
  const failing = new Set<string>();
  for (const { memory, rule } of watched) {
    rules.set(rule.id, rule);
    // In the round in which it is good again, points of what depends on it may still be those from before.
    const isJustGood = memory.level === "OK" && memory.failures.length > 0 && isNew(memory);
    if (memory.level === "Failed" || memory.level === "Pending" || isJustGood) failing.add(rule.id);
  }
  const known = new Map<string, boolean>();
  const isDown = (id: string): boolean => {
    const before = known.get(id);
    if (before !== undefined) return before;
    // Rules never depend on each other in a circle; this only keeps a bug from becoming endless.
    known.set(id, false);
    const found = failing.has(id) || (rules.get(id)?.dependsOn.some(isDown) ?? false);
    known.set(id, found);
    return found;
  };
  return isDown;
}
