/**
 * Looks hosts up without holding anything else up. The C library's own look-up blocks a thread of the few that read files,
 * too: a name server that says nothing would stall the whole node. So `/etc/hosts` and DNS are asked by c-ares (through the
 * runtime), which waits for nobody. It reads its name servers once; they are handed to it again when they have changed.
 * Names that only this machine's own ways may know, such as `printer.local`, are asked of the C library, one at a time.
 */
import { lookup } from "node:dns/promises";
import { setServers } from "node:dns";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";

import { fileMarkAt } from "./watched-file.ts";

const serversPath = "/etc/resolv.conf";
const followsServers = process.platform === "linux";
let seen: string | undefined = followsServers ? fileMarkAt(serversPath) : undefined;
let line: Promise<unknown> = Promise.resolve();

/** The addresses of a host, in the order in which they are tried: `/etc/hosts`, then DNS. Rejects with the system's error. */
export async function systemResolve(host: string): Promise<readonly string[]> {
  followServers();
  try {
    return addressesIn(await Bun.dns.lookup(host));
  } catch (thrown) {
    // Only where no name server of somebody else has a say in how long it takes.
    if (!(thrown instanceof Error) || !isLocalName(host)) throw thrown;
    const own = line.then(() => lookup(host, { all: true, verbatim: true }));
    line = own.catch(() => undefined);
    return addressesIn(await own);
  }
}

/** The addresses of the name servers in the text of a `resolv.conf`. */
export function serversIn(text: string): string[] {
  return text.split("\n").flatMap((each) => {
    const server = /^nameserver\s+(\S+)/.exec(each)?.[1] ?? "";
    return isIP(server.replace(/%.*$/, "")) === 0 ? [] : [server];
  });
}

function followServers(): void {
  if (!followsServers) return;
  const mark = fileMarkAt(serversPath);
  if (mark === seen) return;
  seen = mark;
  if (mark === undefined) return;
  const servers = serversIn(readFileSync(serversPath, "utf8"));
  if (servers.length > 0) setServers(servers);
}

function addressesIn(found: readonly { address: string }[]): string[] {
  return [...new Set(found.map(({ address }) => address))];
}

function isLocalName(host: string): boolean {
  return !host.includes(".") || /\.local\.?$/i.test(host);
}
