/**
 * One connection with its socket: what is to be sent is gathered and written once a turn of the event loop, and what the
 * kernel does not take waits, up to a bound, beyond which messages are refused instead of kept.
 */
import { Link, type LinkPeer } from "./link.ts";
import type { SettledOptions } from "./options.ts";
import type { SocketType } from "./greeting.ts";
import { ZmtpError } from "./protocol-error.ts";

/** The part of a connected socket that is used here. */
export interface Wire {
  /** Gives how many bytes were taken. */
  write(bytes: Uint8Array): number;
  end(): void;
  terminate(): void;
  pause(): void;
  resume(): void;
}

/** What a peer tells the socket it belongs to. */
export interface PeerEvents {
  ready(peer: Peer): void;
  message(peer: Peer, frames: Buffer[]): void;
  subscription(peer: Peer, topic: Buffer, isOn: boolean): void;
  /** There is room again, after messages were refused or had to wait. */
  room(peer: Peer): void;
  /** It is over: with an error for what was wrong, without one when it was closed. */
  ended(peer: Peer, error: Error | undefined): void;
}

/** So much is gathered before it is written within the same turn. */
const gatherBytes = 64 * 1024;

/** A connection to a peer. */
export class Peer {
  readonly link: Link;
  /** Where it leads or comes from, for logs. */
  readonly endpoint: string;
  /** Who it is, once the handshake is done. */
  who: LinkPeer | undefined;
  readonly #options: SettledOptions;
  readonly #events: PeerEvents;
  readonly #wire: Wire;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** Written, but not taken by the kernel. */
  #stuck: Buffer | undefined;
  #scheduled = false;
  #ended = false;
  #wantsRoom = false;
  #heardAtMs: number;
  #pingedAtMs: number;
  #lifetimeMs: number | undefined;
  #isHeld = false;
  #cancelHandshake: () => void;

