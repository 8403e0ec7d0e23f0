/**
 * The port between the protocol and the network: datagrams and byte streams between addresses. Everything is a callback
 * without promises, so that a simulation on a manual clock is exact. `transport-socket.ts` and `transport-memory.ts` fulfil it.
 * Timeouts are the caller's: a transport may leave a stream opening for as long as the system does.
 */
import type { Address } from "./address.ts";

/** What the protocol wants to hear from the network. */
export interface TransportEvents {
  /** A datagram came; `bytes` belongs to the receiver. */
  packet(bytes: Uint8Array, from: Address): void;
  /** Somebody dialled. The receiver says at once who listens. */
  stream(stream: Stream): void;
}

/** What one stream tells its owner. After `closed` nothing more comes. */
export interface StreamEvents {
  /** Bytes came; they belong to the receiver. */
  bytes(chunk: Uint8Array): void;
  /** The stream is over: cleanly, with undefined, or because of an error. */
  closed(error: Error | undefined): void;
}

/** A byte stream. Bytes written before it is open are kept; the owner closes it. */
export interface Stream {
  readonly remote: Address;
  /** Says who hears the events of an accepted stream; a dialled one was told already. */
  listen(events: StreamEvents): void;
  write(bytes: Uint8Array): void;
  /** Sends what was written, then ends. */
  close(): void;
  /** Ends at once; `closed` is not called any more. */
  destroy(): void;
}

/** Datagrams and streams on one address. */
export interface Transport {
  /** Starts to listen and gives the address that others can reach. Rejects if the address cannot be bound. */
  start(events: TransportEvents): Promise<Address>;
  /** Sends a datagram, best effort. Returns false if the system refused it at once. */
  sendPacket(to: Address, bytes: Uint8Array): boolean;
  /** Dials. Failure is told by `closed`, never before this returns. */
  openStream(to: Address, events: StreamEvents): Stream;
  /** Stops listening and ends all streams. */
  stop(): Promise<void>;
}
