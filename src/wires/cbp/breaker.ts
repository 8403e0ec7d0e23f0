/**
 * The circuit breaker: whether an upstream may be tried now, and what follows from how tries ended. Pure rules over a
 * clock and chance; it opens no socket and keeps no timer. Time is looked at when somebody asks, so no lost timer can leave
 * it open for ever.
 *
 * Every change of state begins a new generation. A try carries the generation in which it was let through, and what it
 * reports after that generation has ended is not counted: neither a connection from before can close an open breaker, nor
 * one from a time long past trip a closed one. Whatever was refused or ended by a limit of our own is reported as void.
 */
import type { Clock } from "../../kit/clock.ts";
import type { Random } from "../../kit/random.ts";
import { SlidingWindow } from "./window.ts";

/** Where a breaker can be. The last three only by force, and out of them only by force. */
export type BreakerState = "closed" | "open" | "half-open" | "forced-open" | "forced-closed" | "disabled";

/** What an operator can want. `auto` gives the breaker back to its rules, closed and with nothing remembered. */
export const breakerModes = ["auto", "open", "closed", "disabled"] as const;
/** One of {@link breakerModes}. */
export type BreakerMode = (typeof breakerModes)[number];

/** Ways in which an upstream fails. */
export const failureKinds = [
  "refused",
  "dial-timeout",
  "reset-early",
  "closed-early",
  "first-byte-timeout",
  "slow-connect",
  "reset",
] as const;
/** One of {@link failureKinds}. */
export type FailureKind = (typeof failureKinds)[number];

/** What happened last, in the words of the predecessor: separate from the state. */
export type BreakerEvent = "ready" | "fail" | "tripped" | "reset";

/** The rules' numbers. */
export interface BreakerSettings {
  /** Trips when failures / samples reach this, from 0 to 1. */
  readonly failureRatio: number;
  /** Not before there are so many samples in the window. */
  readonly minSamples: number;
  readonly windowMs: number;
  readonly windowBuckets: number;
  /** What counts as a failure; other ways to fail are void. */
  readonly failures: readonly FailureKind[];
  /** How long it stays open at first; grows by `backoffFactor` with each probe that fails, to `backoffMaxMs`. */
  readonly backoffMs: number;
  readonly backoffFactor: number;
  readonly backoffMaxMs: number;
  /** Each delay is drawn from [1 - jitter, 1 + jitter) times the interval. */
  readonly backoffJitter: number;
  /** Tries at the same time while half-open. */
  readonly probes: number;
  /** So many successful probes close it. */
  readonly probeSuccesses: number;
  /** A probe that says nothing for so long is given up: its place is free again. */
  readonly probeExpiryMs: number;
  /** For so long after closing only a growing share is let through; 0 for none. */
  readonly rampMs: number;
  /** Whether users' connections may be probes; otherwise only checks are. */
  readonly usersProbe: boolean;
}

/** The predecessor's numbers, and what it had no number for. */
export const breakerDefaults: BreakerSettings = {
  failureRatio: 0.5,
  minSamples: 5,
  windowMs: 10_000,
  windowBuckets: 10,
  failures: ["refused", "dial-timeout", "reset-early", "closed-early", "first-byte-timeout"],
  backoffMs: 500,
  backoffFactor: 1.5,
  backoffMaxMs: 60_000,
  backoffJitter: 0.5,
  probes: 1,
  probeSuccesses: 1,
  probeExpiryMs: 120_000,
  rampMs: 0,
  usersProbe: true,
};

/** A right to try once. One report is due for it; of a probe, further ones are ignored. */
export interface Ticket {
  readonly generation: number;
  readonly isProbe: boolean;
  /** Rises with each ticket. */
  readonly id: number;
}

/** How a try ended. Void: it says nothing about the upstream. */
export type Result = "success" | "void" | FailureKind;

/** One change of state. */
export interface Transition {
  /** Wall time, epoch ms. */
  readonly at: number;
  readonly from: BreakerState;
  readonly to: BreakerState;
  readonly reason: string;
}

