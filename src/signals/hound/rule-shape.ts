/**
 * A rule as people write it, in the configuration or in a file, and how it becomes a Rule. One written form for both;
 * everything that is wrong is said at once, each with the rule and the key it stands at and what is wanted there.
 */
import { z } from "zod";

import { parseDuration } from "../../kit/config/units.ts";
import { parseMailAddress } from "../../kit/mail/address.ts";
import type { Measure, Rule } from "./rule.ts";
import { problemIn } from "../../kit/config/written-problem.ts";
import { daysOf, isZone, minuteOf, type WeekWindow } from "./week-window.ts";

/** What a rule gets where it says nothing itself. */
export interface RuleDefaults {
  windowMs: number;
  graceMs: number | undefined;
  forMs: number;
  keepFiringMs: number;
  zone: string;
}

const duration = z.string().transform((text, context) => {
  try {
    return parseDuration(text);
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError || thrown instanceof RangeError)) throw thrown;
    context.addIssue(`wanted a duration such as "5m", not ${JSON.stringify(text.slice(0, 40))}`);
    return z.NEVER;
  }
});

const longestMs = 366 * 86_400_000;
const span = duration.refine((ms) => ms <= longestMs, "wanted a year at most");
const spanOfSome = span.refine((ms) => ms >= 1000, "wanted a second or more");

const word = z.string().trim().min(1, "wanted some text").max(200);
/** Whether word can be sent there, as far as its form tells: a mail address, or a channel by its name. */
export function isRecipient(text: string): boolean {
  return /^channel:[\w.-]{1,64}$/.test(text) || parseMailAddress(text) !== undefined;
}

const recipientWords = "wanted addresses such as ops@example.org, and channels as channel:<name>";
const oneOrMore = z.union(
  [word.transform((one) => one.split(/[\s,;]+/)), z.array(word).min(1, recipientWords).max(100)],
  { error: "wanted an address, or a list of them" },
);

/** Recipients as they are written: one text, or a list. */
export const recipientsShape = oneOrMore.refine((all) => all.every(isRecipient), recipientWords);

const finite = z.number("wanted a number");

const windowShape = z
  .strictObject({
    days: z.union([z.string(), z.array(z.string()).max(14)]).optional(),
    from: z.string(),
    until: z.string(),
    zone: z.string().refine(isZone, { error: 'wanted the name of a time zone, such as "Europe/Berlin"' }).optional(),
  })
  .transform((window, context): ((zone: string) => WeekWindow) => {
    try {
      if (/^\d{4}-/.test(window.from)) {
        const [fromAt, untilAt] = [instantOf(window.from), instantOf(window.until)];
        if (untilAt <= fromAt) throw new SyntaxError("wanted an end later than the beginning");
        if (window.days !== undefined) throw new SyntaxError("wanted no days with a time that comes once");
        return () => ({ kind: "once", fromAt, untilAt });
      }
      const words = typeof window.days === "string" ? window.days.split(/[\s,]+/) : (window.days ?? ["sun-sat"]);
      const weekly = {
        kind: "weekly" as const,
        days: daysOf(words),
        fromMinute: minuteOf(window.from),
        untilMinute: minuteOf(window.until),
      };
      return (zone) => ({ ...weekly, zone: window.zone ?? zone });
    } catch (thrown) {
      if (!(thrown instanceof SyntaxError)) throw thrown;
      context.addIssue(thrown.message);
      return z.NEVER;
    }
  });

/** Windows as they are written: `{ days = "mon-fri", from = "22:00", until = "07:00", zone = "Europe/Berlin" }`. */
export const windowsShape = z.array(windowShape, "wanted a list of tables with from and until").max(100);

const twoLevels = z.strictObject(
  { warning: finite, critical: finite },
  "wanted a number, or two such as { warning = 80, critical = 95 }",
);
const bound = z.union([finite, twoLevels], {
  error: "wanted a number, or two such as { warning = 80, critical = 95 }",
});

