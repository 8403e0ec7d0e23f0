/**
 * From what is configured to what hound works with: defaults of rules, how is told, the source, the mail server. What
 * cannot be used is said all at once.
 */
import { readFileSync } from "node:fs";

import { z } from "zod";

import { isLoopback } from "../../kit/auth/address.ts";
import { reasonOf } from "../../kit/fault.ts";
import { parseMailAddress } from "../../kit/mail/address.ts";
import type { MetricSourceOptions } from "../../kit/metric-source/open.ts";
import { clearLogin, type MailRelay, type MailSecurity, securityOfPort } from "../../kit/mail/relay.ts";
import { channelPlans } from "./delivery/channel-plan.ts";
import { type Matcher, parseMatcher } from "./matcher.ts";
import { everyoneOf, type Rule } from "./rule.ts";
import { readRules, RuleProblems } from "./rule-file.ts";
import { isRecipient, recipientsShape, type RuleDefaults, windowsShape } from "./rule-shape.ts";
import type { Route } from "./telling.ts";
import { isZone, type WeekWindow } from "./week-window.ts";
import { problemIn } from "../../kit/config/written-problem.ts";

const windowKeys = ["days", "from", "until", "zone", "match"];

const routeShape = z.strictObject({
  match: z.string(),
  to: recipientsShape,
  continue: z.boolean().default(false),
});

/** What settings are made of: options of the section `[hound]`, as config.ts declares them. */
export interface SettingsOptions extends RuleDefaults {
  rules: readonly unknown[];
  channels: readonly unknown[];
  routes: readonly unknown[];
  quietHours: readonly unknown[];
  quietExcept: readonly string[];
  maintenance: readonly Readonly<Record<string, unknown>>[];
  source: "auto" | "series" | "graphite" | "prometheus";
  url: string | undefined;
  user: string | undefined;
  password: string | undefined;
  token: string | undefined;
  verifyTls: boolean;
  requestTimeoutMs: number;
  mailFrom: string | undefined;
  mailTo: readonly string[];
  smtpServer: string | undefined;
  smtpPort: number;
  smtpSecurity: "auto" | MailSecurity;
  smtpUser: string | undefined;
  smtpPassword: string | undefined;
  smtpVerifyTls: boolean;
  smtpCa: string | undefined;
  smtpClearLogin: boolean;
}

/** What holds for all rules: routes, quiet hours, maintenance. */
export interface Settings {
  routes: Route[];
  quiet: { windows: WeekWindow[]; exceptSeverities: readonly string[] };
  maintenance: { matcher: Matcher | undefined; windows: WeekWindow[] }[];
}

/** What a rule gets where it says nothing itself. */
export function ruleDefaults({ forMs, graceMs, keepFiringMs, windowMs, zone }: SettingsOptions): RuleDefaults {
  return { forMs, graceMs, keepFiringMs, windowMs, zone };
}

/** Everything that is wrong with the options. */
export function settingsProblems(options: SettingsOptions): string[] {
  const problems: string[] = [];
  if (!isZone(options.zone))
    return [`zone is "${options.zone}": wanted the name of a time zone, such as "Europe/Berlin"`];
  let rules: readonly Rule[] = [];
  try {
    rules = readRules(options.rules, undefined, ruleDefaults(options));
  } catch (thrown) {
    if (!(thrown instanceof RuleProblems)) throw thrown;
    problems.push(...thrown.problems);
  }
  try {
    channelPlans(options.channels);
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    problems.push(thrown.message);
  }
  const settings = settingsIn(options, problems);
  if (problems.length === 0) problems.push(...absentChannels(options, rules, settings.routes));
  const { source, url } = options;
  if ((source === "graphite" || source === "prometheus") && url === undefined)
    problems.push(`source is ${source}: wanted its url, too`);
  if (source === "series" && url !== undefined) problems.push("source is series: wanted no url with it");
  const { mailFrom, mailTo } = options;
  if (mailFrom !== undefined && !parseMailAddress(mailFrom))
    problems.push(
      `mail_from is ${JSON.stringify(mailFrom.slice(0, 200))}: wanted an address such as hound@example.org`,
    );
  for (const recipient of mailTo) {
    if (!isRecipient(recipient))
      problems.push(
        `mail_to has ${JSON.stringify(recipient.slice(0, 200))}: wanted addresses such as ops@example.org, and channels as channel:<name>`,
      );
  }
  let relay: MailRelay | undefined;
  try {
    relay = relayOf(options);
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    problems.push(thrown.message);
  }
  const clear = relay && clearLogin(relay);
  if (clear !== undefined) problems.push(`${clear}: smtp_clear_login = true`);
  return problems;
}

/** Who is named in rules and settings as a channel that is not configured. */
export function absentChannels(
  options: Pick<SettingsOptions, "channels" | "mailTo">,
  rules: readonly Rule[],
  routes: readonly Route[],
): string[] {
  const names = new Set(channelPlans(options.channels).map(({ name }) => `channel:${name}`));
  const said = (recipients: readonly string[], place: string) =>
    recipients
      .filter((recipient) => recipient.startsWith("channel:") && !names.has(recipient))
      .map((recipient) => `${place}: there is no channel called ${JSON.stringify(recipient.slice("channel:".length))}`);
  return [
    ...said(options.mailTo, "mail_to"),
    ...routes.flatMap(({ recipients }, position) => said(recipients, `routes ${position + 1}`)),
    ...rules.flatMap((rule) => said(everyoneOf(rule), `rule ${JSON.stringify(rule.name)}`)),
  ];
}

