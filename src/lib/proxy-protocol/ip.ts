/**
 * IP addresses as text and as bytes, no more than the PROXY protocol needs: strict when reading, canonical (RFC 5952) when
 * writing. Zones (`%eth0`) are no part of an address here.
 */
import { isIPv4, isIPv6 } from "node:net";

import type { IpAddresses, IpEndpoint } from "./header.ts";

const mappedPrefix = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);

/** 4 or 16 bytes, or undefined when the text is no address. */
export function ipBytes(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split("."), Number);
  if (!isIPv6(text) || text.includes("%")) return undefined;
  const bytes = new Uint8Array(16);
  const [head = "", tail] = text.split("::");
  const before = groupBytes(head);
  const after = tail === undefined ? [] : groupBytes(tail);
  bytes.set(before, 0);
  bytes.set(after, 16 - after.length);
  return bytes;
}

/** The canonical text of 4 or 16 bytes. Throws RangeError for any other number of them. */
export function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  if (bytes.length !== 16) throw new RangeError(`Cannot read ${bytes.length} bytes as an IP address: wanted 4 or 16`);
  if (isMapped(bytes)) return `::ffff:${bytes.subarray(12).join(".")}`;
  const groups = Array.from({ length: 8 }, (_, index) => ((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0));
  let start = -1;
  let length = 1;
  for (let from = 0; from < 8; from++) {
    let to = from;
    while (to < 8 && groups[to] === 0) to++;
    if (to - from > length) [start, length] = [from, to - from];
  }
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(":");
  return start < 0 ? hex(groups) : `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}

/**
 * Both ends of one connection in one family, as a header needs them: IPv4 when both are (also as IPv4 mapped into IPv6,
 * which is what a socket for both families shows), otherwise IPv6. Zones are dropped. Undefined when an end is no IP address.
 */
export function streamAddresses(source: IpEndpoint, target: IpEndpoint): IpAddresses | undefined {
  const ends = [source, target].map(({ address }) => ipBytes(address.split("%", 1)[0] ?? ""));
  const [from, to] = ends.map((bytes) => (bytes && isMapped(bytes) ? bytes.subarray(12) : bytes));
  if (!from || !to) return undefined;
  const isV4 = from.length === 4 && to.length === 4;
  const text = (bytes: Uint8Array) =>
    ipText(isV4 || bytes.length === 16 ? bytes : Uint8Array.from([...mappedPrefix, ...bytes]));
  return {
    family: isV4 ? "ipv4" : "ipv6",
    transport: "stream",
    source: { address: text(from), port: source.port },
    target: { address: text(to), port: target.port },
  };
}

function isMapped(bytes: Uint8Array): boolean {
  return bytes.length === 16 && mappedPrefix.every((byte, index) => bytes[index] === byte);
}

function groupBytes(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (group.includes(".")) return group.split(".").map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}
