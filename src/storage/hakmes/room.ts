/**
 * Room in memory, counted in bytes, for what many do at once. Who needs some waits in the order of asking. While somebody
 * waits, those who have made no use of what they hold for a moment are asked to give way, the one silent longest first: a
 * client that stalls must not keep memory from one that moves.
 *
 * Whoever waits for as long as it takes must hold nothing meanwhile, or two could wait for each other for ever.
 */
import type { Clock } from "../../kit/clock.ts";

/** Who makes no use of what it holds for this long is asked to give way, ms. */
const silentMs = 100;

/** Somebody who holds some of a room and can do without it for a while. */
export interface Holder {
  /** Since when it has made no use of what it holds, in monotonic ms; undefined while it does, and when it holds nothing. */
  silentSince(): number | undefined;
  /** Gives back to the room what it can do without. */
  giveWay(): void;
}

interface Waiting {
  readonly sizeBytes: number;
  readonly enter: () => void;
}

/** So many bytes, shared. */
export class Room {
  readonly #maxBytes: number;
  readonly #clock: Clock;
  readonly #holders = new Set<Holder>();
  #takenBytes = 0;
  #waiting: Waiting[] = [];
  #cancelPress: (() => void) | undefined;

  constructor(maxBytes: number, clock: Clock) {
    this.#maxBytes = maxBytes;
    this.#clock = clock;
  }

  /** What is taken now, bytes. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** Whether somebody waits. */
  get isWanted(): boolean {
    return this.#waiting.length > 0;
  }

  /** Somebody may be asked to give way from now on, until what is returned is called. */
  join(holder: Holder): () => void {
    this.#holders.add(holder);
    return () => void this.#holders.delete(holder);
  }

  /** Takes so many bytes if they are there. What was taken is to be given back once. */
  take(sizeBytes: number): boolean {
    if (this.#waiting.length > 0 || !this.#fits(sizeBytes)) return false;
    this.#takenBytes += sizeBytes;
    return true;
  }

  /** Takes so many bytes as soon as they are there; more than there can be are given when nobody else has any. */
  async enter(sizeBytes: number, signal?: AbortSignal): Promise<void> {
    await this.#enter(sizeBytes, undefined, signal);
  }

  /** As {@link enter}, but no longer than `limitMs`: false when they were not there by then, and nothing was taken. */
  enterWithin(sizeBytes: number, limitMs: number, signal?: AbortSignal): Promise<boolean> {
    return this.#enter(sizeBytes, limitMs, signal);
  }

  /** Gives back what was taken. */
  give(sizeBytes: number): void {
    this.#takenBytes -= sizeBytes;
    this.#letIn();
  }

  async #enter(sizeBytes: number, limitMs: number | undefined, signal: AbortSignal | undefined): Promise<boolean> {
    signal?.throwIfAborted();
    if (this.take(sizeBytes)) return true;
    return new Promise<boolean>((resolve, reject) => {
      const end = () => {
        cancelLimit?.();
        signal?.removeEventListener("abort", leave);
      };
      const entry: Waiting = {
        sizeBytes,
        enter() {
          end();
          resolve(true);
        },
      };
      const giveUp = () => {
        end();
        this.#waiting = this.#waiting.filter((other) => other !== entry);
        this.#letIn();
      };
      const leave = () => {
        giveUp();
        reject(signal?.reason as unknown);
      };
      const late = () => {
        giveUp();
        resolve(false);
      };
      signal?.addEventListener("abort", leave, { once: true });
      const cancelLimit = limitMs === undefined ? undefined : this.#clock.schedule(limitMs, late);
      this.#waiting.push(entry);
      if (this.#cancelPress === undefined) this.#press();
    });
  }

  #letIn(): void {
    for (let next = this.#waiting[0]; next && this.#fits(next.sizeBytes); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#takenBytes += next.sizeBytes;
      next.enter();
    }
    if (this.#waiting.length > 0) return;
    this.#cancelPress?.();
    this.#cancelPress = undefined;
  }

  /** Asks the silent to give way, now and again as long as somebody waits. */
  #press(): void {
    this.#cancelPress = this.#clock.schedule(silentMs, () => this.#press());
    const latest = this.#clock.monotonicMs() - silentMs;
    const silent: { since: number; holder: Holder }[] = [];
    for (const holder of this.#holders) {
      const since = holder.silentSince();
      if (since !== undefined && since <= latest) silent.push({ since, holder });
    }
    silent.sort((one, other) => one.since - other.since);
    for (const { holder } of silent) {
      if (this.#waiting.length === 0) return;
      holder.giveWay();
    }
  }

  #fits(sizeBytes: number): boolean {
    return this.#takenBytes === 0 || this.#takenBytes + sizeBytes <= this.#maxBytes;
  }
}
