/**
 * `warren chimney check`: asks targets once and says what came of it, for scripts and for the first look. Needs no
 * server and no configuration. What the target or the flags ask for wrongly is told as exit code 2.
 */
import { systemClock } from "../../kit/clock.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import { formatSpan } from "../../kit/pages/quantity.ts";
import { plainLine } from "../../kit/terminal/plain-text.ts";
import type { Screen } from "../../kit/terminal/screen.ts";
import { plansOf, readCheckFile } from "./check-file.ts";
import { failingOf, type Outcome } from "./outcome.ts";
import { checkShape, type Plan, type PlanDefaults } from "./plan.ts";
import { createProbe } from "./probe.ts";
import { outcomeStatus, shownTarget } from "./status.ts";

/** What the flags say. */
export interface CheckFlags {
  kind?: "http" | "smoketest";
  file?: string;
  timeout: string;
  status: string;
  contains?: string;
  jsonPath?: string;
  equals?: string;
  expiresWithin: string;
  verify: boolean;
  guard?: boolean;
  parallel: number;
  json?: boolean;
  quiet?: boolean;
}

const defaults: PlanDefaults = {
  intervalMs: 60_000,
  jitterMs: 0,
  timeoutMs: 10_000,
  failures: 1,
  successes: 1,
  verifyTls: true,
  maxBodyBytes: 1024 * 1024,
  guard: false,
  expiresWithinMs: 14 * 86_400_000,
};

/** Asks every target; the exit code. */
export async function checkVerb(screen: Screen, targets: readonly string[], flags: CheckFlags): Promise<number> {
  let plans: Plan[];
  try {
    plans = await plansFor(targets, flags);
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError || thrown instanceof Fault)) throw thrown;
    screen.note(plainLine(thrown.message));
    return 2;
  }
  const probe = createProbe({ clock: systemClock });
  const never = new AbortController().signal;
  const queue = plans.values();
  let bad = 0;
  const worker = async (): Promise<void> => {
    for (const plan of queue) {
      const outcome = await ask(plan);
      if (!outcome.isGood) bad++;
      show(screen, plan, outcome, flags);
    }
  };
  const ask = async (plan: Plan): Promise<Outcome> => {
    const seen = await probe(plan, never);
    if (plan.kind !== "smoketest" || flags.kind !== undefined || flags.file !== undefined) return seen;
    // Its kind was not given and it is no smoke test, so it is judged by its status.
    return seen.report ? seen : probe({ ...plan, kind: "http" }, never);
  };
  await Promise.all(Array.from({ length: flags.parallel }, worker));
  return bad === 0 ? 0 : 1;
}

async function plansFor(targets: readonly string[], flags: CheckFlags): Promise<Plan[]> {
  if (flags.equals !== undefined && flags.jsonPath === undefined)
    throw new SyntaxError("Cannot use --equals: it says what stands at --json-path, wanted that, too");
  if (flags.file !== undefined) {
    const { plans } = readCheckFile(await textOf(flags.file), flags.file, defaults);
    const asked = plans.filter(({ kind }) => kind !== "heartbeat");
    if (targets.length === 1 && targets[0] === "all") return asked;
    return targets.map((name) => {
      const found = asked.find((plan) => plan.name === name);
      if (!found) throw new SyntaxError(`Cannot find the check "${name}" in "${flags.file}"`);
      return found;
    });
  }
  return targets.flatMap((target) => {
    const entry = checkShape.safeParse({ ...entryOf(target, flags), name: nameOf(target) });
    if (!entry.success) {
      const { message = "", path = [] } = entry.error.issues[0] ?? {};
      const flag = flagOf[String(path[0])];
      throw new SyntaxError(`Cannot check "${target}": ${flag === undefined ? "" : `${flag}: `}${message}`);
    }
    try {
      return plansOf([entry.data], defaults);
    } catch (thrown) {
      if (!(thrown instanceof SyntaxError)) throw thrown;
      throw new SyntaxError(`Cannot check "${target}": ${thrown.message.replace(/^.*": /s, "")}`);
    }
  });
}

function entryOf(target: string, flags: CheckFlags): Record<string, unknown> {
  const shared = {
    timeout: flags.timeout,
    verify_tls: flags.verify,
    guard: flags.guard === true,
    ...(flags.contains === undefined ? {} : { contains: flags.contains }),
    ...(flags.jsonPath === undefined ? {} : { json: flags.jsonPath }),
    ...(flags.equals === undefined ? {} : { equals: valueOf(flags.equals) }),
  };
  const [, scheme, rest = ""] = /^(tcp|tls|dns):\/\/(.+?)\/?$/.exec(target) ?? [];
  if (scheme === "tls") return { ...shared, kind: scheme, target: rest, expires_within: flags.expiresWithin };
  if (scheme !== undefined) return { ...shared, kind: scheme, target: rest };
  const isPlain = flags.contains !== undefined || flags.jsonPath !== undefined || flags.status !== "200-299";
  return {
    ...shared,
    kind: flags.kind ?? (isPlain ? "http" : "smoketest"),
    target,
    status: flags.status,
  };
}

/** The flag that a key of a check comes from. */
const flagOf: Readonly<Record<string, string>> = {
  timeout: "--timeout",
  status: "--status",
  contains: "--contains",
  json: "--json-path",
  expires_within: "--expires-within",
};

function valueOf(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" ? text : value;
  } catch {
    return text;
  }
}

function nameOf(target: string): string {
  return (
    shownTarget(target)
      .replaceAll(/[/\p{Cc}]+/gu, " ")
      .trim()
      .slice(0, 120) || "target"
  );
}

async function textOf(path: string): Promise<string> {
  try {
    return await Bun.file(path).text();
  } catch (thrown) {
    throw new Fault("invalid", "chimney/file", `Cannot read "${path}": ${reasonOf(thrown)}`);
  }
}

function show(screen: Screen, plan: Plan, outcome: Outcome, flags: CheckFlags): void {
  if (flags.quiet === true && outcome.isGood) return;
  const target = shownTarget(plan.target);
  if (flags.json === true) {
    screen.print(JSON.stringify({ target, kind: plan.kind, ...outcomeStatus(outcome) }));
    return;
  }
  const word = outcome.isGood ? "good" : "bad ";
  screen.print(plainLine(`${word}  ${target}  ${outcome.reason}  (${formatSpan(outcome.latencyMs)})`));
  for (const failing of failingOf(outcome)) screen.print(plainLine(`      ${failing}`));
}