/** What a breaker needs. */
export interface BreakerParts {
  settings: BreakerSettings;
  clock: Pick<Clock, "now" | "monotonicMs">;
  random: Random;
  /** Told of each event, after it took effect. `openMs`, with `reset`: since it tripped. */
  happened?(event: BreakerEvent, openMs: number): void;
  /** Told of each change of state, after it took effect. */
  changed?(transition: Transition): void;
}

/** What a breaker shows. */
export interface BreakerView {
  readonly state: BreakerState;
  readonly event: BreakerEvent;
  readonly generation: number;
  readonly successes: number;
  readonly failures: number;
  /** Monotonic ms until the next probe; 0 unless open. */
  readonly retryInMs: number;
  /** The share of tries that is let through, from 0 to 1. */
  readonly admitted: number;
  readonly staleResults: number;
  readonly trips: number;
  /** Newest last, at most {@link historyKept}. */
  readonly history: readonly Transition[];
}

/** Changes of state that are remembered. */
export const historyKept = 50;
/** The least share that is let through right after closing, where there is a ramp. */
const rampStart = 0.1;

/** A breaker. */
export class Breaker {
  readonly settings: BreakerSettings;
  readonly #parts: BreakerParts;
  readonly #window: SlidingWindow;
  readonly #failing: ReadonlySet<string>;
  /** Tickets of half-open that are out, with the instant they were given. */
  readonly #probing = new Map<number, number>();
  readonly #history: Transition[] = [];
  #state: BreakerState = "closed";
  #event: BreakerEvent = "ready";
  #generation = 0;
  #nextId = 0;
  #intervalMs: number;
  #openUntilMs = 0;
  #trippedAtMs = 0;
  #closedAtMs = Number.NEGATIVE_INFINITY;
  #probeSuccesses = 0;
  #staleResults = 0;
  #trips = 0;

  constructor(parts: BreakerParts) {
    this.#parts = parts;
    this.settings = parts.settings;
    this.#window = new SlidingWindow(parts.settings.windowMs, parts.settings.windowBuckets);
    this.#failing = new Set(parts.settings.failures);
    this.#intervalMs = parts.settings.backoffMs;
  }

