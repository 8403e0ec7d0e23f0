/**
 * Where a member listens: an IP address and a port, the same for UDP and TCP. Hosts are kept as canonical text (IPv4 dotted,
 * IPv6 as RFC 5952 writes it) so that equal addresses are equal strings; on the wire they are 4 or 16 bytes.
 */
import { isIP, isIPv4 } from "node:net";

/** An IP address in canonical text and a port from 1 to 65535. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Writes an address as `host:port`, an IPv6 host in brackets. */
export function formatAddress(address: Address): string {
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** Whether two addresses are the same host and port. */
export function sameAddress(left: Address, right: Address): boolean {
  return left.port === right.port && left.host === right.host;
}

/**
 * Reads `host:port`, `[ipv6]:port`, or a host alone with `defaultPort`. A leading `name/` as hashicorp/memberlist allows is
 * dropped. The host may be a name. Throws a SyntaxError.
 */
export function parseAddress(text: string, defaultPort: number): Address {
  const wanted = text.slice(text.indexOf("/") + 1).trim();
  const parts =
    isIP(wanted) === 6 ? [wanted, wanted, undefined] : /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(wanted);
  const host = parts?.[1] ?? parts?.[2] ?? "";
  const port = parts?.[3] === undefined ? defaultPort : Number(parts[3]);
  if (host === "" || /[\s/]/.test(host)) throw new SyntaxError(`Cannot parse address "${text}": must be host:port`);
  if (port < 1 || port > 65_535) throw new SyntaxError(`Cannot parse address "${text}": port must be from 1 to 65535`);
  return { host: canonicalHost(host), port };
}

/** The canonical text of an IP address; a name is returned in lower case. IPv4 mapped into IPv6 becomes plain IPv4. */
export function canonicalHost(host: string): string {
  const bytes = hostToBytes(host);
  return bytes.length === 0 ? host.toLowerCase() : bytesToHost(bytes);
}

/** The 4 or 16 bytes of an IP address; empty when the text is not one. */
export function hostToBytes(host: string): Uint8Array {
  const zone = host.indexOf("%");
  const plain = zone < 0 ? host : host.slice(0, zone);
  if (isIPv4(plain)) return Uint8Array.from(plain.split("."), Number);
  if (isIP(plain) !== 6) return new Uint8Array(0);
  let text = plain;
  const dotted = text.slice(text.lastIndexOf(":") + 1);
  if (isIPv4(dotted)) {
    const [a = 0, b = 0, c = 0, d = 0] = dotted.split(".").map(Number);
    text = `${text.slice(0, -dotted.length)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const [head = "", tail] = text.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const groups = [...left, ...Array.from({ length: 8 - left.length - right.length }, () => "0"), ...right];
  const bytes = new Uint8Array(16);
  groups.forEach((group, index) => {
    const value = Number.parseInt(group, 16);
    bytes[index * 2] = value >>> 8;
    bytes[index * 2 + 1] = value & 0xff;
  });
  return bytes;
}

/** Canonical text of 4 or 16 address bytes; the empty string for any other length. */
export function bytesToHost(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  if (bytes.length !== 16) return "";
  const mapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  if (mapped) return bytes.subarray(12).join(".");
  const groups = Array.from({ length: 8 }, (_, index) =>
    (((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0)).toString(16),
  );
  // RFC 5952: the longest run of at least two zero groups is written "::", the first one if there are several.
  let bestStart = -1;
  let bestLength = 1;
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && groups[end] === "0") end++;
    if (end - start > bestLength) {
      bestStart = start;
      bestLength = end - start;
    }
  }
  if (bestStart < 0) return groups.join(":");
  return `${groups.slice(0, bestStart).join(":")}::${groups.slice(bestStart + bestLength).join(":")}`;
}
