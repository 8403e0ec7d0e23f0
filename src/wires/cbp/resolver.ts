/**
 * Where a name is: looked up at the start and again and again, so that an upstream that moved is found without a restart.
 * A look-up that fails changes nothing while there are addresses from before. Numbers are never looked up.
 *
 * Of several addresses one that fails is passed over for a while, and then tried by one dial, so that an upstream that can
 * be reached at all is reached.
 */
import { isIP } from "node:net";

import { type Clock, sleep } from "../../kit/clock.ts";
import { reasonOf } from "../../kit/fault.ts";

/** Looks a name up: its addresses in the order of preference. Throws when there is none. */
export type Lookup = (host: string) => Promise<readonly string[]>;

/** So long an answer is waited for, ms; one that comes later counts, too. */
const answerMs = 5000;
/** For so long an address that failed is passed over while there are others, ms. */
const ailingMs = 10_000;

/** Look-ups of one name. */
export class Resolver {
  readonly #host: string;
  readonly #lookup: Lookup;
  readonly #clock: Clock;
  /** Addresses that failed, and until when they are passed over. */
  readonly #ailing = new Map<string, number>();
  #addresses: readonly string[];
  #turn = 0;
  #failure = "";
  #looking: Promise<void> | undefined;
  #isStopped = false;
  #cancel: () => void = () => undefined;

  constructor(host: string, lookup: Lookup, clock: Clock) {
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

  /** The next address in turn of those that do not fail; undefined while none is known. */
  next(): string | undefined {
    const { length } = this.#addresses;
    if (length < 2) return this.#addresses[0];
    const nowMs = this.#ailing.size === 0 ? 0 : this.#clock.monotonicMs();
    for (let step = 0; step < length; step++) {
      const address = this.#inTurn();
      const untilMs = this.#ailing.get(address);
      if (untilMs === undefined) return address;
      if (nowMs < untilMs) continue;
      this.#ailing.set(address, nowMs + ailingMs);
      return address;
    }
    return this.#inTurn();
  }

  /** An address could not be reached. */
  failed(address: string): void {
    if (this.#addresses.length > 1) this.#ailing.set(address, this.#clock.monotonicMs() + ailingMs);
  }

  /** An address was reached. */
  worked(address: string): void {
    if (this.#ailing.size > 0) this.#ailing.delete(address);
  }

  /** Looks up now, and then every `everyMs` until stopped. Never throws, and waits for no answer long; see {@link failure}. */
  async start(everyMs: number): Promise<void> {
    if (isIP(this.#host) !== 0) return;
    const isAnswered = new AbortController();
    // The one before may still wait for its answer: systems give up late.
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    await Promise.race([this.#looking, sleep(this.#clock, answerMs, isAnswered.signal)]);
    isAnswered.abort();
    if (this.#looking !== undefined) this.#failure = `there is no answer within ${answerMs / 1000} s`;
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

  async #look(): Promise<void> {
    try {
      const found = await this.#lookup(this.#host);
      if (found.length === 0) {
        this.#failure = "the name has no address";
        return;
      }
      this.#addresses = found;
      for (const address of this.#ailing.keys()) if (!found.includes(address)) this.#ailing.delete(address);
      this.#failure = "";
    } catch (thrown) {
      this.#failure = reasonOf(thrown);
    }
  }

  #inTurn(): string {
    return this.#addresses[this.#turn++ % this.#addresses.length] as string;
  }
}
