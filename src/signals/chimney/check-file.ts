/**
 * The file of checks, in three forms: the predecessor's JSON (keys in any case), our own list as JSON, or as TOML. What
 * the predecessor's file says about rhythm holds for all its tests; each is named after its prefix.
 * Everything wrong is said at once, with the place.
 */
import { z } from "zod";

import { type Address, parseAddress } from "../../kit/config/address.ts";
import { problemIn } from "../../kit/config/written-problem.ts";
import { isTable } from "../../kit/table.ts";
import { type CheckEntry, checkShape, type Plan, type PlanDefaults, planOf } from "./plan.ts";

/** What a file says. */
export interface CheckFile {
  plans: readonly Plan[];
  /** The Graphite address that the predecessor's file names. */
  graphite: Address | undefined;
}

const seconds = z.number().min(0).max(10_000_000);
const originalShape = z.object({
  graphitebase: z.string().optional(),
  pollinterval: seconds.optional(),
  jitter: seconds.optional(),
  tests: z.array(z.object({ url: z.string().max(2000), metricprefix: z.string().max(500).default("") })).max(100_000),
});
const ownShape = z.strictObject({ checks: z.array(checkShape).max(100_000).default([]) });

/**
 * Reads a file of checks. `name` is its path, for messages, and tells TOML (`.toml`) from JSON.
 * Throws SyntaxError.
 */
export function readCheckFile(text: string, name: string, defaults: PlanDefaults): CheckFile {
  const fail = (reason: string): never => {
    throw new SyntaxError(`Cannot read the checks in "${name}": ${reason}`);
  };
  let raw: unknown;
  try {
    raw = name.endsWith(".toml") ? Bun.TOML.parse(text) : JSON.parse(text);
  } catch (thrown) {
    return fail(thrown instanceof Error ? thrown.message : String(thrown));
  }
  const lowered = lowerKeys(raw);
  if (isTable(lowered) && "tests" in lowered) {
    const original = originalShape.safeParse(lowered);
    return original.success ? fromOriginal(original.data, defaults) : fail(wordsOf(original.error, lowered));
  }
  const own = ownShape.safeParse(raw);
  if (!own.success) return fail(wordsOf(own.error, raw));
  return { plans: plansOf(own.data.checks, defaults), graphite: undefined };
}

/** Plans of checks as they stand in a configuration. Throws SyntaxError that says all that is wrong. */
export function plansIn(checks: unknown, defaults: PlanDefaults): Plan[] {
  const read = ownShape.safeParse({ checks });
  if (!read.success) throw new SyntaxError(`Cannot use the checks: ${wordsOf(read.error, { checks })}`);
  return plansOf(read.data.checks, defaults);
}

/** Plans of a list of checks. Throws SyntaxError when two have one name or one id, or one cannot be used. */
export function plansOf(entries: readonly CheckEntry[], defaults: PlanDefaults): Plan[] {
  const problems: string[] = [];
  const plans = new Map<string, Plan>();
  const ids = new Map<string, string>();
  for (const entry of entries) {
    try {
      if (plans.has(entry.name)) throw new SyntaxError(`Cannot use check "${entry.name}": its name stands twice`);
      const other = entry.id === undefined ? undefined : ids.get(entry.id);
      if (other !== undefined) throw new SyntaxError(`Cannot use check "${entry.name}": "${other}" has the same id`);
      if (entry.id !== undefined) ids.set(entry.id, entry.name);
      plans.set(entry.name, planOf(entry, defaults));
    } catch (thrown) {
      if (!(thrown instanceof SyntaxError)) throw thrown;
      problems.push(thrown.message);
    }
  }
  if (problems.length > 0) throw new SyntaxError(problems.join("; "));
  return [...plans.values()];
}

function fromOriginal(file: z.infer<typeof originalShape>, defaults: PlanDefaults): CheckFile {
  const names = new Map<string, number>();
  const plans = file.tests.map(({ url, metricprefix: prefix }) => {
    const bare = prefix.replace(/\.+$/, "") || (URL.parse(url)?.host ?? url);
    const plain = bare.replaceAll(/[\p{Cc}/]+/gu, "-").slice(0, 110) || "check";
    const count = (names.get(plain) ?? 0) + 1;
    names.set(plain, count);
    const entry = checkShape.parse({
      name: count === 1 ? plain : `${plain} (${count})`,
      kind: "smoketest",
      target: url === "" ? "about:blank" : url,
      prefix,
    });
    return planOf(
      entry,
      {
        ...defaults,
        // Certificates were never verified there; whoever wants it says so in a file of our own.
        verifyTls: false,
        // No pause at all would be a flood: the predecessor's ticker refused it.
        ...(file.pollinterval === undefined ? {} : { intervalMs: Math.max(1, file.pollinterval) * 1000 }),
        jitterMs: (file.jitter ?? 0) * 1000,
      },
      true,
    );
  });
  return { plans, graphite: graphiteOf(file.graphitebase ?? "") };
}

/** Without a host Go dials this machine. */
function graphiteOf(text: string): Address | undefined {
  if (text === "") return undefined;
  try {
    return parseAddress(text.startsWith(":") ? `127.0.0.1${text}` : text);
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    throw new SyntaxError(`Cannot use GraphiteBase: ${thrown.message}`);
  }
}

/** Keys in lower case, all the way down, as Go's decoder matches them; the last of two that are alike counts. */
function lowerKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(lowerKeys);
  if (!isTable(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key.toLowerCase(), lowerKeys(inner)]));
}

const known = Object.keys(checkShape.shape);
/** What stands there may be a secret. */
const secretKeys = new Set<PropertyKey>(["headers", "body", "id"]);

function wordsOf(error: z.ZodError, written: unknown): string {
  const words = error.issues.slice(0, 10).map((issue) => {
    const isSecret = issue.path.some((key) => secretKeys.has(key));
    return problemIn(issue, written, { known, isSecret });
  });
  return words.join("; ");
}
