/**
 * A network inside one process, on any clock: datagrams and streams between transports, with delay, loss, duplication and
 * partitions decided by a seed. Datagrams may overtake each other, bytes of a stream do not; loss only delays a stream, as
 * retransmission does, while a partition swallows its bytes without telling either side.
 */
import { type Address, formatAddress } from "./address.ts";
import type { Clock, Random } from "./clock.ts";
import type { Stream, StreamEvents, Transport, TransportEvents } from "./transport.ts";

/** One way between two addresses. */
export interface Link {
  readonly from: Address;
  readonly to: Address;
  readonly kind: "packet" | "stream";
}

/** What a network is made of; everything but the first two may be changed while it runs. */
export interface MemoryNetworkOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Shortest and longest delay of one way. @default 0.2 to 2 ms */
  readonly delayMs?: readonly [number, number];
  /** Share of datagrams that is lost. @default 0 */
  readonly loss?: number;
  /** Share of datagrams that arrives twice. @default 0 */
  readonly duplication?: number;
}

const RETRANSMISSION_MS = 200;

/** A network of transports in one process. */
export class MemoryNetwork {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #nodes = new Map<string, MemoryTransport>();
  readonly #sides = new Map<string, number>();
  delayMs: readonly [number, number];
  loss: number;
  duplication: number;
  /** Decides on top of everything else: "lost", or more delay in milliseconds. */
  shape: ((link: Link) => "lost" | number) | undefined;
  #created = 0;

  constructor(options: MemoryNetworkOptions) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.delayMs = options.delayMs ?? [0.2, 2];
    this.loss = options.loss ?? 0;
    this.duplication = options.duplication ?? 0;
  }

  /** A transport at `address`; without one, the next of 10.0.0.1, 10.0.0.2 and so on, port 7946. */
  transport(address?: Address): Transport {
    const number = ++this.#created;
    return new MemoryTransport(this, address ?? { host: `10.0.${number >> 8}.${number & 255}`, port: 7946 });
  }

  /** Cuts the network: hosts of different sides do not reach each other; a host of no side reaches everyone. */
  partition(sides: readonly (readonly string[])[]): void {
    this.#sides.clear();
    sides.forEach((hosts, side) => {
      for (const host of hosts) this.#sides.set(host, side);
    });
  }

  /** Ends the partition. */
  heal(): void {
    this.#sides.clear();
  }

  /** Takes part in the network; the transports call this. */
  attach(transport: MemoryTransport): void {
    const place = formatAddress(transport.address);
    if (this.#nodes.has(place)) throw new Error(`Cannot listen on ${place}: the address is in use`);
    this.#nodes.set(place, transport);
  }

  /** Leaves the network; the transports call this. */
  detach(transport: MemoryTransport): void {
    const place = formatAddress(transport.address);
    if (this.#nodes.get(place) === transport) this.#nodes.delete(place);
  }

  /** Who listens at an address now. */
  find(address: Address): MemoryTransport | undefined {
    return this.#nodes.get(formatAddress(address));
  }

  /** Delivers a datagram, twice, or not at all. */
  carryPacket(link: Link, deliver: () => void): void {
    const copies = this.#random() < this.duplication ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.#random() < this.loss) continue;
      const delayMs = this.#delay(link);
      if (delayMs !== undefined) this.#clock.schedule(delayMs, deliver);
    }
  }

  /** Delivers a piece of a stream not before `earliestMs`. Returns when, or undefined if it is swallowed. */
  carryStream(link: Link, earliestMs: number, deliver: () => void): number | undefined {
    let delayMs = this.#delay(link);
    if (delayMs === undefined) return undefined;
    // Loss below 1 ends this; a whole loss is a partition.
    if (this.loss >= 1) return undefined;
    while (this.#random() < this.loss) delayMs += RETRANSMISSION_MS;
    const nowMs = this.#clock.monotonicMs();
    const dueMs = Math.max(earliestMs, nowMs + delayMs);
    this.#clock.schedule(dueMs - nowMs, deliver);
    return dueMs;
  }

  #delay(link: Link): number | undefined {
    const fromSide = this.#sides.get(link.from.host);
    const toSide = this.#sides.get(link.to.host);
    if (fromSide !== undefined && toSide !== undefined && fromSide !== toSide) return undefined;
    const more = this.shape?.(link) ?? 0;
    if (more === "lost") return undefined;
    const [minMs, maxMs] = this.delayMs;
    return minMs + this.#random() * (maxMs - minMs) + more;
  }
}

