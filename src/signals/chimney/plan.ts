/**
 * What a check is: a name, a kind, a target, and how its outcome is judged. The shape is what stands in the
 * configuration; reading it gives a Plan with every default filled in, or a sentence that says what is wrong with which
 * check. Leaves out how it is asked (probe*.ts) and what became of it (standing.ts).
 */
import { z } from "zod";

import { parseAddress } from "../../kit/config/address.ts";
import { parseDuration, parseSize } from "../../kit/config/units.ts";

/** The kinds of checks there are. */
export const checkKinds = ["smoketest", "http", "tls", "tcp", "dns", "heartbeat"] as const;
/** One of {@link checkKinds}. */
export type CheckKind = (typeof checkKinds)[number];
/** Kinds of DNS records that can be asked for. */
export const recordKinds = ["A", "AAAA", "CNAME", "MX", "NS", "TXT"] as const;

const duration = z.string().transform((text, context) => attempt(() => parseDuration(text), context));
const size = z
  .union([z.string(), z.number()])
  .transform((raw, context) => attempt(() => parseSize(String(raw)), context));
const line = z.string().min(1).max(2000);

function attempt<T>(read: () => T, context: z.RefinementCtx): T {
  try {
    return read();
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError || thrown instanceof RangeError)) throw thrown;
    context.addIssue(thrown.message);
    return z.NEVER;
  }
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
  interval: duration.optional(),
  jitter: duration.optional(),
  timeout: duration.optional(),
  /** So many failures in a row make it down. */
  failures: z.int().min(1).max(1000).optional(),
  /** So many successes in a row make it up again. */
  successes: z.int().min(1).max(1000).optional(),
  method: z.enum(["GET", "HEAD", "POST", "PUT", "OPTIONS"]).default("GET"),
  headers: z.record(z.string().regex(/^[\w-]+$/), z.string().regex(/^[^\r\n\0]*$/)).default({}),
  body: z.string().max(65_536).optional(),
  /** Statuses that are good: numbers and ranges. */
  status: z
    .string()
    .regex(/^\d{3}(?:-\d{3})?(?:, ?\d{3}(?:-\d{3})?)*$/, 'wanted statuses such as "200-299, 304"')
    .default("200-299"),
  contains: line.optional(),
  lacks: line.optional(),
  /** A path into a JSON answer, such as `$.database.state`. */
  json: line.optional(),
  /** What stands at `json`; without it anything but false, null, 0 and "" will do. */
  equals: z.union([z.string(), z.number(), z.boolean()]).optional(),
  verify_tls: z.boolean().optional(),
  max_redirects: z.int().min(0).max(20).default(5),
  max_body: size.optional(),
  guard: z.boolean().optional(),
  /** A certificate that ends sooner is a failure. */
  expires_within: duration.optional(),
  record: z.enum(recordKinds).default("A"),
  /** For dns: one of the answers has to be this. */
  answer: line.optional(),
  /** For dns: whom to ask instead of the machine's own servers. */
  server: line.optional(),
  /** For heartbeat: a beat is expected this often, and missed only after the grace time. */
  every: duration.optional(),
  grace: duration.optional(),
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

/** Decides everything about a check. Throws SyntaxError that names the check. */
export function planOf(entry: CheckEntry, defaults: PlanDefaults, onlyOriginal = false): Plan {
  const fail = (reason: string): never => {
    throw new SyntaxError(`Cannot use check "${entry.name}": ${reason}`);
  };
  const target = entry.target ?? "";
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
  const everyMs = entry.every ?? dayMs;
  return {
    name: entry.name,
    kind: entry.kind,
    target,
    prefix: entry.prefix,
    onlyOriginal,
    intervalMs: Math.max(1000, entry.interval ?? defaults.intervalMs),
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
  return ranges.split(",").some((range) => {
    const [from = 0, to = from] = range.trim().split("-").map(Number);
    return status >= from && status <= to;
  });
}
