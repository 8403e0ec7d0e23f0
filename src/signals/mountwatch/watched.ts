/**
 * What is watched: folders that are configured (here, or in the predecessor's file) and the mounts that are found. Each
 * has a name in Graphite. Leaves out what a look at them means.
 */
import { z } from "zod";

import { problemIn } from "../../kit/config/written-problem.ts";
import { isRealWanted, type Mount, plainPath, realMounts, type Wanted } from "./mount-table.ts";

/** A folder that is watched. */
export interface Watched {
  readonly path: string;
  /** Its name in Graphite after the prefix. */
  readonly metric: string;
  /** Whether it has to be a mount; undefined: if fstab says so, or it was one before. */
  readonly mounted: boolean | undefined;
  /** Whether it has to be writable; undefined: if fstab says so, or it was before. */
  readonly writable: boolean | undefined;
  readonly write: boolean;
  readonly fullShare: number;
  readonly nearlyFullShare: number;
  readonly slowMs: number;
  /** Found, not configured: it goes when it is unmounted and nobody says that it should be there. */
  readonly isFound: boolean;
}

/** What a folder gets that says nothing itself. */
export type WatchDefaults = Pick<Watched, "write" | "fullShare" | "nearlyFullShare" | "slowMs">;

const percentWords = "wanted percent from 1 to 100";
const percent = z.number(percentWords).min(1, percentWords).max(100, percentWords);

/** A folder as it stands in the configuration. */
export const watchedShape = z.strictObject({
  path: z
    .string()
    .min(1)
    .max(4096)
    .regex(/^\/[^\0\n\r]*$/, 'wanted a path that begins with "/"'),
  metric: z
    .string()
    .max(500)
    .regex(/^[^\s\p{C}]+$/u, "wanted a name without space")
    .optional(),
  mounted: z.boolean().optional(),
  writable: z.boolean().optional(),
  write: z.boolean().optional(),
  full: percent.optional(),
  nearly_full: percent.optional(),
});

/** What the predecessor would have sent as a line of its own, or as part of another field, goes to no Graphite. */
const sendable = z.string().regex(/^[^\s\p{C}]*$/u, "wanted a name without space");

const originalShape = z.object({
  mounts: z.array(z.object({ path: z.string().min(1), metric: sendable.default("") })).max(10_000),
});

/** Reads configured folders. Throws SyntaxError. */
export function watchedIn(raw: unknown, defaults: WatchDefaults): Watched[] {
  const read = z.array(watchedShape).max(10_000).safeParse(raw);
  if (!read.success) throw new SyntaxError(`Cannot use the mounts: ${wordsOf(read.error, raw)}`);
  const watched = read.data.map((entry): Watched => ({
    path: plainPath(entry.path),
    metric: entry.metric ?? metricOf(entry.path),
    mounted: entry.mounted,
    writable: entry.writable,
    write: entry.write ?? defaults.write,
    fullShare: entry.full === undefined ? defaults.fullShare : entry.full / 100,
    nearlyFullShare: entry.nearly_full === undefined ? defaults.nearlyFullShare : entry.nearly_full / 100,
    slowMs: defaults.slowMs,
    isFound: false,
  }));
  for (const [position, { full, nearly_full: nearly, path }] of read.data.entries()) {
    if (full !== undefined && nearly !== undefined && nearly > full)
      throw new SyntaxError(
        `Cannot use the mounts: ${position}: nearly_full of "${path}" is ${nearly}, above full, ${full}`,
      );
  }
  const names = new Map<string, string>();
  for (const { metric, path } of watched) {
    const other = names.get(metric);
    if (other !== undefined && other !== path)
      throw new SyntaxError(
        `Cannot watch "${other}" and "${path}" under one metric, "${metric}": name one of them with metric`,
      );
    names.set(metric, path);
  }
  return onceEach(watched);
}

/** Reads the predecessor's file. Throws SyntaxError. */
export function readOriginal(text: string, name: string, defaults: WatchDefaults): Watched[] {
  const fail = (reason: string): never => {
    throw new SyntaxError(`Cannot read the mounts in "${name}": ${reason}`);
  };
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (thrown) {
    return fail(thrown instanceof Error ? thrown.message : String(thrown));
  }
  const lowered = lowerKeys(raw);
  const read = originalShape.safeParse(lowered);
  if (!read.success) return fail(wordsOf(read.error, lowered));
  const watched = read.data.mounts.map(({ metric, path }): Watched => ({
    ...defaults,
    path: path.startsWith("/") ? plainPath(path) : path,
    metric,
    mounted: undefined,
    writable: undefined,
    isFound: false,
  }));
  return onceEach(watched);
}

/** Configured folders first, then what the table and fstab have beside them. */
export function withFound(
  configured: readonly Watched[],
  mounts: readonly Mount[],
  fstab: readonly Wanted[],
  defaults: WatchDefaults,
): Watched[] {
  const paths = new Set([
    ...realMounts(mounts).map(({ mountPoint }) => mountPoint),
    ...fstab.filter(isRealWanted).map(({ mountPoint }) => mountPoint),
  ]);
  const known = new Set(configured.map(({ path }) => path));
  const taken = new Set(configured.map(({ metric }) => metric));
  const found = [...paths]
    // A name that is no text cannot be looked at from here.
    .filter((path) => !known.has(path) && !path.includes("\ufffd"))
    .sort()
    .map((path): Watched => ({
      ...defaults,
      // Nobody asked for writing to what was merely found.
      write: false,
      path,
      metric: freeMetricOf(path, taken),
      mounted: undefined,
      writable: undefined,
      isFound: true,
    }));
  return [...configured, ...found];
}

/** The name of a path in Graphite: `/mnt/sata 1` is `mnt_sata_1`, `/` is `root`. */
export function metricOf(path: string): string {
  return path.replaceAll(/[^A-Za-z0-9_-]+/g, "_").replaceAll(/^_+|_+$/g, "") || "root";
}

/** The same, with digits of the path behind it where another has that name. */
function freeMetricOf(path: string, taken: Set<string>): string {
  const plain = metricOf(path);
  const digits = new Bun.CryptoHasher("sha1").update(path).digest("hex").slice(0, 8);
  const metric = taken.has(plain) ? `${plain}_${digits}` : plain;
  taken.add(metric);
  return metric;
}

function onceEach(watched: readonly Watched[]): Watched[] {
  const seen = new Set<string>();
  for (const { path } of watched) {
    if (seen.has(path)) throw new SyntaxError(`Cannot watch "${path}": it stands twice`);
    seen.add(path);
  }
  return [...watched];
}

function lowerKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(lowerKeys);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key.toLowerCase(), lowerKeys(inner)]));
}

function wordsOf(error: z.ZodError, written: unknown): string {
  const known = Object.keys(watchedShape.shape);
  return error.issues
    .slice(0, 10)
    .map((issue) => problemIn(issue, written, { known }))
    .join("; ");
}
