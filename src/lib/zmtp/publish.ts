/** PUB and SUB: one tells, whoever wants it hears. Who reads too slowly misses whole messages, and delays nobody. */
import { type SettledOptions, settle, type SocketOptions } from "./options.ts";
import type { Peer } from "./peer.ts";
import { ZmtpError } from "./protocol-error.ts";
import { ZmtpSocket } from "./socket.ts";
import { Subscriptions } from "./subscriptions.ts";

/** What a publisher can be told beyond what every socket can. */
export interface PublisherOptions extends SocketOptions {
  /** A first subscriber to a topic has come, or the last one has gone. */
  onSubscription?(topic: Buffer, isOn: boolean): void;
}

/** Sends each message to every peer that subscribed to the beginning of its first frame. A PUB, which suits SUB and XSUB. */
export class Publisher extends ZmtpSocket {
  readonly #options: SettledOptions;
  readonly #onSubscription: ((topic: Buffer, isOn: boolean) => void) | undefined;
  readonly #subscriptions = new Subscriptions<Peer>();
  readonly #ready = new Set<Peer>();
  #dropped = 0;

  constructor(options: PublisherOptions) {
    const settled = settle(options);
    super("PUB", settled);
    this.#options = settled;
    this.#onSubscription = options.onSubscription?.bind(options);
  }

  /** Messages that a peer which reads too slowly did not get, of all time. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Peers whose handshake is done. */
  get peers(): number {
    return this.#ready.size;
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

  protected override joined(peer: Peer): void {
    this.#ready.add(peer);
  }

  protected override subscribed(peer: Peer, topic: Buffer, isOn: boolean): void {
    if (!isOn) {
      if (this.#subscriptions.remove(topic, peer)) this.#tellIf(0, topic);
      return;
    }
    const { maxSubscribedBytes, maxTopicBytes, maxSubscriptions } = this.#options;
    if (topic.length > maxTopicBytes) {
      throw new ZmtpError(`A topic of ${topic.length} bytes is longer than ${maxTopicBytes}`);
    }
    if (this.#subscriptions.count(peer) >= maxSubscriptions) {
      throw new ZmtpError(`The peer has more than ${maxSubscriptions} subscriptions`);
    }
    if (this.#subscriptions.sizeBytes(peer) + topic.length > maxSubscribedBytes) {
      throw new ZmtpError(`The peer's subscriptions are longer than ${maxSubscribedBytes} bytes together`);
    }
    if (this.#subscriptions.add(topic, peer)) this.#tellIf(1, topic);
  }

  protected override left(peer: Peer): void {
    this.#ready.delete(peer);
    for (const topic of this.#subscriptions.forget(peer)) this.#tellIf(0, Buffer.from(topic, "latin1"));
  }

  /** Tells of a topic that has come to have so many subscribers: one after none, or none. */
  #tellIf(count: 0 | 1, topic: Buffer): void {
    if (this.#subscriptions.subscribers(topic) === count) this.#onSubscription?.(topic, count === 1);
  }
}

/** What a subscriber can be told beyond what every socket can. */
export interface SubscriberOptions extends SocketOptions {
  /** Gets each message once for each peer it came from; the frames are valid only during the call. */
  onMessage(frames: readonly Buffer[]): void;
  /** A publisher is there, and has been sent the subscriptions; or is gone: what it says meanwhile is missed. */
  onPeer?(isThere: boolean): void;
}

/** Hears what begins with the topics it subscribed to. A SUB, which suits PUB and XPUB. */
export class Subscriber extends ZmtpSocket {
  readonly #options: SubscriberOptions;
  readonly #topics = new Map<string, number>();
  readonly #own = new Subscriptions<true>();
  readonly #ready = new Set<Peer>();

  constructor(options: SubscriberOptions) {
    super("SUB", settle(options));
    this.#options = options;
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

  protected override joined(peer: Peer): void {
    this.#ready.add(peer);
    for (const [topic, count] of this.#topics) {
      const bytes = peer.link.subscription(Buffer.from(topic, "latin1"), true);
      for (let index = 0; index < count; index++) peer.sendAside(bytes);
    }
    this.#options.onPeer?.(true);
  }

  protected override heard(_peer: Peer, frames: readonly Buffer[]): void {
    // A publisher of 1.0 sends everything, and one of any version what it sent before it read a cancellation.
    if (frames[0] && this.#own.concerns(frames[0])) this.#options.onMessage(frames);
  }

  protected override left(peer: Peer): void {
    if (this.#ready.delete(peer)) this.#options.onPeer?.(false);
  }
}
