/** PUB and SUB: one tells, whoever wants it hears. Who reads too slowly misses whole messages, and delays nobody. */
import { type SettledOptions, settle, type SocketOptions } from "./options.ts";
import type { Peer, PeerEvents } from "./peer.ts";
import { ZmtpError } from "./protocol-error.ts";
import { Subscriptions } from "./subscriptions.ts";
import { Transport } from "./transport.ts";

const nothing = () => {};

/** What a publisher can be told beyond what every socket can. */
export interface PublisherOptions extends SocketOptions {
  /** A first subscriber to a topic has come, or the last one has gone. */
  onSubscription?(topic: Buffer, isOn: boolean): void;
}

/** Sends each message to every peer that subscribed to the beginning of its first frame. A PUB, which suits SUB and XSUB. */
export class Publisher {
  readonly #options: SettledOptions;
  readonly #subscriptions = new Subscriptions<Peer>();
  readonly #wanted = new Map<string, number>();
  readonly #transport: Transport;
  readonly #ready = new Set<Peer>();
  #dropped = 0;

  constructor(options: PublisherOptions) {
    this.#options = settle(options);
    const changed = (topic: string, by: 1 | -1) => {
      const count = (this.#wanted.get(topic) ?? 0) + by;
      if (count > 0) this.#wanted.set(topic, count);
      else this.#wanted.delete(topic);
      if (count === 0 || (count === 1 && by === 1)) options.onSubscription?.(Buffer.from(topic, "latin1"), by === 1);
    };
    const events: PeerEvents = {
      ready: (peer) => this.#ready.add(peer),
      message: nothing,
      subscription: (peer, topic, isOn) => {
        if (!isOn) {
          if (this.#subscriptions.remove(topic, peer)) changed(topic.toString("latin1"), -1);
          return;
        }
        const { maxTopicBytes, maxSubscriptions } = this.#options;
        if (topic.length > maxTopicBytes) {
          throw new ZmtpError(`A topic of ${topic.length} bytes is longer than ${maxTopicBytes}`);
        }
        if (this.#subscriptions.count(peer) >= maxSubscriptions) {
          throw new ZmtpError(`The peer has more than ${maxSubscriptions} subscriptions`);
        }
        if (this.#subscriptions.add(topic, peer)) changed(topic.toString("latin1"), 1);
      },
      room: nothing,
      ended: (peer) => {
        this.#ready.delete(peer);
        for (const topic of this.#subscriptions.forget(peer)) changed(topic, -1);
      },
    };
    this.#transport = new Transport("PUB", this.#options, events);
  }

  /** Messages that a peer which reads too slowly did not get, of all time. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Peers whose handshake is done. */
  get peers(): number {
    return this.#ready.size;
  }

  /** See {@link Transport.bind}. */
  bind(endpoint: string): string {
    return this.#transport.bind(endpoint);
  }

  /** See {@link Transport.connect}. */
  connect(endpoint: string): void {
    this.#transport.connect(endpoint);
  }

  /** Sends to whom it concerns; gives how many that were. */
  send(frames: readonly Uint8Array[]): number {
    const [first] = frames;
    if (first === undefined) return 0;
    let sent = 0;
    // Framings differ only for peers of 1.0 and sealed ones: nearly always one encoding serves all.
    let modern: Buffer | undefined;
    for (const peer of this.#subscriptions.match(first)) {
      const { link } = peer;
      let bytes: Buffer;
      if (link.framing === "v2") bytes = modern ??= link.encode(frames);
      else bytes = link.encode(frames);
      if (peer.sendBytes(bytes)) sent++;
      else this.#dropped++;
    }
    return sent;
  }

  /** Ends everything. */
  close(): void {
    this.#transport.close();
  }
}

/** Hears what begins with the topics it subscribed to. A SUB, which suits PUB and XPUB. */
export class Subscriber {
  readonly #transport: Transport;
  readonly #topics = new Map<string, number>();
  readonly #own = new Subscriptions<true>();
  readonly #ready = new Set<Peer>();

  /** `onMessage` gets each message once for each peer it came from; the frames are valid only during the call. */
  constructor(
    options: SocketOptions & {
      onMessage(frames: readonly Buffer[]): void;
      /** A publisher is there, and has been sent the subscriptions; or is gone: what it says meanwhile is missed. */
      onPeer?(isThere: boolean): void;
    },
  ) {
    const settled = settle(options);
    this.#transport = new Transport("SUB", settled, {
      ready: (peer) => {
        this.#ready.add(peer);
        for (const [topic, count] of this.#topics) {
          const bytes = peer.link.subscription(Buffer.from(topic, "latin1"), true);
          for (let index = 0; index < count; index++) peer.sendAside(bytes);
        }
        options.onPeer?.(true);
      },
      message: (_peer, frames) => {
        // A publisher of 1.0 sends everything, and one of any version what it sent before it read a cancellation.
        if (frames[0] && this.#own.match(frames[0]).size > 0) options.onMessage(frames);
      },
      subscription: nothing,
      room: nothing,
      ended: (peer) => {
        if (this.#ready.delete(peer)) options.onPeer?.(false);
      },
    });
  }

  /** Publishers whose handshake is done. */
  get peers(): number {
    return this.#ready.size;
  }

  /** Wants what begins with `topic`, from now on and from every publisher; twice has to be cancelled twice. */
  subscribe(topic: Uint8Array): void {
    const key = Buffer.from(topic).toString("latin1");
    this.#topics.set(key, (this.#topics.get(key) ?? 0) + 1);
    this.#own.add(topic, true);
    for (const peer of this.#ready) peer.sendAside(peer.link.subscription(topic, true));
  }

  /** Takes one subscription back. */
  cancel(topic: Uint8Array): void {
    const key = Buffer.from(topic).toString("latin1");
    const count = this.#topics.get(key);
    if (count === undefined) return;
    if (count > 1) this.#topics.set(key, count - 1);
    else this.#topics.delete(key);
    this.#own.remove(topic, true);
    for (const peer of this.#ready) peer.sendAside(peer.link.subscription(topic, false));
  }

  /** See {@link Transport.bind}. */
  bind(endpoint: string): string {
    return this.#transport.bind(endpoint);
  }

  /** See {@link Transport.connect}. */
  connect(endpoint: string): void {
    this.#transport.connect(endpoint);
  }

  /** See {@link Transport.disconnect}. */
  disconnect(endpoint: string): void {
    this.#transport.disconnect(endpoint);
  }

  /** Ends everything. */
  close(): void {
    this.#transport.close();
  }
}
