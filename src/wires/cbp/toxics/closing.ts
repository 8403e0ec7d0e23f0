/**
 * The pipes that have to do with the end: slow_close delays it, timeout swallows everything until it closes, reset_peer and
 * limit_data cut the connection. None of them lets bytes wait.
 */
import type { Clock } from "../../../kit/clock.ts";
import type { Outlet, Pipe, PipeParts } from "./pipe.ts";
import type { Attributes } from "./toxic.ts";

/** One wait that can be made longer or shorter while it lasts. */
class Wait {
  readonly #clock: Clock;
  readonly #over: () => void;
  #sinceMs: number | undefined;
  #cancel: () => void = () => undefined;

  constructor(clock: Clock, over: () => void) {
    this.#clock = clock;
    this.#over = over;
  }

  get isRunning(): boolean {
    return this.#sinceMs !== undefined;
  }

  /** Begins, or sets how long it lasts from its beginning on; undefined is for ever. */
  last(forMs: number | undefined): void {
    this.#cancel();
    this.#sinceMs ??= this.#clock.monotonicMs();
    if (forMs === undefined) return;
    const leftMs = this.#sinceMs + forMs - this.#clock.monotonicMs();
    const done = () => {
      this.stop();
      this.#over();
    };
    if (leftMs <= 0) done();
    else this.#cancel = this.#clock.schedule(leftMs, done);
  }

  stop(): void {
    this.#cancel();
    this.#sinceMs = undefined;
  }
}

/** A pipe that puts something off, once, by the milliseconds in one attribute. */
abstract class DeferringPipe implements Pipe {
  readonly waitingBytes = 0;
  readonly limitBytes = 0;
  readonly #key: string;
  readonly #over: () => void;
  readonly #wait: Wait;
  #attributes: Attributes;

  constructor({ attributes, clock }: PipeParts, key: string, over: () => void) {
    this.#attributes = attributes;
    this.#key = key;
    this.#over = over;
    this.#wait = new Wait(clock, over);
  }

  abstract take(chunk: Uint8Array): void;

  abstract end(): void;

  /** Puts it off from now on, the first time. */
  protected begin(): void {
    if (!this.#wait.isRunning) this.#last();
  }

  change(attributes: Attributes): void {
    this.#attributes = attributes;
    if (this.#wait.isRunning) this.#last();
  }

  /** What was put off comes now. */
  flush(): void {
    const wasRunning = this.#wait.isRunning;
    this.#wait.stop();
    if (wasRunning) this.#over();
  }

  stop(): void {
    this.#wait.stop();
  }

  #last(): void {
    this.#wait.last(this.#attributes[this.#key]);
  }
}

/** `slow_close`: the end comes `delay` ms later. */
export class SlowClosePipe extends DeferringPipe {
  readonly #out: Outlet;

  constructor(parts: PipeParts) {
    super(parts, "delay", () => parts.out.finish());
    this.#out = parts.out;
  }

  take(chunk: Uint8Array): void {
    this.#out.send(chunk);
  }

  end(): void {
    this.begin();
  }
}

/** `timeout`: nothing gets through; the connection is closed `timeout` ms after the toxic came to it, or when it goes. */
export class TimeoutPipe implements Pipe {
  readonly waitingBytes = 0;
  readonly limitBytes = 0;
  readonly #out: Outlet;
  readonly #wait: Wait;

  constructor({ attributes, clock, out }: PipeParts) {
    this.#out = out;
    this.#wait = new Wait(clock, () => out.cut(false));
    this.change(attributes);
  }

  take(): void {
    // The fault: bytes are lost.
  }

  end(): void {
    this.flush();
  }

  change({ timeout = 0 }: Attributes): void {
    this.#wait.last(timeout === 0 ? undefined : timeout);
  }

  /** What was swallowed is missing, so going on would be worse than an end. */
  flush(): void {
    this.#wait.stop();
    this.#out.cut(false);
  }

  stop(): void {
    this.#wait.stop();
  }
}

/**
 * `reset_peer`: `timeout` ms after the first bytes, or the end, the connection is reset. Until then nothing gets through, so
 * bytes are missing where the toxic is taken away.
 */
export class ResetPeerPipe extends DeferringPipe {
  constructor(parts: PipeParts) {
    super(parts, "timeout", () => parts.out.cut(true));
  }

  take(): void {
    this.begin();
  }

  end(): void {
    this.begin();
  }
}

/** `limit_data`: after `bytes` bytes the connection is closed. */
export class LimitDataPipe implements Pipe {
  readonly waitingBytes = 0;
  readonly limitBytes = 0;
  readonly #out: Outlet;
  #maxBytes = 0;
  #passedBytes = 0;

  constructor({ attributes, out }: PipeParts) {
    this.#out = out;
    this.change(attributes);
  }

  take(chunk: Uint8Array): void {
    const leftBytes = Math.max(0, this.#maxBytes - this.#passedBytes);
    const passed = chunk.length > leftBytes ? chunk.subarray(0, leftBytes) : chunk;
    this.#passedBytes += passed.length;
    if (passed.length > 0) this.#out.send(passed);
    if (passed.length === leftBytes) this.#out.cut(false);
  }

  end(): void {
    this.#out.finish();
  }

  change({ bytes = 0 }: Attributes): void {
    this.#maxBytes = bytes;
  }

  flush(): void {
    // Nothing waits here.
  }

  stop(): void {
    // No timer.
  }
}