const ruleShape = z
  .strictObject({
    name: word,
    target: z.string("wanted what is measured").trim().min(1, "wanted what is measured").max(10_000),
    above: bound.optional(),
    below: bound.optional(),
    change: z
      .strictObject({ over: spanOfSome, as: z.enum(["difference", "percent", "per-second"]).default("difference") })
      .optional(),
    weeks: z
      .strictObject({
        count: z.int().min(1).max(8).default(3),
        as: z.enum(["percent", "deviations"]).default("deviations"),
      })
      .optional(),
    either_way: z.boolean().default(false),
    window: spanOfSome.optional(),
    grace: span.optional(),
    for: span.optional(),
    keep_firing: span.optional(),
    no_data: z.enum(["ok", "alert", "keep", "state"]).default("state"),
    per_series: z.boolean().default(false),
    kind: z.enum(["alert", "notice"]).default("alert"),
    severity: word.optional(),
    labels: z.record(z.string(), z.string()).default({}),
    to: recipientsShape.default([]),
    escalate: z.strictObject({ after: span, to: recipientsShape }).optional(),
    runbook: z.string().max(2000).optional(),
    depends_on: z.array(word).max(100).default([]),
    quiet_hours: windowsShape.default([]),
    maintenance: windowsShape.default([]),
  })
  .superRefine((rule, context) => {
    if ((rule.above === undefined) === (rule.below === undefined))
      context.addIssue('wanted either "above" or "below", with a number');
    for (const key of ["above", "below"] as const) {
      const levels = rule[key];
      if (typeof levels !== "object") continue;
      const { critical, warning } = levels;
      const isFarther = key === "above" ? critical > warning : critical < warning;
      const message = `wanted critical ${key} warning: ${critical} is not ${key} ${warning}`;
      if (!isFarther) context.addIssue({ code: "custom", path: [key], message });
      if (rule.severity !== undefined)
        context.addIssue({ code: "custom", path: ["severity"], message: "wanted none where there are two levels" });
    }
    if (rule.change && rule.weeks) context.addIssue('wanted "change" or "weeks", not both');
  });

/** Where a rule stands, for messages, such as `rules.json:14`. */
export type PlaceOf = (position: number) => string;

/** A rule before it has its id and knows those it depends on. */
export interface Draft {
  rule: Omit<Rule, "id" | "dependsOn">;
  /** The predecessor's own words, as far as its hash is over them. */
  hashed: { direction: string; type: string };
  dependsOnNames: readonly string[];
  place: string;
}

/** Reads rules in our own form; what is wrong goes to `problems`. */
export function draftsOf(
  entries: readonly unknown[],
  defaults: RuleDefaults,
  placeOf: PlaceOf,
  problems: string[],
): Draft[] {
  const drafts: Draft[] = [];
  for (const [position, entry] of entries.entries()) {
    const read = ruleShape.safeParse(entry);
    if (read.success) {
      drafts.push(draftOf(read.data, defaults, placeOf(position)));
      continue;
    }
    const name = nameIn(entry);
    for (const issue of read.error.issues) {
      const words = problemIn(issue, entry, { known: Object.keys(ruleShape.shape) });
      problems.push(`${placeOf(position)}${name === undefined ? "" : ` (${JSON.stringify(name)})`}: ${words}`);
    }
  }
  return drafts;
}

function draftOf(entry: z.infer<typeof ruleShape>, defaults: RuleDefaults, place: string): Draft {
  const direction = entry.above === undefined ? "below" : "above";
  const kind = entry.kind === "alert" ? "Alert" : "Notice";
  const windowMs = entry.window ?? defaults.windowMs;
  let measure: Measure = { kind: "value" };
  if (entry.change) measure = { kind: "change", overMs: entry.change.over, as: entry.change.as };
  if (entry.weeks) measure = { kind: "weeks", weeks: entry.weeks.count, as: entry.weeks.as };
  const levels = entry.above ?? entry.below ?? 0;
  const [threshold, criticalThreshold] =
    typeof levels === "number" ? [levels, undefined] : [levels.warning, levels.critical];
  return {
    rule: {
      name: entry.name,
      target: entry.target,
      kind,
      severity: entry.severity ?? "critical",
      labels: entry.labels,
      direction,
      threshold,
      criticalThreshold,
      measure,
      isEitherWay: entry.either_way,
      windowMs,
      graceMs: entry.grace ?? defaults.graceMs ?? windowMs,
      forMs: entry.for ?? defaults.forMs,
      keepFiringMs: entry.keep_firing ?? defaults.keepFiringMs,
      noData: entry.no_data,
      isPerSeries: entry.per_series,
      recipients: entry.to,
      escalation: entry.escalate && { afterMs: entry.escalate.after, recipients: entry.escalate.to },
      runbookUrl: entry.runbook === "" ? undefined : entry.runbook,
      quietHours: entry.quiet_hours.map((window) => window(defaults.zone)),
      maintenance: entry.maintenance.map((window) => window(defaults.zone)),
    },
    hashed: { direction, type: kind },
    dependsOnNames: entry.depends_on,
    place,
  };
}

function nameIn(entry: unknown): string | undefined {
  if (typeof entry !== "object" || entry === null || !("name" in entry)) return undefined;
  return typeof entry.name === "string" ? entry.name.slice(0, 80) : undefined;
}

function instantOf(text: string): number {
  const at = /(?:Z|[+-]\d\d:?\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at))
    throw new SyntaxError(`Cannot read the instant "${text}": wanted one such as "2026-12-24T18:00:00+01:00"`);
  return at;
}
