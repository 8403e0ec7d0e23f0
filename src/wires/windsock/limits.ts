/**
 * How many connections there may be, in all, of one user and from one address, whatever the door they came by; and how
 * fast one of them may speak.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";

/** How much is allowed; 0 is no limit. */
export interface LimitSettings {
  connections: number;
  connectionsPerUser: number;
  connectionsPerAddress: number;
}

/** Who has yet to say who they are; each has only seconds for it. */
const mostGuests = 10_000;

/** Counts connections. */
export class Limits {
  readonly #settings: LimitSettings;
  readonly #byUser = new Map<string, number>();
  readonly #byAddress = new Map<string, number>();
  readonly #guestsByAddress = new Map<string, number>();
  #guests = 0;
  #now = 0;
  #ever = 0;
  #refused = 0;

  constructor(settings: LimitSettings) {
    this.#settings = settings;
  }

  /** Connections there are. */
  get now(): number {
    return this.#now;
  }

  /** Connections there were, those that are included. */
  get ever(): number {
    return this.#ever;
  }

  /** How many were refused. */
  get refused(): number {
    return this.#refused;
  }

  /**
   * One connection more, until the function that it gives is called. `user` may be empty, for nobody in particular. Fault
   * `windsock/too-many` (limited).
   */
  enter(user: string, address: string): () => void {
    const { connections, connectionsPerAddress, connectionsPerUser } = this.#settings;
    if (isFull(this.#now, connections)) throw this.#refusal(`there are ${this.#now} connections`);
    if (user !== "" && isFull(this.#byUser.get(user) ?? 0, connectionsPerUser)) {
      throw this.#refusal(`this user has ${connectionsPerUser} connections`);
    }
    if (isFull(this.#byAddress.get(address) ?? 0, connectionsPerAddress)) {
      throw this.#refusal(`your address has ${connectionsPerAddress} connections`);
    }
    this.#now++;
    this.#ever++;
    if (connectionsPerUser > 0 && user !== "") change(this.#byUser, user, 1);
    if (connectionsPerAddress > 0) change(this.#byAddress, address, 1);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.leave(user, address);
    };
  }

  /** One connection less, for those who keep no function for it; once for each {@link enter}. */
  leave(user: string, address: string): void {
    const { connectionsPerAddress, connectionsPerUser } = this.#settings;
    this.#now--;
    if (connectionsPerUser > 0 && user !== "") change(this.#byUser, user, -1);
    if (connectionsPerAddress > 0) change(this.#byAddress, address, -1);
  }

  /**
   * Somebody came who has yet to say who they are, until {@link leaveGuest}; they are no connection before, but no more of
   * them may wait. Fault `windsock/too-many` (limited).
   */
  enterGuest(address: string): void {
    const { connectionsPerAddress } = this.#settings;
    if (this.#guests >= mostGuests) throw this.#refusal(`${mostGuests} have yet to say who they are`);
    const known = (this.#byAddress.get(address) ?? 0) + (this.#guestsByAddress.get(address) ?? 0);
    if (isFull(known, connectionsPerAddress))
      throw this.#refusal(`your address has ${connectionsPerAddress} connections`);
    this.#guests++;
    if (connectionsPerAddress > 0) change(this.#guestsByAddress, address, 1);
  }

  /** They said it, or left; once for each {@link enterGuest}. */
  leaveGuest(address: string): void {
    this.#guests--;
    if (this.#settings.connectionsPerAddress > 0) change(this.#guestsByAddress, address, -1);
  }

  #refusal(reason: string): Fault {
    this.#refused++;
    return new Fault("limited", "windsock/too-many", `Cannot let you in: ${reason} already`, { retryAfterMs: 10_000 });
  }
}

function isFull(count: number, limit: number): boolean {
  return limit > 0 && count >= limit;
}

function change(counts: Map<string, number>, key: string, by: 1 | -1): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}

/** How fast somebody may speak: so many in a second, and as many as `burst` at once after a silence. */
export class Pace {
  readonly #clock: Clock;
  readonly #perSecond: number;
  readonly #burst: number;
  #left: number;
  #atMs: number;

  /** `perSecond` 0 is no limit. */
  constructor(clock: Clock, perSecond: number, burst: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#burst = Math.max(1, burst);
    this.#left = this.#burst;
    this.#atMs = clock.monotonicMs();
  }

  /** Whether one more may be said now; it then counts. */
  take(): boolean {
    if (this.#perSecond === 0) return true;
    const nowMs = this.#clock.monotonicMs();
    this.#left = Math.min(this.#burst, this.#left + ((nowMs - this.#atMs) / 1000) * this.#perSecond);
    this.#atMs = nowMs;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
