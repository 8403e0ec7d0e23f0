/**
 * Which addresses are busy: messages of about the last minute, by counting this minute and the one before. The number of
 * addresses that are counted is bounded; beyond it new ones are not seen until the next minute.
 */

const minuteMs = 60_000;
const maxAddresses = 20_000;

/** Counts by address. */
export class Activity {
  #now = new Map<string, number>();
  #before = new Map<string, number>();
  #beganAt: number;

  constructor(nowMs: number) {
    this.#beganAt = nowMs;
  }

  /** One more message; `nowMs` is monotonic. */
  add(address: string, nowMs: number): void {
    this.#turn(nowMs);
    const count = this.#now.get(address);
    if (count !== undefined || this.#now.size < maxAddresses) this.#now.set(address, (count ?? 0) + 1);
  }

  /** The busiest, most first. */
  busiest(limit: number, nowMs: number): { address: string; perMinute: number }[] {
    this.#turn(nowMs);
    const shareBefore = 1 - (nowMs - this.#beganAt) / minuteMs;
    const addresses = new Set([...this.#now.keys(), ...this.#before.keys()]);
    return [...addresses]
      .map((address) => ({
        address,
        perMinute: Math.round((this.#now.get(address) ?? 0) + (this.#before.get(address) ?? 0) * shareBefore),
      }))
      .filter(({ perMinute }) => perMinute > 0)
      .sort((left, right) => right.perMinute - left.perMinute)
      .slice(0, limit);
  }

  #turn(nowMs: number): void {
    const passed = nowMs - this.#beganAt;
    if (passed < minuteMs) return;
    this.#before = passed < 2 * minuteMs ? this.#now : new Map();
    this.#now = new Map();
    this.#beganAt = nowMs - (passed % minuteMs);
  }
}
