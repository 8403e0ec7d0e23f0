/**
 * A pipe in which chunks wait until it is their time: latency, bandwidth and slicer. Nothing is lost, added or overtaken,
 * and the end comes after the last byte. One timer at most.
 */
import type { Clock } from "../../../kit/clock.ts";
import type { Pacing } from "./pacing.ts";
import type { Outlet, Pipe, PipeParts } from "./pipe.ts";
import type { Attributes } from "./toxic.ts";

interface Waiting {
  readonly piece: Uint8Array;
  readonly cameMs: number;
  readonly dueMs: number;
}

/** Makes the rules from attributes; called again when these change. */
export type MakePacing = (attributes: Attributes) => Pacing;

/** A pipe with a {@link Pacing}. */
export class PacedPipe implements Pipe {
  waitingBytes = 0;
  readonly #clock: Clock;
  readonly #out: Outlet;
  readonly #make: MakePacing;
  #pacing: Pacing;
  /** From `#head` on; those before it have gone. */
  #waiting: Waiting[] = [];
  #head = 0;
  /** When the last piece that came may go. */
  #lastMs: number;
  /** When the last piece went. */
  #sentMs = Number.NEGATIVE_INFINITY;
  #isEnded = false;
  #isStopped = false;
  #cancel: (() => void) | undefined;

  constructor(parts: PipeParts, make: MakePacing) {
    this.#clock = parts.clock;
    this.#out = parts.out;
    this.#make = make;
    this.#pacing = make(parts.attributes);
    this.#lastMs = parts.clock.monotonicMs();
  }

  get limitBytes(): number {
    return this.#pacing.limitBytes;
  }

  take(chunk: Uint8Array): void {
    const nowMs = this.#clock.monotonicMs();
    for (const piece of this.#pacing.pieces(chunk)) this.#add(piece, nowMs);
    this.waitingBytes += chunk.length;
    if (this.#cancel === undefined) this.#go();
  }

  end(): void {
    this.#isEnded = true;
    if (this.#cancel === undefined) this.#go();
  }

  change(attributes: Attributes): void {
    this.#pacing = this.#make(attributes);
    const before = this.#waiting.slice(this.#head);
    this.#waiting = [];
    this.#head = 0;
    this.#lastMs = this.#clock.monotonicMs();
    for (const { cameMs, piece } of before) {
      for (const part of this.#pacing.pieces(piece)) this.#add(part, cameMs);
    }
    this.#go();
  }

  flush(): void {
    const before = this.#waiting.slice(this.#head);
    const isEnded = this.#isEnded;
    this.stop();
    for (const { piece } of before) this.#out.send(piece);
    if (isEnded) this.#out.finish();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
    this.#cancel = undefined;
    this.#waiting = [];
    this.#head = 0;
    this.waitingBytes = 0;
  }

  #add(piece: Uint8Array, cameMs: number): void {
    this.#lastMs = this.#pacing.dueMs(cameMs, this.#lastMs, piece.length);
    this.#waiting.push({ piece, cameMs, dueMs: this.#lastMs });
  }

  /** Gives on what is due, and sets the timer for what is not. */
  #go(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const nowMs = this.#clock.monotonicMs();
    for (;;) {
      const next = this.#waiting[this.#head];
      if (next === undefined) break;
      const goesMs = Math.max(next.dueMs, this.#sentMs + this.#pacing.gapMs);
      if (goesMs > nowMs) {
        this.#cancel = this.#clock.schedule(goesMs - nowMs, () => {
          this.#cancel = undefined;
          this.#go();
        });
        return;
      }
      this.#head++;
      this.waitingBytes -= next.piece.length;
      this.#sentMs = nowMs;
      this.#out.send(next.piece);
      // What it was given to may have cut the connection.
      if (this.#isStopped) return;
    }
    this.#waiting = [];
    this.#head = 0;
    if (!this.#isEnded) return;
    this.#isEnded = false;
    this.#out.finish();
  }
}
