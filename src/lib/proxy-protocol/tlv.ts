/**
 * What version 2 carries beside the addresses: a list of type, length (2 bytes) and value. Here the list is read and
 * written, and the values that have a name in the specification are made out. Types without one are kept as they are.
 */
import { ProxyHeaderError, type Tlv } from "./header.ts";

/** Types that the specification names. */
export const tlvTypes = {
  alpn: 0x01,
  authority: 0x02,
  crc32c: 0x03,
  noop: 0x04,
  uniqueId: 0x05,
  ssl: 0x20,
  sslVersion: 0x21,
  sslName: 0x22,
  sslCipher: 0x23,
  sslSignature: 0x24,
  sslKey: 0x25,
  netns: 0x30,
} as const;

/** Longest unique id, in bytes. */
export const uniqueIdMaxBytes = 128;

/** What a proxy told of the TLS connection it ended. */
export interface TlsNote {
  /** Whether the client spoke TLS to the proxy. */
  readonly isTls: boolean;
  /** Whether it showed a certificate on this connection, or in this session. */
  readonly showedCertificate: boolean;
  /** Whether it showed one and that was found valid. */
  readonly isVerified: boolean;
  /** Such as `TLSv1.3`. */
  readonly version: string | undefined;
  /** Common name in the certificate. */
  readonly name: string | undefined;
  readonly cipher: string | undefined;
}

/** The named values of a header. */
export interface ProxyNotes {
  /** The protocol agreed upon, such as `h2`; its bytes as Latin-1. */
  readonly alpn: string | undefined;
  /** The name asked for: SNI's, without any check. */
  readonly authority: string | undefined;
  readonly uniqueId: Uint8Array | undefined;
  readonly netns: string | undefined;
  readonly tls: TlsNote | undefined;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Reads a list that fills `bytes` exactly; values are views of it. Throws {@link ProxyHeaderError}. */
export function readTlvs(bytes: Uint8Array, what = "header"): Tlv[] {
  const tlvs: Tlv[] = [];
  let at = 0;
  while (at < bytes.length) {
    const type = bytes[at] ?? 0;
    const length = ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    const end = at + 3 + length;
    if (at + 3 > bytes.length || end > bytes.length) {
      throw new ProxyHeaderError(`Cannot read value 0x${type.toString(16)}: it goes beyond the end of its ${what}`);
    }
    tlvs.push({ type, value: bytes.subarray(at + 3, end) });
    at = end;
  }
  return tlvs;
}

/** The bytes of a list. Throws RangeError for a type or a length that cannot be. */
export function tlvBytes(tlvs: readonly Tlv[]): Uint8Array {
  const bytes = new Uint8Array(tlvs.reduce((sum, { value }) => sum + 3 + value.length, 0));
  let at = 0;
  for (const { type, value } of tlvs) {
    if (!(type >= 0 && type <= 255) || value.length > 0xffff) {
      throw new RangeError(`Cannot write value ${type} of ${value.length} bytes: wanted type 0 to 255, 65535 bytes`);
    }
    bytes.set([type, value.length >> 8, value.length & 0xff], at);
    bytes.set(value, at + 3);
    at += 3 + value.length;
  }
  return bytes;
}

/**
 * Makes out the values with a name; of a type that comes twice, the first. Throws {@link ProxyHeaderError} for a name that
 * is not UTF-8, a unique id longer than 128 bytes or a broken note of TLS.
 */
export function notesOf(tlvs: readonly Tlv[]): ProxyNotes {
  const uniqueId = find(tlvs, tlvTypes.uniqueId);
  if (uniqueId && uniqueId.length > uniqueIdMaxBytes) {
    throw new ProxyHeaderError(`Cannot take a unique id of ${uniqueId.length} bytes: ${uniqueIdMaxBytes} at most`);
  }
  const alpn = find(tlvs, tlvTypes.alpn);
  const ssl = find(tlvs, tlvTypes.ssl);
  return {
    alpn: alpn && Buffer.from(alpn).toString("latin1"),
    authority: textOf(tlvs, tlvTypes.authority),
    uniqueId,
    netns: textOf(tlvs, tlvTypes.netns),
    tls: ssl && tlsNoteOf(ssl),
  };
}

/** The values for names to be sent on. Texts are written as UTF-8, `alpn` as Latin-1. */
export function tlvsOf(notes: Partial<ProxyNotes>): Tlv[] {
  const tlvs: Tlv[] = [];
  const add = (type: number, value: Uint8Array | string | undefined) => {
    if (value !== undefined) tlvs.push({ type, value: typeof value === "string" ? Buffer.from(value) : value });
  };
  add(tlvTypes.alpn, notes.alpn === undefined ? undefined : Buffer.from(notes.alpn, "latin1"));
  add(tlvTypes.authority, notes.authority);
  add(tlvTypes.uniqueId, notes.uniqueId?.subarray(0, uniqueIdMaxBytes));
  if (notes.tls) add(tlvTypes.ssl, tlsNoteBytes(notes.tls));
  add(tlvTypes.netns, notes.netns);
  return tlvs;
}

/** One byte of flags, four that are zero when the certificate was verified (or there was none), then a list. */
function tlsNoteOf(bytes: Uint8Array): TlsNote {
  if (bytes.length < 5)
    throw new ProxyHeaderError(`Cannot read a note of TLS of ${bytes.length} bytes: wanted 5 or more`);
  const flags = bytes[0] ?? 0;
  const showedCertificate = (flags & 6) !== 0;
  const within = readTlvs(bytes.subarray(5), "note of TLS");
  return {
    isTls: (flags & 1) !== 0,
    showedCertificate,
    isVerified: showedCertificate && bytes.subarray(1, 5).every((byte) => byte === 0),
    version: textOf(within, tlvTypes.sslVersion),
    name: textOf(within, tlvTypes.sslName),
    cipher: textOf(within, tlvTypes.sslCipher),
  };
}

function tlsNoteBytes(note: TlsNote): Uint8Array {
  const within: Tlv[] = [];
  for (const [type, text] of [
    [tlvTypes.sslVersion, note.version],
    [tlvTypes.sslName, note.name],
    [tlvTypes.sslCipher, note.cipher],
  ] as const) {
    if (text !== undefined) within.push({ type, value: Buffer.from(text) });
  }
  const flags = (note.isTls ? 1 : 0) | (note.showedCertificate ? 6 : 0);
  const verdict = note.showedCertificate && !note.isVerified ? 1 : 0;
  return Uint8Array.from([flags, 0, 0, 0, verdict, ...tlvBytes(within)]);
}

function find(tlvs: readonly Tlv[], wanted: number): Uint8Array | undefined {
  return tlvs.find(({ type }) => type === wanted)?.value;
}

function textOf(tlvs: readonly Tlv[], wanted: number): string | undefined {
  const value = find(tlvs, wanted);
  try {
    return value && utf8.decode(value);
  } catch (thrown) {
    if (!(thrown instanceof TypeError)) throw thrown;
    throw new ProxyHeaderError(`Cannot read value 0x${wanted.toString(16)}: it is not UTF-8`);
  }
}
