/**
 * Checks of an upstream by ourselves. While its breaker is closed they can open it before a user meets the failure; while
 * it is half-open they are the probes, so that no user has to be. An open breaker is left alone until its delay has
 * passed.
 */
import { connect } from "node:net";

import { type Clock, sleep } from "../../kit/clock.ts";
import { formatAddress } from "../../kit/config/address.ts";
import { reasonOf } from "../../kit/fault.ts";
import { addressesMax } from "./dialler.ts";
import type { CheckPlan } from "./plan.ts";
import { Origination } from "./tls/origination.ts";
import type { Upstream } from "./upstream.ts";

/** Asks an upstream once; resolves to why it is not well, or to nothing. Never rejects. */
export type Check = (upstream: Upstream, plan: CheckPlan) => Promise<string | undefined>;

/** The checks of one upstream. */
export class Checks {
  /** Why the newest failed; empty when it did not. */
  failure = "";
  /** When the newest ended, epoch ms; undefined before the first. */
  lastAt: number | undefined;
  readonly #upstream: Upstream;
  readonly #plan: CheckPlan;
  readonly #clock: Clock;
  readonly #check: Check;
  readonly #stopping = new AbortController();
  #failuresInRow = 0;

  constructor(upstream: Upstream, plan: CheckPlan, clock: Clock, check: Check) {
    this.#upstream = upstream;
    this.#plan = plan;
    this.#clock = clock;
    this.#check = check;
  }

  /** Checks from now on until {@link stop}. */
  async run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const waitMs = await this.step();
      await sleep(this.#clock, waitMs, this.#stopping.signal);
    }
  }

  /** Checks once, if there is something to check now; how long to wait for the next. */
  async step(): Promise<number> {
    const { breaker } = this.#upstream;
    const { state } = breaker;
    const { everyMs, fall } = this.#plan;
    if (state === "open") return Math.max(1, Math.min(everyMs, breaker.view().retryInMs));
    const probe = state === "half-open" ? breaker.ask("check") : undefined;
    if (state === "half-open" && probe === undefined) return Math.min(everyMs, 100);
    const failure = await this.#check(this.#upstream, this.#plan);
    this.lastAt = this.#clock.now();
    this.failure = failure ?? "";
    this.#failuresInRow = failure === undefined ? 0 : this.#failuresInRow + 1;
    if (probe !== undefined) {
      this.#upstream.report(probe, failure === undefined ? "success" : "refused");
      return breaker.state === "half-open" ? Math.min(everyMs, 100) : 1;
    }
    if (this.#failuresInRow >= fall) {
      this.#failuresInRow = 0;
      breaker.trip(`${fall} checks failed, the last: ${failure}`);
      return 1;
    }
    return everyMs;
  }

  /** Checks no more. */
  stop(): void {
    this.#stopping.abort();
  }
}

/** Checks over the network: a GET where there is a path, else a connection. */
export function networkCheck(clock: Clock): Check {
  return (upstream, plan) =>
    plan.httpPath === undefined ? checkTcp(upstream, plan, clock) : checkHttp(upstream, plan, plan.httpPath, clock);
}

async function checkHttp(upstream: Upstream, plan: CheckPlan, path: string, clock: Clock): Promise<string | undefined> {
  const { address } = upstream.plan;
  try {
    const { ALPNProtocols: _, ...tls } = plan.tls
      ? new Origination(plan.tls, clock).optionsFor(address.host, undefined)
      : {};
    const answer = await fetch(`${plan.tls ? "https" : "http"}://${formatAddress(address)}${path}`, {
      ...(plan.tls ? { tls } : {}),
      redirect: "manual",
      signal: AbortSignal.timeout(plan.timeoutMs),
      headers: { Connection: "close", "User-Agent": "warren-cbp" },
    });
    await answer.body?.cancel();
    return answer.status >= 200 && answer.status < 400 ? undefined : `it answered ${answer.status}`;
  } catch (thrown) {
    return reasonOf(thrown);
  }
}

/** As a dial does: an upstream is well that can be reached at one of its addresses. */
async function checkTcp(upstream: Upstream, plan: CheckPlan, clock: Clock): Promise<string | undefined> {
  const { plan: at, resolver } = upstream;
  const tries = Math.min(resolver.addresses.length, addressesMax);
  let failure: string | undefined = resolver.failure;
  for (let count = 0; count < tries; count++) {
    const host = resolver.next() ?? "";
    failure = await connects(host, at.address.port, plan.timeoutMs, clock);
    if (failure === undefined) {
      resolver.worked(host);
      break;
    }
    resolver.failed(host);
  }
  return failure;
}

function connects(host: string, port: number, timeoutMs: number, clock: Clock): Promise<string | undefined> {
  return new Promise((resolve) => {
    // A stream, as the runtime's bare sockets cannot be closed before they are open.
    const socket = connect({ host, port });
    const end = (failure: string | undefined) => {
      cancel();
      socket.destroy();
      resolve(failure);
    };
    const cancel = clock.schedule(timeoutMs, () => end("it did not take the connection in time"));
    socket.on("error", (failure) => end(reasonOf(failure)));
    socket.on("connect", () => end(undefined));
  });
}
