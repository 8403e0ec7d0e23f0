/**
 * Keeps an eye on a request to another program: gives it up when nothing moves for too long, or when its caller has left.
 * Silence counts only while the other side is waited for; what this program takes its time for is not held against it.
 */
import type { Clock } from "../clock.ts";
import { Fault } from "../fault.ts";

/** Ends a request that stands still, or that its caller has left. */
export class Watch {
  readonly #abort = new AbortController();
  readonly #clock: Clock;
  /** Silence of this length ends it. */
  readonly idleTimeoutMs: number;
  readonly #caller: AbortSignal | undefined;
  readonly #code: string;
  readonly #left = () => this.#abort.abort(this.#caller?.reason);
  #cancel: () => void = () => undefined;
  #movedAtMs = 0;
  #isTheirs = true;
  /** Whether it was given up because nothing moved. */
  isLate = false;
  /** Why the bytes to be sent could not be had. */
  failure: unknown;

  /** `code` is that of the Fault with which a silent request ends. Throws the caller's reason when it has left already. */
  constructor(clock: Clock, idleTimeoutMs: number, caller: AbortSignal | undefined, code: string) {
    this.#clock = clock;
    this.idleTimeoutMs = idleTimeoutMs;
    this.#caller = caller;
    this.#code = code;
    caller?.throwIfAborted();
    caller?.addEventListener("abort", this.#left, { once: true });
    this.moved();
    this.#look(idleTimeoutMs);
  }

  /** Aborts when the request is to be given up. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** A byte went either way. */
  moved(): void {
    this.#movedAtMs = this.#clock.monotonicMs();
  }

  /** Throws the caller's own reason when it was the caller who gave up. */
  throwIfCallerLeft(): void {
    this.#caller?.throwIfAborted();
  }

  /** The other side is waited for again, or not. */
  wait(isTheirs: boolean): void {
    this.#isTheirs = isTheirs;
    this.moved();
  }

  /** The request is over; may be called twice. */
  end(): void {
    this.#cancel();
    this.#caller?.removeEventListener("abort", this.#left);
  }

  #look(delayMs: number): void {
    this.#cancel = this.#clock.schedule(delayMs, () => {
      if (!this.#isTheirs) return this.#look(this.idleTimeoutMs);
      const leftMs = this.#movedAtMs + this.idleTimeoutMs - this.#clock.monotonicMs();
      if (leftMs > 0) return this.#look(leftMs);
      this.isLate = true;
      this.#abort.abort(new Fault("timeout", this.#code, "The node was silent for too long"));
    });
  }
}
