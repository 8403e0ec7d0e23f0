/**
 * Where a name is: looked up at the start and again and again, so that an upstream that moved is found without a restart.
 * A look-up that fails changes nothing while there are addresses from before. Numbers are never looked up.
 */
import { isIP } from "node:net";

import type { Clock } from "../../kit/clock.ts";
import { reasonOf } from "../../kit/fault.ts";

/** Looks a name up: its addresses in the order of preference. Throws when there is none. */
export type Lookup = (host: string) => Promise<readonly string[]>;

/** Look-ups of one name. */
export class Resolver {
  readonly #host: string;
  readonly #lookup: Lookup;
  readonly #clock: Pick<Clock, "schedule">;
  #addresses: readonly string[];
  #turn = 0;
  #failure = "";
  #isStopped = false;
  #cancel: () => void = () => undefined;

  constructor(host: string, lookup: Lookup, clock: Pick<Clock, "schedule">) {
    this.#host = host;
    this.#lookup = lookup;
    this.#clock = clock;
    this.#addresses = isIP(host) === 0 ? [] : [host];
  }

  /** All that are known. */
  get addresses(): readonly string[] {
    return this.#addresses;
  }

  /** Why the newest look-up gave nothing; empty when it gave something. */
  get failure(): string {
    return this.#failure;
  }

  /** The next address in turn; undefined while none is known. */
  next(): string | undefined {
    return this.#addresses.length < 2 ? this.#addresses[0] : this.#addresses[this.#turn++ % this.#addresses.length];
  }

  /** Looks up now, and then every `everyMs` until stopped. Never throws; see {@link failure}. */
  async start(everyMs: number): Promise<void> {
    if (isIP(this.#host) !== 0) return;
    try {
      const found = await this.#lookup(this.#host);
      if (found.length > 0) {
        this.#addresses = found;
        this.#failure = "";
      } else this.#failure = "the name has no address";
    } catch (thrown) {
      this.#failure = reasonOf(thrown);
    }
    if (this.#isStopped) return;
    // One that is not there at all is looked for more often.
    const waitMs = this.#addresses.length === 0 ? Math.min(everyMs, 5000) : everyMs;
    this.#cancel = this.#clock.schedule(waitMs, () => void this.start(everyMs));
  }

  /** Looks up no more. */
  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }
}
