/**
 * What is wanted of one proxy, as the configuration says it: a table with a name, where to listen, upstreams, and what
 * differs from the section's own numbers. Reading is pure; it throws SyntaxError with the place and the wanted form.
 */
import { z } from "zod";

import { type Address, formatAddress, parseAddress } from "../../kit/config/address.ts";
import { parseDuration } from "../../kit/config/units.ts";
import { type BreakerSettings, failureKinds } from "./breaker.ts";
import type { LimitSettings } from "./limits.ts";
import { problemsOf } from "./plan-problem.ts";
import { type EdgePlan, edgeOf, edgeShape, type OriginationPlan } from "./tls/edge-plan.ts";

/** How an upstream is picked among those that may be tried. */
export const balances = ["least-connections", "hash", "first"] as const;
/** One of {@link balances}. */
export type Balance = (typeof balances)[number];

/** How a client is told that there is nothing for it. */
export const refusals = ["reset", "close", "http-503"] as const;

/** An upstream as it is wanted. */
export interface UpstreamPlan {
  readonly name: string;
  readonly address: Address;
  /** Taken only when no other may be tried. */
  readonly isFallback: boolean;
  /** 0 is no limit. */
  readonly maxConnections: number;
}

/** Checks of an upstream by ourselves. */
export interface CheckPlan {
  readonly everyMs: number;
  readonly timeoutMs: number;
  /** With a path: a GET has to be answered with 2xx or 3xx. Without: it has to take a connection. */
  readonly httpPath: string | undefined;
  /** So many failures in a row open the breaker; so many successes in a row are needed to try. */
  readonly fall: number;
  /** With it, the GET is over TLS. */
  readonly tls?: OriginationPlan | undefined;
}

/** Everything about one proxy. */
export interface ProxyPlan extends LimitSettings {
  readonly name: string;
  readonly listen: Address;
  readonly upstreams: readonly UpstreamPlan[];
  readonly balance: Balance;
  readonly breaker: BreakerSettings;
  readonly check: CheckPlan | undefined;
  readonly refusal: (typeof refusals)[number] | { readonly bytes: Uint8Array };
  readonly maxConnections: number;
  readonly queue: number;
  readonly queueMs: number;
  readonly dialMs: number;
  readonly slowConnectMs: number;
  readonly firstByteMs: number;
  readonly idleMs: number;
  readonly keepAliveMs: number;
  readonly healthyBytes: number;
  readonly healthyMs: number;
  readonly resolveMs: number;
  /** Failures in a row that put an upstream aside while others do better; 0 for never. */
  readonly ejectAfter: number;
  readonly ejectMs: number;
  /** TLS and PROXY headers. */
  readonly edge: EdgePlan;
}

/** What a table may leave out. */
export type ProxyDefaults = Omit<ProxyPlan, "name" | "listen" | "upstreams">;

/** A duration, in the bounds that the option of the section has that it stands for. */
const duration = (least = "0s", most = "365d") =>
  z.string({ error: 'wanted a duration such as "30s"' }).transform((text, context) => {
    try {
      const ms = parseDuration(text);
      if (ms >= parseDuration(least) && ms <= parseDuration(most)) return ms;
      context.addIssue(`Cannot use "${text}": wanted ${least} to ${most}`);
    } catch (thrown) {
      if (!(thrown instanceof SyntaxError)) throw thrown;
      context.addIssue(thrown.message);
    }
    return z.NEVER;
  });
const address = z.string({ error: 'wanted an address such as "127.0.0.1:4100"' }).transform((text, context) => {
  try {
    return parseAddress(text);
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    context.addIssue(thrown.message);
    return z.NEVER;
  }
});
const count = z.number().int().min(0);
const above = z.number().int().min(1).max(1_000_000);

const upstreamShape = z.union([
  address.transform((at) => ({ address: at, name: undefined, fallback: false, max_connections: 0 })),
  z.strictObject({
    address,
    name: z.string().min(1).max(64).optional(),
    fallback: z.boolean().default(false),
    max_connections: count.default(0),
  }),
]);

