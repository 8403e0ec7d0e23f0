/**
 * The machine's network: one UDP socket and one TCP listener on the same port. With port 0 a port is looked for that is free
 * for both. A socket on "::" also speaks IPv4. Source: behaviour of node:dgram and node:net.
 */
import { createSocket, type RemoteInfo, type Socket as DatagramSocket } from "node:dgram";
import { connect, createServer, isIPv4, type Server, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { type Address, canonicalHost } from "./address.ts";
import type { Stream, StreamEvents, Transport, TransportEvents } from "./transport.ts";

/** Where to listen and what to tell others. */
export interface SocketOptions {
  /** IP address to bind. @default "0.0.0.0" */
  readonly host?: string;
  /** Port of both protocols; 0 finds a free one. @default 0 */
  readonly port?: number;
  /** IP address under which others reach this node. @default the bound one, or the first of this machine's if it is a wildcard */
  readonly advertiseHost?: string;
  /** Port under which others reach this node. @default the bound one */
  readonly advertisePort?: number;
}

// Bursts of gossip must survive while the process is busy.
const RECEIVE_BUFFER_BYTES = 2 * 1024 * 1024;
const PORT_ATTEMPTS = 20;

/** UDP and TCP of this machine. */
export class SocketTransport implements Transport {
  readonly #options: SocketOptions;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #datagrams: DatagramSocket | undefined;
  #ipv6 = false;

  constructor(options: SocketOptions) {
    this.#options = options;
  }

  async start(events: TransportEvents): Promise<Address> {
    const host = canonicalHost(this.#options.host ?? "0.0.0.0");
    this.#ipv6 = host.includes(":");
    const wanted = this.#options.port ?? 0;
    const port = await this.#bind(host, wanted, events, wanted === 0 ? PORT_ATTEMPTS : 1);
    const advertised = this.#options.advertiseHost ?? (isWildcard(host) ? outwardHost(this.#ipv6) : host);
    return { host: canonicalHost(advertised), port: this.#options.advertisePort ?? port };
  }

  sendPacket(to: Address, bytes: Uint8Array): boolean {
    const socket = this.#datagrams;
    if (socket === undefined) return false;
    try {
      // The callback takes the errors of this one datagram; best effort means that nobody waits for them.
      socket.send(bytes, to.port, this.#reachable(to.host), () => undefined);
      return true;
    } catch {
      // Too long, or no route: the same as a lost datagram, except that the caller may know at once.
      return false;
    }
  }

  openStream(to: Address, events: StreamEvents): Stream {
    const socket = connect({ host: this.#reachable(to.host), port: to.port, noDelay: true });
    this.#keep(socket);
    const stream = new SocketStream(socket, to);
    stream.listen(events);
    return stream;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all([this.#closeServer(), this.#closeDatagrams()]);
  }

  async #bind(host: string, wanted: number, events: TransportEvents, attempts: number): Promise<number> {
    for (let attempt = 1; ; attempt++) {
      try {
        const port = await this.#listen(host, wanted, events);
        await this.#receive(host, port, events);
        return port;
      } catch (cause) {
        await Promise.all([this.#closeServer(), this.#closeDatagrams()]);
        if (attempt < attempts) continue;
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new Error(`Cannot listen on ${host}:${wanted} for gossip: ${reason}`, { cause });
      }
    }
  }

  #listen(host: string, wanted: number, events: TransportEvents): Promise<number> {
    return new Promise((resolve, reject) => {
      const server = createServer({ noDelay: true }, (socket) => {
        this.#keep(socket);
        const remote = { host: canonicalHost(socket.remoteAddress ?? ""), port: socket.remotePort ?? 0 };
        events.stream(new SocketStream(socket, remote));
      });
      this.#server = server;
      server.once("error", reject);
      server.listen({ host, port: wanted }, () => {
        server.off("error", reject);
        // An error after this is about one connection that could not be accepted; the listener goes on.
        server.on("error", () => undefined);
        const address = server.address();
        if (address === null || typeof address === "string") reject(new Error("no port was given"));
        else resolve(address.port);
      });
    });
  }

  #receive(host: string, port: number, events: TransportEvents): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = createSocket({ type: this.#ipv6 ? "udp6" : "udp4" });
      this.#datagrams = socket;
      socket.once("error", reject);
      socket.on("message", (bytes: Uint8Array, from: RemoteInfo) => {
        events.packet(bytes, { host: canonicalHost(from.address), port: from.port });
      });
      socket.bind({ address: host, port, exclusive: true }, () => {
        socket.off("error", reject);
        // An ICMP refusal of an earlier datagram shows here; the failure detector finds out by itself.
        socket.on("error", () => undefined);
        enlarge(socket);
        resolve();
      });
    });
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
  }

  async #closeServer(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server?.listening !== true) return;
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  async #closeDatagrams(): Promise<void> {
    const socket = this.#datagrams;
    this.#datagrams = undefined;
    if (socket === undefined) return;
    await new Promise<void>((resolve) => {
      socket.once("close", () => resolve());
      try {
        socket.close();
      } catch {
        // It was never bound, so there is nothing to close.
        resolve();
      }
    });
  }

  // An IPv6 socket reaches IPv4 through mapped addresses only.
  #reachable(host: string): string {
    return this.#ipv6 && isIPv4(host) ? `::ffff:${host}` : host;
  }
}

class SocketStream implements Stream {
  readonly remote: Address;
  readonly #socket: Socket;
  #events: StreamEvents | undefined;

  constructor(socket: Socket, remote: Address) {
    this.#socket = socket;
    this.remote = remote;
    let failure: Error | undefined;
    socket.on("data", (chunk: Uint8Array) => this.#events?.bytes(chunk));
    socket.on("error", (error: Error) => {
      failure = error;
    });
    socket.on("close", () => this.#events?.closed(failure));
  }

  listen(events: StreamEvents): void {
    this.#events = events;
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  close(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#events = undefined;
    this.#socket.destroy();
  }
}

function enlarge(socket: DatagramSocket): void {
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
  } catch {
    // The system's limit stands; more datagrams may be lost in a burst, which the protocol bears.
  }
}

function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

// Private addresses come first: a cluster lives inside, and a public one should be asked for by name.
function outwardHost(ipv6: boolean): string {
  const candidates = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith("fe80:"));
  const ipv4 = candidates.filter(({ address }) => isIPv4(address));
  const chosen =
    ipv4.find(({ address }) => /^(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.)/.test(address)) ??
    ipv4[0] ??
    (ipv6 ? candidates[0] : undefined);
  return chosen?.address ?? (ipv6 ? "::1" : "127.0.0.1");
}
