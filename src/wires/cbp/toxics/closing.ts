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

/** `slow_close`: the end comes `delay` ms later. */
export class SlowClosePipe implements Pipe {
  readonly waitingBytes = 0;
  readonly limitBytes = 0;
  readonly #out: Outlet;
  readonly #wait: Wait;
  #attributes: Attributes;

  constructor({ attributes, clock, out }: PipeParts) {
    this.#attributes = attributes;
    this.#out = out;
    this.#wait = new Wait(clock, () => out.finish());
  }

  take(chunk: Uint8Array): void {
    this.#out.send(chunk);
  }

  end(): void {
    this.#wait.last(this.#attributes["delay"]);
  }

  change(attributes: Attributes): void {
    this.#attributes = attributes;
    if (this.#wait.isRunning) this.end();
  }

  flush(): void {
    const hadEnd = this.#wait.isRunning;
    this.#wait.stop();
    if (hadEnd) this.#out.finish();
  }

  stop(): void {
    this.#wait.stop();
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

/** `reset_peer`: `timeout` ms after the first bytes, or the end, the connection is reset. Until then nothing gets through. */
export class ResetPeerPipe implements Pipe {
  readonly waitingBytes = 0;
  readonly limitBytes = 0;
  readonly #out: Outlet;
  readonly #wait: Wait;
  #attributes: Attributes;

  constructor({ attributes, clock, out }: PipeParts) {
    this.#attributes = attributes;
    this.#out = out;
    this.#wait = new Wait(clock, () => out.cut(true));
  }

  take(): void {
    if (!this.#wait.isRunning) this.#wait.last(this.#attributes["timeout"]);
  }

  end(): void {
    this.take();
  }

  change(attributes: Attributes): void {
    this.#attributes = attributes;
    if (this.#wait.isRunning) this.#wait.last(attributes["timeout"]);
  }

  /** Bytes that were swallowed are missing. */
  flush(): void {
    const hadBytes = this.#wait.isRunning;
    this.#wait.stop();
    if (hadBytes) this.#out.cut(true);
  }

  stop(): void {
    this.#wait.stop();
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
