/**
 * What a header of the PROXY protocol says, in either version: who really connected, and to what. Values only; text and
 * bytes of them are made and read elsewhere. Source: the PROXY protocol specification of HAProxy, versions 1 and 2.
 */
/** One end of a connection over IP. */
export interface IpEndpoint {
  /** Without brackets and zone; IPv6 in its canonical form. */
  readonly address: string;
  /** 0 to 65535. */
  readonly port: number;
}

/** Both ends over IP. The family is that of both addresses. */
export interface IpAddresses {
  readonly family: "ipv4" | "ipv6";
  /** `datagram` only in version 2. */
  readonly transport: "stream" | "datagram";
  readonly source: IpEndpoint;
  readonly target: IpEndpoint;
}

/** Both ends of a Unix socket; only in version 2. Paths have at most 108 bytes and lose zeros at their end. */
export interface UnixAddresses {
  readonly family: "unix";
  readonly transport: "stream" | "datagram";
  readonly sourcePath: Uint8Array;
  readonly targetPath: Uint8Array;
}

/** The two ends of the connection a header speaks for. */
export type ProxyAddresses = IpAddresses | UnixAddresses;

/** One value that version 2 carries beside the addresses. At most 65,535 bytes. */
export interface Tlv {
  /** 0 to 255. */
  readonly type: number;
  readonly value: Uint8Array;
}

/** A header. */
export interface ProxyHeader {
  readonly version: 1 | 2;
  /** `local`: the proxy speaks for itself, as with a check of health; the real connection's ends count. */
  readonly command: "local" | "proxy";
  /** Undefined with `local`, and when the proxy did not know (`UNKNOWN`, or an unspecified family). */
  readonly addresses: ProxyAddresses | undefined;
  /** What version 2 carries beside, in order; without the checksum. */
  readonly tlvs: readonly Tlv[];
}

/** Bytes that are no header, or one that a limit forbids. The connection they came over is to be closed. */
export class ProxyHeaderError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ProxyHeaderError";
  }
}
