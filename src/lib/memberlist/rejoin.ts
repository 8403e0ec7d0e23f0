/**
 * Never alone for good: seeds that are not alive members are tried again for ever, with a delay that doubles and is drawn
 * from its upper half at random; and now and then one dead member is tried, so that a partition heals without anybody's help.
 * Seeds may be host names; they are resolved anew at each attempt.
 */
import { type Address, parseAddress, sameAddress } from "./address.ts";
import { type Clock, type Random, repeat, sample } from "./clock.ts";
import type { Member, Roster } from "./roster.ts";
import { pushPullDelayMs, type Timing } from "./timing.ts";

/** Port of a seed that names none; hashicorp/memberlist's own default. */
export const DEFAULT_PORT = 7946;
// A name may stand for a whole cluster; this many of its addresses are tried at a time.
const ADDRESSES_MAX = 16;

/** What rejoining needs. */
export interface RejoinOptions {
  readonly seeds: readonly string[];
  readonly roster: Roster;
  readonly timing: Timing;
  readonly clock: Clock;
  readonly random: Random;
  /** IP addresses of a host name. */
  resolve(host: string): Promise<readonly string[]>;
  /** Exchanges full state with an address; resolves to whether it answered. */
  exchange(to: Address, join: boolean): Promise<boolean>;
}

interface Seed {
  readonly text: string;
  failures: number;
  cancel: () => void;
}

/** Keeps one node in touch with its seeds and with members that went silent. */
export class Rejoiner {
  readonly #options: RejoinOptions;
  readonly #seeds: Seed[];
  #stopped = true;
  #cancelRevive: () => void = () => undefined;

  /** Throws a SyntaxError for a seed that is not `host:port`. */
  constructor(options: RejoinOptions) {
    this.#options = options;
    this.#seeds = options.seeds.map((text) => {
      parseAddress(text, DEFAULT_PORT);
      return { text, failures: 0, cancel: () => undefined };
    });
  }

  /** Tries all seeds now and keeps at it. */
  start(): void {
    const { clock, roster, timing } = this.#options;
    this.#stopped = false;
    for (const seed of this.#seeds) void this.#try(seed);
    this.#cancelRevive = repeat(
      clock,
      () => this.#spread(pushPullDelayMs(timing, roster.count)),
      () => this.#revive(),
    );
  }

  /** Stops trying. */
  stop(): void {
    this.#stopped = true;
    this.#cancelRevive();
    for (const seed of this.#seeds) seed.cancel();
  }

  /** Tries each address once. Resolves to how many nodes answered; rejects with a SyntaxError for a malformed address. */
  async join(addresses: readonly string[]): Promise<number> {
    const parsed = addresses.map((text) => parseAddress(text, DEFAULT_PORT));
    const answers = await Promise.all(parsed.map((address) => this.#reach(address)));
    return answers.reduce((sum, answered) => sum + answered, 0);
  }

  async #try(seed: Seed): Promise<void> {
    const address = parseAddress(seed.text, DEFAULT_PORT);
    const answered = await this.#reach(address);
    if (this.#stopped) return;
    seed.failures = answered > 0 ? 0 : Math.min(30, seed.failures + 1);
    const { clock, timing } = this.#options;
    // Once a seed answered it is looked at again at the longest delay: it may be lost and forgotten by then.
    const delayMs = answered > 0 ? timing.rejoinMaxMs : timing.rejoinMinMs * 2 ** (seed.failures - 1);
    const spreadMs = this.#spread(Math.min(timing.rejoinMaxMs, delayMs));
    seed.cancel = clock.schedule(spreadMs, () => void this.#try(seed));
  }

  // Exchanges state with every address of a host that is no alive member yet. Alive members count as reached.
  async #reach(address: Address): Promise<number> {
    const hosts = await this.#hosts(address.host);
    const targets = sample(this.#options.random, hosts, ADDRESSES_MAX).map((host) => ({ host, port: address.port }));
    const answers = await Promise.all(
      targets.map((target) => {
        const known = this.#known(target);
        if (known === "self") return false;
        return known === "alive" || this.#options.exchange(target, true);
      }),
    );
    return answers.filter(Boolean).length;
  }

  async #hosts(host: string): Promise<readonly string[]> {
    if (host.includes(":") || /^[\d.]+$/.test(host)) return [host];
    try {
      return await this.#options.resolve(host);
    } catch {
      // A name that does not resolve now may do so at the next attempt.
      return [];
    }
  }

  #known(address: Address): "self" | "alive" | "no" {
    const { roster } = this.#options;
    if (sameAddress(addressOf(roster.self), address)) return "self";
    const alive = roster.others((member) => member.state === "alive" && sameAddress(addressOf(member), address));
    return alive.length > 0 ? "alive" : "no";
  }

  // All members together try each dead one about once an interval, however many members there are.
  #revive(): void {
    const { random, roster } = this.#options;
    const dead = roster.others((member) => member.state === "dead");
    const alive = roster.others((member) => member.state === "alive").length + 1;
    if (dead.length === 0 || random() > dead.length / alive) return;
    const [chosen] = sample(random, dead, 1);
    if (chosen !== undefined) void this.#options.exchange(addressOf(chosen), false);
  }

  #spread(delayMs: number): number {
    return delayMs * (0.5 + this.#options.random() * 0.5);
  }
}

function addressOf(member: Member): Address {
  return { host: member.address, port: member.port };
}