const tableShape = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$/, "wanted letters, digits, dashes and underscores, 64 at most"),
  listen: address,
  upstreams: z.array(upstreamShape).min(1).max(256),
  balance: z.enum(balances).optional(),
  refuse_with: z.string().max(65_536).optional(),
  failure_ratio: z.number().min(0).max(1).optional(),
  min_samples: above.optional(),
  window: duration("1ms", "1d").optional(),
  window_buckets: z.number().int().min(1).max(1000).optional(),
  failures: z.array(z.enum(failureKinds)).optional(),
  backoff: duration("1ms", "1d").optional(),
  backoff_factor: z.number().min(1).max(100).optional(),
  backoff_max: duration("1ms", "1d").optional(),
  probes: above.optional(),
  probe_successes: above.optional(),
  ramp: duration("0s", "1d").optional(),
  users_probe: z.boolean().optional(),
  check: duration("0s", "1d").optional(),
  check_timeout: duration("1ms", "1d").optional(),
  check_path: z
    .string()
    .regex(/^\/[^\s]*$/, "wanted a path such as /healthz")
    .optional(),
  check_fall: above.optional(),
  max_connections: count.optional(),
  max_per_client: count.optional(),
  rate: count.optional(),
  rate_per_client: count.optional(),
  queue: count.max(1_000_000).optional(),
  queue_wait: duration("1ms", "1h").optional(),
  dial: duration("1ms", "2m").optional(),
  slow_connect: duration("0s", "2m").optional(),
  first_byte: duration("0s", "1d").optional(),
  idle: duration().optional(),
  keep_alive: duration("0s", "1d").optional(),
  healthy_bytes: above.optional(),
  healthy: duration("0s", "1d").optional(),
  resolve: duration("1s", "30d").optional(),
  eject_after: count.optional(),
  eject: duration("0s", "30d").optional(),
  ...edgeShape,
});

const keys = Object.keys(tableShape.shape);

/** Tables that cannot be used: everything that is wrong with them, a sentence each. */
export class PlanError extends SyntaxError {
  override name = "PlanError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("; "));
    this.problems = problems;
  }
}

/** The plans in a list of tables. Throws {@link PlanError} with all that cannot be, or that stands twice. */
export function plansIn(tables: readonly unknown[], defaults: ProxyDefaults): ProxyPlan[] {
  const names = new Set<string>();
  const places = new Set<string>();
  const problems: string[] = [];
  const plans = tables.flatMap((table, position) => {
    const read = tableShape.safeParse(table);
    if (!read.success) {
      const place = `proxies: number ${position + 1} cannot be used`;
      for (const problem of problemsOf(read.error.issues, table, keys)) problems.push(`${place}: ${problem}`);
      return [];
    }
    const { listen, name } = read.data;
    const place = formatAddress(listen);
    if (names.has(name)) problems.push(`proxies: "${name}" stands twice: wanted a name for each`);
    if (listen.port !== 0 && places.has(place))
      problems.push(`proxies: "${name}" listens on ${place} like another: wanted an address for each`);
    names.add(name);
    places.add(place);
    try {
      const plan = planOf(read.data, defaults);
      checkPlan(plan);
      return [plan];
    } catch (thrown) {
      if (!(thrown instanceof SyntaxError)) throw thrown;
      problems.push(thrown.message);
      return [];
    }
  });
  if (problems.length > 0) throw new PlanError(problems);
  return plans;
}

/** Throws SyntaxError for numbers that do not go together. */
export function checkPlan(plan: ProxyPlan): void {
  const fail = (what: string): never => {
    throw new SyntaxError(`proxies: "${plan.name}": ${what}`);
  };
  if (!plan.breaker.usersProbe && plan.check === undefined)
    fail("users_probe = false needs check, or nobody would ever probe");
  if (plan.check && plan.check.everyMs < 10) fail("check: wanted 10ms or more, or 0s for none");
  if (plan.check?.httpPath !== undefined && plan.edge.sendHeader)
    fail("check_path sends no PROXY header, which send_proxy has the upstream wait for: wanted check alone");
  const itself = plan.upstreams.find(({ address }) => leadsTo(address, plan.listen));
  if (itself) fail(`upstream ${itself.name} is where it listens itself: each connection would make another`);
  if (plan.upstreams.every(({ isFallback }) => isFallback)) fail("wanted an upstream that is no fallback");
  const names = new Set(plan.upstreams.map(({ name }) => name));
  if (names.size < plan.upstreams.length) fail("two upstreams have the same name");
}

