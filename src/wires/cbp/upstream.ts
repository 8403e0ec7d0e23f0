/**
 * One upstream of a proxy: its breaker, where it is, what it carries, and whether it was put aside because it fails while
 * others do not. Knows no socket.
 */
import type { Clock } from "../../kit/clock.ts";
import type { Random } from "../../kit/random.ts";
import { Breaker, type BreakerEvent, type Result, type Ticket, type Transition } from "./breaker.ts";
import { Latency } from "./latency.ts";
import type { ProxyPlan, UpstreamPlan } from "./plan.ts";
import { type Lookup, Resolver } from "./resolver.ts";

/** What an upstream needs. */
export interface UpstreamParts {
  plan: ProxyPlan;
  own: UpstreamPlan;
  clock: Clock;
  random: Random;
  lookup: Lookup;
  happened(upstream: Upstream, event: BreakerEvent, openMs: number): void;
  changed(upstream: Upstream, transition: Transition): void;
}

/** The longest time that an upstream is put aside, in multiples of the first. */
const ejectionsMax = 10;

/** An upstream. */
export class Upstream {
  readonly plan: UpstreamPlan;
  readonly breaker: Breaker;
  readonly resolver: Resolver;
  readonly connecting: Latency;
  readonly firstByte: Latency;
  /** Connections and dials at this moment. */
  active = 0;
  /** Tries so far. */
  dials = 0;
  /** When it was dialed for the first time since it last answered a dial, in whatever way, monotonic ms; 0 for not since. */
  silentSinceMs = 0;
  failures = 0;
  /** How many times it was put aside. */
  ejections = 0;
  readonly failuresBy = new Map<string, number>();
  readonly #clock: Clock;
  readonly #ejectMs: number;
  #failuresInRow = 0;
  #ejectedUntilMs = Number.NEGATIVE_INFINITY;
  #ejectionsInRow = 0;

  constructor(parts: UpstreamParts) {
    const { clock, own, plan, random } = parts;
    this.plan = own;
    this.#clock = clock;
    this.#ejectMs = plan.ejectMs;
    this.breaker = new Breaker({
      settings: plan.breaker,
      clock,
      random,
      happened: (event, openMs) => parts.happened(this, event, openMs),
      changed: (transition) => parts.changed(this, transition),
    });
    this.resolver = new Resolver(own.address.host, parts.lookup, clock);
    this.connecting = new Latency(clock.monotonicMs());
    this.firstByte = new Latency(clock.monotonicMs());
  }

  /** Whether it is put aside for now. */
  get isEjected(): boolean {
    return this.#clock.monotonicMs() < this.#ejectedUntilMs;
  }

  /** Whether it carries all that it may. */
  get isFull(): boolean {
    return this.plan.maxConnections > 0 && this.active >= this.plan.maxConnections;
  }

  /** Failures of any kind since the last success. */
  get failuresInRow(): number {
    return this.#failuresInRow;
  }

  /** How a try ended. */
  report(ticket: Ticket, result: Result): void {
    if (result === "success") {
      this.#failuresInRow = 0;
      if (this.#ejectionsInRow > 0 && !this.isEjected) this.#ejectionsInRow = 0;
    } else if (result !== "void") {
      this.failures++;
      this.#failuresInRow++;
      this.failuresBy.set(result, (this.failuresBy.get(result) ?? 0) + 1);
    }
    this.breaker.report(ticket, result);
  }

  /** Puts it aside, each time in a row for longer. */
  eject(): void {
    this.#ejectionsInRow = Math.min(this.#ejectionsInRow + 1, ejectionsMax);
    this.ejections++;
    this.#failuresInRow = 0;
    this.#ejectedUntilMs = this.#clock.monotonicMs() + this.#ejectMs * this.#ejectionsInRow;
  }
}
