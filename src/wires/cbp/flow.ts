/**
 * One direction of a connection: bytes from one socket to another, in order, none lost, no faster than the receiver takes
 * them. What the receiver's socket does not take waits here, and the sender is not read meanwhile; its end is passed on
 * after its last byte. Without a stage a chunk costs one write and nothing else.
 */

import { letGo } from "../../kit/let-go.ts";

/** What is used of a socket. */
export interface Socket {
  /** Bytes that were taken; fewer than given when it can take no more now, and -1 when it is closed. */
  write(bytes: Uint8Array): number;
  /** Says that no more bytes will come, and can still be read. */
  shutdown(): void;
  /** Closes with a reset. */
  terminate(): void;
  /** Closes after what was written. */
  end(): void;
  pause(): void;
  resume(): void;
  /** Set where bytes are still looked at after they were written or handed on. The runtime's bare sockets copy at once. */
  readonly retains?: boolean;
}

/**
 * Something between the ends of a direction that changes, delays or counts bytes. It is given what comes from the sender
 * and passes on with {@link Flow.send} and {@link Flow.finish}; it may ask for a pause with {@link Flow.hold}.
 */
export interface Stage {
  take(chunk: Uint8Array): void;
  /** The sender will send no more: pass it on with {@link Flow.finish} once everything was sent. */
  end(): void;
  /** All that was sent has been taken by the receiver. */
  drained(): void;
  /** The connection is over: let go of timers. */
  stop(): void;
}

/** Chunks from this size on are freed at once: the collector would find them only after many more had come. */
const largeBytes = 32 * 1024;
/** So much is taken before there is a receiver. */
const earlyBytes = 64 * 1024;

/** A direction. */
export class Flow {
  /** Bytes that came from the sender. */
  bytes = 0;
  /** Set while something stands between the ends. */
  stage: Stage | undefined;
  from: Socket | undefined;
  /** The other direction of the same two sockets, where there is one. */
  reverse: Flow | undefined;
  #to: Socket | undefined;
  #waiting: Uint8Array[] | undefined;
  #isEnded = false;
  #isFinishing = false;
  #isShut = false;
  /** Whether the sender is held for what waits. */
  #isBacked = false;
  #isBroken = false;
  #isGone = false;
  #holds = 0;

  /** Whether the sender said that no more will come. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Whether everything was passed on, the end too. */
  get isShut(): boolean {
    return this.#isShut;
  }

  /** Whether bytes wait for the receiver. */
  get isWaiting(): boolean {
    return this.#waiting !== undefined;
  }

  /** Whether the receiver's socket said that it is closed, which it does before its close is told. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Bytes that came from the sender. */
  take(chunk: Uint8Array): void {
    this.bytes += chunk.length;
    if (this.stage === undefined) this.send(chunk);
    else this.stage.take(chunk);
  }

  /** The sender's end came. */
  end(): void {
    this.#isEnded = true;
    if (this.stage === undefined) this.finish();
    else this.stage.end();
  }

  /** Passes bytes on to the receiver, or keeps them until there is room. */
  send(chunk: Uint8Array): void {
    if (this.#to === undefined || this.#waiting !== undefined) {
      if (!this.#isGone) this.#wait(chunk);
      return;
    }
    const taken = this.#to.write(chunk);
    if (taken === chunk.length) {
      if (taken >= largeBytes) this.#free(chunk);
      return;
    }
    this.#isBroken = taken < 0;
    this.#waiting = [taken > 0 ? chunk.subarray(taken) : chunk];
    this.#isBacked = true;
    this.hold();
  }

  /** Only where nobody else can hold the chunk: a stage may look at what it has sent. */
  #free(chunk: Uint8Array): void {
    if (this.stage === undefined && this.#to?.retains !== true && this.from?.retains !== true) letGo(chunk);
  }

  #wait(chunk: Uint8Array): void {
    if (this.#waiting === undefined) this.#waiting = [chunk];
    else this.#waiting.push(chunk);
    // A short request that comes before there is a receiver is no reason to stop reading, which costs two system calls.
    if (this.#isBacked || this.bytes < earlyBytes) return;
    this.#isBacked = true;
    this.hold();
  }

  /** Passes the end on, after what waits. */
  finish(): void {
    this.#isFinishing = true;
    if (this.#isShut || this.#waiting !== undefined || this.#to === undefined) return;
    this.#isShut = true;
    // Where the receiver has said that it sends no more, closing says the same as shutting this side, with one call less.
    if (this.reverse?.isEnded) this.#to.end();
    else this.#to.shutdown();
  }

  /** Names the receiver, and gives it what has come so far. */
  connect(to: Socket): void {
    this.#to = to;
    this.drain();
    if (this.#isFinishing) this.finish();
  }

  /** The receiver has room again. */
  drain(): void {
    const waiting = this.#waiting;
    const to = this.#to;
    if (waiting === undefined || to === undefined) return;
    for (let at = 0; at < waiting.length; at++) {
      const chunk = waiting[at] as Uint8Array;
      const taken = to.write(chunk);
      if (taken !== chunk.length) {
        this.#isBroken = taken < 0;
        this.#waiting = waiting.slice(at);
        if (taken > 0) this.#waiting[0] = chunk.subarray(taken);
        return;
      }
    }
    this.#waiting = undefined;
    if (this.#isBacked) {
      this.#isBacked = false;
      this.release();
    }
    this.stage?.drained();
    if (this.#isFinishing) this.finish();
  }

  /** Stops reading the sender until {@link release} was called as often. */
  hold(): void {
    if (this.#holds++ === 0) this.from?.pause();
  }

  /** Takes back one {@link hold}. */
  release(): void {
    if (--this.#holds === 0) this.from?.resume();
  }

  /** The receiver is gone: what waits is dropped, and what comes. The sender is read on, or its end would never be seen. */
  disconnect(): void {
    this.#to = undefined;
    this.#waiting = undefined;
    this.#isShut = true;
    this.#isGone = true;
    if (!this.#isBacked) return;
    this.#isBacked = false;
    this.release();
  }
}
