/**
 * What a proxy uses of a client's socket: the runtime's own bare socket is one, and so is what a front makes of a client that
 * sent a PROXY header or speaks TLS.
 */
import type { ProxyNotes } from "../../lib/proxy-protocol/tlv.ts";
import type { Socket } from "./flow.ts";

/** A client's socket with what belongs to it. The ends are those of the real client, as far as they are known. */
export interface ClientSocket<Data> extends Socket {
  data: Data | undefined;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** What TLS or a header said beside. */
  readonly notes?: Partial<ProxyNotes>;
  setKeepAlive(isWanted: boolean, delayMs: number): boolean;
}

/** What happens to clients' sockets. */
export interface ClientHandlers<Data> {
  open(socket: ClientSocket<Data>): void;
  data(socket: ClientSocket<Data>, chunk: Uint8Array): void;
  drain(socket: ClientSocket<Data>): void;
  end(socket: ClientSocket<Data>): void;
  close(socket: ClientSocket<Data>, failure?: Error): void;
  error(socket: ClientSocket<Data>, failure: Error): void;
}
