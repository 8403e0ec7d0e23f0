/**
 * `warren mediacheck check`: one run over pages and sitemaps, without a server. The report goes to standard output as
 * text, JSON or JUnit XML; on a terminal the progress is drawn meanwhile. Figures and an event go out where that is asked.
 */
import { type Clock, systemClock } from "../../kit/clock.ts";
import { wholeNumber } from "../../kit/commands/remote.ts";
import { formatAddress, parseAddress } from "../../kit/config/address.ts";
import { commaList } from "../../kit/config/legacy.ts";
import { parseDuration, parseSize } from "../../kit/config/units.ts";
import { tcpDelivery } from "../../kit/carbon/delivery.ts";
import { Fault } from "../../kit/fault.ts";
import { outbound } from "../../kit/outbound.ts";
import { plainLine } from "../../kit/terminal/plain-text.ts";
import type { Screen } from "../../kit/terminal/screen.ts";
import { encodeLines } from "../../lib/graphite/line.ts";
import { checkSite } from "./crawl.ts";
import { eventOf, pointsOf } from "./points.ts";
import type { SiteReport } from "./report.ts";
import { junitOf } from "./report-junit.ts";
import { reportLines, summaryOf } from "./report-text.ts";
import { type CheckSettings, parseSizeRules, usualSettings } from "./settings.ts";
import { parseStatusRules } from "./status-rules.ts";

/** What the flags say. */
export interface CheckFlags {
  sitemap?: string;
  depth: string;
  pages: string;
  resources: string;
  timeout: string;
  resourceTimeout: string;
  retries: string;
  redirects: string;
  parallel: string;
  parallelPerHost: string;
  delay: string;
  maxSize: string;
  sizes: string;
  status: string;
  skip: string;
  userAgent?: string;
  metaImages?: boolean;
  fragments?: boolean;
  verify: boolean;
  guard?: boolean;
  json?: boolean;
  junit?: boolean;
  all?: boolean;
  quiet?: boolean;
  graphite?: string;
  prefix: string;
  deploy?: string;
  events: string;
  token?: string;
}

const maxBytesMost = 2 ** 30;

/** Checks; the exit code. */
export async function checkVerb(screen: Screen, urls: readonly string[], flags: CheckFlags): Promise<number> {
  const clock = systemClock;
  let settings: CheckSettings;
  let starts: { pages: string[]; sitemaps: string[] };
  let graphite: ReturnType<typeof parseAddress> | undefined;
  try {
    settings = settingsOf(flags);
    const sitemaps = named("--sitemap", () => commaList(flags.sitemap ?? "").map(pageOf));
    starts = { pages: urls.map(pageOf), sitemaps };
    const { graphite: graphiteAt } = flags;
    graphite = graphiteAt === undefined ? undefined : named("--graphite", () => parseAddress(graphiteAt));
    requireReporting(flags);
    if (starts.pages.length + starts.sitemaps.length === 0)
      throw new SyntaxError("Cannot check nothing: wanted a URL, or --sitemap");
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError || thrown instanceof RangeError || thrown instanceof Fault)) throw thrown;
    screen.note(plainLine(thrown.message));
    return 2;
  }
  const seen = { asked: 0, done: 0 };
  const draw = () => screen.draw(`${seen.done} of ${seen.asked} answered`);
  const told = new AbortController();
  const leave = () => told.abort();
  // What ends a run says what was found until then: from a keyboard, or from a build that ran out of time.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, leave);
  let report: SiteReport;
  try {
    report = await checkSite(
      starts,
      {
        clock,
        settings,
        asking() {
          seen.asked++;
          if (screen.isLive) draw();
        },
        answered() {
          seen.done++;
          if (screen.isLive) draw();
        },
      },
      told.signal,
    );
  } finally {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, leave);
  }
  screen.draw("");
  // Whoever reads the report may leave before its end, and the exit code counts all the same.
  process.exitCode = report.isGood ? 0 : 1;
  show(screen, report, flags);
  const isSent = await send(screen, report, { flags, starts, graphite, clock });
  return report.isGood && isSent ? 0 : 1;
}

