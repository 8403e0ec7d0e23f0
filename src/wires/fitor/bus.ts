/**
 * The way to the broker, as a port: publish, and hear what others publish. Fulfilled over ZeroMQ with any broker that speaks as
 * Windsock's does: one frame of JSON out and a word back, two frames in. Publications wait in order, one on its way at a time;
 * too many, or one that nobody answers in time, are given up and counted, for whether they were heard is not known.
 */
import { Requester } from "../../lib/zmtp/request.ts";
import { Subscriber } from "../../lib/zmtp/publish.ts";
import type { Clock } from "../../kit/clock.ts";
import type { Random } from "../../kit/random.ts";

/** What the bridge needs of the bus. */
export interface Bus {
  /** Whether both ways stand. */
  readonly isUp: boolean;
  /** For people, such as `zeromq tcp://localhost:5555`. */
  readonly name: string;
  publish(address: string, content: string): void;
  readonly counts: { published: number; lost: number; heard: number };
  /** Ends it; nothing is heard after that. */
  close(): void | Promise<void>;
}

/** What is told of a bus. */
export interface BusEvents {
  heard(address: string, content: string): void;
  /** A publication was given up, or refused. */
  lost(reason: string): void;
}

const answerMs = 5000;
const maxWaiting = 1000;

/** A bus over ZeroMQ. */
export class ZeromqBus implements Bus {
  readonly name: string;
  readonly counts = { published: 0, lost: 0, heard: 0 };
  readonly #requester: Requester;
  readonly #subscriber: Subscriber;
  readonly #events: BusEvents;
  #waiting = 0;
  #closed = false;

  /** Subscribes to every address that begins with one of `prefixes`. Throws SyntaxError for what is no endpoint. */
  constructor(
    options: { reqSocket: string; subSocket: string; prefixes: readonly string[]; clock: Clock; random: Random },
    events: BusEvents,
  ) {
    const { clock, prefixes, random, reqSocket, subSocket } = options;
    this.name = `zeromq ${reqSocket}`;
    this.#events = events;
    const limits = { clock, random, heartbeatMs: 30_000, highWaterMark: maxWaiting };
    this.#requester = new Requester(limits);
    this.#subscriber = new Subscriber({
      ...limits,
      onMessage: (frames) => {
        const [address, content] = frames;
        if (!address || !content) return;
        this.counts.heard++;
        events.heard(address.toString(), content.toString());
      },
    });
    // A prefix that begins with another one would be told twice.
    for (const prefix of prefixes) {
      if (!prefixes.some((other) => other !== prefix && prefix.startsWith(other))) {
        this.#subscriber.subscribe(Buffer.from(prefix));
      }
    }
    this.#requester.connect(reqSocket);
    this.#subscriber.connect(subSocket);
  }

  get isUp(): boolean {
    return this.#requester.peers > 0 && this.#subscriber.peers > 0;
  }

  publish(address: string, content: string): void {
    if (this.#closed) return;
    if (this.#waiting >= maxWaiting) {
      this.#lose("too many wait already");
      return;
    }
    this.#waiting++;
    const frame = Buffer.from(JSON.stringify({ address, content }));
    this.#requester
      .request([frame], answerMs)
      .then(
        ([answer]) => {
          if (answer?.toString() === "published") this.counts.published++;
          else this.#lose(`the broker said "${answer?.toString().slice(0, 200) ?? ""}"`);
        },
        (thrown: unknown) => this.#lose(thrown instanceof Error ? thrown.message : String(thrown)),
      )
      .finally(() => this.#waiting--);
  }

  close(): void {
    this.#closed = true;
    this.#requester.close();
    this.#subscriber.close();
  }

  #lose(reason: string): void {
    if (this.#closed) return;
    this.counts.lost++;
    this.#events.lost(reason);
  }
}
