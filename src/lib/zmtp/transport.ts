/**
 * Sockets that bind and connect, any number of each, and the peers that come of it. Connections that are lost are made
 * anew with a doubling, spread delay for as long as the transport lives; a refusal that cannot change is retried at the
 * longest delay only. Knows nothing of patterns.
 */
import { existsSync, rmSync, statSync } from "node:fs";

import { type Endpoint, formatEndpoint, parseBindEndpoint, parseConnectEndpoint } from "./endpoint.ts";
import type { SocketType } from "./greeting.ts";
import type { SettledOptions } from "./options.ts";
import { Peer, type PeerEvents } from "./peer.ts";
import { Places } from "./places.ts";
import { ZmtpError } from "./protocol-error.ts";

/** How often peers are looked at for signs of life. */
const lookMs = 250;

/** Peers, however they came. */
export class Transport {
  readonly #type: SocketType;
  readonly #options: SettledOptions;
  readonly #events: PeerEvents;
  readonly #listeners = new Map<string, { stop(force: boolean): void }>();
  /** Endpoints that are connected to, or tried; what is kept ends the trying. */
  readonly #dialled = new Map<string, () => void>();
  /** Every connection, also those whose handshake is under way. */
  readonly #peers = new Set<Peer>();
  /** Of those that others opened. */
  readonly #places: Places<Peer>;
  #closed = false;
  #cancelLook = () => {};

  constructor(type: SocketType, options: SettledOptions, events: PeerEvents) {
    this.#type = type;
    this.#options = options;
    this.#places = new Places(options.maxPeers);
    this.#events = {
      ...events,
      ready: (peer) => {
        this.#places.greeted(peer.endpoint, peer);
        events.ready(peer);
      },
      ended: (peer, error) => {
        this.#peers.delete(peer);
        events.ended(peer, error);
      },
    };
    this.#look();
  }

  /**
   * Listens at an endpoint, and gives it as it came to be, with the port that was free. Throws SyntaxError for what is
   * no endpoint, and the system's error when it cannot be had.
   */
  bind(text: string): string {
    const endpoint = parseBindEndpoint(text);
    const handlers = this.#handlers(() => true);
    let shown = text;
    // Peers on this machine's own files have no addresses.
    const mostOfOne = endpoint.kind === "ipc" ? 0 : this.#options.maxPeersPerAddress;
    const told = (peer: { remoteAddress: string | undefined }) => peer.remoteAddress ?? shown;
    const socket = {
      ...handlers,
      open: (wire: Bun.Socket<Holder>) => {
        const address = told(wire);
        const full = this.#places.makeRoom(address, mostOfOne);
        if (full) {
          this.#options.onTrouble(address, full);
          wire.data = {};
          wire.terminate();
          return;
        }
        const peer = this.#begin(wire, address, (gone) => this.#places.leave(address, gone));
        this.#places.enter(address, peer);
        peer.start();
      },
    };
    if (endpoint.kind === "ipc") {
      removeStale(endpoint.path);
      this.#listeners.set(text, Bun.listen<Holder>({ unix: endpoint.path, socket, data: {} }));
      return text;
    }
    const listener = Bun.listen<Holder>({ hostname: endpoint.host, port: endpoint.port, socket, data: {} });
    shown = formatEndpoint({ ...endpoint, port: listener.port });
    this.#listeners.set(shown, listener);
    return shown;
  }

  /** Connects, now or as soon as it can be done, and again whenever the connection is lost. Throws SyntaxError. */
  connect(text: string): void {
    const endpoint = parseConnectEndpoint(text);
    if (this.#dialled.has(text)) return;
    let cancel = () => {};
    let isOver = false;
    let delayMs = this.#options.reconnectMs;
    let current: Peer | undefined;
    const again = (isFinal: boolean) => {
      if (isOver || this.#closed) return;
      if (isFinal) delayMs = this.#options.reconnectMaxMs;
      // Spread over its upper half, so that many who lost one server do not come back in one instant.
      cancel = this.#options.clock.schedule(delayMs * (0.5 + this.#options.random() / 2), dial);
      delayMs = Math.min(delayMs * 2, this.#options.reconnectMaxMs);
    };
    const dial = () => {
      const handlers = this.#handlers(() => !isOver);
      const socket = {
        ...handlers,
        open: (wire: Bun.Socket<Holder>) => {
          if (isOver || this.#closed) {
            wire.terminate();
            return;
          }
          current = this.#begin(wire, text, (peer, error) => {
            current = undefined;
            if (peer.who) delayMs = this.#options.reconnectMs;
            again(error instanceof ZmtpError && error.isFinal);
          });
          current.start();
        },
      };
      dialOf(endpoint, socket).catch((thrown: unknown) => {
        const error = thrown instanceof Error ? thrown : new Error(String(thrown));
        this.#options.onTrouble(text, error);
        again(false);
      });
    };
    this.#dialled.set(text, () => {
      isOver = true;
      cancel();
      current?.close();
    });
    dial();
  }

  /** Ends everything. What was gathered for peers that read still goes out. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelLook();
    for (const listener of this.#listeners.values()) listener.stop(false);
    this.#listeners.clear();
    for (const stop of this.#dialled.values()) stop();
    this.#dialled.clear();
    for (const peer of this.#peers) peer.close();
  }

  #begin(wire: Bun.Socket<Holder>, endpoint: string, over: (peer: Peer, error: Error | undefined) => void): Peer {
    const peer = new Peer(this.#type, endpoint, wire, this.#options, {
      ...this.#events,
      ended: (ended, error) => {
        if (error) this.#options.onTrouble(endpoint, error);
        this.#events.ended(ended, error);
        over(ended, error);
      },
    });
    wire.data = { peer };
    this.#peers.add(peer);
    return peer;
  }

  #handlers(isWanted: () => boolean) {
    return {
      binaryType: "buffer" as const,
      data: (wire: Bun.Socket<Holder>, chunk: Buffer) => {
        if (isWanted()) wire.data.peer?.receive(chunk);
      },
      drain: (wire: Bun.Socket<Holder>) => wire.data.peer?.drained(),
      close: (wire: Bun.Socket<Holder>) => gone(wire.data.peer),
      end: (wire: Bun.Socket<Holder>) => {
        if (wire.data.peer?.who) wire.data.peer.close();
        else gone(wire.data.peer);
      },
      error: (wire: Bun.Socket<Holder>, error: Error) => wire.data.peer?.over(error),
    };
  }

  #look(): void {
    this.#cancelLook = this.#options.clock.schedule(lookMs, () => {
      const nowMs = this.#options.clock.monotonicMs();
      for (const peer of this.#peers) peer.look(nowMs);
      if (!this.#closed) this.#look();
    });
  }
}

/** The wire of a peer is no more. libzmq says in no other way that it does not like us. */
function gone(peer: Peer | undefined): void {
  peer?.over(peer.who ? undefined : new ZmtpError("The peer closed the connection before the handshake was done"));
}

/** What hangs on a socket of the runtime. */
interface Holder {
  peer?: Peer;
}

function dialOf(endpoint: Endpoint, socket: Bun.SocketHandler<Holder>): Promise<unknown> {
  if (endpoint.kind === "ipc") return Bun.connect<Holder>({ unix: endpoint.path, socket, data: {} });
  return Bun.connect<Holder>({ hostname: endpoint.host, port: endpoint.port, socket, data: {} });
}

/** A socket's file outlives the process that made it; another file is not touched. */
function removeStale(path: string): void {
  if (existsSync(path) && statSync(path).isSocket()) rmSync(path);
}
