/**
 * A site as it is configured: which pages and sitemaps, how often, and how it is judged. The shape is what stands in the
 * file; reading it gives a Site with everything decided, or a sentence that says what is wrong with which.
 */
import { z } from "zod";

import { durationBetween, readDuration, textReadBy } from "../../kit/config/entry-fields.ts";
import { problemIn } from "../../kit/config/written-problem.ts";
import { type CheckSettings, parseSizeRules } from "./settings.ts";
import { parseStatusRules } from "./status-rules.ts";

/** A site with everything decided. */
export interface Site {
  name: string;
  pages: readonly string[];
  sitemaps: readonly string[];
  /** Undefined: only when somebody asks. */
  intervalMs: number | undefined;
  settings: CheckSettings;
}

const address = z.url({ protocol: /^https?$/, error: "wanted an http or https URL" }).max(2000);
const shape = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(100)
    .regex(/^[^\p{Cc}/]+$/u, "wanted a name without slashes and control characters"),
  url: address.optional(),
  pages: z.array(address).max(10_000).default([]),
  sitemap: address.optional(),
  interval: textReadBy((text) => (text === "never" ? undefined : readDuration(text, "10s", "30d"))).optional(),
  timeout: durationBetween("1s", "6h").optional(),
  depth: z.int().min(0).max(100).optional(),
  max_pages: z.int().min(1).max(100_000).optional(),
  max_resources: z.int().min(1).max(200_000).optional(),
  status: textReadBy(parseStatusRules).optional(),
  sizes: textReadBy(parseSizeRules).optional(),
  skip: z.array(z.string().min(1).max(2000)).max(1000).optional(),
  meta_images: z.boolean().optional(),
  fragments: z.boolean().optional(),
  verify_tls: z.boolean().optional(),
  guard: z.boolean().optional(),
});

/** Reads sites. Throws SyntaxError that names the site. */
export function sitesIn(
  entries: readonly Readonly<Record<string, unknown>>[],
  defaults: { intervalMs: number; settings: CheckSettings },
): Site[] {
  const sites: Site[] = [];
  for (const entry of entries) {
    const called = typeof entry["name"] === "string" ? `"${entry["name"].slice(0, 100)}"` : "without a name";
    const fail = (reason: string): never => {
      throw new SyntaxError(`Cannot use the site ${called}: ${reason}`);
    };
    const read = shape.safeParse(entry);
    if (!read.success) {
      const known = Object.keys(shape.shape);
      return fail(read.error.issues.map((issue) => problemIn(issue, entry, { known })).join("; "));
    }
    const { data } = read;
    const pages = [...(data.url === undefined ? [] : [data.url]), ...data.pages].map((page) => {
      const url = new URL(page);
      url.hash = "";
      return url.href;
    });
    if (pages.length === 0 && data.sitemap === undefined) fail("wanted a url, pages or a sitemap");
    if (sites.some(({ name }) => name === data.name)) fail("there is another of that name");
    const { settings } = defaults;
    sites.push({
      name: data.name,
      pages,
      sitemaps: data.sitemap === undefined ? [] : [data.sitemap],
      intervalMs: "interval" in data ? data.interval : defaults.intervalMs,
      settings: {
        ...settings,
        guard: data.guard ?? false,
        totalMs: data.timeout ?? settings.totalMs,
        depth: data.depth ?? settings.depth,
        maxPages: data.max_pages ?? settings.maxPages,
        maxResources: data.max_resources ?? settings.maxResources,
        statusRules: data.status ?? settings.statusRules,
        sizeRules: data.sizes ?? settings.sizeRules,
        skip: [...settings.skip, ...(data.skip ?? [])],
        metaImages: data.meta_images ?? settings.metaImages,
        fragments: data.fragments ?? settings.fragments,
        verifyTls: data.verify_tls ?? settings.verifyTls,
      },
    });
  }
  return sites;
}
