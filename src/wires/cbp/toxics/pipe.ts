/**
 * What one toxic does to one direction of one connection. A pipe takes chunks and the end, and gives to its outlet what is
 * left of them, when it is time. It knows time and chance only from what it was made with, and no socket.
 */
import type { Clock } from "../../../kit/clock.ts";
import type { Random } from "../../../kit/random.ts";
import type { Attributes } from "./toxic.ts";

/** Where a pipe gives to: the next one, or the connection. */
export interface Outlet {
  send(chunk: Uint8Array): void;
  /** The direction's end, after everything that was sent. */
  finish(): void;
  /** Closes the whole connection: after what was sent, or at once with a reset. */
  cut(isReset: boolean): void;
}

/** What a pipe is made with. */
export interface PipeParts {
  readonly attributes: Attributes;
  readonly clock: Clock;
  readonly random: Random;
  readonly out: Outlet;
}

/** A toxic at work. After `stop` nothing is called any more. */
export interface Pipe {
  /** Bytes that wait. */
  readonly waitingBytes: number;
  /** With more than this waiting the sender should pause. */
  readonly limitBytes: number;
  take(chunk: Uint8Array): void;
  end(): void;
  change(attributes: Attributes): void;
  /** The toxic is taken away: gives on at once what waits, the end too. The pipe is stopped afterwards. */
  flush(): void;
  /** The connection is over: lets go of timers and of what waits. */
  stop(): void;
}
