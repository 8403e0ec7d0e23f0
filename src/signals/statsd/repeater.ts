/**
 * Passes packets on to other statsds as they came, by UDP or over one TCP connection for each. A repeater must not hold up
 * what it stands beside: what a target does not take at once is dropped and counted, over TCP beyond one megabyte.
 */
import { createSocket, type Socket as DatagramSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { connect, isIP, isIPv6, type Socket } from "node:net";
import { networkInterfaces } from "node:os";

import type { Clock } from "../../kit/clock.ts";
import type { Address } from "../../kit/config/address.ts";

/** Another statsd. */
export interface RepeatTarget {
  protocol: "udp" | "tcp";
  host: string;
  port: number;
}

/** How a repeater stands. */
export interface RepeaterState {
  readonly name: string;
  readonly passed: number;
  readonly dropped: number;
  readonly failure: string;
}

/** Passes packets on to one target. */
export interface Repeater {
  pass(packet: Buffer): void;
  state(): RepeaterState;
  close(): Promise<void>;
}

const bufferedMaxBytes = 1024 * 1024;
const retryMs = 1000;
const lookUpEveryMs = 60_000;

/** A repeater to one target; `clock` paces its attempts to connect, and to find its address. */
export function createRepeater(target: RepeatTarget, clock: Clock): Repeater {
  return target.protocol === "udp" ? udpRepeater(target, clock) : tcpRepeater(target, clock);
}

/**
 * Repeaters to all targets. One that is among our own addresses (`own`, by protocol) is given nothing and says why: a
 * packet would come back to us, and be passed on again, for ever.
 */
export function createRepeaters(
  targets: readonly RepeatTarget[],
  own: Readonly<Record<RepeatTarget["protocol"], readonly Address[]>>,
  clock: Clock,
): Repeater[] {
  return targets.map((target) =>
    isOwnAddress(target, own[target.protocol]) ? noRepeater(target) : createRepeater(target, clock),
  );
}

/** Whether an address leads to one of our own, whatever it is called. */
export function isOwnAddress({ host, port }: Address, listeners: readonly Address[]): boolean {
  const local = new Set(
    Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address)),
  );
  const isLoopback = (name: string) => name === "localhost" || name === "::1" || name.startsWith("127.");
  const isAny = (name: string) => name === "0.0.0.0" || name === "::";
  return listeners.some((listener) => {
    if (listener.port !== port) return false;
    if (host === listener.host || isAny(host)) return true;
    if (isAny(listener.host)) return isLoopback(host) || local.has(host);
    return host === "localhost" && isLoopback(listener.host);
  });
}

function noRepeater(target: RepeatTarget): Repeater {
  let dropped = 0;
  const failure = "this is the statsd itself: each packet would go round for ever";
  return {
    pass() {
      dropped++;
    },
    state: () => ({ name: nameOf(target), passed: 0, dropped, failure }),
    close: () => Promise.resolve(),
  };
}

function nameOf({ protocol, host, port }: RepeatTarget): string {
  return `${protocol}://${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

function udpRepeater(target: RepeatTarget, clock: Clock): Repeater {
  let passed = 0;
  let dropped = 0;
  let failure = "";
  /** Where packets go: a name is looked up now and then, not for each of them. */
  let to: { address: string; socket: DatagramSocket } | undefined;
  let isClosed = false;
  let cancelLookup = () => {};
  const failed = (reason: Error) => {
    dropped++;
    failure = reason.message;
  };
  const aim = (address: string) => {
    if (isClosed || to?.address === address) return;
    to?.socket.close();
    const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
    socket.on("error", failed);
    socket.unref();
    to = { address, socket };
  };
  const lookUp = async () => {
    let againMs = lookUpEveryMs;
    try {
      aim((await lookup(target.host)).address);
      failure = "";
    } catch (thrown) {
      // What was found before still counts.
      if (!(thrown instanceof Error)) throw thrown;
      if (!to) failure = thrown.message;
      againMs = retryMs;
    }
    if (!isClosed) cancelLookup = clock.schedule(againMs, () => void lookUp());
  };
  if (isIP(target.host)) aim(target.host);
  else void lookUp();
  return {
    pass(packet) {
      if (!to) {
        dropped++;
        return;
      }
      // The socket gives buffers back to a pool once it has read them.
      to.socket.send(Buffer.from(packet), target.port, to.address, (reason) => {
        if (reason) {
          failed(reason);
          return;
        }
        passed++;
        failure = "";
      });
    },
    state: () => ({ name: nameOf(target), passed, dropped, failure }),
    close: () => {
      isClosed = true;
      cancelLookup();
      return new Promise((resolve) => (to ? to.socket.close(() => resolve()) : resolve()));
    },
  };
}

function tcpRepeater(target: RepeatTarget, clock: Clock): Repeater {
  let socket: Socket | undefined;
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  let passed = 0;
  let dropped = 0;
  let failure = "";
  let isClosed = false;
  let cancelRetry = () => {};
  const open = () => {
    if (isClosed) return;
    const own = connect({ host: target.host, port: target.port });
    own.setNoDelay(true);
    own.resume();
    own.once("connect", () => {
      failure = "";
      socket = own;
      for (const packet of waiting) own.write(packet);
      waiting = [];
      waitingBytes = 0;
    });
    own.once("end", () => own.destroy());
    own.on("error", (reason) => {
      failure = reason.message;
    });
    own.once("close", () => {
      if (socket === own) socket = undefined;
      cancelRetry = clock.schedule(retryMs, open);
    });
  };
  open();
  return {
    pass(packet) {
      const line = Buffer.concat([packet, packet.at(-1) === 10 ? Buffer.alloc(0) : Buffer.from("\n")]);
      if (socket) {
        if (socket.writableLength > bufferedMaxBytes) dropped++;
        else {
          passed++;
          socket.write(line);
        }
      } else if (waitingBytes + line.length > bufferedMaxBytes) dropped++;
      else {
        passed++;
        waiting.push(line);
        waitingBytes += line.length;
      }
    },
    state: () => ({ name: nameOf(target), passed, dropped, failure }),
    close() {
      isClosed = true;
      cancelRetry();
      const own = socket;
      if (!own) return Promise.resolve();
      return new Promise((resolve) => {
        const cancel = clock.schedule(1000, () => own.destroy());
        own.once("close", () => {
          cancel();
          cancelRetry();
          resolve();
        });
        own.end();
      });
    },
  };
}
