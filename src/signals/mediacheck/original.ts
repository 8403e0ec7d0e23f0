/**
 * Mediacheck as it was called before: `warren mediacheck -url … -timeout … -log-level … -log-format … -verify-ssl …`. Its
 * flags as Go reads them, its log on standard error, its exit codes: 0 for all good, 1 for a failure, 2 for flags that
 * make no sense. What is looked at is what Mediacheck looks at today; the time is one for the whole run, as it was.
 */
import { type Clock, systemClock } from "../../kit/clock.ts";
import type { Screen } from "../../kit/terminal/screen.ts";
import { checkSite } from "./crawl.ts";
import { logrusLine, type OriginalLevel, originalLevels } from "./logrus.ts";
import { shownUrl } from "./reference.ts";
import type { ResourceReport } from "./report.ts";
import { usualSettings } from "./settings.ts";

/** The flags of the predecessor, read. */
export interface OriginalFlags {
  url: string;
  timeoutMs: number;
  logLevel: "info" | "warn" | "error";
  logFormat: "text" | "json";
  verifySsl: boolean;
}

/** What is printed for flags that make no sense, and for `-h`. */
export const originalUsage = `Usage of mediacheck:
  -log-format string
    	log format (text or json) (default "text")
  -log-level string
    	log level (info, warn or error) (default "error")
  -timeout int
    	timeout for the whole run, in milliseconds (default 3000)
  -url string
    	absolute URL of the page to check
  -verify-ssl
    	verify certificates (default true)
`;

const names = ["url", "timeout", "log-level", "log-format", "verify-ssl"] as const;
const flagForm = /^--?([^-=][^=]*)(?:=(.*))?$/s;

/** Whether words are the predecessor's: one of its flags, with one dash or two, and none of ours before it. */
export function areOriginal(words: readonly string[]): boolean {
  const first = words[0] ?? "";
  if (!first.startsWith("-")) return false;
  return words.some(
    (word) => /^-(?:url|timeout|log-level|log-format|verify-ssl)(?:=|$)/.test(word) || /^--url(?:=|$)/.test(word),
  );
}

/** Reads the flags. A string is what is wrong with them; undefined asks for help. */
export function parseOriginal(words: readonly string[]): OriginalFlags | string | undefined {
  const flags: OriginalFlags = { url: "", timeoutMs: 3000, logLevel: "error", logFormat: "text", verifySsl: true };
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (word === "--" || word === "-" || !word.startsWith("-")) break;
    const [, name = "", joined] = flagForm.exec(word) ?? [];
    if (name === "") return `bad flag syntax: ${word}`;
    if (name === "h" || name === "help") return undefined;
    if (!names.some((known) => known === name)) return `flag provided but not defined: -${name}`;
    if (name === "verify-ssl") {
      const value = goBoolean(joined ?? "true");
      if (value === undefined) return `invalid boolean value ${JSON.stringify(joined)} for -verify-ssl: parse error`;
      flags.verifySsl = value;
      continue;
    }
    const value = joined ?? words[++at];
    if (value === undefined) return `flag needs an argument: -${name}`;
    if (name === "url") flags.url = value;
    else if (name === "timeout") {
      if (!/^[+-]?\d{1,15}$/.test(value))
        return `invalid value ${JSON.stringify(value)} for flag -timeout: parse error`;
      flags.timeoutMs = Number(value);
    } else if (name === "log-level") {
      if (value !== "info" && value !== "warn" && value !== "error")
        return `invalid value ${JSON.stringify(value)} for flag -log-level: must be info, warn or error`;
      flags.logLevel = value;
    } else {
      if (value !== "text" && value !== "json")
        return `invalid value ${JSON.stringify(value)} for flag -log-format: must be text or json`;
      flags.logFormat = value;
    }
  }
  return flags;
}

const booleans: Readonly<Record<string, boolean>> = {
  "1": true,
  t: true,
  T: true,
  true: true,
  TRUE: true,
  True: true,
  "0": false,
  f: false,
  F: false,
  false: false,
  FALSE: false,
  False: false,
};

function goBoolean(text: string): boolean | undefined {
  return Object.hasOwn(booleans, text) ? booleans[text] : undefined;
}

/** Does what the predecessor did with these words; the exit code. */
export async function runOriginal(
  screen: Pick<Screen, "note">,
  words: readonly string[],
  clock: Clock = systemClock,
): Promise<number> {
  const flags = parseOriginal(words);
  if (flags === undefined || typeof flags === "string") {
    if (flags !== undefined) screen.note(flags);
    screen.note(originalUsage.trimEnd());
    return flags === undefined ? 0 : 2;
  }
  const log = (level: OriginalLevel, message: string, fields: Record<string, string | number> = {}) => {
    if (originalLevels.indexOf(level) > originalLevels.indexOf(flags.logLevel)) return;
    screen.note(logrusLine(flags.logFormat, level, message, fields, clock.now()));
  };
  const fatal = (message: string, fields?: Record<string, string>): number => {
    log("fatal", message, fields);
    return 1;
  };
  if (flags.url === "") return fatal("must specify a URL");
  const page = URL.parse(flags.url);
  if (page === null || !/^[a-z][a-z0-9+.-]*:\/\//i.test(flags.url)) return fatal("must be an absolute URL");
  page.hash = "";
  log("info", "fetching", {
    URL: shownUrl(page.href),
    Scheme: page.protocol.slice(0, -1),
    Host: page.host,
    Path: page.pathname,
  });
  let isRead = false;
  const report = await checkSite(
    { pages: [page.href], sitemaps: [] },
    {
      clock,
      settings: {
        ...usualSettings,
        totalMs: Math.max(1, flags.timeoutMs),
        resourceMs: Math.max(1, flags.timeoutMs),
        verifyTls: flags.verifySsl,
        maxPages: 1,
        maxResources: 200_000,
      },
      read(_, references) {
        if (isRead) return;
        isRead = true;
        log("info", "retrieved page");
        log("info", "extracted media URLs", { number: references });
      },
      asking(url) {
        if (url !== page.href) log("info", "checking media URL", { url: shownUrl(url) });
      },
    },
    new AbortController().signal,
  );
  for (const resource of report.resources) say(resource, resource.url === shownUrl(page.href), log);
  for (const limit of report.limits) log("warn", limit);
  if (!report.isGood) return fatal("NOT OK");
  log("info", "OK");
  return 0;
}

function say(
  { status, troubles, url }: ResourceReport,
  isPage: boolean,
  log: (level: OriginalLevel, message: string, fields?: Record<string, string | number>) => void,
): void {
  for (const { isHard, isMixed, sentence } of troubles) {
    const isStatus = /^Bad status: \d+$/.test(sentence);
    if (isMixed) log("fatal", "HTTP/S mixed content error", { url });
    else if (isPage && isStatus) log("fatal", "bad response status", { status: status ?? 0, URL: url });
    else {
      const words = isStatus ? `bad status: ${status ?? 0} ${statusWords[status ?? 0] ?? ""}`.trimEnd() : sentence;
      log(isHard ? "error" : "warn", "Error fetching media", { URL: url, Error: words });
    }
  }
}

/** The words that servers put behind a status. */
const statusWords: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  402: "Payment Required",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  418: "I'm a teapot",
  421: "Misdirected Request",
  429: "Too Many Requests",
  451: "Unavailable For Legal Reasons",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};