  constructor(socketType: SocketType, endpoint: string, wire: Wire, options: SettledOptions, events: PeerEvents) {
    this.endpoint = endpoint;
    this.#wire = wire;
    this.#options = options;
    this.#events = events;
    this.#heardAtMs = options.clock.monotonicMs();
    this.#pingedAtMs = this.#heardAtMs;
    this.link = new Link(
      {
        socketType,
        security: options.security,
        identity: options.identity,
        maxMessageBytes: options.maxMessageBytes,
        maxFrames: options.maxFrames,
      },
      {
        write: (bytes) => {
          // Whoever asks for ever and never takes the answers must not fill the memory with them.
          if (this.#stuck && !this.#isBelowBounds) throw new ZmtpError("It asks for more than it takes");
          this.#gather(bytes);
        },
        ready: (who) => {
          this.who = who;
          this.#cancelHandshake();
          events.ready(this);
        },
        message: (frames) => events.message(this, frames),
        subscription: (topic, isOn) => events.subscription(this, topic, isOn),
        lifetime: (ms) => (this.#lifetimeMs = ms),
      },
    );
    this.#cancelHandshake = options.clock.schedule(options.handshakeMs, () =>
      this.fail(new ZmtpError(`No handshake within ${options.handshakeMs} ms`)),
    );
  }

  /** Begins to talk. */
  start(): void {
    this.link.start();
  }

  /** Bytes from the wire. */
  receive(chunk: Uint8Array): void {
    if (this.#ended) return;
    this.#heardAtMs = this.#options.clock.monotonicMs();
    try {
      this.link.receive(chunk);
    } catch (thrown) {
      // Also what those threw who take messages: the stream would go on in the middle of something.
      this.fail(thrown instanceof Error ? thrown : new Error(String(thrown)));
    }
  }

  /** Whether a message would be taken now. */
  get hasRoom(): boolean {
    if (this.#ended || !this.link.isReady) return false;
    return !this.#stuck || this.#isBelowBounds;
  }

  get #isBelowBounds(): boolean {
    return this.#pending.length < this.#options.highWaterMark && this.#pendingBytes < this.#options.maxWaitingBytes;
  }

  /** Sends a message; false when the peer is not ready, or has too much to read already. */
  send(frames: readonly Uint8Array[]): boolean {
    return this.sendBytes(this.link.encode(frames));
  }

  /** As {@link Peer.send}, for a message that was encoded for a peer of the same framing. */
  sendBytes(message: Buffer): boolean {
    if (!this.hasRoom) {
      this.#wantsRoom = true;
      return false;
    }
    this.#gather(message);
    return true;
  }

  /** Sends what is no message and is never refused: subscriptions. */
  sendAside(bytes: Buffer): void {
    if (bytes.length > 0) this.#gather(bytes);
  }

  /** Stops, or goes on, taking bytes from the wire. */
  hold(isHeld: boolean): void {
    if (this.#ended || isHeld === this.#isHeld) return;
    this.#isHeld = isHeld;
    // What was not listened to cannot be taken for silence.
    this.#heardAtMs = this.#options.clock.monotonicMs();
    if (isHeld) this.#wire.pause();
    else this.#wire.resume();
  }

  /** Asks for a sign of life where it is time, and drops the peer that gave none. */
  look(nowMs: number): void {
    if (!this.link.isReady) return;
    const { heartbeatMs } = this.#options;
    const silentMs = nowMs - this.#heardAtMs;
    const limitMs = Math.min(
      this.#lifetimeMs ?? Number.POSITIVE_INFINITY,
      heartbeatMs > 0 && this.who?.version === "3.1" ? heartbeatMs * 3 : Number.POSITIVE_INFINITY,
    );
    if (silentMs > limitMs && !this.#isHeld) this.fail(new ZmtpError(`Nothing heard for ${Math.round(silentMs)} ms`));
    else if (heartbeatMs > 0 && nowMs - this.#pingedAtMs >= heartbeatMs) {
      this.#pingedAtMs = nowMs;
      this.sendAside(this.link.ping(heartbeatMs * 3));
    }
  }

  /** The kernel takes bytes again. */
  drained(): void {
    if (this.#ended) return;
    this.#flush();
    if (!this.#stuck && this.#wantsRoom) {
      this.#wantsRoom = false;
      this.#events.room(this);
    }
  }

  /** Ends the connection for a reason, of which the peer is told where its protocol allows. */
  fail(error: Error): void {
    if (this.#ended) return;
    const refusal = this.link.refusal(error.message);
    if (refusal.length > 0) this.#gather(refusal);
    this.#flush();
    this.over(error);
    this.#wire.end();
  }

  /** Ends the connection; what was gathered still goes out. */
  close(): void {
    if (this.#ended) return;
    this.#flush();
    const isStuck = this.#stuck !== undefined;
    this.over(undefined);
    if (isStuck) this.#wire.terminate();
    else this.#wire.end();
  }

  /** The wire is no more. */
  over(error: Error | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelHandshake();
    this.#pending = [];
    this.#stuck = undefined;
    this.#events.ended(this, error);
  }

  #gather(bytes: Buffer): void {
    if (this.#ended) return;
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#stuck) return;
    if (this.#pendingBytes >= gatherBytes) this.#flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      queueMicrotask(() => {
        this.#scheduled = false;
        if (!this.#stuck) this.#flush();
      });
    }
  }

  #flush(): void {
    while (!this.#ended) {
      const bytes = this.#stuck ?? this.#takePending();
      if (!bytes) return;
      const taken = Math.max(0, this.#wire.write(bytes));
      this.#stuck = taken < bytes.length ? bytes.subarray(taken) : undefined;
      if (this.#stuck) return;
    }
  }

  #takePending(): Buffer | undefined {
    if (this.#pending.length === 0) return undefined;
    const [only] = this.#pending;
    const bytes = this.#pending.length === 1 && only ? only : Buffer.concat(this.#pending, this.#pendingBytes);
    this.#pending = [];
    this.#pendingBytes = 0;
    return bytes;
  }
}
