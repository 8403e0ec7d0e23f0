/**
 * One request at a time works on an upload. A request whose connection died does not keep the others out: who finds an
 * upload held by one that has been silent for a while ends it and takes its place; one that still moves is waited for a
 * little, and then the newcomer is told that the upload is locked.
 */
import { type Clock, sleep } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";

/** An upload held by one request. */
export interface Hold {
  /** Aborts when another request takes over, or the program stops; the reason is a Fault for this request's client. */
  readonly signal: AbortSignal;
  /** Says that bytes came. */
  moved(): void;
  /** Lets others have it. */
  release(): void;
}

/** Times of {@link Holds}. */
export interface HoldTimes {
  /** One that moved no byte for this long may be ended by another. */
  readonly silentMs: number;
  /** How long to wait for an upload that is held. */
  readonly patienceMs: number;
}

interface Holder {
  movedMs: number;
  readonly ending: AbortController;
  readonly released: PromiseWithResolvers<void>;
}

/** Which uploads are held. */
export class Holds {
  readonly #clock: Clock;
  readonly #times: HoldTimes;
  readonly #holders = new Map<string, Holder>();
  #stopping: Fault | undefined;

  constructor(clock: Clock, times: HoldTimes) {
    this.#clock = clock;
    this.#times = times;
  }

  /** Whether a request holds the upload. */
  isHeld(id: string): boolean {
    return this.#holders.has(id);
  }

  /**
   * Takes an upload, from another request if that is silent, or `atOnce`. Faults: `hakmes/tus-locked` (423),
   * `hakmes/stopping` (unavailable).
   */
  async take(id: string, options: { atOnce?: boolean } = {}): Promise<Hold> {
    const untilMs = this.#clock.monotonicMs() + this.#times.patienceMs;
    for (;;) {
      if (this.#stopping) throw this.#stopping;
      const holder = this.#holders.get(id);
      if (!holder) return this.#enter(id);
      const nowMs = this.#clock.monotonicMs();
      if (nowMs >= untilMs) throw locked("another request is sending to it");
      const silentInMs = holder.movedMs + this.#times.silentMs - nowMs;
      if (options.atOnce === true || silentInMs <= 0) holder.ending.abort(locked("another request has taken over"));
      const waitMs = holder.ending.signal.aborted ? untilMs - nowMs : Math.min(untilMs - nowMs, silentInMs);
      await this.#releasedWithin(holder, waitMs);
    }
  }

  /** Ends all requests at hand and takes no more; resolves when all have let go. */
  async stop(): Promise<void> {
    this.#stopping = new Fault("unavailable", "hakmes/stopping", "The node stops: go on when it is back", {
      retryAfterMs: 2000,
    });
    const holders = [...this.#holders.values()];
    for (const { ending } of holders) ending.abort(this.#stopping);
    await Promise.all(holders.map(({ released }) => released.promise));
  }

  #enter(id: string): Hold {
    const holder: Holder = {
      movedMs: this.#clock.monotonicMs(),
      ending: new AbortController(),
      released: Promise.withResolvers(),
    };
    this.#holders.set(id, holder);
    return {
      signal: holder.ending.signal,
      moved: () => {
        holder.movedMs = this.#clock.monotonicMs();
      },
      release: () => {
        if (this.#holders.get(id) !== holder) return;
        this.#holders.delete(id);
        holder.released.resolve();
      },
    };
  }

  async #releasedWithin(holder: Holder, waitMs: number): Promise<void> {
    const enough = new AbortController();
    await Promise.race([holder.released.promise, sleep(this.#clock, waitMs, enough.signal)]);
    enough.abort();
  }
}

function locked(why: string): Fault {
  return new Fault("conflict", "hakmes/tus-locked", `Cannot work on the upload: ${why}`, {
    status: 423,
    retryAfterMs: 1000,
  });
}