function settingsOf(flags: CheckFlags): CheckSettings {
  const count = (text: string, flag: string, min: number, max: number) => wholeNumber(text, flag, min, max);
  const span = (text: string, flag: string, minMs: number) => {
    const spanMs = named(flag, () => parseDuration(text));
    if (spanMs < minMs) throw new RangeError(`Cannot use ${flag} ${text}: wanted at least ${minMs} ms`);
    return spanMs;
  };
  const maxBytes = named("--max-size", () => parseSize(flags.maxSize));
  if (maxBytes < 1 || maxBytes > maxBytesMost)
    throw new RangeError(`Cannot use --max-size ${flags.maxSize}: wanted 1 to 1GiB`);
  if (flags.userAgent !== undefined && !/^[\x20-\x7e]+$/.test(flags.userAgent))
    throw new SyntaxError(`Cannot use --user-agent "${flags.userAgent}": wanted a line of plain ASCII`);
  return {
    ...usualSettings,
    totalMs: span(flags.timeout, "--timeout", 1),
    resourceMs: span(flags.resourceTimeout, "--resource-timeout", 1),
    delayMs: span(flags.delay, "--delay", 0),
    retries: count(flags.retries, "--retries", 0, 20),
    maxRedirects: count(flags.redirects, "--redirects", 0, 50),
    parallel: count(flags.parallel, "--parallel", 1, 256),
    parallelPerHost: count(flags.parallelPerHost, "--parallel-per-host", 1, 256),
    depth: count(flags.depth, "--depth", 0, 100),
    maxPages: count(flags.pages, "--pages", 1, 100_000),
    maxResources: count(flags.resources, "--resources", 1, 1_000_000),
    maxBytes,
    sizeRules: named("--sizes", () => parseSizeRules(flags.sizes)),
    statusRules: named("--status", () => parseStatusRules(flags.status)),
    skip: commaList(flags.skip),
    ...(flags.userAgent === undefined ? {} : { userAgent: flags.userAgent }),
    metaImages: flags.metaImages === true,
    fragments: flags.fragments === true,
    verifyTls: flags.verify,
    guard: flags.guard === true,
  };
}

/** What goes out after the run is looked at before it. Throws SyntaxError. */
function requireReporting({ deploy, events, json, junit, prefix }: CheckFlags): void {
  if (json === true && junit === true)
    throw new SyntaxError("Cannot use --json and --junit together: wanted one of them");
  if (!/^[\w.-]+$/.test(prefix))
    throw new SyntaxError(`Cannot use --prefix "${prefix}": wanted a name of letters, digits, dots and dashes`);
  if (deploy !== undefined && !/^https?:$/.test(URL.parse(events)?.protocol ?? ""))
    throw new SyntaxError(`Cannot use --events "${events}": wanted an http or https URL`);
}

/** What was read, or an error that names the flag as well. */
function named<T>(flag: string, read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError || thrown instanceof RangeError)) throw thrown;
    throw new SyntaxError(`${flag}: ${thrown.message}`);
  }
}

/** A page's address without what only browsers keep. Throws SyntaxError. */
export function pageOf(text: string): string {
  const parsed = URL.parse(text);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw new SyntaxError(`Cannot check "${text.slice(0, 200)}": wanted an http or https URL`);
  }
  parsed.hash = "";
  return parsed.href;
}

function show(screen: Screen, report: SiteReport, flags: CheckFlags): void {
  if (flags.json === true) screen.print(JSON.stringify(report));
  else if (flags.junit === true) screen.print(junitOf(report).trimEnd());
  else {
    const lines = reportLines(report, flags.all === true);
    for (const line of flags.quiet === true ? lines.slice(0, -1) : lines) screen.print(line);
    return;
  }
  if (flags.quiet !== true) screen.note(summaryOf(report));
}

/** Sends figures and the event, where they are wanted; whether that went well. */
async function send(
  screen: Screen,
  report: SiteReport,
  {
    clock,
    flags,
    graphite,
    starts,
  }: {
    clock: Clock;
    flags: CheckFlags;
    graphite: ReturnType<typeof parseAddress> | undefined;
    starts: { pages: string[]; sitemaps: string[] };
  },
): Promise<boolean> {
  let where = graphite === undefined ? flags.events : formatAddress(graphite);
  try {
    if (graphite) {
      const delivery = tcpDelivery(graphite, clock);
      await delivery.write(Buffer.from(encodeLines(pointsOf(report, flags.prefix))));
      await delivery.close();
    }
    if (flags.deploy !== undefined) {
      const name = starts.pages[0] ?? starts.sitemaps[0] ?? "";
      where = flags.events;
      const answer = await outbound(flags.events, {
        clock,
        timeoutMs: 10_000,
        maxBytes: 65_536,
        method: "POST",
        headers: { "Content-Type": "application/json", ...tokenOf(flags.token) },
        body: JSON.stringify(eventOf(report, { name, deploy: flags.deploy })),
        verifyTls: flags.verify,
      });
      if (answer.status >= 300) throw new Error(`it answered ${answer.status}`);
    }
    return true;
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown;
    screen.note(plainLine(`Cannot send the result to ${where}: ${thrown.message}`));
    return false;
  }
}

function tokenOf(token: string | undefined): Record<string, string> {
  return token === undefined || token === "" ? {} : { Authorization: `Bearer ${token}` };
}
