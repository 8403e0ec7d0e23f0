/**
 * A client's connection after its front: what a header said and TLS agreed upon, with the manners of the runtime's bare
 * sockets, so that a proxy need not know the difference.
 */
import type { Socket as NodeSocket } from "node:net";
import { TLSSocket } from "node:tls";

import type { ProxyHeader } from "../../../lib/proxy-protocol/header.ts";
import { notesOf, type ProxyNotes, type TlsNote } from "../../../lib/proxy-protocol/tlv.ts";
import type { ClientHandlers, ClientSocket } from "../client-socket.ts";
import type { Connection } from "../connection.ts";

/** A client of a front. */
export class FrontSocket implements ClientSocket<Connection> {
  data: Connection | undefined;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly notes: Partial<ProxyNotes>;
  /** Node's sockets queue what they are given. */
  readonly retains = true;
  readonly #socket: NodeSocket;
  readonly #raw: NodeSocket;
  #failure: Error | undefined;

  /** Takes an open socket over; `raw` is the one it stands on. */
  constructor(
    socket: NodeSocket,
    raw: NodeSocket,
    header: ProxyHeader | undefined,
    handlers: ClientHandlers<Connection>,
  ) {
    this.#socket = socket;
    this.#raw = raw;
    const { addresses, tlvs = [] } = header ?? {};
    const ends = addresses && addresses.family !== "unix" ? addresses : undefined;
    this.remoteAddress = ends?.source.address ?? raw.remoteAddress ?? "";
    this.remotePort = ends?.source.port ?? raw.remotePort ?? 0;
    this.localAddress = ends?.target.address ?? raw.localAddress ?? "";
    this.localPort = ends?.target.port ?? raw.localPort ?? 0;
    this.notes = { ...notesOf(tlvs), ...(socket instanceof TLSSocket ? notesOfTls(socket) : {}) };
    socket.on("data", (chunk: Buffer) => handlers.data(this, chunk));
    socket.on("drain", () => handlers.drain(this));
    socket.on("end", () => handlers.end(this));
    socket.on("error", (thrown) => (this.#failure = thrown));
    socket.on("close", () => handlers.close(this, this.#failure));
    // Whoever read the header has paused it.
    socket.resume();
    handlers.open(this);
  }

  write(bytes: Uint8Array): number {
    if (this.#socket.writableNeedDrain) return 0;
    this.#socket.write(bytes);
    return bytes.length;
  }

  shutdown(): void {
    this.#socket.end();
  }

  terminate(): void {
    this.#raw.resetAndDestroy();
    this.#socket.destroy();
  }

  end(): void {
    this.#socket.destroySoon();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  setKeepAlive(isWanted: boolean, delayMs: number): boolean {
    this.#socket.setKeepAlive(isWanted, delayMs);
    return true;
  }
}

function notesOfTls(socket: TLSSocket): Partial<ProxyNotes> {
  const subject = socket.authorized ? socket.getPeerX509Certificate()?.subject : undefined;
  const name = /^CN=(.*)$/m.exec(subject ?? "")?.[1];
  const tls: TlsNote = {
    isTls: true,
    showedCertificate: subject !== undefined,
    isVerified: subject !== undefined,
    version: socket.getProtocol() ?? undefined,
    name,
    cipher: undefined,
  };
  const { alpnProtocol } = socket;
  const asked = "servername" in socket ? socket.servername : undefined;
  return {
    tls,
    alpn: typeof alpnProtocol === "string" && alpnProtocol !== "" ? alpnProtocol : undefined,
    authority: typeof asked === "string" && asked !== "" ? asked : undefined,
  };
}
