/**
 * Sockets that services open themselves, beside HTTP: TCP (or a unix socket) that takes connections, and UDP, each as a
 * promise that rejects with the system's error when it cannot be had. A listener knows its connections and ends them when
 * it is closed. What comes through them is the affair of whoever opened them.
 */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { createServer, isIPv6, type Socket } from "node:net";

import type { Address } from "./config/address.ts";
import { reasonOf } from "./fault.ts";
import { heldBy, type PortKind } from "./port-owner.ts";

/** A socket that takes connections. */
export interface StreamListener {
  /** The port really bound; undefined for a unix socket. */
  readonly port: number | undefined;
  connections(): number;
  /** Ends all connections, and resolves when nothing is bound any more. */
  close(): Promise<void>;
}

/** How connections are taken. */
export interface StreamListenOptions {
  /** Called with each connection; its errors end it. */
  take(socket: Socket): void;
  /** More are refused. @default no bound */
  connectionsMax?: number;
  /** Whoever has said all still gets answers. @default false */
  allowHalfOpen?: boolean;
}

/** Opens a TCP port, or a unix socket by its path. Rejects with the system's error, such as `EADDRINUSE`. */
export async function listenStream(
  at: Address | { path: string },
  { take, connectionsMax, allowHalfOpen = false }: StreamListenOptions,
): Promise<StreamListener> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    take(socket);
  });
  if (connectionsMax !== undefined) server.maxConnections = connectionsMax;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    const ready = () => {
      server.off("error", reject);
      resolve();
    };
    if ("path" in at) server.listen(at.path, ready);
    else server.listen(at.port, at.host, ready);
  });
  // An error after this is about one connection that could not be taken; the listener goes on.
  server.on("error", () => undefined);
  const bound = server.address();
  return {
    port: typeof bound === "object" && bound !== null ? bound.port : undefined,
    connections: () => sockets.size,
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** A socket that takes datagrams. */
export interface DatagramListener {
  readonly socket: UdpSocket;
  /** The port really bound. */
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Opens a UDP port for taking datagrams only. `receiveBufferBytes` is what the kernel is asked to hold; it may grant less.
 * Rejects with the system's error, such as `EADDRINUSE`.
 */
export async function bindDatagrams(address: Address, receiveBufferBytes: number): Promise<DatagramListener> {
  const socket = createSocket({ type: isIPv6(address.host) ? "udp6" : "udp4", recvBufferSize: receiveBufferBytes });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(address.port, address.host, () => {
      socket.off("error", reject);
      resolve();
    });
  });
  // An error after this is about a datagram sent from here that nobody took; none is sent, so nothing is lost.
  socket.on("error", () => undefined);
  return {
    socket,
    port: socket.address().port,
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

/** Who holds the port that could not be bound, as a part of a sentence; undefined when it was not taken. */
export function takenBy(thrown: unknown, kind: PortKind, port: number): string | undefined {
  const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
  return code === "EADDRINUSE" || /in use/i.test(reasonOf(thrown)) ? heldBy(kind, port) : undefined;
}
