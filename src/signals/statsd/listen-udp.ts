/**
 * Datagrams from a UDP socket of node:dgram, which lets the kernel's buffer be chosen, and what the kernel had to drop of
 * them. Drops are what no statsd can count by itself: they are read from `/proc/net/udp` (proc(5)).
 */
import { readFileSync } from "node:fs";
import { isIPv6 } from "node:net";

import { bindDatagrams } from "../../kit/bound-socket.ts";
import type { Address } from "../../kit/config/address.ts";

/** A socket that takes datagrams. */
export interface UdpListener {
  readonly address: Address;
  /** What the kernel holds at most of what was not read, as it granted it; undefined where it cannot be told. */
  readonly grantedBytes: number | undefined;
  /** Datagrams that the kernel dropped since the socket was opened; undefined where it cannot be told. */
  drops(): number | undefined;
  close(): Promise<void>;
}

/** Opens one. Rejects with the system's error, such as `EADDRINUSE`. `take` must not keep the bytes. */
export async function listenUdp(
  address: Address,
  receiveBufferBytes: number,
  take: (packet: Buffer, sender: string) => void,
): Promise<UdpListener> {
  const { socket, port, close } = await bindDatagrams(address, receiveBufferBytes);
  socket.on("message", (packet, from) => take(packet, from.address));
  let granted: number | undefined;
  try {
    granted = socket.getRecvBufferSize();
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown;
  }
  return {
    address: { host: address.host, port },
    grantedBytes: granted,
    drops: () => kernelDrops(isIPv6(address.host), port),
    close,
  };
}

function kernelDrops(isSix: boolean, port: number): number | undefined {
  let table: string;
  try {
    table = readFileSync(`/proc/net/udp${isSix ? "6" : ""}`, "utf8");
  } catch (thrown) {
    if (thrown instanceof Error) return undefined;
    throw thrown;
  }
  return dropsIn(table, port);
}

/** The drops of the sockets at a port, by the kernel's table; undefined when none is at it. */
export function dropsIn(table: string, port: number): number | undefined {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  let drops: number | undefined;
  for (const line of table.split("\n").slice(1)) {
    const fields = line.trim().split(/\s+/);
    if (!fields[1]?.endsWith(`:${wanted}`)) continue;
    drops = (drops ?? 0) + Number(fields.at(-1));
  }
  return drops;
}
