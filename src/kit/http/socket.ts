/**
 * Websockets of a service. A service that takes them says so by {@link SocketSettings}, turns a request into a socket by
 * `caller.upgrade`, and may send to many at once by topic. The socket is the runtime's own, for ten thousand of them
 * must cost little. Who lags further behind than `maxWaitingBytes` is cut off (1006) instead of missing messages
 * unseen; a service that wants a gentler rule looks at `socket.getBufferedAmount()` before it sends.
 * Leaves out what messages mean, and rights: those are judged before the upgrade, by the listener and the service.
 */

/** What happens to one connection; one object a connection, which holds what the service knows of it. */
export interface SocketHandler {
  /** The connection stands. */
  opened?(socket: Socket): void;
  /** A whole message: text, or bytes that are valid only during the call. */
  received(socket: Socket, message: string | Buffer): void;
  /** What had to wait was taken by the connection. */
  drained?(socket: Socket): void;
  /** The peer answered a ping. */
  ponged?(socket: Socket, payload: Buffer): void;
  /** It is over; nothing can be sent any more. */
  closed?(socket: Socket, code: number, reason: string): void;
}

/** One connection. */
export type Socket = Bun.ServerWebSocket<SocketHandler>;

/** What a service wants of its websockets. Services on one address share the widest of what they want. */
export interface SocketSettings {
  /** A longer message ends its connection with 1009. */
  maxMessageBytes: number;
  /** A connection that has more than this to take is cut off. */
  maxWaitingBytes: number;
  /** A peer that does not even answer pings for so long is gone; at most 960. */
  idleSeconds: number;
  /** Whether peers may ask for permessage-deflate. It costs memory for each connection. */
  deflate: boolean;
}

/** Sends to every connection, on every address of the node, that subscribed to a topic. */
export interface SocketTopics {
  /** Topics are the node's, so a service begins its own with its name. `compress` matters only with `deflate`. */
  publish(topic: string, message: string | Uint8Array, compress?: boolean): void;
}

/** The widest of several wishes; undefined when nobody takes websockets. */
export function widestSettings(wishes: readonly SocketSettings[]): SocketSettings | undefined {
  if (wishes.length === 0) return undefined;
  return {
    maxMessageBytes: Math.max(...wishes.map(({ maxMessageBytes }) => maxMessageBytes)),
    maxWaitingBytes: Math.max(...wishes.map(({ maxWaitingBytes }) => maxWaitingBytes)),
    idleSeconds: Math.min(960, Math.max(...wishes.map(({ idleSeconds }) => idleSeconds))),
    deflate: wishes.some(({ deflate }) => deflate),
  };
}

/** What `Bun.serve` is told for these wishes. */
export function socketHandlers(settings: SocketSettings): Bun.WebSocketHandler<SocketHandler> {
  return {
    maxPayloadLength: settings.maxMessageBytes,
    backpressureLimit: settings.maxWaitingBytes,
    closeOnBackpressureLimit: true,
    idleTimeout: settings.idleSeconds,
    sendPings: true,
    perMessageDeflate: settings.deflate,
    open: (socket) => socket.data.opened?.(socket),
    message: (socket, message) => socket.data.received(socket, message),
    drain: (socket) => socket.data.drained?.(socket),
    pong: (socket, payload) => socket.data.ponged?.(socket, payload),
    close: (socket, code, reason) => socket.data.closed?.(socket, code, reason),
  };
}
