/** What a socket can be told, and what it does when it is told nothing. */
import { ZmtpError } from "./protocol-error.ts";
import type { Security } from "./mechanism.ts";

/** Time, as far as sockets need it. */
export interface Clock {
  /** Milliseconds that only grow. */
  monotonicMs(): number;
  /** Runs `callback` after a delay; what it gives cancels that. */
  schedule(delayMs: number, callback: () => void): () => void;
}

/** What a socket can be told. */
export interface SocketOptions {
  clock: Clock;
  /** A number from 0 up to 1, for the spread of delays. */
  random(): number;
  /** Who may talk to it, and as whom it talks. @default NULL: anybody, as nobody */
  security?: Security;
  /** Up to 255 octets that a ROUTER knows it by. @default none */
  identity?: Uint8Array;
  /** All frames of one message together. @default 16 MiB */
  maxMessageBytes?: number;
  /** @default 64 */
  maxFrames?: number;
  /** Messages that wait for one peer that does not read. @default 1000 */
  highWaterMark?: number;
  /** Bytes that wait for one peer that does not read. @default 16 MiB */
  maxWaitingBytes?: number;
  /** Connections that others opened. @default 10000 */
  maxPeers?: number;
  /** The same from one address; 0 is no limit. Those at `ipc` endpoints have none. @default 0 */
  maxPeersPerAddress?: number;
  /** Subscriptions of one peer. @default 100000 */
  maxSubscriptions?: number;
  /** All topics of one peer together. @default 8 MiB */
  maxSubscribedBytes?: number;
  /** The longest topic that may be subscribed to. @default 1024 */
  maxTopicBytes?: number;
  /** A peer that has not finished its handshake by then is dropped. @default 10 s */
  handshakeMs?: number;
  /** A peer of 3.1 is asked for a sign of life so often, and dropped after three times that; 0: never. @default 0 */
  heartbeatMs?: number;
  /** The first delay before connecting anew; doubles up to {@link SocketOptions.reconnectMaxMs}. @default 100 */
  reconnectMs?: number;
  /** @default 5 s */
  reconnectMaxMs?: number;
  /** Told of connections that failed, with where to; for logs. */
  onTrouble?(endpoint: string, error: Error): void;
}

/** {@link SocketOptions} with nothing left open. */
export type SettledOptions = Required<SocketOptions>;

/** Fills in what is left open. Throws {@link ZmtpError} for an identity that is too long. */
export function settle(options: SocketOptions): SettledOptions {
  if ((options.identity?.length ?? 0) > 255) throw new ZmtpError("An identity has at most 255 octets");
  return {
    clock: options.clock,
    random: () => options.random(),
    security: options.security ?? { mechanism: "NULL" },
    identity: options.identity ?? new Uint8Array(0),
    maxMessageBytes: options.maxMessageBytes ?? 16 << 20,
    maxFrames: options.maxFrames ?? 64,
    highWaterMark: options.highWaterMark ?? 1000,
    maxWaitingBytes: options.maxWaitingBytes ?? 16 << 20,
    maxPeers: options.maxPeers ?? 10_000,
    maxPeersPerAddress: options.maxPeersPerAddress ?? 0,
    maxSubscriptions: options.maxSubscriptions ?? 100_000,
    maxSubscribedBytes: options.maxSubscribedBytes ?? 8 << 20,
    maxTopicBytes: options.maxTopicBytes ?? 1024,
    handshakeMs: options.handshakeMs ?? 10_000,
    heartbeatMs: options.heartbeatMs ?? 0,
    reconnectMs: options.reconnectMs ?? 100,
    reconnectMaxMs: options.reconnectMaxMs ?? 5000,
    onTrouble: (endpoint, error) => options.onTrouble?.(endpoint, error),
  };
}
