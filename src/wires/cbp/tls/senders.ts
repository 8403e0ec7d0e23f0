/** Addresses whose PROXY headers are believed: single ones and nets such as `10.0.0.0/8`. */
import { BlockList, isIP } from "node:net";

/** A set of addresses. */
export interface Senders {
  /** Whether an address is among them; IPv4 that is mapped into IPv6 counts as IPv4. */
  has(address: string): boolean;
}

/** Reads a list. Throws SyntaxError for what is neither an address nor a net. */
export function parseSenders(texts: readonly string[]): Senders {
  const list = new BlockList();
  for (const text of texts) {
    const [address = "", bits, more] = text.split("/");
    const family = isIP(address);
    const length = bits === undefined ? (family === 4 ? 32 : 128) : Number(/^\d{1,3}$/.exec(bits)?.[0] ?? Number.NaN);
    if (family === 0 || more !== undefined || !(length <= (family === 4 ? 32 : 128)))
      throw new SyntaxError(`accept_proxy: cannot read "${text}": wanted an address or a net such as "10.0.0.0/8"`);
    list.addSubnet(address, length, family === 4 ? "ipv4" : "ipv6");
  }
  return {
    has(address) {
      const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
      const family = isIP(plain);
      return family !== 0 && list.check(plain, family === 4 ? "ipv4" : "ipv6");
    },
  };
}
