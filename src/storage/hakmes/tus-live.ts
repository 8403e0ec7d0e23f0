/**
 * Intakes of unfinished uploads that are kept between requests, so that the next one goes on without reading anything back.
 * Their number is bounded, and none is kept for long: what is let go is begun again from what is on disk, at the price of
 * reading all of it to hash it. Reading back goes on when the request that wanted it leaves, for the next will want it too.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import { algorithmOf } from "../cask/client.ts";
import type { Hakmes, Intake, Suspended } from "./hakmes.ts";

/** An intake and what of it is on disk. */
export interface Live {
  readonly intake: Intake;
  /** How many of its chunks the ledger has. */
  savedChunks: number;
}

/** Bounds of {@link LiveIntakes}. */
export interface LiveLimits {
  /** Intakes in use and being begun; more are refused. */
  readonly busyMax: number;
  /** Intakes kept for a next request; the one longest unused goes first. */
  readonly idleMax: number;
  readonly idleMs: number;
}

interface Idle {
  readonly live: Live;
  readonly sinceMs: number;
}

/** The intakes at hand, by the ids of their uploads. An upload is asked for by one request at a time. */
export class LiveIntakes {
  readonly #hakmes: Pick<Hakmes, "begin">;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #limits: LiveLimits;
  readonly #idle = new Map<string, Idle>();
  readonly #beginning = new Map<string, Promise<Live>>();
  readonly #stopping = new AbortController();
  #busy = 0;

  constructor(hakmes: Pick<Hakmes, "begin">, clock: Clock, log: Logger, limits: LiveLimits) {
    this.#hakmes = hakmes;
    this.#clock = clock;
    this.#log = log;
    this.#limits = limits;
  }

  /** How many there are, in use and kept. */
  counts(): { busy: number; idle: number } {
    return { busy: this.#busy + this.#beginning.size, idle: this.#idle.size };
  }

  /**
   * The intake of an upload, to be given back with {@link keep} or {@link drop}; begun from what `suspended` gives when
   * none is kept. Throws the signal's reason when that aborts first, `hakmes/tus-busy` (unavailable), and what `begin`
   * throws.
   */
  async take(id: string, suspended: () => Promise<Suspended | undefined>, signal: AbortSignal): Promise<Live> {
    signal.throwIfAborted();
    const idle = this.#idle.get(id);
    if (idle) {
      this.#idle.delete(id);
      this.#busy++;
      return idle.live;
    }
    if (!this.#beginning.has(id)) {
      if (this.#busy + this.#beginning.size >= this.#limits.busyMax) {
        throw new Fault("unavailable", "hakmes/tus-busy", "Cannot take the upload now: too many are under way", {
          retryAfterMs: 2000,
        });
      }
      this.#begin(id, suspended);
    }
    await this.#begun(id, signal);
    const begun = this.#idle.get(id);
    if (!begun)
      throw new Fault("unavailable", "hakmes/tus-busy", "Cannot take the upload now: it was put aside", {
        retryAfterMs: 1000,
      });
    this.#idle.delete(id);
    this.#busy++;
    return begun.live;
  }

  /** Gives one back that may be gone on with. */
  keep(id: string, live: Live): void {
    this.#busy--;
    this.#put(id, live);
  }

  /** Gives one back that is finished, dead, or ahead of what may be kept. */
  drop(live: Live): void {
    this.#busy--;
    live.intake.abandon();
  }

  /** Lets go of the intake that is kept for an upload, if any. */
  forget(id: string): void {
    const idle = this.#idle.get(id);
    this.#idle.delete(id);
    idle?.live.intake.abandon();
  }

  /** Lets go of those that nobody asked for within the idle time; how many. */
  dropIdle(): number {
    const untilMs = this.#clock.monotonicMs() - this.#limits.idleMs;
    const old = [...this.#idle].filter(([, { sinceMs }]) => sinceMs <= untilMs);
    for (const [id] of old) this.forget(id);
    return old.length;
  }

  /** Lets go of all that are kept; those being begun are ended. */
  async close(): Promise<void> {
    this.#stopping.abort(new Fault("unavailable", "hakmes/stopping", "The node stops: go on when it is back"));
    await Promise.allSettled(this.#beginning.values());
    for (const id of this.#idle.keys()) this.forget(id);
  }

  #begin(id: string, suspended: () => Promise<Suspended | undefined>): void {
    const { signal } = this.#stopping;
    const begin = async (): Promise<Live> => {
      const from = await suspended();
      const [first] = from?.chunks ?? [];
      const intake = await this.#hakmes.begin({
        signal,
        ...(from === undefined ? {} : { from }),
        // What began under one hash goes on under it, whatever is configured by now.
        ...(first === undefined ? {} : { algorithm: algorithmOf(first.key) }),
      });
      const live = { intake, savedChunks: from?.chunks.length ?? 0 };
      this.#put(id, live);
      return live;
    };
    const beginning = begin().finally(() => this.#beginning.delete(id));
    this.#beginning.set(id, beginning);
    beginning.catch((thrown: unknown) =>
      this.#log.warn("An unfinished upload could not be taken up again", { upload: id, reason: reasonOf(thrown) }),
    );
  }

  /** Waits for an intake being begun, or throws the signal's reason. */
  #begun(id: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => reject(signal.reason as Error);
      signal.addEventListener("abort", leave, { once: true });
      (this.#beginning.get(id) ?? Promise.resolve())
        .then(() => resolve(), reject)
        .finally(() => signal.removeEventListener("abort", leave));
    });
  }

  #put(id: string, live: Live): void {
    this.#idle.set(id, { live, sinceMs: this.#clock.monotonicMs() });
    while (this.#idle.size > this.#limits.idleMax) {
      const [oldest] = this.#idle.keys();
      if (oldest === undefined || oldest === id) return;
      this.forget(oldest);
    }
  }
}
