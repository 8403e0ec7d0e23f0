/** How a run of checks goes: every bound and every choice, already read. The command line and the service both make these. */
import { parseSize } from "../../kit/config/units.ts";
import { type ResourceKind, resourceKinds } from "./reference.ts";
import type { StatusRule } from "./status-rules.ts";

/** A bound on the size of what is used as `kind`. */
export interface SizeRule {
  kind: ResourceKind;
  maxBytes: number;
  isHard: boolean;
}

/** One run's settings. Times in ms. */
export interface CheckSettings {
  /** For everything together. */
  totalMs: number;
  /** For one attempt at one resource, with its redirects. */
  resourceMs: number;
  retries: number;
  /** The longest that is waited because a host asks for it. */
  maxWaitMs: number;
  maxRedirects: number;
  parallel: number;
  parallelPerHost: number;
  /** Between the beginnings of two requests to one host. */
  delayMs: number;
  /** Of one resource, unpacked. */
  maxBytes: number;
  maxPages: number;
  maxResources: number;
  /** How many links away from the first pages pages are checked, too; 0 for none. */
  depth: number;
  statusRules: readonly StatusRule[];
  sizeRules: readonly SizeRule[];
  /** Addresses that are left alone; `*` stands for anything. */
  skip: readonly string[];
  userAgent: string;
  verifyTls: boolean;
  /** Refuse addresses that are not public. */
  guard: boolean;
  metaImages: boolean;
  fragments: boolean;
}

/** What holds where nobody says otherwise. */
export const usualSettings: CheckSettings = {
  totalMs: 60_000,
  resourceMs: 10_000,
  retries: 2,
  maxWaitMs: 30_000,
  maxRedirects: 10,
  parallel: 16,
  parallelPerHost: 6,
  delayMs: 0,
  maxBytes: 32 * 1024 * 1024,
  maxPages: 100,
  maxResources: 5000,
  depth: 0,
  statusRules: [],
  sizeRules: [],
  skip: [],
  userAgent: "Mozilla/5.0 (compatible; Warren-mediacheck)",
  verifyTls: true,
  guard: false,
  metaImages: false,
  fragments: false,
};

/** Reads bounds on sizes: `image:500KiB:warn, script:1MiB`. Throws SyntaxError. */
export function parseSizeRules(text: string): SizeRule[] {
  return text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "")
    .map((word) => {
      const [, name, size, ruling] = /^([a-z]+):([^:]+)(?::(warn|error))?$/.exec(word) ?? [];
      const kind = resourceKinds.find((known) => known === name);
      if (kind === undefined || size === undefined) {
        throw new SyntaxError(
          `Cannot use the size rule "${word.slice(0, 60)}": wanted a kind (${resourceKinds.join(", ")}), a colon and a size`,
        );
      }
      return { kind, maxBytes: parseSize(size), isHard: ruling !== "warn" };
    });
}

/** Whether an address fits a pattern in which `*` stands for anything; without one it is looked for anywhere. */
export function fits(url: string, pattern: string): boolean {
  const pieces = pattern.split("*");
  if (pieces.length === 1) return url.includes(pattern);
  const [first = "", last = ""] = [pieces[0], pieces.at(-1)];
  if (!url.startsWith(first)) return false;
  let at = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = url.indexOf(piece, at);
    if (found === -1) return false;
    at = found + piece.length;
  }
  return url.length - last.length >= at && url.endsWith(last);
}
