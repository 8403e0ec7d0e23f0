/**
 * What can be configured of Hound, said once. Rules stand in the configuration itself, or in a file of their own that is
 * read again when it changes and that may be the predecessor's. Started alone, the predecessor's variables count.
 */
import { z } from "zod";

import { type OptionsOf, section } from "../../kit/config/declaration.ts";
import {
  address,
  choice,
  count,
  duration,
  file,
  flag,
  list,
  secret,
  shape,
  text,
  url,
} from "../../kit/config/fields.ts";
import { commaList, goFlag, goInteger, goLogLevel, goPort } from "../../kit/config/legacy.ts";
import { decodedPart } from "../../kit/http/target.ts";
import { settingsProblems } from "./settings.ts";

/** Seconds of Graphite's units, which it knows by how they begin. */
const unitForms: readonly [RegExp, number][] = [
  [/^s/, 1],
  [/^min/, 60],
  [/^h/, 3600],
  [/^d/, 86_400],
  [/^w/, 604_800],
  [/^mon/, 30 * 86_400],
  [/^y/, 365 * 86_400],
];

/** A stretch of time as Graphite writes it, `10mins`, `1h` or `1h30min`, in our form. Throws SyntaxError. */
export function graphiteSpan(text: string): string {
  const parts = [...text.matchAll(/(\d{1,9})([a-z]*)/g)];
  const seconds = parts.map(([, number, unit = ""]) => {
    const found = unitForms.find(([form]) => form.test(unit));
    return Number(number) * (found?.[1] ?? Number.NaN);
  });
  const sum = seconds.reduce((total, each) => total + each, 0);
  if (!/^-?(?:\d{1,9}[a-z]*)+$/.test(text) || Number.isNaN(sum))
    throw new SyntaxError(`Cannot read ${JSON.stringify(text)}: wanted a time of Graphite's such as 10mins`);
  return `${sum}s`;
}

/** An address without the login that stands in it, and that login; undefined where none does. */
function loginIn(value: string): { url: string; user: string; password: string } | undefined {
  const parsed = URL.parse(value);
  if (parsed === null || (parsed.username === "" && parsed.password === "")) return undefined;
  const [user, password] = [decodedPart(parsed.username), decodedPart(parsed.password)];
  parsed.username = parsed.password = "";
  return { url: parsed.href, user, password };
}

const tables = z.array(z.record(z.string(), z.unknown())).max(100_000);
const windowWords = 'tables such as { days = "mon-fri", from = "22:00", until = "07:00" }';

