/** PUSH and PULL, DEALER and ROUTER: messages shared out among peers, or sent to one by name. */
import type { SocketType } from "./greeting.ts";
import { settle, type SocketOptions } from "./options.ts";
import type { Peer } from "./peer.ts";
import { ZmtpSocket } from "./socket.ts";

/** Takes a message; the frames are valid only during the call. */
export type TakeMessage = (frames: readonly Buffer[], peer: Peer) => void;

/** What a socket that shares out can be told beyond what every socket can. */
export interface SharingOptions extends SocketOptions {
  /** Told when a message would be taken again after one was refused. */
  onRoom?(): void;
}

/** Sends to its peers in turn. */
abstract class SharingSocket extends ZmtpSocket {
  readonly #peers: Peer[] = [];
  readonly #onRoom: () => void;

  constructor(type: SocketType, options: SharingOptions) {
    super(type, settle(options));
    this.#onRoom = () => options.onRoom?.();
  }

  /** Peers whose handshake is done. */
  get peers(): number {
    return this.#peers.length;
  }

  /** Sends to the next peer with room; false when there is none. */
  send(frames: readonly Uint8Array[]): boolean {
    for (let tries = this.#peers.length; tries > 0; tries--) {
      const peer = this.#peers.shift();
      if (!peer) return false;
      this.#peers.push(peer);
      if (peer.send(frames)) return true;
    }
    return false;
  }

  protected override joined(peer: Peer): void {
    this.#peers.push(peer);
    this.#onRoom();
  }

  protected override roomed(): void {
    this.#onRoom();
  }

  protected override left(peer: Peer): void {
    const at = this.#peers.indexOf(peer);
    if (at >= 0) this.#peers.splice(at, 1);
  }
}

/** Shares messages out among PULL sockets. A PUSH. */
export class Pusher extends SharingSocket {
  constructor(options: SharingOptions) {
    super("PUSH", options);
  }
}

/**
 * Sends to its peers in turn and hears all of them, without a course of question and answer; to speak to a REP, begin
 * with an empty frame. A DEALER.
 */
export class Dealer extends SharingSocket {
  readonly #onMessage: TakeMessage;

  constructor(options: SharingOptions & { onMessage: TakeMessage }) {
    super("DEALER", options);
    this.#onMessage = options.onMessage;
  }

  protected override heard(peer: Peer, frames: readonly Buffer[]): void {
    this.#onMessage(frames, peer);
  }
}

/** Takes what PUSH sockets send. A PULL. */
export class Puller extends ZmtpSocket {
  readonly #onMessage: TakeMessage;

  constructor(options: SocketOptions & { onMessage: TakeMessage }) {
    super("PULL", settle(options));
    this.#onMessage = options.onMessage;
  }

  protected override heard(peer: Peer, frames: readonly Buffer[]): void {
    this.#onMessage(frames, peer);
  }
}

/** Knows its peers by name: their identity, or one that it gives them. A ROUTER. */
export class Router extends ZmtpSocket {
  readonly #onMessage: (name: Buffer, frames: readonly Buffer[]) => void;
  readonly #byName = new Map<string, Peer>();
  readonly #names = new Map<Peer, Buffer>();
  #given = 0;

  /** `onMessage` gets the name of the sender, then what it sent. */
  constructor(options: SocketOptions & { onMessage(name: Buffer, frames: readonly Buffer[]): void }) {
    super("ROUTER", settle(options));
    this.#onMessage = options.onMessage;
  }

  /** Peers whose handshake is done. */
  get peers(): number {
    return this.#names.size;
  }

  /** Sends to a peer by name; false when it is not there, or reads too slowly. */
  send(name: Uint8Array, frames: readonly Uint8Array[]): boolean {
    return this.#byName.get(Buffer.from(name).toString("latin1"))?.send(frames) ?? false;
  }

  protected override joined(peer: Peer): void {
    const wanted = peer.who?.identity;
    // A name that is taken stays with whom it belongs to: the later peer is heard under a name of our own.
    const isFree = wanted && wanted.length > 0 && !this.#byName.has(wanted.toString("latin1"));
    const name = isFree ? wanted : this.#give();
    this.#byName.set(name.toString("latin1"), peer);
    this.#names.set(peer, name);
  }

  protected override heard(peer: Peer, frames: readonly Buffer[]): void {
    const name = this.#names.get(peer);
    if (name) this.#onMessage(name, frames);
  }

  protected override left(peer: Peer): void {
    const name = this.#names.get(peer);
    this.#names.delete(peer);
    if (name) this.#byName.delete(name.toString("latin1"));
  }

  /** Names that we give begin with a zero octet, which no peer's own may. */
  #give(): Buffer {
    const name = Buffer.alloc(5);
    name.writeUInt32BE(++this.#given, 1);
    return name;
  }
}