class MemoryTransport implements Transport {
  readonly address: Address;
  readonly #network: MemoryNetwork;
  readonly #streams = new Set<MemoryStream>();
  events: TransportEvents | undefined;

  constructor(network: MemoryNetwork, address: Address) {
    this.#network = network;
    this.address = address;
  }

  async start(events: TransportEvents): Promise<Address> {
    this.#network.attach(this);
    this.events = events;
    return this.address;
  }

  sendPacket(to: Address, bytes: Uint8Array): boolean {
    const from = this.address;
    // A copy, because the sender may use its buffer again.
    const copy = bytes.slice();
    this.#network.carryPacket({ from, to, kind: "packet" }, () => this.#network.find(to)?.events?.packet(copy, from));
    return true;
  }

  openStream(to: Address, events: StreamEvents): Stream {
    const stream = new MemoryStream(this.#network, { from: this.address, to, kind: "stream" });
    stream.listen(events);
    this.keep(stream);
    stream.dial();
    return stream;
  }

  async stop(): Promise<void> {
    this.#network.detach(this);
    this.events = undefined;
    for (const stream of this.#streams) stream.reset();
  }

  keep(stream: MemoryStream): void {
    this.#streams.add(stream);
    stream.over = () => this.#streams.delete(stream);
  }
}

// One end of a stream. Each end sends "open", bytes and an end to the other in order.
class MemoryStream implements Stream {
  readonly #network: MemoryNetwork;
  readonly #link: Link;
  readonly #early: (() => void)[] = [];
  #events: StreamEvents | undefined;
  #peer: MemoryStream | undefined;
  #earliestMs = 0;
  #closing = false;
  #ended = false;
  over: () => void = () => undefined;

  constructor(network: MemoryNetwork, link: Link) {
    this.#network = network;
    this.#link = link;
  }

  get remote(): Address {
    return this.#link.to;
  }

  listen(events: StreamEvents): void {
    this.#events = events;
  }

  dial(): void {
    const { from, to } = this.#link;
    this.#carry(() => {
      const listener = this.#network.find(to);
      if (listener?.events === undefined) {
        this.#end(new Error(`Cannot connect to ${formatAddress(to)}: refused`));
        return;
      }
      const accepted = new MemoryStream(this.#network, { from: to, to: from, kind: "stream" });
      accepted.#peer = this;
      this.#peer = accepted;
      listener.keep(accepted);
      listener.events.stream(accepted);
      for (const send of this.#early.splice(0)) send();
    });
  }

  write(bytes: Uint8Array): void {
    const copy = bytes.slice();
    this.#send((peer) => peer.#events?.bytes(copy));
  }

  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#send((peer) => {
      peer.#end(undefined);
      this.#end(undefined);
    });
  }

  destroy(): void {
    this.#events = undefined;
    this.reset();
  }

  reset(): void {
    if (this.#ended) return;
    this.#send((peer) => peer.#end(this.#closing ? undefined : new Error("Cannot read stream: peer ended it")));
    this.#end(undefined);
  }

  #send(deliver: (peer: MemoryStream) => void): void {
    if (this.#ended) return;
    if (this.#peer === undefined) {
      this.#early.push(() => this.#send(deliver));
      return;
    }
    const peer = this.#peer;
    this.#carry(() => {
      if (!peer.#ended) deliver(peer);
    });
  }

  #carry(deliver: () => void): void {
    this.#earliestMs = this.#network.carryStream(this.#link, this.#earliestMs, deliver) ?? this.#earliestMs;
  }

  #end(error: Error | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.over();
    this.#events?.closed(error);
  }
}
