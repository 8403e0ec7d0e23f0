/**
 * One direction of one connection, with the toxics that are on its way: a chain of pipes in the order in which the toxics
 * were added. Toxics come, change and go while bytes flow. Chance decides for each connection whether a toxic hits it.
 */
import type { Clock } from "../../../kit/clock.ts";
import type { Random } from "../../../kit/random.ts";
import { LimitDataPipe, ResetPeerPipe, SlowClosePipe, TimeoutPipe } from "./closing.ts";
import { PacedPipe } from "./paced-pipe.ts";
import { bandwidthPacing, latencyPacing, slicerPacing } from "./pacing.ts";
import type { Outlet, Pipe, PipeParts } from "./pipe.ts";
import type { Toxic, ToxicType } from "./toxic.ts";

/** What a link stands on: the connection behind it, and how to make its sender pause. */
export interface LinkParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly out: Outlet;
  hold(): void;
  release(): void;
}

interface Place {
  toxic: Toxic;
  pipe: Pipe | undefined;
}

/** A direction with toxics. */
export class Link {
  readonly #parts: LinkParts;
  readonly #places: Place[] = [];
  #isHeld = false;
  #isOver = false;
  /** Set once a toxic has closed the connection, which may take a while. */
  #isCutting = false;

  constructor(parts: LinkParts) {
    this.#parts = parts;
  }

  /** Whether nothing would be changed or delayed any more. */
  get isClear(): boolean {
    return !this.#isCutting && this.#places.every(({ pipe }) => pipe === undefined);
  }

  /** Bytes from the sender. */
  take(chunk: Uint8Array): void {
    if (this.#isOver || this.#isCutting) return;
    this.#send(0, chunk);
    this.#pause();
  }

  /** The sender's end. */
  end(): void {
    if (!this.#isOver && !this.#isCutting) this.#finish(0);
  }

  /** A toxic comes, at the end of the chain. */
  add(toxic: Toxic): void {
    if (this.#isOver || this.#isCutting) return;
    const place: Place = { toxic, pipe: undefined };
    this.#places.push(place);
    if (this.#isHit(toxic)) this.#fill(place);
  }

  /** A toxic of the same name has other attributes, or another toxicity: chance decides anew. */
  change(toxic: Toxic): void {
    const place = this.#places.find(({ toxic: { name } }) => name === toxic.name);
    if (place === undefined || this.#isOver) return;
    place.toxic = toxic;
    const isHit = this.#isHit(toxic);
    if (isHit && place.pipe) place.pipe.change(toxic.attributes);
    else if (isHit) this.#fill(place);
    else this.#empty(place);
    this.#pause();
  }

  /** A toxic goes; what waited for it goes on at once. */
  remove(name: string): void {
    const index = this.#places.findIndex(({ toxic }) => toxic.name === name);
    const place = this.#places[index];
    if (place === undefined || this.#isOver) return;
    this.#empty(place);
    this.#places.splice(index, 1);
    this.#pause();
  }

  /** The connection is over. */
  stop(): void {
    this.#isOver = true;
    for (const { pipe } of this.#places) pipe?.stop();
  }

  #isHit({ toxicity }: Toxic): boolean {
    return this.#parts.random() < toxicity;
  }

  #fill(place: Place): void {
    const after = () => this.#places.indexOf(place) + 1;
    const pipe = makePipe(place.toxic.type, {
      attributes: place.toxic.attributes,
      clock: this.#parts.clock,
      random: this.#parts.random,
      out: {
        // A pipe that was taken away by a cut may still be in the midst of giving.
        send: (chunk) => {
          if (place.pipe !== pipe) return;
          this.#send(after(), chunk);
          this.#pause();
        },
        finish: () => {
          if (place.pipe === pipe) this.#finish(after());
        },
        cut: (isReset) => this.#cut(after(), isReset),
      },
    });
    place.pipe = pipe;
  }

  #empty(place: Place): void {
    // It still has its place while it gives on what waits.
    place.pipe?.flush();
    place.pipe = undefined;
  }

  #send(index: number, chunk: Uint8Array): void {
    const next = this.#next(index);
    if (next !== undefined) next.take(chunk);
    else if (!this.#isOver) this.#parts.out.send(chunk);
  }

  #finish(index: number): void {
    const next = this.#next(index);
    if (next !== undefined) next.end();
    else if (this.#isOver) return;
    else if (this.#isCutting) this.#close(false);
    else this.#parts.out.finish();
  }

  #next(index: number): Pipe | undefined {
    for (let at = index; at < this.#places.length; at++) {
      const pipe = this.#places[at]?.pipe;
      if (pipe !== undefined) return pipe;
    }
    return undefined;
  }

  /** Nothing more comes through the places before `index`. What later ones hold goes its way, and then all is closed. */
  #cut(index: number, isReset: boolean): void {
    if (this.#isOver) return;
    if (isReset) {
      this.#close(true);
      return;
    }
    this.#isCutting = true;
    for (const place of this.#places.slice(0, index)) {
      place.pipe?.stop();
      place.pipe = undefined;
    }
    this.#finish(index);
  }

  #close(isReset: boolean): void {
    this.stop();
    this.#parts.out.cut(isReset);
  }

  /** Makes the sender pause while too much waits anywhere. */
  #pause(): void {
    const isFull = !this.#isOver && this.#places.some(({ pipe }) => pipe && pipe.waitingBytes > pipe.limitBytes);
    if (isFull === this.#isHeld) return;
    this.#isHeld = isFull;
    if (isFull) this.#parts.hold();
    else this.#parts.release();
  }
}

function makePipe(type: ToxicType, parts: PipeParts): Pipe | undefined {
  switch (type) {
    case "latency":
      return new PacedPipe(parts, (attributes) => latencyPacing(attributes, parts.random));
    case "bandwidth":
      return new PacedPipe(parts, bandwidthPacing);
    case "slicer":
      return new PacedPipe(parts, (attributes) => slicerPacing(attributes, parts.random));
    case "slow_close":
      return new SlowClosePipe(parts);
    case "timeout":
      return new TimeoutPipe(parts);
    case "reset_peer":
      return new ResetPeerPipe(parts);
    case "limit_data":
      return new LimitDataPipe(parts);
    case "noop":
      return undefined;
  }
}