/** What is odd about the options, and does not stop a start. `baseUrl` is where links in mails lead. */
export function warningsOf(options: SettingsOptions, baseUrl: string): string[] {
  const { password, smtpServer, url, user } = options;
  const warnings: string[] = [];
  // The predecessor started with it.
  if ((user === undefined) !== (password === undefined) && url !== undefined)
    warnings.push("Of user and password only one is set: measurements are asked for without a login");
  if (smtpServer !== undefined && tellsAnybody(options) && isLoopback(URL.parse(baseUrl)?.hostname ?? ""))
    warnings.push(`Links in mails lead to ${baseUrl}, which only this machine can open: node.advertise says another`);
  return warnings;
}

/** Whom mail comes from; `machine` is the name of this one. */
export function mailFromOf({ mailFrom }: Pick<SettingsOptions, "mailFrom">, machine: string): string {
  if (mailFrom !== undefined) return mailFrom;
  const own = `hound@${machine}`;
  return parseMailAddress(own) ? own : "hound@localhost";
}

/** The settings in the options; what is wrong goes to `problems`. */
export function settingsIn(options: SettingsOptions, problems: string[] = []): Settings {
  const matcherOf = (text: string, place: string): Matcher | undefined => {
    try {
      return parseMatcher(text);
    } catch (thrown) {
      if (!(thrown instanceof SyntaxError)) throw thrown;
      problems.push(`${place}: match: ${thrown.message}`);
      return undefined;
    }
  };
  const windowsOf = (tables: readonly unknown[], placeOf: (position: number) => string): WeekWindow[] => {
    const read = windowsShape.safeParse(tables);
    if (read.success) return read.data.map((window) => window(options.zone));
    for (const issue of read.error.issues) {
      const [position = 0, ...path] = issue.path;
      const words = problemIn({ ...issue, path }, tables[Number(position)], { known: windowKeys });
      problems.push(`${placeOf(Number(position))}: ${words}`);
    }
    return [];
  };
  const routes = options.routes.flatMap((table, position): Route[] => {
    const read = routeShape.safeParse(table);
    if (!read.success) {
      for (const issue of read.error.issues) {
        const words = problemIn(issue, table, { known: Object.keys(routeShape.shape) });
        problems.push(`routes ${position + 1}: ${words}`);
      }
      return [];
    }
    const matcher = matcherOf(read.data.match, `routes ${position + 1}`);
    return matcher ? [{ matcher, recipients: read.data.to, goesOn: read.data.continue }] : [];
  });
  const maintenance = options.maintenance.map(({ match, ...window }, position) => {
    const place = `maintenance ${position + 1}`;
    if (match !== undefined && typeof match !== "string")
      problems.push(`${place}: match: wanted a text such as "host=db-*", not ${JSON.stringify(match).slice(0, 60)}`);
    return {
      matcher: typeof match === "string" ? matcherOf(match, place) : undefined,
      windows: windowsOf([window], () => place),
    };
  });
  const quiet = {
    windows: windowsOf(options.quietHours, (position) => `quiet_hours ${position + 1}`),
    exceptSeverities: options.quietExcept,
  };
  return { routes, quiet, maintenance };
}

/** Where measurements are read from. */
export function sourceOptions(options: SettingsOptions): MetricSourceOptions {
  const { password, requestTimeoutMs: timeoutMs, source, token, url, user, verifyTls } = options;
  if (source === "series" || url === undefined) return { kind: "store", timeoutMs };
  return {
    kind: source === "prometheus" ? "prometheus" : "graphite",
    url,
    timeoutMs,
    verifyTls,
    ...(user === undefined || password === undefined ? {} : { user, password }),
    ...(token === undefined ? {} : { token }),
  };
}

/** The mail server; undefined where there is none. Throws SyntaxError when its certificates cannot be read. */
export function relayOf(options: SettingsOptions): MailRelay | undefined {
  const {
    smtpCa,
    smtpClearLogin,
    smtpPassword,
    smtpPort: port,
    smtpSecurity,
    smtpServer: host,
    smtpUser,
    smtpVerifyTls,
  } = options;
  if (host === undefined) return undefined;
  const relay: MailRelay = {
    host,
    port,
    security: smtpSecurity === "auto" ? securityOfPort(port) : smtpSecurity,
    verifyTls: smtpVerifyTls,
    allowClearLogin: smtpClearLogin,
    ...(smtpCa === undefined ? {} : { ca: certificatesIn(smtpCa) }),
    ...(smtpUser === undefined || smtpUser === "" ? {} : { login: { user: smtpUser, password: smtpPassword ?? "" } }),
  };
  const isExposed = smtpSecurity === "auto" && clearLogin(relay) !== undefined;
  return isExposed ? { ...relay, security: "starttls" } : relay;
}

function certificatesIn(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (thrown) {
    throw new SyntaxError(`Cannot read smtp_ca: ${reasonOf(thrown)}`);
  }
  if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  throw new SyntaxError(`Cannot use smtp_ca: wanted certificates as PEM in ${JSON.stringify(path)}`);
}

/** Whether anybody can be told by what is configured. */
export function tellsAnybody(options: SettingsOptions): boolean {
  return options.mailTo.length > 0 || options.routes.length > 0;
}

/** The render URL for links in mails; a Prometheus has none. */
export function graphBaseOf(
  url: string | undefined,
  language: string | undefined,
  store: string | undefined,
): string | undefined {
  if (language !== "graphite") return undefined;
  if (url === undefined) return store && `${store}/render/`;
  const bare = url.replace(/[?#].*$/s, "").replace(/\/+$/, "");
  return bare.endsWith("/render") ? `${bare}/` : `${bare}/render/`;
}
