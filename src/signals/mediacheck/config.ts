/**
 * What can be configured of Mediacheck as a service, said once. Its predecessor was a command with five flags and no
 * environment; those flags are read elsewhere (original.ts).
 */
import { z } from "zod";

import { type OptionsOf, section } from "../../kit/config/declaration.ts";
import { address, count, duration, flag, list, shape, size, text } from "../../kit/config/fields.ts";
import { type CheckSettings, parseSizeRules, usualSettings } from "./settings.ts";
import { sitesIn } from "./site.ts";
import { parseStatusRules } from "./status-rules.ts";

const fields = {
  sites: shape(z.array(z.record(z.string(), z.unknown())).max(10_000), {
    summary:
      "The sites that are checked: each a name and a url, pages or a sitemap, and where wanted interval, depth, status, sizes, skip and others.",
    wanted: "tables with a name and a url, pages or a sitemap",
    default: [],
    example: [{ name: "shop", url: "https://shop.example/" }],
  }),
  intervalMs: duration({ summary: "How often each site is checked.", default: "1h", min: "10s", max: "30d" }),
  timeoutMs: duration({ summary: "The longest that one run may take.", default: "60s", min: "1s", max: "6h" }),
  resourceTimeoutMs: duration({
    summary: "The longest that one attempt at one resource may take, with its redirects.",
    default: "10s",
    min: "10ms",
    max: "1h",
  }),
  retries: count({
    summary: "How often what may pass is tried again: no connection, 429, 502, 503, 504.",
    default: 2,
    max: 20,
  }),
  maxWaitMs: duration({
    summary: "The longest wait that a host may ask for with Retry-After; one that asks for more is not asked again.",
    default: "30s",
    max: "1h",
  }),
  parallel: count({ summary: "Requests at a time in one run.", default: 8, min: 1, max: 256 }),
  parallelPerHost: count({ summary: "Of these, to one host.", default: 4, min: 1, max: 256 }),
  delayMs: duration({
    summary: "The pause between the beginnings of two requests to one host.",
    default: "0s",
    max: "10m",
  }),
  depth: count({ summary: "How many links away pages of the same site are checked, too.", default: 0, max: 100 }),
  maxPages: count({ summary: "The most pages of one run.", default: 100, min: 1, max: 100_000 }),
  maxResources: count({ summary: "The most addresses of one run.", default: 5000, min: 1, max: 200_000 }),
  maxBytes: size({
    summary: "A resource that is larger is bad; it is not read further.",
    default: "32MiB",
    max: "1GiB",
  }),
  sizes: text({
    summary: "Bounds on sizes by kind; with :warn behind it, what is beyond is only a warning.",
    unset: "none",
    example: "image:500KiB:warn,script:1MiB",
    accepts: readsAs(parseSizeRules),
    wanted: "kinds and sizes such as image:500KiB:warn,script:1MiB",
  }),
  status: text({
    summary: "What to make of statuses: ok, warn, error or skip. Otherwise 200 to 299 are good.",
    unset: "none",
    example: "403:warn,5xx:skip",
    accepts: readsAs(parseStatusRules),
    wanted: "statuses and rulings such as 403:warn,5xx:skip",
  }),
  skip: list(text(), { summary: "Addresses that are left alone; * stands for anything.", example: ["*/ads/*"] }),
  userAgent: text({
    summary: "How it introduces itself.",
    default: usualSettings.userAgent,
    accepts: (value) => /^[\x20-\x7e]+$/.test(value),
    wanted: "a line of plain ASCII",
  }),
  metaImages: flag({ summary: "Whether to look at pictures that pages name for other sites, such as og:image." }),
  fragments: flag({ summary: "Whether to look if links to parts of pages lead somewhere." }),
  verifyTls: flag({ summary: "Whether certificates have to be good.", default: true }),
  guard: flag({
    summary:
      "Refuse addresses that are not on the public Internet where somebody asks for a check by the page or the API. Configured sites say guard = true themselves.",
    default: true,
  }),
  keepMs: duration({ summary: "How long runs are kept.", default: "30d", min: "1h", max: "3650d" }),
  prefix: text({
    summary: "The beginning of the names of figures; a dot and the site's name follow.",
    default: "mediacheck",
    accepts: (prefix) => /^[\w.-]+$/.test(prefix),
    wanted: "a name of letters, digits, dots and dashes",
  }),
  graphite: address({
    summary: "A Graphite to which the figures go as lines over TCP.",
    unset: "none; the store series of this program gets them anyway",
    example: "graphite.example:2003",
  }),
} as const;

function readsAs(read: (text: string) => unknown): (text: string) => boolean {
  return (text) => {
    try {
      read(text);
      return true;
    } catch (thrown) {
      if (thrown instanceof SyntaxError || thrown instanceof RangeError) return false;
      throw thrown;
    }
  };
}

/** The options of Mediacheck. */
export type MediacheckOptions = OptionsOf<typeof fields>;

/** The section `[mediacheck]`. */
export const mediacheckSection = section(
  "mediacheck",
  "looks whether web pages have all they ask for: images, styles, scripts, fonts and the rest",
  fields,
  (options) => {
    try {
      sitesIn(options.sites, { intervalMs: options.intervalMs, settings: settingsOf(options) });
      return [];
    } catch (thrown) {
      if (!(thrown instanceof SyntaxError)) throw thrown;
      return [thrown.message];
    }
  },
);

/** How runs go where a site says nothing itself. */
export function settingsOf(options: MediacheckOptions): CheckSettings {
  const { delayMs, depth, fragments, guard, maxBytes, maxPages, maxResources, maxWaitMs, metaImages } = options;
  const { parallel, parallelPerHost, resourceTimeoutMs, retries, skip, timeoutMs, userAgent, verifyTls } = options;
  return {
    ...usualSettings,
    totalMs: timeoutMs,
    resourceMs: resourceTimeoutMs,
    sizeRules: parseSizeRules(options.sizes ?? ""),
    statusRules: parseStatusRules(options.status ?? ""),
    delayMs,
    depth,
    fragments,
    guard,
    maxBytes,
    maxPages,
    maxResources,
    maxWaitMs,
    metaImages,
    parallel,
    parallelPerHost,
    retries,
    skip,
    userAgent,
    verifyTls,
  };
}
