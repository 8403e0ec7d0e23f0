/**
 * What an IP address or host says about who can reach it. Loopback means this machine alone; names are never looked up,
 * because whoever answers the look-up would then decide.
 */
import { isIP } from "node:net";

/** Whether an address (or the name `localhost`) can be reached from this machine only. Brackets and a zone are allowed. */
export function isLoopback(address: string): boolean {
  const plain = plainAddress(address);
  return plain === "localhost" || plain === "::1" || (isIP(plain) === 4 && plain.startsWith("127."));
}

/** Lower case, without brackets and zone, an IPv4 address inside IPv6 taken out, `::1` in its short form. */
export function plainAddress(address: string): string {
  const bare = address
    .toLowerCase()
    .replace(/^\[(.*)\]$/, "$1")
    .replace(/%.*$/, "");
  // Not every spelling that is an address is one to the URL parser; then it stays as it was written.
  if (isIP(bare) !== 6 || !URL.canParse(`http://[${bare}]/`)) return bare;
  const canonical = new URL(`http://[${bare}]/`).hostname.slice(1, -1);
  const hex = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/.exec(canonical);
  if (!hex) return canonical;
  const [high, low] = [Number.parseInt(hex[1] ?? "", 16), Number.parseInt(hex[2] ?? "", 16)];
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

/** The host of a `Host` header or URL authority, without port, plain; undefined when it is none. */
export function hostOf(authority: string): string | undefined {
  const found = /^(\[[\da-f:.%\w]+\]|[^\s:/?#@[\]]+)(?::\d{1,5})?$/i.exec(authority);
  return found?.[1] === undefined ? undefined : plainAddress(found[1]).replace(/\.$/, "");
}

/** Whether a plain host is an address rather than a name. */
export function isAddress(host: string): boolean {
  return isIP(host) !== 0;
}
