/**
 * What a check is: a name, a kind, a target, and how its outcome is judged. The shape is what stands in the
 * configuration; reading it gives a Plan with every default filled in, or a sentence that says what is wrong with which
 * check. Leaves out how it is asked (probe*.ts) and what became of it (standing.ts).
 */
import { isIP } from "node:net";

import { z } from "zod";

import { parseAddress } from "../../kit/config/address.ts";
import { durationBetween, sizeBetween, textReadBy } from "../../kit/config/entry-fields.ts";
import { parseJsonPath } from "./json-path.ts";

/** The kinds of checks there are. */
export const checkKinds = ["smoketest", "http", "tls", "tcp", "dns", "heartbeat"] as const;
/** One of {@link checkKinds}. */
export type CheckKind = (typeof checkKinds)[number];
/** Kinds of DNS records that can be asked for. */
export const recordKinds = ["A", "AAAA", "CNAME", "MX", "NS", "TXT"] as const;

const longest = "3650d";
const line = z.string().min(1).max(2000);
const statuses = /^\d{3}(?:-\d{3})?(?:, ?\d{3}(?:-\d{3})?)*$/;

function pathIn(text: string): string {
  parseJsonPath(text);
  return text;
}

/** A check as it stands in a file. */
export const checkShape = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(120)
    .regex(/^[^\p{Cc}/]+$/u, "wanted a name without slashes and control characters"),
  kind: z.enum(checkKinds).default("http"),
  /** What is asked: a URL for smoketest and http, `host:port` for tls and tcp, a name for dns; nothing for heartbeat. */
  target: line.optional(),
  /** The beginning of its Graphite names, verbatim. */
  prefix: z.string().max(500).optional(),
  interval: durationBetween("1s", "365d").optional(),
  jitter: durationBetween("0s", "365d").optional(),
  timeout: durationBetween("1ms", "10m").optional(),
  /** So many failures in a row make it down. */
  failures: z.int().min(1).max(1000).optional(),
  /** So many successes in a row make it up again. */
  successes: z.int().min(1).max(1000).optional(),
  method: z.enum(["GET", "HEAD", "POST", "PUT", "OPTIONS"]).default("GET"),
  headers: z
    .record(
      z.string().regex(/^[\w-]+$/, "wanted names of headers: letters, digits, dashes"),
      z.string().regex(/^[\t\u0020-\u007e\u0080-\u00ff]*$/, "wanted a value of one line, in Latin-1"),
    )
    .default({}),
  body: z.string().max(65_536).optional(),
  /** Statuses that are good: numbers and ranges. */
  status: z
    .string()
    .refine(
      (text) => statuses.test(text) && rangesOf(text).every(([from, to]) => from <= to),
      'wanted statuses such as "200-299, 304", the lower one of a range first',
    )
    .default("200-299"),
  contains: line.optional(),
  lacks: line.optional(),
  /** A path into a JSON answer, such as `$.database.state`. */
  json: line.pipe(textReadBy(pathIn)).optional(),
  /** What stands at `json`; without it anything but false, null, 0 and "" will do. */
  equals: z.union([z.string(), z.number(), z.boolean()], "wanted a text, a number, true or false").optional(),
  verify_tls: z.boolean().optional(),
  max_redirects: z.int().min(0).max(20).default(5),
  max_body: sizeBetween("1", "64MiB").optional(),
  guard: z.boolean().optional(),
  /** A certificate that ends sooner is a failure. */
  expires_within: durationBetween("0s", "365000d").optional(),
  record: z.enum(recordKinds).default("A"),
  /** For dns: one of the answers has to be this. */
  answer: line.optional(),
  /** For dns: whom to ask instead of the machine's own servers. */
  server: line.optional(),
  /** For heartbeat: a beat is expected this often, and missed only after the grace time. */
  every: durationBetween("1s", longest).optional(),
  grace: durationBetween("0s", longest).optional(),
  /** For heartbeat: what stands in its URL; made up and kept when absent. */
  id: z
    .string()
    .regex(/^[\w-]{16,100}$/, "wanted 16 to 100 letters, digits, dashes")
    .optional(),
});

/** A check as it stands in a file, read. */
export type CheckEntry = z.infer<typeof checkShape>;

/** What is taken where a check says nothing. */
export interface PlanDefaults {
  intervalMs: number;
  jitterMs: number;
  timeoutMs: number;
  failures: number;
  successes: number;
  verifyTls: boolean;
  maxBodyBytes: number;
  guard: boolean;
  expiresWithinMs: number;
}

