/**
 * Rules as a whole: read from the configuration and from a file in one of three forms (the predecessor's JSON, our own
 * list as JSON, or as TOML), given their ids, and tied to those they depend on. A file with any mistake is refused
 * whole, with every mistake at its line.
 * The predecessor's file is read as its decoder read it: keys in any case, what it does not know left out.
 */
import { z } from "zod";

import type { Rule } from "./rule.ts";
import { type Draft, draftsOf, type RuleDefaults } from "./rule-shape.ts";
import { problemIn } from "../../kit/config/written-problem.ts";
import { lineOfMistake } from "./toml-mistake.ts";

/** Rules that cannot be used, with all that is wrong. */
export class RuleProblems extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("; "));
    this.problems = problems;
  }
}

const rulesMax = 100_000;

/** The rules of a configuration and of a file, in this order; the file is optional. Throws {@link RuleProblems}. */
export function readRules(
  own: readonly unknown[],
  file: { text: string; name: string } | undefined,
  defaults: RuleDefaults,
): Rule[] {
  return readPlacedRules(own, file, defaults).map(({ rule }) => rule);
}

/** The same with where each stands, such as `rules.toml:12 ("errors")`. Throws {@link RuleProblems}. */
export function readPlacedRules(
  own: readonly unknown[],
  file: { text: string; name: string } | undefined,
  defaults: RuleDefaults,
): { rule: Rule; place: string }[] {
  const problems: string[] = [];
  const drafts = draftsOf(own, defaults, (position) => `rules ${position + 1}`, problems);
  if (file) drafts.push(...draftsIn(file, defaults, problems));
  if (drafts.length > rulesMax) problems.push(`There are ${drafts.length} rules: wanted at most ${rulesMax}`);
  const rules = tied(drafts, problems);
  if (problems.length > 0) throw new RuleProblems(problems);
  return rules.map((rule, position) => ({
    rule,
    place: `${drafts[position]?.place ?? "rules"} (${JSON.stringify(rule.name)})`,
  }));
}

/** Whether a text is in the predecessor's form: one object with `Alerts`. */
function isOriginal(raw: unknown): raw is Record<string, unknown> {
  return isTable(raw) && Object.keys(raw).some((key) => key.toLowerCase() === "alerts");
}

