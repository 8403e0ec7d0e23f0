/**
 * All proxies of the service together: opened and ended at once, checked, counted second by second, and told about. What a
 * single one does is in `proxy.ts`.
 */
import { isIP } from "node:net";

import type { Clock } from "../../kit/clock.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import type { Random } from "../../kit/random.ts";
import type { BreakerEvent, BreakerMode, Transition } from "./breaker.ts";
import { type Check, Checks } from "./checks.ts";
import type { Connection } from "./connection.ts";
import type { ProxyPlan } from "./plan.ts";
import { Proxy } from "./proxy.ts";
import { Rates } from "./rates.ts";
import type { Lookup } from "./resolver.ts";
import type { Upstream } from "./upstream.ts";

/** What the guard needs. */
export interface GuardParts {
  plans: readonly ProxyPlan[];
  clock: Clock;
  random: Random;
  lookup: Lookup;
  check: Check;
  happened(proxy: Proxy, upstream: Upstream, event: BreakerEvent, openMs: number): void;
  changed(proxy: Proxy, upstream: Upstream, transition: Transition): void;
  ejected(proxy: Proxy, upstream: Upstream): void;
  failed(thrown: unknown): void;
  log: Logger;
  ended?(proxy: Proxy, connection: Connection): void;
  /** May put stages into a connection before anything flows. */
  prepare?(proxy: Proxy, connection: Connection): void;
}

/** What is counted second by second. */
export type RateName = "accepted" | "refused" | "up" | "down";

/** A proxy with what stands round it. */
export interface Guarded {
  readonly proxy: Proxy;
  readonly checks: ReadonlyMap<Upstream, Checks>;
  readonly rates: Rates<RateName>;
}

const lookEveryMs = 1000;
/** One whose address is taken tries again as often. */
const listenAgainMs = 5000;

/** The proxies. */
export class Guard {
  readonly #guarded: Guarded[];
  readonly #clock: Clock;
  readonly #lookup: Lookup;
  #cancelLook: () => void = () => undefined;
  #cancelListen: () => void = () => undefined;
  #running: Promise<unknown> = Promise.resolve();
  #isStopped = false;
  /** Breaker events since the start. */
  events = 0;

  constructor(parts: GuardParts) {
    const { check, clock, prepare } = parts;
    this.#lookup = parts.lookup;
    this.#clock = clock;
    this.#guarded = parts.plans.map((plan) => {
      const proxy: Proxy = new Proxy({
        plan,
        clock,
        random: parts.random,
        lookup: parts.lookup,
        happened: (from, upstream, event, openMs) => {
          this.events++;
          parts.happened(from, upstream, event, openMs);
        },
        changed: parts.changed,
        ejected: parts.ejected,
        failed: parts.failed,
        log: parts.log,
        ...(parts.ended ? { ended: parts.ended } : {}),
        ...(prepare ? { prepare: (connection: Connection) => prepare(proxy, connection) } : {}),
      });
      const wanted = plan.check;
      const checks = new Map(
        wanted ? proxy.upstreams.map((upstream) => [upstream, new Checks(upstream, wanted, clock, check)]) : [],
      );
      const rates = new Rates<RateName>(() => countsOf(proxy), clock.monotonicMs());
      return { proxy, checks, rates };
    });
  }

  /** The proxies, in the order of the configuration. */
  get all(): readonly Guarded[] {
    return this.#guarded;
  }

  /**
   * Looks names up and listens. A proxy that cannot listen tries again later, unless `isStrict`: then it is a Fault, and so
   * is a name without an address where `mustResolve`.
   */
  async start({ isStrict, mustResolve }: { isStrict: boolean; mustResolve: boolean }): Promise<void> {
    await Promise.all(this.#guarded.map(({ proxy }) => proxy.resolve()));
    for (const { proxy } of this.#guarded) {
      if (isStrict) await mustBeLocal(proxy.plan.listen.host, this.#lookup);
      const lost = proxy.upstreams.find(({ resolver }) => resolver.addresses.length === 0);
      if (mustResolve && lost) {
        const reason = `${lost.plan.address.host}: ${lost.resolver.failure}`;
        throw new Fault("unavailable", "cbp/resolve", `cannot resolve remote address: ${reason}`);
      }
    }
    this.#listen(isStrict);
    if (this.#guarded.length === 0) return;
    this.#running = Promise.all(this.#guarded.flatMap(({ checks }) => [...checks.values()].map((each) => each.run())));
    this.#look();
  }

  /** The proxy of a name. Faults: `cbp/no-proxy` (missing). */
  get(name: string): Guarded {
    const found = this.#guarded.find(({ proxy }) => proxy.plan.name === name);
    if (!found)
      throw new Fault("missing", "cbp/no-proxy", `Cannot find the proxy "${name}": there is none of that name`);
    return found;
  }

  /** Puts the breakers of a proxy, or the one of an upstream, where somebody wants them. Faults: `cbp/no-upstream`. */
  force(name: string, upstreamName: string | undefined, mode: BreakerMode, who: string): void {
    const { proxy } = this.get(name);
    const found = proxy.upstreams.filter(({ plan }) => upstreamName === undefined || plan.name === upstreamName);
    if (found.length === 0)
      throw new Fault("missing", "cbp/no-upstream", `Cannot find "${upstreamName}": "${name}" has no such upstream`);
    for (const { breaker } of found) breaker.force(mode, who);
  }

  /** Takes no more connections; resolves when all are over, or were cut after `drainMs`. */
  async stop(drainMs: number): Promise<void> {
    this.#isStopped = true;
    this.#cancelLook();
    this.#cancelListen();
    for (const { checks } of this.#guarded) for (const each of checks.values()) each.stop();
    await Promise.all(this.#guarded.map(({ proxy }) => proxy.stop(drainMs)));
    await this.#running;
  }

  #listen(isStrict: boolean): void {
    let isMissing = false;
    for (const { proxy } of this.#guarded) {
      if (proxy.isDraining) continue;
      try {
        proxy.listen();
      } catch (thrown) {
        if (isStrict || !(thrown instanceof Fault)) throw thrown;
        isMissing = true;
      }
    }
    if (isMissing && !this.#isStopped)
      this.#cancelListen = this.#clock.schedule(listenAgainMs, () => this.#listen(false));
  }

  #look(): void {
    this.#cancelLook = this.#clock.schedule(lookEveryMs, () => {
      const nowMs = this.#clock.monotonicMs();
      for (const { rates } of this.#guarded) rates.look(nowMs);
      this.#look();
    });
  }
}

async function mustBeLocal(host: string, lookup: Lookup): Promise<void> {
  if (isIP(host) !== 0) return;
  try {
    await lookup(host);
  } catch (thrown) {
    const message = `cannot resolve local address: ${host}: ${reasonOf(thrown)}`;
    throw new Fault("unavailable", "cbp/resolve", message, { cause: thrown });
  }
}

/** Endings of connections that were not served. */
export const refusedEndings = [
  "dial-failed",
  "open",
  "full",
  "rate",
  "client-rate",
  "client-connections",
  "own-limit",
] as const;

/** How many connections were told no. */
export function refusedOf({ counts }: Proxy): number {
  return refusedEndings.reduce((sum, ending) => sum + (counts.endings.get(ending) ?? 0), 0);
}

function countsOf(proxy: Proxy): Record<RateName, number> {
  return { accepted: proxy.counts.accepted, refused: refusedOf(proxy), ...proxy.bytes() };
}
