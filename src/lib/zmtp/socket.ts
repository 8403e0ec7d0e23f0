/** What every kind of socket can: bind, connect, end. The patterns are built on it, each by saying what it does with peers. */
import type { SocketType } from "./greeting.ts";
import type { SettledOptions } from "./options.ts";
import type { Peer } from "./peer.ts";
import { Transport } from "./transport.ts";

/** A socket without a pattern: it takes no notice of anything. */
export abstract class ZmtpSocket {
  readonly #transport: Transport;

  constructor(type: SocketType, options: SettledOptions) {
    this.#transport = new Transport(type, options, {
      ready: (peer) => this.joined(peer),
      message: (peer, frames) => this.heard(peer, frames),
      subscription: (peer, topic, isOn) => this.subscribed(peer, topic, isOn),
      room: (peer) => this.roomed(peer),
      ended: (peer, error) => this.left(peer, error),
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

  /** A peer's handshake is done. */
  protected joined(_peer: Peer): void {}

  /** A whole message came. */
  protected heard(_peer: Peer, _frames: Buffer[]): void {}

  /** A peer wants, or no longer wants, what begins with a topic. May throw a ZmtpError, which ends the connection. */
  protected subscribed(_peer: Peer, _topic: Buffer, _isOn: boolean): void {}

  /** A peer takes messages again after one was refused. */
  protected roomed(_peer: Peer): void {}

  /** A peer is gone, also one that never joined. */
  protected left(_peer: Peer, _error: Error | undefined): void {}
}
