/**
 * Which IP addresses belong to the public Internet, and which to this machine, its networks, or nobody. Used before a
 * request goes where an outsider said: an address that is not public is refused, in whatever form it is written.
 * IPv6 forms that carry an IPv4 address are judged by what they carry. Source: the IANA special-purpose registries
 * (RFC 6890 and its successors), RFC 6052 (NAT64), RFC 3056 (6to4).
 */
import { isIP } from "node:net";

import { plainAddress } from "./auth/address.ts";

/** IPv4 networks that are not public: first address and prefix length. */
const closedV4: readonly (readonly [string, number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
];

/** Whether an address is one of the public Internet. Text that is no address is not. Brackets and a zone are allowed. */
export function isPublicAddress(address: string): boolean {
  const plain = plainAddress(address);
  const family = isIP(plain);
  if (family === 4) return isPublicV4(numberOf(plain));
  return family === 6 && isPublicV6(groupsOf(plain));
}

function isPublicV4(address: number): boolean {
  return !closedV4.some(([first, bits]) => {
    const size = 2 ** (32 - bits);
    return Math.floor(address / size) === Math.floor(numberOf(first) / size);
  });
}

function isPublicV6(groups: readonly number[]): boolean {
  const at = (position: number) => groups[position] ?? 0;
  const v4At = (position: number) => isPublicV4(at(position) * 65_536 + at(position + 1));
  const startsWith = (...wanted: readonly number[]) => wanted.every((group, position) => at(position) === group);
  if (startsWith(0, 0, 0, 0, 0, 0xffff) || startsWith(0, 0, 0, 0, 0xffff, 0)) return v4At(6);
  if (startsWith(0x64, 0xff9b, 0, 0, 0, 0)) return v4At(6);
  if (at(0) === 0x2002) return v4At(1);
  // Everything that is handed out lies in 2000::/3. In it Teredo and other protocols of the first /23, and documentation.
  if (at(0) >> 13 !== 1) return false;
  if (at(0) === 0x2001 && (at(1) < 0x200 || at(1) === 0xdb8)) return false;
  return !(at(0) === 0x3fff && at(1) < 0x1000);
}

function numberOf(v4: string): number {
  return v4.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

/** The eight groups of an IPv6 address in its canonical form (only hexadecimal groups and at most one `::`). */
function groupsOf(v6: string): number[] {
  const canonical = new URL(`http://[${v6}]/`).hostname.slice(1, -1);
  const [head = "", tail] = canonical.split("::");
  const read = (text: string) => (text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16)));
  const before = read(head);
  if (tail === undefined) return before;
  const after = read(tail);
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after];
}
