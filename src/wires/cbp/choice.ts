/**
 * Which upstream a connection goes to: among those whose breaker lets it through, that are not full, not put aside and not
 * tried already. Fallbacks only when none of the others can; those put aside before nobody. Pure.
 */
import { Ring } from "../../lib/ring/ring.ts";
import type { Ticket } from "./breaker.ts";
import type { Balance } from "./plan.ts";
import type { Upstream } from "./upstream.ts";

/** Where to, and the right to try it; or what stands against it. */
export type Choice = { readonly upstream: Upstream; readonly ticket: Ticket } | "open" | "full";

/** Chooses among the upstreams of a proxy. */
export class Chooser {
  readonly #upstreams: readonly Upstream[];
  readonly #balance: Balance;
  readonly #byName: ReadonlyMap<string, Upstream>;
  readonly #ring: Ring;
  #turn = 0;

  constructor(upstreams: readonly Upstream[], balance: Balance) {
    this.#upstreams = upstreams;
    this.#balance = balance;
    this.#byName = new Map(upstreams.map((upstream) => [upstream.plan.name, upstream]));
    this.#ring = new Ring(this.#byName.keys());
  }

  /** Picks one for a client at `address`, none of those in `tried`. */
  choose(address: string, tried?: readonly Upstream[]): Choice {
    const only = this.#upstreams.length === 1 ? this.#upstreams[0] : undefined;
    if (only !== undefined) {
      if (tried !== undefined && tried.length > 0) return "open";
      if (only.isFull) return "full";
      const ticket = only.breaker.ask();
      return ticket ? { upstream: only, ticket } : "open";
    }
    const order = this.#ordered(address);
    let isFull = false;
    for (const wanted of [
      (upstream: Upstream) => !upstream.plan.isFallback && !upstream.isEjected,
      (upstream: Upstream) => upstream.plan.isFallback && !upstream.isEjected,
      // All that could take it were put aside: an upstream that fails at times is better than none.
      (upstream: Upstream) => upstream.isEjected,
    ]) {
      for (const upstream of order) {
        if (!wanted(upstream) || tried?.includes(upstream) || !upstream.breaker.isOpenToUsers) continue;
        if (upstream.isFull) {
          isFull = true;
          continue;
        }
        const ticket = upstream.breaker.ask();
        if (ticket) return { upstream, ticket };
      }
    }
    return isFull ? "full" : "open";
  }

  #ordered(address: string): readonly Upstream[] {
    if (this.#balance === "first") return this.#upstreams;
    if (this.#balance === "hash") {
      const digest = new Bun.CryptoHasher("sha1").update(address).digest("hex");
      return this.#ring.order(digest).flatMap((name) => this.#byName.get(name) ?? []);
    }
    // Those with as many connections take turns.
    const from = this.#turn++ % this.#upstreams.length;
    const turned = [...this.#upstreams.slice(from), ...this.#upstreams.slice(0, from)];
    return turned.sort((one, other) => one.active - other.active);
  }
}

/**
 * Puts aside whoever has failed too often in a row, unless that would leave less than half of the upstreams. Gives
 * whether it did.
 */
export function ejectOutlier(upstreams: readonly Upstream[], failing: Upstream, after: number): boolean {
  if (after === 0 || upstreams.length < 2 || failing.isEjected || failing.failuresInRow < after) return false;
  const aside = upstreams.filter(({ isEjected }) => isEjected).length;
  if ((aside + 1) * 2 > upstreams.length) return false;
  failing.eject();
  return true;
}