const fields = {
  rules: shape(tables, {
    summary: "What is watched: each rule a name, a target, a threshold above or below which it fails, and more.",
    wanted: "tables with a name, a target and above or below",
    default: [],
    example: [{ name: "errors", target: "stats.app.errors", above: 10 }],
  }),
  file: file({
    summary:
      "A file of rules, read again when it changes and on SIGHUP: TOML or JSON with rules as above, or the predecessor's config.json.",
    unset: "none, or ./config.json when started alone and it is there",
    example: "/etc/hound/config.json",
    legacy: { names: ["HOUND_CONFIG"] },
  }),
  source: choice(["auto", "series", "graphite", "prometheus"], {
    summary:
      "Where measurements are read: the store series of this program, or what stands at url, with targets in its language. auto: graphite where there is a url, otherwise series.",
    default: "auto",
  }),
  url: url({
    summary: "Where the Graphite, Prometheus or VictoriaMetrics is that measurements are read from.",
    example: "https://graphite.example/render/",
    // What stands before a Graphite may know the address only with its slash.
    keepsSlash: true,
    unset: "none: the store series is read",
    legacy: { names: ["HOUND_GRAPHITE_BASE"], read: (value) => loginIn(value)?.url ?? value },
  }),
  user: text({
    summary: "The user of that address.",
    legacy: {
      names: ["HOUND_GRAPHITE_BASIC_AUTH_USER", "HOUND_GRAPHITE_BASE"],
      read: (value, { HOUND_GRAPHITE_BASIC_AUTH_USER: own = "" }) => (own === "" ? loginIn(value)?.user : own),
    },
  }),
  password: secret({
    summary: "The password of that address.",
    legacy: {
      names: ["HOUND_GRAPHITE_BASIC_AUTH_PASSWORD", "HOUND_GRAPHITE_BASE"],
      read: (value, { HOUND_GRAPHITE_BASIC_AUTH_PASSWORD: own = "" }) => (own === "" ? loginIn(value)?.password : own),
    },
  }),
  token: secret({ summary: "A bearer token for that address, instead of user and password." }),
  verifyTls: flag({ summary: "Whether the certificate of that address has to be good.", default: true }),
  requestTimeoutMs: duration({
    summary: "A question for measurements that takes longer has no answer.",
    default: "10s",
    min: "100ms",
    max: "5m",
  }),
  checkIntervalMs: duration({
    summary: "How often all rules are judged.",
    default: "60s",
    min: "1s",
    max: "1d",
    legacy: {
      names: ["HOUND_CHECK_INTERVAL"],
      read: (value) => (goInteger(value) > 0 ? `${goInteger(value)}m` : undefined),
    },
  }),
  windowMs: duration({
    summary: "What a rule looks at ends now and begins so long ago.",
    default: "10m",
    min: "1s",
    max: "31d",
    legacy: { names: ["HOUND_WINDOW"], read: graphiteSpan },
  }),
  graceMs: duration({
    summary: "The newest value may be so old; when there is none, there is no data.",
    unset: "the window",
    example: "5m",
  }),
  forMs: duration({ summary: "A rule has to fail for so long before it counts.", default: "0s", max: "31d" }),
  keepFiringMs: duration({
    summary: "A rule has to be good for so long before that counts.",
    default: "0s",
    max: "31d",
  }),
  zone: text({ summary: "The time zone of quiet hours and maintenance.", default: "UTC" }),
  samples: flag({
    summary:
      "Rules of Warren's own, where the store series is read and somebody can be told: disks that fill up, checks that are down, breakers that are open.",
    default: true,
  }),
  mailFrom: text({
    summary: "Whom mail comes from.",
    unset: "hound at the name of this machine",
    example: "hound@example.org",
    legacy: { names: ["HOUND_EMAIL_FROM"] },
  }),
  mailTo: list(text({ example: "ops@example.org" }), {
    summary: "Who is told what no rule and no route sends elsewhere: mail addresses, and channels as channel:<name>.",
    legacy: { names: ["HOUND_EMAIL_TO"], read: commaList },
  }),
  smtpServer: text({
    summary: "The mail server's name.",
    unset: "none: no mail is sent",
    example: "mail.example.org",
    legacy: { names: ["HOUND_SMTP_SERVER"] },
  }),
  smtpPort: count({
    summary: "The mail server's port.",
    default: 587,
    min: 1,
    max: 65_535,
    // Its own default was 0, with which it could not send anything.
    legacy: { names: ["HOUND_SMTP_PORT"], read: (value) => (goInteger(value) === 0 ? undefined : goInteger(value)) },
  }),
  smtpSecurity: choice(["auto", "tls", "starttls", "none"], {
    summary:
      "How the connection is kept private. auto: STARTTLS on 587, nothing on 25 unless somebody logs in to another machine (STARTTLS then, too), TLS on every other port.",
    default: "auto",
  }),
  smtpUser: text({ summary: "Logs in to the mail server.", legacy: { names: ["HOUND_SMTP_USER"] } }),
  smtpPassword: secret({ summary: "Its password.", legacy: { names: ["HOUND_SMTP_PASSWORD"] } }),
  smtpVerifyTls: flag({ summary: "Whether the certificate of the mail server has to be good.", default: true }),
  smtpCa: file({
    summary: "A file of certificates (PEM) that the mail server's may come from, instead of the system's.",
    unset: "those of the system",
    example: "/etc/warren/mail-ca.pem",
  }),
  smtpClearLogin: flag({ summary: "Send the password to another machine even where the connection is not encrypted." }),
  channels: shape(tables, {
    summary: "Where word goes beside mail: each a name, a kind (webhook, alertmanager, slack, matrix, ntfy) and a url.",
    wanted: "tables with a name, a kind and a url",
    default: [],
    example: [{ name: "room", kind: "ntfy", url: "https://ntfy.example/alerts" }],
  }),
  routes: shape(tables, {
    summary:
      "Who is told about which rules: a matcher and recipients; the first that matches counts, and with continue the next, too.",
    wanted: "tables with match and to",
    default: [],
    example: [{ match: "severity=critical", to: ["ops@example.org", "channel:room"] }],
  }),
  quietHours: shape(tables, {
    summary: "When nothing is told; it is afterwards.",
    wanted: windowWords,
    default: [],
    example: [{ days: "mon-fri", from: "22:00", until: "07:00", zone: "Europe/Berlin" }],
  }),
  quietExcept: list(text(), {
    summary: "Severities that are told in quiet hours, too.",
    default: ["critical"],
  }),
  maintenance: shape(tables, {
    summary: "When what a matcher covers may fail; without a matcher all.",
    wanted: `${windowWords}, with or without match`,
    default: [],
    example: [{ match: "host=db-*", days: "sun", from: "03:00", until: "05:00" }],
  }),
  throttle: count({
    summary:
      "At most so many alerts, and as many recoveries, go out at once; one more says how many there are. 0: no limit.",
    default: 10,
    max: 100_000,
    legacy: { names: ["HOUND_GLOBAL_THROTTLE"], read: goInteger },
  }),
  groupFrom: count({
    summary: "So many alerts for the same recipients at once become one message. 0: each goes alone.",
    default: 5,
    max: 100_000,
  }),
  tellErrors: flag({
    summary: "Tell when rules cannot be judged: no data, or no answer.",
    default: true,
    legacy: { names: ["HOUND_EMAIL_ON_ERROR"], read: goFlag },
  }),
  tellSilences: flag({ summary: "Tell everybody when somebody silences something, or ends a silence." }),
  blindAfterMs: duration({
    summary: "Errors, and a source that cannot be read, are told when they last for so long.",
    default: "5m",
    max: "1d",
  }),
  flapFailures: count({
    summary: "A rule that begins to fail so often within flap_window flaps, and is told of rarely. 0: never.",
    default: 5,
    max: 100,
  }),
  flapWindowMs: duration({ summary: "The time for flap_failures.", default: "1h", max: "7d" }),
  flapCalmMs: duration({ summary: "It no longer flaps when nothing changed for so long.", default: "30m", max: "7d" }),
  forgetSeriesMs: duration({ summary: "A series that is gone for so long is forgotten.", default: "7d", max: "3650d" }),
  keepHistoryMs: duration({
    summary: "How long is kept what happened to rules.",
    default: "400d",
    min: "1d",
    max: "3650d",
  }),
  graphite: address({
    summary: "A Graphite to which hound's own figures go as lines over TCP.",
    unset: "the store series of this program gets them",
    example: "graphite.example:2003",
    legacy: { names: ["HOUND_CARBON_BASE"] },
  }),
  metricPrefix: text({
    summary: "What the names of its own figures begin with, verbatim: end it with a dot.",
    default: "hound.",
    accepts: (prefix) => /^\S*$/.test(prefix),
    wanted: "a name without space",
    legacy: { names: ["HOUND_METRIC_BASE"] },
  }),
  heartbeatUrl: url({
    summary:
      "Asked with GET after each round in which rules could be judged, while word gets out: a heartbeat of a Chimney elsewhere, which tells that Hound itself has stopped.",
    unset: "no signs are given",
    keepsSlash: true,
    example: "https://other.example/chimney/beat/0123456789abcdef",
  }),
  templateFile: file({
    obsolete: true,
    summary: "Accepted from the predecessor and without effect: the pages are part of the program.",
    legacy: { names: ["HOUND_TEMPLATE_FILE"] },
  }),
  alertTemplateFile: file({
    obsolete: true,
    summary: "Accepted from the predecessor and without effect: the pages are part of the program.",
    legacy: { names: ["HOUND_ALERT_TEMPLATE_FILE"] },
  }),
} as const;

/** The options of Hound. */
export type HoundOptions = OptionsOf<typeof fields>;

/** The section `[hound]`. */
export const houndSection = section(
  "hound",
  "watches measurements and tells people: once, again at growing intervals, and when it is over",
  fields,
  settingsProblems,
  {
    nodeLegacy: {
      listen: { names: ["HOUND_HTTP_PORT"], read: goPort },
      logLevel: { names: ["HOUND_LOG_LEVEL"], read: (value) => goLogLevel(value.toUpperCase()) },
    },
  },
);
