/** PUSH and PULL, DEALER and ROUTER: messages shared out among peers, or sent to one by name. */
import { settle, type SocketOptions } from "./options.ts";
import type { Peer } from "./peer.ts";
import { Transport } from "./transport.ts";

const nothing = () => {};

/** Takes a message; the frames are valid only during the call. */
export type TakeMessage = (frames: readonly Buffer[], peer: Peer) => void;

/** The ways of a socket that shares out. */
class Ring {
  readonly #peers: Peer[] = [];

  get size(): number {
    return this.#peers.length;
  }

  add(peer: Peer): void {
    this.#peers.push(peer);
  }

  remove(peer: Peer): void {
    const at = this.#peers.indexOf(peer);
    if (at >= 0) this.#peers.splice(at, 1);
  }

  /** Sends to the next peer that has room. */
  send(frames: readonly Uint8Array[]): boolean {
    for (let tries = this.#peers.length; tries > 0; tries--) {
      const peer = this.#peers.shift();
      if (!peer) return false;
      this.#peers.push(peer);
      if (peer.send(frames)) return true;
    }
    return false;
  }
}

/** Shares messages out among PULL sockets. A PUSH. */
export class Pusher {
  readonly #transport: Transport;
  readonly #ring = new Ring();

  /** `onRoom` is told when a message would be taken again after one was refused. */
  constructor(options: SocketOptions & { onRoom?(): void }) {
    this.#transport = new Transport("PUSH", settle(options), {
      ready: (peer) => {
        this.#ring.add(peer);
        options.onRoom?.();
      },
      message: nothing,
      subscription: nothing,
      room: () => options.onRoom?.(),
      ended: (peer) => this.#ring.remove(peer),
    });
  }

  /** Peers whose handshake is done. */
  get peers(): number {
    return this.#ring.size;
  }

  /** Sends to the next peer with room; false when there is none. */
  send(frames: readonly Uint8Array[]): boolean {
    return this.#ring.send(frames);
  }

  /** See {@link Transport.bind}. */
  bind(endpoint: string): string {
    return this.#transport.bind(endpoint);
  }

  /** See {@link Transport.connect}. */
  connect(endpoint: string): void {
    this.#transport.connect(endpoint);
  }

  /** Ends everything. */
  close(): void {
    this.#transport.close();
  }
}

/** Takes what PUSH sockets send. A PULL. */
export class Puller {
  readonly #transport: Transport;

  constructor(options: SocketOptions & { onMessage: TakeMessage }) {
    this.#transport = new Transport("PULL", settle(options), {
      ready: nothing,
      message: (peer, frames) => options.onMessage(frames, peer),
      subscription: nothing,
      room: nothing,
      ended: nothing,
    });
  }

  /** See {@link Transport.bind}. */
  bind(endpoint: string): string {
    return this.#transport.bind(endpoint);
  }

  /** See {@link Transport.connect}. */
  connect(endpoint: string): void {
    this.#transport.connect(endpoint);
  }

  /** Ends everything. */
  close(): void {
    this.#transport.close();
  }
}

/** Sends to its peers in turn and hears all of them, without a course of question and answer. A DEALER. */
export class Dealer {
  readonly #transport: Transport;
  readonly #ring = new Ring();

  constructor(options: SocketOptions & { onMessage: TakeMessage; onRoom?(): void }) {
    this.#transport = new Transport("DEALER", settle(options), {
      ready: (peer) => {
        this.#ring.add(peer);
        options.onRoom?.();
      },
      message: (peer, frames) => options.onMessage(frames, peer),
      subscription: nothing,
      room: () => options.onRoom?.(),
      ended: (peer) => this.#ring.remove(peer),
    });
  }

  /** Peers whose handshake is done. */
  get peers(): number {
    return this.#ring.size;
  }

  /** Sends to the next peer with room; false when there is none. To speak to a REP, begin with an empty frame. */
  send(frames: readonly Uint8Array[]): boolean {
    return this.#ring.send(frames);
  }

  /** See {@link Transport.bind}. */
  bind(endpoint: string): string {
    return this.#transport.bind(endpoint);
  }

  /** See {@link Transport.connect}. */
  connect(endpoint: string): void {
    this.#transport.connect(endpoint);
  }

  /** Ends everything. */
  close(): void {
    this.#transport.close();
  }
}

/** Knows its peers by name: their identity, or one that it gives them. A ROUTER. */
export class Router {
  readonly #transport: Transport;
  readonly #byName = new Map<string, Peer>();
  readonly #names = new Map<Peer, Buffer>();
  #given = 0;

  /** `onMessage` gets the name of the sender, then what it sent. */
  constructor(options: SocketOptions & { onMessage(name: Buffer, frames: readonly Buffer[]): void }) {
    this.#transport = new Transport("ROUTER", settle(options), {
      ready: (peer) => {
        const wanted = peer.who?.identity;
        // A name that is taken stays with whom it belongs to: the later peer is heard under a name of our own.
        const isFree = wanted && wanted.length > 0 && !this.#byName.has(wanted.toString("latin1"));
        const name = isFree ? wanted : this.#give();
        this.#byName.set(name.toString("latin1"), peer);
        this.#names.set(peer, name);
      },
      message: (peer, frames) => {
        const name = this.#names.get(peer);
        if (name) options.onMessage(name, frames);
      },
      subscription: nothing,
      room: nothing,
      ended: (peer) => {
        const name = this.#names.get(peer);
        this.#names.delete(peer);
        if (name) this.#byName.delete(name.toString("latin1"));
      },
    });
  }

  /** Peers whose handshake is done. */
  get peers(): number {
    return this.#names.size;
  }

  /** Sends to a peer by name; false when it is not there, or reads too slowly. */
  send(name: Uint8Array, frames: readonly Uint8Array[]): boolean {
    return this.#byName.get(Buffer.from(name).toString("latin1"))?.send(frames) ?? false;
  }

  /** See {@link Transport.bind}. */
  bind(endpoint: string): string {
    return this.#transport.bind(endpoint);
  }

  /** See {@link Transport.connect}. */
  connect(endpoint: string): void {
    this.#transport.connect(endpoint);
  }

  /** Ends everything. */
  close(): void {
    this.#transport.close();
  }

  /** Names that we give begin with a zero octet, which no peer's own may. */
  #give(): Buffer {
    const name = Buffer.alloc(5);
    name.writeUInt32BE(++this.#given, 1);
    return name;
  }
}
