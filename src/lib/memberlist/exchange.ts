/**
 * Streams, each with one message and at most one answer. Dialled ones have a deadline; accepted ones too, and only so many are
 * served at once. Nothing is left open: every path ends in close or destroy.
 */
import type { Address } from "./address.ts";
import type { Clock } from "./clock.ts";
import type { Counters } from "./counters.ts";
import { STREAMS_MAX } from "./limits.ts";
import { ProtocolError } from "./protocol-error.ts";
import { encodeStream, StreamDecoder, type StreamMessage } from "./stream.ts";
import type { Stream, Transport } from "./transport.ts";
import type { Wire } from "./wire.ts";

/** What the streams of one node share. */
export interface ExchangeOptions {
  readonly wire: Wire;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly counters: Counters;
}

/** How a dialled stream ended: with an answer, with none, or because of an error. */
export type Outcome =
  | { readonly kind: "answered"; readonly answer: StreamMessage }
  | { readonly kind: "closed" }
  | { readonly kind: "failed"; readonly error: Error };

/** Opens streams and serves those that others open. */
export class Exchange {
  readonly #options: ExchangeOptions;
  readonly #open = new Set<(error: Error) => void>();
  #accepted = 0;
  #stopped = false;

  constructor(options: ExchangeOptions) {
    this.#options = options;
  }

  /** Dials, sends a message and waits for the answer or the end of the stream. `done` is called once. */
  ask(to: Address, message: StreamMessage, timeoutMs: number, done: (outcome: Outcome) => void): void {
    const { wire, transport, clock, counters } = this.#options;
    if (this.#stopped) {
      done({ kind: "failed", error: new Error("Cannot reach peer: this node has stopped") });
      return;
    }
    counters.streamsOut++;
    const decoder = new StreamDecoder(wire, false);
    let over = false;
    const finish = (outcome: Outcome) => {
      if (over) return;
      over = true;
      cancelTimer();
      this.#open.delete(abort);
      stream.destroy();
      done(outcome);
    };
    const abort = (error: Error) => finish({ kind: "failed", error });
    const cancelTimer = clock.schedule(timeoutMs, () =>
      abort(new Error(`Cannot reach peer: no answer in ${timeoutMs} ms`)),
    );
    const stream = transport.openStream(to, {
      bytes: (chunk) => {
        try {
          const answer = decoder.push(chunk);
          if (answer !== undefined) finish({ kind: "answered", answer });
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error;
          counters.streamsRefused++;
          abort(error);
        }
      },
      closed: (error) => finish(error === undefined ? { kind: "closed" } : { kind: "failed", error }),
    });
    this.#open.add(abort);
    stream.write(encodeStream(wire, message, true));
  }

  /** Reads the message of an accepted stream, lets `handle` answer it, and closes. */
  serve(stream: Stream, timeoutMs: number, handle: (message: StreamMessage) => StreamMessage | undefined): void {
    const { wire, clock, counters } = this.#options;
    counters.streamsIn++;
    if (this.#accepted >= STREAMS_MAX) {
      counters.streamsRefused++;
      stream.destroy();
      return;
    }
    this.#accepted++;
    const decoder = new StreamDecoder(wire, true);
    let served = false;
    const release = () => {
      cancelTimer();
      if (this.#open.delete(abort)) this.#accepted--;
    };
    const abort = () => {
      release();
      stream.destroy();
    };
    const cancelTimer = clock.schedule(timeoutMs, abort);
    this.#open.add(abort);
    stream.listen({
      bytes: (chunk) => {
        if (served) return;
        try {
          const message = decoder.push(chunk);
          if (message === undefined) return;
          served = true;
          const answer = handle(message);
          if (answer !== undefined) stream.write(encodeStream(wire, answer, false));
          stream.close();
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error;
          served = true;
          counters.streamsRefused++;
          // Silence for a stranger: an answer would only help somebody who probes for keys and labels.
          abort();
        }
      },
      closed: release,
    });
  }

  /** Ends all streams and opens no more. */
  stop(): void {
    this.#stopped = true;
    for (const abort of this.#open) abort(new Error("Cannot reach peer: this node has stopped"));
  }
}
