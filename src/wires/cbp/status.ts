/** What there is to see of the proxies, as plain values: for programs, for the page, and for the predecessor's readers. */
import type { Clock } from "../../kit/clock.ts";
import { formatAddress } from "../../kit/config/address.ts";
import type { BreakerView } from "./breaker.ts";
import type { Guard, Guarded } from "./guard.ts";
import { refusedOf } from "./guard.ts";
import type { Latency } from "./latency.ts";
import type { Upstream } from "./upstream.ts";

/** Durations in ms below which half, 95 and 99 of a hundred lie. */
export type Percentiles = readonly [p50: number, p95: number, p99: number];

/** An upstream as it stands. */
export interface UpstreamStatus extends BreakerView {
  readonly name: string;
  readonly address: string;
  /** What its name was found to be. */
  readonly addresses: readonly string[];
  readonly lookupFailure: string;
  readonly isFallback: boolean;
  readonly isEjected: boolean;
  readonly ejections: number;
  readonly active: number;
  readonly dials: number;
  readonly failed: number;
  readonly failuresBy: Readonly<Record<string, number>>;
  readonly connectMs: Percentiles | null;
  readonly firstByteMs: Percentiles | null;
  readonly check: { readonly lastAt: number | null; readonly failure: string } | null;
}

/** A proxy as it stands. */
export interface ProxyStatus {
  readonly name: string;
  readonly listen: string;
  readonly isListening: boolean;
  readonly isDraining: boolean;
  readonly failure: string;
  readonly balance: string;
  readonly connections: number;
  readonly queued: number;
  readonly maxConnections: number;
  readonly accepted: number;
  readonly refused: number;
  readonly upBytes: number;
  readonly downBytes: number;
  readonly endings: Readonly<Record<string, number>>;
  readonly ownFailures: number;
  readonly upstreams: readonly UpstreamStatus[];
}

/** A proxy's status. */
export function proxyStatus({ checks, proxy }: Guarded, clock: Clock): ProxyStatus {
  const bytes = proxy.bytes();
  return {
    name: proxy.plan.name,
    listen: proxy.address,
    isListening: proxy.isListening,
    isDraining: proxy.isDraining,
    failure: proxy.failure,
    balance: proxy.plan.balance,
    connections: proxy.active.served,
    queued: proxy.active.queued,
    maxConnections: proxy.plan.maxConnections,
    accepted: proxy.counts.accepted,
    refused: refusedOf(proxy),
    upBytes: bytes.up,
    downBytes: bytes.down,
    endings: Object.fromEntries(proxy.counts.endings),
    ownFailures: proxy.ownFailures,
    upstreams: proxy.upstreams.map((upstream) => {
      const check = checks.get(upstream);
      const newest = check && { lastAt: check.lastAt ?? null, failure: check.failure };
      return { ...upstreamStatus(upstream, clock), check: newest ?? null };
    }),
  };
}

function upstreamStatus(upstream: Upstream, clock: Clock): Omit<UpstreamStatus, "check"> {
  const { breaker, plan, resolver } = upstream;
  const nowMs = clock.monotonicMs();
  const view = breaker.view();
  return {
    ...view,
    retryInMs: Math.ceil(view.retryInMs),
    name: plan.name,
    address: formatAddress(plan.address),
    addresses: resolver.addresses,
    lookupFailure: resolver.failure,
    isFallback: plan.isFallback,
    isEjected: upstream.isEjected,
    ejections: upstream.ejections,
    active: upstream.active,
    dials: upstream.dials,
    failed: upstream.failures,
    failuresBy: Object.fromEntries(upstream.failuresBy),
    connectMs: percentilesOf(upstream.connecting, nowMs),
    firstByteMs: percentilesOf(upstream.firstByte, nowMs),
  };
}

function percentilesOf(latency: Latency, nowMs: number): Percentiles | null {
  const [p50, p95, p99] = latency.percentiles(nowMs, [0.5, 0.95, 0.99]) ?? [];
  const rounded = (ms: number) => Number(ms.toPrecision(3));
  return p50 === undefined || p95 === undefined || p99 === undefined
    ? null
    : [rounded(p50), rounded(p95), rounded(p99)];
}

/**
 * The predecessor's figures, as its `/debug/vars` gave them. It had one proxy with one upstream; of several, `state` is that
 * of the first, and `proxies` has them all.
 */
export function debugVars(guard: Guard, commandLine: readonly string[]): Record<string, unknown> {
  const states = guard.all.map(({ proxy }) => [proxy.plan.name, proxy.upstreams[0]?.breaker.event ?? "ready"] as const);
  const { heapTotal, heapUsed, rss } = process.memoryUsage();
  return {
    cmdline: commandLine,
    connections: guard.all.reduce((sum, { proxy }) => sum + proxy.counts.accepted, 0),
    events: guard.events,
    memstats: { Alloc: heapUsed, HeapAlloc: heapUsed, HeapSys: heapTotal, Sys: rss },
    state: states[0]?.[1] ?? "ready",
    ...(states.length > 1 ? { proxies: Object.fromEntries(states) } : {}),
  };
}