const everywhere = new Set(["0.0.0.0", "::"]);
const thisMachine = new Set(["127.0.0.1", "::1", "localhost"]);

function leadsTo(address: Address, listen: Address): boolean {
  if (address.port !== listen.port) return false;
  if (thisMachine.has(address.host) && everywhere.has(listen.host)) return true;
  return address.host === listen.host;
}

function planOf(table: z.infer<typeof tableShape>, defaults: ProxyDefaults): ProxyPlan {
  const { breaker } = defaults;
  const edge = edgeOf(table, table.name);
  const everyMs = table.check ?? (table.check_path === undefined ? undefined : 5000) ?? defaults.check?.everyMs;
  return {
    name: table.name,
    listen: table.listen,
    upstreams: table.upstreams.map((upstream) => ({
      name: upstream.name ?? formatAddress(upstream.address),
      address: upstream.address,
      isFallback: upstream.fallback,
      maxConnections: upstream.max_connections,
    })),
    balance: table.balance ?? defaults.balance,
    breaker: {
      failureRatio: table.failure_ratio ?? breaker.failureRatio,
      minSamples: table.min_samples ?? breaker.minSamples,
      windowMs: table.window ?? breaker.windowMs,
      windowBuckets: table.window_buckets ?? breaker.windowBuckets,
      failures: table.failures ?? breaker.failures,
      backoffMs: table.backoff ?? breaker.backoffMs,
      backoffFactor: table.backoff_factor ?? breaker.backoffFactor,
      backoffMaxMs: table.backoff_max ?? breaker.backoffMaxMs,
      backoffJitter: breaker.backoffJitter,
      probes: table.probes ?? breaker.probes,
      probeSuccesses: table.probe_successes ?? breaker.probeSuccesses,
      probeExpiryMs: breaker.probeExpiryMs,
      rampMs: table.ramp ?? breaker.rampMs,
      // Where checks can probe, no user has to.
      usersProbe: table.users_probe ?? (everyMs === undefined || everyMs === 0),
    },
    check:
      everyMs === undefined || everyMs === 0
        ? undefined
        : {
            everyMs,
            timeoutMs: table.check_timeout ?? defaults.check?.timeoutMs ?? Math.min(everyMs, 2000),
            httpPath: table.check_path ?? defaults.check?.httpPath,
            fall: table.check_fall ?? defaults.check?.fall ?? 3,
            tls: edge.upstreamTls,
          },
    refusal: table.refuse_with === undefined ? defaults.refusal : refusalOf(table.refuse_with),
    maxConnections: table.max_connections ?? defaults.maxConnections,
    maxPerClient: table.max_per_client ?? defaults.maxPerClient,
    rate: table.rate ?? defaults.rate,
    ratePerClient: table.rate_per_client ?? defaults.ratePerClient,
    queue: table.queue ?? defaults.queue,
    queueMs: table.queue_wait ?? defaults.queueMs,
    dialMs: table.dial ?? defaults.dialMs,
    slowConnectMs: table.slow_connect ?? defaults.slowConnectMs,
    firstByteMs: table.first_byte ?? defaults.firstByteMs,
    idleMs: table.idle ?? defaults.idleMs,
    keepAliveMs: table.keep_alive ?? defaults.keepAliveMs,
    healthyBytes: table.healthy_bytes ?? defaults.healthyBytes,
    healthyMs: table.healthy ?? defaults.healthyMs,
    resolveMs: table.resolve ?? defaults.resolveMs,
    ejectAfter: table.eject_after ?? defaults.ejectAfter,
    ejectMs: table.eject ?? defaults.ejectMs,
    edge,
  };
}

/** `reset`, `close`, `http-503`, or any other text as the bytes to answer with before closing. */
export function refusalOf(text: string): ProxyPlan["refusal"] {
  return refusals.find((word) => word === text) ?? { bytes: new TextEncoder().encode(text) };
}