  /** Where it is now; an open breaker whose delay has passed is half-open. */
  get state(): BreakerState {
    if (this.#state === "open" && this.#parts.clock.monotonicMs() >= this.#openUntilMs)
      this.#turn("half-open", "the delay has passed");
    return this.#state;
  }

  /** What happened last. */
  get event(): BreakerEvent {
    return this.#event;
  }

  /** Whether {@link ask} for a user could succeed now. Takes nothing; a ramp counts as yes. */
  get isOpenToUsers(): boolean {
    const { state } = this;
    if (state === "half-open") return this.settings.usersProbe && this.#hasPlace();
    return state !== "open" && state !== "forced-open";
  }

  /** A right to try now, for a user's connection or for a check of our own; undefined when the answer is no. */
  ask(who: "user" | "check" = "user"): Ticket | undefined {
    switch (this.state) {
      case "open":
      case "forced-open":
        return undefined;
      case "half-open": {
        if ((who === "user" && !this.settings.usersProbe) || !this.#hasPlace()) return undefined;
        const ticket = this.#ticket(true);
        this.#probing.set(ticket.id, this.#parts.clock.monotonicMs());
        this.#happened("ready");
        return ticket;
      }
      case "closed":
        if (who === "user" && this.settings.rampMs > 0) {
          const share = this.#admitted();
          if (share < 1 && this.#parts.random() >= share) return undefined;
        }
        return this.#ticket(false);
      default:
        return this.#ticket(false);
    }
  }

  /** How the try ended. Counted once, and only while the generation of the ticket lasts. */
  report(ticket: Ticket, result: Result): void {
    if (ticket.generation !== this.#generation) {
      if (result !== "void") this.#staleResults++;
      return;
    }
    if (ticket.isProbe && !this.#probing.delete(ticket.id)) return;
    if (this.#state === "disabled") return;
    const isFailure = this.#failing.has(result);
    if (result !== "success" && !isFailure) return;
    const nowMs = this.#parts.clock.monotonicMs();
    this.#window.add(nowMs, !isFailure);
    if (isFailure) this.#failed(nowMs, result);
    else if (this.#state === "half-open" && ++this.#probeSuccesses >= this.settings.probeSuccesses) this.#close();
  }

  /** Opens a closed breaker for a reason that is not in its window, such as checks that failed. */
  trip(reason: string): void {
    if (this.#state !== "closed") return;
    this.#open(reason);
  }

  /** Puts it where an operator wants it; a mode it is in already changes nothing, `auto` but out of force neither. */
  force(mode: BreakerMode, who: string): void {
    const isForced = this.#state.startsWith("forced") || this.#state === "disabled";
    if (mode === "auto" && !isForced) return;
    const to = mode === "auto" ? "closed" : mode === "disabled" ? "disabled" : (`forced-${mode}` as const);
    if (this.#state === to) return;
    this.#window.clear();
    this.#intervalMs = this.settings.backoffMs;
    this.#turn(to, `${who} wanted it`);
  }

  /** All there is to see. */
  view(): BreakerView {
    const { state } = this;
    const nowMs = this.#parts.clock.monotonicMs();
    return {
      state,
      event: this.#event,
      generation: this.#generation,
      ...this.#window.counts(nowMs),
      retryInMs: state === "open" ? this.#openUntilMs - nowMs : 0,
      admitted: state === "open" || state === "forced-open" || state === "half-open" ? 0 : this.#admitted(),
      staleResults: this.#staleResults,
      trips: this.#trips,
      history: this.#history,
    };
  }

  #ticket(isProbe: boolean): Ticket {
    return { generation: this.#generation, isProbe, id: this.#nextId++ };
  }

  /** Whether one more may probe; places of those that never told are taken back. */
  #hasPlace(): boolean {
    if (this.#probing.size < this.settings.probes) return true;
    const beforeMs = this.#parts.clock.monotonicMs() - this.settings.probeExpiryMs;
    for (const [id, atMs] of this.#probing) if (atMs <= beforeMs) this.#probing.delete(id);
    return this.#probing.size < this.settings.probes;
  }

  #admitted(): number {
    if (this.settings.rampMs === 0 || this.#state !== "closed") return 1;
    const share = (this.#parts.clock.monotonicMs() - this.#closedAtMs) / this.settings.rampMs;
    return Math.min(1, Math.max(rampStart, share));
  }

  #failed(nowMs: number, kind: string): void {
    this.#happened("fail");
    if (this.#state === "half-open") {
      this.#intervalMs = Math.min(this.#intervalMs * this.settings.backoffFactor, this.settings.backoffMaxMs);
      this.#open(`a probe failed (${kind})`);
      return;
    }
    if (this.#state !== "closed") return;
    const { failures, successes } = this.#window.counts(nowMs);
    const samples = failures + successes;
    if (samples >= this.settings.minSamples && failures / samples >= this.settings.failureRatio)
      this.#open(`${failures} of ${samples} failed, the last with ${kind}`);
  }

  #open(reason: string): void {
    const { backoffJitter } = this.settings;
    const nowMs = this.#parts.clock.monotonicMs();
    if (this.#state === "closed") {
      this.#intervalMs = this.settings.backoffMs;
      this.#trippedAtMs = nowMs;
      this.#trips++;
    }
    this.#openUntilMs = nowMs + this.#intervalMs * (1 - backoffJitter + 2 * backoffJitter * this.#parts.random());
    this.#turn("open", reason);
    this.#happened("tripped");
  }

  #close(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    this.#window.clear();
    this.#intervalMs = this.settings.backoffMs;
    this.#closedAtMs = nowMs;
    this.#turn("closed", `${this.#probeSuccesses === 1 ? "a probe" : `${this.#probeSuccesses} probes`} succeeded`);
    this.#happened("reset", nowMs - this.#trippedAtMs);
  }

  #turn(to: BreakerState, reason: string): void {
    const transition = { at: this.#parts.clock.now(), from: this.#state, to, reason };
    this.#state = to;
    this.#generation++;
    this.#probing.clear();
    this.#probeSuccesses = 0;
    this.#history.push(transition);
    if (this.#history.length > historyKept) this.#history.shift();
    this.#parts.changed?.(transition);
  }

  #happened(event: BreakerEvent, openMs = 0): void {
    this.#event = event;
    this.#parts.happened?.(event, openMs);
  }
}