function draftsIn({ name, text }: { text: string; name: string }, defaults: RuleDefaults, problems: string[]): Draft[] {
  const isTomlFile = name.endsWith(".toml");
  let raw: unknown;
  try {
    raw = isTomlFile ? Bun.TOML.parse(text) : JSON.parse(text);
  } catch (thrown) {
    const line = isTomlFile ? lineOfMistake(text) : undefined;
    problems.push(
      `${name}${line === undefined ? "" : `:${line}`}: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
    );
    return [];
  }
  const lines = linesOf(text, isTomlFile);
  const placeOf = (position: number) => `${name}:${lines[position] ?? 1}`;
  if (isOriginal(raw)) return originalDrafts(raw, defaults, placeOf, problems);
  const listed = z.strictObject({ rules: z.array(z.unknown()) }).safeParse(raw);
  if (!listed.success) {
    problems.push(`${name}: wanted a list "rules", or the predecessor's "Alerts", and nothing beside`);
    return [];
  }
  return draftsOf(listed.data.rules, defaults, placeOf, problems);
}

const text = z.string().default("");
const originalShape = z.object({
  name: text,
  metric: text,
  type: text,
  threshold: z.number("wanted a number").default(0),
  direction: text,
  emailto: text,
  runbooklink: text,
});

function originalDrafts(
  raw: Record<string, unknown>,
  defaults: RuleDefaults,
  placeOf: (position: number) => string,
  problems: string[],
): Draft[] {
  const lowered = lowerKeys(raw);
  const list = isTable(lowered) ? lowered["alerts"] : undefined;
  if (list === null) return [];
  if (!Array.isArray(list)) {
    problems.push(`${placeOf(0)}: Alerts: wanted a list`);
    return [];
  }
  const drafts: Draft[] = [];
  for (const [position, entry] of list.entries()) {
    const read = originalShape.safeParse(entry);
    if (!read.success) {
      for (const issue of read.error.issues) problems.push(`${placeOf(position)}: ${problemIn(issue, entry)}`);
      continue;
    }
    const { data } = read;
    const target = withoutSpace(data.metric);
    if (target === "") {
      problems.push(`${placeOf(position)} (${JSON.stringify(data.name)}): Metric: wanted what is measured`);
      continue;
    }
    const type = data.type === "" ? "Alert" : data.type;
    drafts.push({
      rule: {
        name: data.name === "" ? target.slice(0, 200) : data.name,
        target,
        kind: type === "Alert" ? "Alert" : "Notice",
        severity: type === "Alert" ? "critical" : "notice",
        labels: {},
        direction: data.direction === "above" ? "above" : "below",
        threshold: data.threshold,
        criticalThreshold: undefined,
        measure: { kind: "value" },
        isEitherWay: false,
        windowMs: defaults.windowMs,
        graceMs: defaults.graceMs ?? defaults.windowMs,
        forMs: 0,
        keepFiringMs: 0,
        noData: "state",
        isPerSeries: false,
        recipients: data.emailto.split(/[\s,;]+/).filter((address) => address !== ""),
        escalation: undefined,
        runbookUrl: data.runbooklink === "" ? undefined : data.runbooklink,
        quietHours: [],
        maintenance: [],
      },
      hashed: { direction: data.direction, type },
      dependsOnNames: [],
      place: placeOf(position),
    });
  }
  return drafts;
}

/** A target without its white space, but for what stands in quotes. */
export function withoutSpace(target: string): string {
  return target.replace(/"[^"]*"|'[^']*'|\s+/g, (part) => (/^\s/.test(part) ? "" : part));
}

function tied(drafts: readonly Draft[], problems: string[]): Rule[] {
  const taken = new Set<string>();
  const twins = new Map<string, number>();
  const ids = drafts.map((draft) => {
    const id = idOf(draft);
    let free = id;
    if (taken.has(free)) {
      const named = `${id}-${shortHash(draft.rule.name, 4)}`;
      let twin = twins.get(named) ?? 0;
      do {
        twin++;
        free = twin === 1 ? named : `${named}-${twin}`;
      } while (taken.has(free));
      twins.set(named, twin);
    }
    taken.add(free);
    return free;
  });
  const byName = new Map<string, string[]>();
  for (const [position, { rule }] of drafts.entries()) {
    const same = byName.get(rule.name);
    const id = ids[position] ?? "";
    if (same) same.push(id);
    else byName.set(rule.name, [id]);
  }
  const rules = drafts.map((draft, position): Rule => {
    const dependsOn = draft.dependsOnNames.flatMap((name) => {
      const found = byName.get(name);
      if (!found)
        problems.push(`${draft.place} (${JSON.stringify(draft.rule.name)}): depends_on: no rule is named "${name}"`);
      return found ?? [];
    });
    return { ...draft.rule, id: ids[position] ?? "", dependsOn };
  });
  const circle = circleIn(rules);
  if (circle)
    problems.push(`The rules ${circle.map((name) => `"${name}"`).join(", ")} depend on each other in a circle`);
  return rules;
}

/** The predecessor's id; what it could not measure adds to what is hashed. */
function idOf({ hashed, rule }: Draft): string {
  const { criticalThreshold, isEitherWay, measure, target, threshold } = rule;
  const measured = measure.kind === "value" && !isEitherWay ? "" : `measure: ${JSON.stringify([measure, isEitherWay])}`;
  const more = criticalThreshold === undefined ? measured : `${measured}critical: ${criticalThreshold}`;
  return shortHash(
    `metric: ${target}direction: ${hashed.direction}threshold: ${threshold.toFixed(6)}type: ${hashed.type}${more}`,
    10,
  );
}

/** The first hexadecimal digits of the SHA-1 of a text. */
export function shortHash(hashed: string, digits: number): string {
  return new Bun.CryptoHasher("sha1").update(hashed).digest("hex").slice(0, digits);
}

function circleIn(rules: readonly Rule[]): string[] | undefined {
  const byId = new Map(rules.map((rule) => [rule.id, rule]));
  const done = new Set<string>();
  const visit = (rule: Rule, above: readonly Rule[]): string[] | undefined => {
    const at = above.indexOf(rule);
    if (at !== -1) return above.slice(at).map(({ name }) => name);
    if (done.has(rule.id)) return undefined;
    for (const id of rule.dependsOn) {
      const next = byId.get(id);
      const found = next && visit(next, [...above, rule]);
      if (found) return found;
    }
    done.add(rule.id);
    return undefined;
  };
  for (const rule of rules) {
    const found = visit(rule, []);
    if (found) return found;
  }
  return undefined;
}

/** The line at which each element of the list begins, from 1. */
function linesOf(text: string, isToml: boolean): number[] {
  const lines: number[] = [];
  if (isToml) {
    for (const [position, line] of text.split("\n").entries()) {
      if (/^\s*\[\[\s*rules\s*\]\]/.test(line)) lines.push(position + 1);
    }
    return lines;
  }
  let line = 1;
  let depth = 0;
  for (const [part] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]\n]/gs)) {
    if (part === "\n") line++;
    else if (part === "{" || part === "[") {
      depth++;
      if (depth === 3 && part === "{") lines.push(line);
    } else if (part === "}" || part === "]") depth--;
  }
  return lines;
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Keys in lower case, all the way down, as Go's decoder matches them; the last of two that are alike counts. */
function lowerKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(lowerKeys);
  if (!isTable(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key.toLowerCase(), lowerKeys(inner)]));
}