/** A check with everything decided. */
export interface Plan {
  readonly name: string;
  readonly kind: CheckKind;
  readonly target: string;
  readonly prefix: string | undefined;
  /** Only the predecessor's six metrics, and none of ours beside them. */
  readonly onlyOriginal: boolean;
  readonly intervalMs: number;
  readonly jitterMs: number;
  readonly timeoutMs: number;
  readonly failures: number;
  readonly successes: number;
  readonly verifyTls: boolean;
  readonly maxBodyBytes: number;
  readonly guard: boolean;
  readonly expiresWithinMs: number;
  readonly everyMs: number;
  readonly graceMs: number;
  readonly entry: CheckEntry;
}

const dayMs = 86_400_000;

const asked = ["smoketest", "http", "tls", "tcp", "dns"] as const;
/** Keys that say something for these kinds only; elsewhere they would promise what nobody looks at. */
const kindsOf: Readonly<Partial<Record<keyof CheckEntry, readonly CheckKind[]>>> = {
  interval: asked,
  jitter: asked,
  timeout: asked,
  body: ["http", "smoketest"],
  contains: ["http"],
  lacks: ["http"],
  json: ["http"],
  equals: ["http"],
  max_body: ["http", "smoketest"],
  expires_within: ["tls"],
  answer: ["dns"],
  server: ["dns"],
  every: ["heartbeat"],
  grace: ["heartbeat"],
  id: ["heartbeat"],
};

/** Decides everything about a check. Throws SyntaxError that names the check. */
export function planOf(entry: CheckEntry, defaults: PlanDefaults, onlyOriginal = false): Plan {
  const fail = (reason: string): never => {
    throw new SyntaxError(`Cannot use check "${entry.name}": ${reason}`);
  };
  const target = entry.target ?? "";
  for (const [key, kinds] of Object.entries(kindsOf)) {
    if (Reflect.get(entry, key) !== undefined && !kinds.includes(entry.kind))
      fail(`${key} means nothing for kind ${entry.kind}, only for ${kinds.join(", ")}`);
  }
  if (entry.equals !== undefined && entry.json === undefined) fail("equals says what stands at json: wanted json, too");
  if (entry.body !== undefined && (entry.method === "GET" || entry.method === "HEAD"))
    fail(`method ${entry.method} sends no body: wanted POST or PUT`);
  if (entry.kind === "heartbeat") {
    if (target !== "") fail("a heartbeat has no target, it is sent to us");
  } else if (target === "") fail("wanted a target");
  if (entry.kind === "smoketest" || entry.kind === "http") {
    const parsed = URL.parse(target);
    if (!onlyOriginal && (parsed === null || !["http:", "https:"].includes(parsed.protocol)))
      fail("its target must be an http or https URL");
  }
  if (entry.kind === "tls" || entry.kind === "tcp") {
    try {
      parseAddress(target);
    } catch (thrown) {
      if (!(thrown instanceof SyntaxError || thrown instanceof RangeError)) throw thrown;
      fail('its target must be a host and a port, such as "db.example:5432"');
    }
  }
  if (entry.kind === "dns") {
    if (!/^[^\s/:@[\]]+$/.test(target)) fail('its target must be a name, such as "shop.example"');
    if (entry.server !== undefined && !isServer(entry.server))
      fail('its server must be an IP address, with a port or without, such as "192.0.2.53" or "[2001:db8::53]:53"');
  }
  const everyMs = entry.every ?? dayMs;
  return {
    name: entry.name,
    kind: entry.kind,
    target,
    prefix: entry.prefix,
    onlyOriginal,
    intervalMs: entry.interval ?? defaults.intervalMs,
    jitterMs: entry.jitter ?? defaults.jitterMs,
    timeoutMs: entry.timeout ?? defaults.timeoutMs,
    failures: entry.failures ?? (entry.kind === "heartbeat" ? 1 : defaults.failures),
    successes: entry.successes ?? (entry.kind === "heartbeat" ? 1 : defaults.successes),
    verifyTls: entry.verify_tls ?? defaults.verifyTls,
    maxBodyBytes: entry.max_body ?? defaults.maxBodyBytes,
    guard: entry.guard ?? defaults.guard,
    expiresWithinMs: entry.expires_within ?? defaults.expiresWithinMs,
    everyMs,
    graceMs: entry.grace ?? Math.min(3_600_000, Math.max(60_000, everyMs / 10)),
    entry,
  };
}

/** Whether a status is among those that `ranges` names, such as `200-299, 304`. */
export function statusIsGood(ranges: string, status: number): boolean {
  return rangesOf(ranges).some(([from, to]) => status >= from && status <= to);
}

function rangesOf(ranges: string): [from: number, to: number][] {
  return ranges.split(",").map((range) => {
    const [from = 0, to = from] = range.trim().split("-").map(Number);
    return [from, to];
  });
}

function isServer(text: string): boolean {
  if (isIP(text.replace(/^\[(.*)\]$/, "$1")) !== 0) return true;
  try {
    return isIP(parseAddress(text).host) !== 0;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return false;
    throw thrown;
  }
}
