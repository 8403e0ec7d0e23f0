/**
 * Version 1: one line of text, such as `PROXY TCP4 192.0.2.1 198.51.100.7 51372 443\r\n`, at most 107 bytes. Reading is
 * strict, as the specification asks for: one space between fields, no zeros before numbers, the family of the addresses
 * as announced. What follows `UNKNOWN` is not looked at.
 */
import { type ProxyAddresses, type ProxyHeader, ProxyHeaderError } from "./header.ts";
import { ipBytes, ipText } from "./ip.ts";

/** Longest line, with its end. */
export const lineMaxBytes = 107;

const form = /^PROXY (TCP4|TCP6) (\S+) (\S+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})$/;
const unknownForm = /^PROXY UNKNOWN(?: .*)?$/;

/** Reads a line without its end. Throws {@link ProxyHeaderError}. */
export function readLine(line: string): ProxyHeader {
  if (unknownForm.test(line)) return { version: 1, command: "proxy", addresses: undefined, tlvs: [] };
  const [, family, source = "", target = "", sourcePort, targetPort] = form.exec(line) ?? [];
  const isV4 = family === "TCP4";
  const [sourceAddress, targetAddress] = [source, target].map((text) => {
    const bytes = ipBytes(text);
    return bytes?.length === (isV4 ? 4 : 16) ? ipText(bytes) : undefined;
  });
  const ports = [Number(sourcePort), Number(targetPort)] as const;
  if (family === undefined || !sourceAddress || !targetAddress || !ports.every((port) => port <= 65535)) {
    throw new ProxyHeaderError(
      `Cannot read PROXY line ${JSON.stringify(line)}: wanted "PROXY TCP4 1.2.3.4 5.6.7.8 1000 80", TCP6 or UNKNOWN`,
    );
  }
  return {
    version: 1,
    command: "proxy",
    addresses: {
      family: isV4 ? "ipv4" : "ipv6",
      transport: "stream",
      source: { address: sourceAddress, port: ports[0] },
      target: { address: targetAddress, port: ports[1] },
    },
    tlvs: [],
  };
}

/** The line for a connection, with its end; `UNKNOWN` for what version 1 has no words for. */
export function lineBytes(addresses: ProxyAddresses | undefined): Uint8Array {
  if (addresses === undefined || addresses.family === "unix" || addresses.transport === "datagram") {
    return Buffer.from("PROXY UNKNOWN\r\n");
  }
  const { family, source, target } = addresses;
  const words = [family === "ipv4" ? "TCP4" : "TCP6", source.address, target.address, source.port, target.port];
  return Buffer.from(`PROXY ${words.join(" ")}\r\n`);
}
