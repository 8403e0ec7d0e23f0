/**
 * All sockets of a statsd together. One that cannot be opened is named with who holds its port and the setting that
 * changes it, and stops nothing else. Also keeps account of what the kernel dropped, looked at in short intervals.
 */
import { takenBy } from "../../kit/bound-socket.ts";
import type { Clock } from "../../kit/clock.ts";
import { formatAddress } from "../../kit/config/address.ts";
import { reasonOf } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import { type AdminParts, listenAdmin } from "./admin.ts";
import { listenLines } from "./listen-stream.ts";
import { listenUdp, type UdpListener } from "./listen-udp.ts";
import { listenUnixDatagrams } from "./listen-unix-datagrams.ts";
import type { StatsdSettings } from "./settings.ts";

/** A way in, open or not. */
export interface WayIn {
  readonly purpose: "udp" | "tcp" | "unix" | "unix datagram" | "admin";
  /** `host:port` as really bound, or a path. */
  readonly address: string;
  /** Why it could not be opened, one sentence without a period; undefined when it is open. */
  readonly failure: string | undefined;
  /** Datagrams the kernel dropped, for UDP. */
  readonly drops: number;
  /** What the kernel may hold, for UDP. */
  readonly grantedBytes: number | undefined;
}

/** Settings that say where to listen. */
export type WaysInSettings = Pick<
  StatsdSettings,
  "udp" | "tcp" | "unix" | "unixMode" | "unixDatagram" | "unixDatagramMode" | "admin" | "receiveBufferBytes"
>;

/** Takes what comes in. */
export interface WaysInParts {
  settings: WaysInSettings;
  clock: Clock;
  /** Where the settings stand, for sentences: `[statsd]`, or the name of Etsy's file. */
  place: string;
  log: Logger;
  admin: AdminParts;
  receive(packet: Buffer, sender: string): void;
  tooLong(sender: string): void;
}

interface Open {
  purpose: WayIn["purpose"];
  address: string;
  failure?: string;
  /** Why nothing comes in for now, though it was opened. */
  trouble?: () => string | undefined;
  udp?: UdpListener;
  drops: number;
  close(): Promise<void>;
}

/** All sockets. */
export interface WaysIn {
  list(): readonly WayIn[];
  /** Looks at what the kernel dropped; gives how many more there are than at the look before. */
  lookForDrops(): number;
  close(): Promise<void>;
}

/** Opens all that the settings name. Never rejects. */
export async function openWaysIn(parts: WaysInParts): Promise<WaysIn> {
  const { settings, log } = parts;
  const open: Open[] = [];
  const add = async (
    purpose: WayIn["purpose"],
    address: string,
    begin: () => Promise<Omit<Open, "purpose" | "drops">>,
  ) => {
    try {
      open.push({ purpose, drops: 0, ...(await begin()) });
    } catch (thrown) {
      const failure = failureOf(purpose, address, thrown, parts.place);
      log.error("A way in could not be opened; the others work", { purpose, address, reason: failure });
      open.push({ purpose, address, failure, drops: 0, close: () => Promise.resolve() });
    }
  };
  for (const address of settings.udp) {
    await add("udp", formatAddress(address), async () => {
      const udp = await listenUdp(address, settings.receiveBufferBytes, parts.receive);
      warnOfBuffer(udp, settings.receiveBufferBytes, log);
      return { address: formatAddress(udp.address), udp, close: () => udp.close() };
    });
  }
  const taker = { take: parts.receive, tooLong: parts.tooLong };
  for (const address of settings.tcp) {
    await add("tcp", formatAddress(address), async () => {
      const tcp = await listenLines(address, taker);
      return {
        address: formatAddress({ host: address.host, port: tcp.port ?? address.port }),
        close: () => tcp.close(),
      };
    });
  }
  for (const path of settings.unix) {
    await add("unix", path, async () => {
      const unix = await listenLines({ path, mode: settings.unixMode }, taker);
      return { address: path, close: () => unix.close() };
    });
  }
  for (const path of settings.unixDatagram) {
    await add("unix datagram", path, async () => {
      const { unixDatagramMode: mode, receiveBufferBytes: bufferBytes } = settings;
      const socket = await listenUnixDatagrams({ path, mode, bufferBytes, clock: parts.clock, log }, taker);
      return { address: path, trouble: () => socket.trouble(), close: () => socket.close() };
    });
  }
  for (const address of settings.admin) {
    await add("admin", formatAddress(address), async () => {
      const admin = await listenAdmin(address, parts.admin);
      return {
        address: formatAddress({ host: address.host, port: admin.port ?? address.port }),
        close: () => admin.close(),
      };
    });
  }
  return {
    list: () =>
      open.map(({ purpose, address, failure, trouble, drops, udp }) => ({
        purpose,
        address,
        failure: failure ?? trouble?.(),
        drops,
        grantedBytes: udp?.grantedBytes,
      })),
    lookForDrops() {
      let more = 0;
      for (const one of open) {
        const drops = one.udp?.drops() ?? 0;
        more += Math.max(0, drops - one.drops);
        one.drops = Math.max(drops, one.drops);
      }
      return more;
    },
    async close() {
      await Promise.all(open.map((one) => one.close()));
    },
  };
}

/** The same sockets would be opened. */
export function sameWaysIn(one: WaysInSettings, other: WaysInSettings): boolean {
  const written = (of: WaysInSettings) =>
    JSON.stringify(
      [
        [of.udp, of.tcp, of.admin, of.receiveBufferBytes],
        [of.unix, of.unixMode, of.unixDatagram, of.unixDatagramMode],
      ].map((values) => values.map((value) => value ?? null)),
    );
  return written(one) === written(other);
}

function failureOf(purpose: WayIn["purpose"], address: string, thrown: unknown, place: string): string {
  const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
  const port = Number(/:(\d+)$/.exec(address)?.[1] ?? Number.NaN);
  const owner = Number.isInteger(port) ? takenBy(thrown, purpose === "udp" ? "udp" : "tcp", port) : undefined;
  const reason =
    owner !== undefined ? `the port is ${owner}` : code === "EACCES" ? "this user may not open it" : reasonOf(thrown);
  // Etsy's file has no key for these.
  const setting = purpose === "unix datagram" ? "unix_datagram in [statsd]" : `${purpose} in ${place}`;
  return `Cannot take ${purpose === "admin" ? "admin commands" : "metrics"} at ${address} (${purpose}): ${reason}; set ${setting} to another address`;
}

function warnOfBuffer(udp: UdpListener, wantedBytes: number, log: Logger): void {
  const { address, grantedBytes } = udp;
  const fields = { address: formatAddress(address), grantedBytes: grantedBytes ?? "unknown", wantedBytes };
  if (grantedBytes !== undefined && grantedBytes < wantedBytes) {
    log.warn("The kernel granted a smaller buffer than asked for: raise net.core.rmem_max, or bursts are lost", fields);
  } else log.info("Datagrams are taken", fields);
}
