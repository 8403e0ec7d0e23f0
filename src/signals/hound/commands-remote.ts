/** The verbs of Hound that ask a server: list, test, ack, silence. */
import { parse } from "node:path";

import { Fault, reasonOf } from "../../kit/fault.ts";
import { countOf, formatCount, formatSpan } from "../../kit/pages/quantity.ts";
import { formatColumns } from "../../kit/terminal/columns.ts";
import { plainLine } from "../../kit/terminal/plain-text.ts";
import type { Screen } from "../../kit/terminal/screen.ts";
import { HoundClient, HoundRefusal } from "./client.ts";
import type { ShownStanding } from "./shown.ts";

/** A client for an address. */
export function clientFor(baseUrl: string, token: string | undefined): HoundClient {
  return new HoundClient({
    baseUrl: baseUrl.replace(/\/+$/, ""),
    fetch: (url, init) =>
      fetch(url, {
        ...init,
        headers: {
          ...(init.headers as Record<string, string>),
          ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
        },
      }),
  });
}

/** Prints how rules stand. */
export async function listVerb(
  screen: Screen,
  client: HoundClient,
  flags: { all?: boolean; json?: boolean },
): Promise<number> {
  const { sight, standings } = await asked(() => client.standings());
  const failing = standings.filter(({ state }) => state === "Failed");
  const shown = flags.all === true ? standings : standings.filter(({ state }) => state !== "OK");
  if (flags.json === true) {
    for (const one of shown) screen.print(JSON.stringify(one));
    return failing.length === 0 ? 0 : 1;
  }
  if (sight.blind) screen.note(plainLine(`Nothing can be read from ${sight.source ?? ""}: ${sight.blind.reason}`));
  const rows = shown.map((one) => [
    one.state === "Failed" ? (one.grade ?? one.state) : one.state,
    one.id,
    plainLine(titleOf(one)).slice(0, 60),
    one.value === null ? "" : String(Number(one.value.toFixed(4))),
    plainLine(one.message).slice(0, 80),
    one.mutedBy ?? "",
  ]);
  if (rows.length > 0)
    for (const line of formatColumns([["STATE", "ID", "RULE", "VALUE", "WHY", "MUTED BY"], ...rows], { right: [3] }))
      screen.print(line);
  screen.note(`${standings.length} watched, ${failing.length} failing`);
  return failing.length === 0 ? 0 : 1;
}

/** Runs a rule over the past. */
export async function testVerb(
  screen: Screen,
  client: HoundClient,
  rule: string,
  flags: { file?: string; past: string; json?: boolean },
): Promise<number> {
  const wanted = flags.file === undefined ? rule : await ruleIn(flags.file, rule);
  const found = await asked(() => client.test({ rule: wanted, past: flags.past }));
  if (flags.json === true) {
    screen.print(JSON.stringify(found));
    return found.told.length === 0 ? 0 : 1;
  }
  for (const { fromAt, message, series, untilAt } of found.failings) {
    const name = series === undefined ? "" : `${series}: `;
    const span = untilAt === undefined ? "until now" : `for ${formatSpan(untilAt - fromAt)}`;
    screen.print(plainLine(`${instant(fromAt)}  failed ${span}  ${name}${message}`));
  }
  for (const { at, subject } of found.told) screen.print(plainLine(`${instant(at)}  told    ${subject}`));
  const without = found.roundsWithoutData === 0 ? "" : `, ${formatCount(found.roundsWithoutData)} without data`;
  const [times, rounds] = [countOf(found.failings.length, "time"), countOf(found.rounds, "round")];
  screen.note(`Failed ${times} in ${rounds}${without}; ${countOf(found.told.length, "message")}`);
  return found.told.length === 0 ? 0 : 1;
}

/** Acknowledges failing rules by name or id. */
export async function acknowledgeVerb(screen: Screen, client: HoundClient, rules: readonly string[]): Promise<number> {
  const { standings } = await asked(() => client.standings());
  let missed = 0;
  for (const wanted of rules) {
    const ids = new Set(standings.filter((one) => one.name === wanted).map((one) => one.rule));
    let done = false;
    for (const id of ids.size === 0 ? [wanted] : ids) done = (await asked(() => client.acknowledge(id))) || done;
    screen.note(plainLine(done ? `${wanted} is acknowledged` : `${wanted} does not fail, or is not there`));
    if (!done) missed++;
  }
  return missed === 0 ? 0 : 1;
}

/** Silences, ends a silence, or lists them. */
export async function silenceVerb(
  screen: Screen,
  client: HoundClient,
  matcher: string | undefined,
  flags: { for: string; comment: string; end?: string },
): Promise<number> {
  if (flags.end !== undefined) {
    await asked(() => client.unsilence(flags.end ?? ""));
    screen.note(`Silence ${flags.end} has ended`);
    return 0;
  }
  if (matcher !== undefined) {
    const made = await asked(() => client.silence({ matcher, for: flags.for, comment: flags.comment }));
    screen.print(made.id);
    screen.note(plainLine(`${made.matcher} is silent until ${instant(made.untilAt)}`));
    return 0;
  }
  const silences = await asked(() => client.silences());
  const rows = silences.map(({ by, comment, id, untilAt, ...one }) => [
    id,
    plainLine(one.matcher).slice(0, 60),
    instant(untilAt),
    plainLine(by),
    plainLine(comment).slice(0, 60),
  ]);
  for (const line of formatColumns([["ID", "MATCHER", "UNTIL", "BY", "WHY"], ...rows])) screen.print(line);
  return 0;
}

async function asked<Value>(ask: () => Promise<Value>): Promise<Value> {
  try {
    return await ask();
  } catch (thrown) {
    if (thrown instanceof HoundRefusal) throw new Fault("invalid", "hound/refused", thrown.message);
    throw new Fault("unavailable", "hound/away", `Cannot ask hound: ${reasonOf(thrown)}`);
  }
}

/** A rule as it is written in a file. */
async function ruleIn(path: string, name: string): Promise<Record<string, unknown>> {
  let raw: unknown;
  try {
    const text = await Bun.file(path).text();
    raw = parse(path).ext === ".toml" ? Bun.TOML.parse(text) : JSON.parse(text);
  } catch (thrown) {
    throw new Fault("invalid", "hound/file", `Cannot read "${path}": ${reasonOf(thrown)}`);
  }
  const list: unknown = typeof raw === "object" && raw !== null ? Reflect.get(raw, "rules") : undefined;
  const found = (Array.isArray(list) ? list : []).find(
    (entry: unknown) => typeof entry === "object" && entry !== null && Reflect.get(entry, "name") === name,
  ) as Record<string, unknown> | undefined;
  if (found) return found;
  throw new Fault(
    "missing",
    "hound/no-rule",
    `Cannot find rule "${name}" in "${path}": none of its rules has that name`,
  );
}

function titleOf({ name, series }: ShownStanding): string {
  return series === null ? name : `${name}: ${series}`;
}

function instant(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replace("T", " ");
}
