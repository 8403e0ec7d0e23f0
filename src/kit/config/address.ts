/**
 * A host and a port as one text: `127.0.0.1:4100`, `store.example:80`, `[::1]:4100`. Port 0 asks for any free one.
 * The host is an IP address or a name; it is not looked up here.
 */
import { isIP, isIPv6 } from "node:net";

/** Where to listen or to connect. */
export interface Address {
  /** A name or an IP address; IPv6 without brackets. */
  readonly host: string;
  /** 0 to 65535. */
  readonly port: number;
}

const form = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]/?#@]+)):(\d{1,5})$/;
const hostName = /^(?=.{1,253}$)[a-zA-Z0-9_](?:[a-zA-Z0-9_-]{0,62})(?:\.[a-zA-Z0-9_-]{1,63})*\.?$/;
const dottedNumbers = /^[\d.]+$/;

/** Whether `text` can be a host: an IP address (IPv6 without brackets) or a host name. */
export function isHost(text: string): boolean {
  // Four numbers with dots are an address, so one that is not valid is a mistake and no name.
  return isIP(text) !== 0 || (hostName.test(text) && !dottedNumbers.test(text));
}

/** Reads `host:port`, with an IPv6 host in brackets. Throws SyntaxError when the text is anything else. */
export function parseAddress(text: string): Address {
  const match = form.exec(text);
  const host = match?.[1] ?? match?.[2] ?? "";
  const port = Number(match?.[3] ?? Number.NaN);
  const hostFits = match?.[1] === undefined ? isHost(host) && !isIPv6(host) : isIPv6(host);
  if (!hostFits || !(port <= 65535))
    throw new SyntaxError(
      `Cannot parse address ${JSON.stringify(text)}: wanted "host:port" such as "127.0.0.1:4100" or "[::1]:4100"`,
    );
  return { host, port };
}

/** The text of an address, which {@link parseAddress} reads back. */
export function formatAddress(address: Address): string {
  return `${isIPv6(address.host) ? `[${address.host}]` : address.host}:${address.port}`;
}

/** Whether a text is the URL of a node: what a node tells must not make another read its own files, or ask elsewhere. */
export function isPlainUrl(text: string): boolean {
  if (text.length > 256 || !/^https?:\/\/[^/\\?#@\s]+(?:\/[^\\?#\s]*)?$/.test(text) || !URL.canParse(text))
    return false;
  return !/\/(?:\.|%2e){1,2}(?:\/|$)/i.test(text);
}
