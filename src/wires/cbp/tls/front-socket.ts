/** A client's connection after its front: the socket, with what a header said and TLS agreed upon. */
import type { Socket as NodeSocket } from "node:net";
import { TLSSocket } from "node:tls";

import type { ProxyHeader } from "../../../lib/proxy-protocol/header.ts";
import { notesOf, type ProxyNotes, type TlsNote } from "../../../lib/proxy-protocol/tlv.ts";
import type { ClientHandlers, ClientSocket } from "../client-socket.ts";
import type { Connection } from "../connection.ts";
import { StreamSocket } from "../stream-socket.ts";

/** A client of a front. */
export class FrontSocket extends StreamSocket<Connection | undefined> implements ClientSocket<Connection> {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly notes: Partial<ProxyNotes>;

  /** Takes an open socket over; `raw` is the one it stands on. */
  constructor(
    socket: NodeSocket,
    raw: NodeSocket,
    header: ProxyHeader | undefined,
    handlers: ClientHandlers<Connection>,
  ) {
    super(undefined, socket, raw);
    const { addresses, tlvs = [] } = header ?? {};
    const ends = addresses && addresses.family !== "unix" ? addresses : undefined;
    this.remoteAddress = ends?.source.address ?? raw.remoteAddress ?? "";
    this.remotePort = ends?.source.port ?? raw.remotePort ?? 0;
    this.localAddress = ends?.target.address ?? raw.localAddress ?? "";
    this.localPort = ends?.target.port ?? raw.localPort ?? 0;
    this.notes = { ...notesOf(tlvs), ...(socket instanceof TLSSocket ? notesOfTls(socket) : {}) };
    this.tell(handlers);
    // Whoever read the header has paused it.
    socket.resume();
    handlers.open(this);
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
