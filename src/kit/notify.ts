/**
 * Tells systemd how the program is (sd_notify): ready, stopping, a line of status, and that its event loop still turns.
 * The protocol is one datagram per message to the Unix socket named by `NOTIFY_SOCKET`. Bun has no Unix datagram
 * sockets, so the C library is called; where there is no such variable nothing is loaded and nothing happens.
 * A message that cannot be sent is logged once and never stops the program.
 */
import { dlopen, ptr } from "bun:ffi";

import type { Clock } from "./clock.ts";
import { reasonOf } from "./fault.ts";
import type { Logger } from "./log.ts";

/** The line to the service manager. */
export interface Notifier {
  /** Whether anybody listens. */
  readonly connected: boolean;
  /** The program serves. From here on the watchdog is fed, if one was asked for. */
  ready(status: string): void;
  /** One line for `systemctl status`. */
  status(text: string): void;
  /** The program began to stop; it is given the time of the unit's TimeoutStopSec. */
  stopping(status: string): void;
  close(): void;
}

/** What systemd put into the environment, and what is needed to follow it. */
export interface NotifierOptions {
  /** `NOTIFY_SOCKET`: a path, or `@` and the name of an abstract socket. */
  socket: string | undefined;
  /** `WATCHDOG_USEC`: the program counts as hung when it is silent for so many microseconds. */
  watchdogUsec?: string | undefined;
  /** `WATCHDOG_PID`: whom the watchdog is for; every process when absent. */
  watchdogPid?: string | undefined;
  clock: Clock;
  log: Logger;
}

const silentNotifier: Notifier = { connected: false, ready() {}, status() {}, stopping() {}, close() {} };

/** A line to the service manager, or one that does nothing when there is none or it cannot be used. */
export function createNotifier(options: NotifierOptions): Notifier {
  const { socket, clock, log } = options;
  if (!socket) return silentNotifier;
  let connection: DatagramSocket;
  try {
    connection = openDatagram(socket);
  } catch (thrown) {
    log.warn("The service manager cannot be notified", { socket, reason: reasonOf(thrown) });
    return silentNotifier;
  }
  let failed = false;
  const send = (...lines: string[]) => {
    if (connection.send(lines.join("\n")) || failed) return;
    failed = true;
    log.warn("The service manager did not take a message", { socket });
  };
  const forUs = options.watchdogPid === undefined || options.watchdogPid === String(process.pid);
  const watchdogMs = forUs ? Number(options.watchdogUsec ?? 0) / 1000 : 0;
  let cancelFeeding: (() => void) | undefined;
  const feed = () => {
    send("WATCHDOG=1");
    cancelFeeding = clock.schedule(watchdogMs / 2, feed);
  };
  return {
    connected: true,
    ready(status) {
      send("READY=1", `STATUS=${line(status)}`);
      if (watchdogMs > 0 && !cancelFeeding) feed();
    },
    status: (text) => send(`STATUS=${line(text)}`),
    stopping: (status) => send("STOPPING=1", `STATUS=${line(status)}`),
    close() {
      cancelFeeding?.();
      cancelFeeding = undefined;
      connection.close();
    },
  };
}

function line(text: string): string {
  return text.replaceAll(/\s+/g, " ").slice(0, 500);
}

/** A Unix datagram socket that only sends. */
interface DatagramSocket {
  /** Whether the message was taken whole. Never waits. */
  send(message: string): boolean;
  close(): void;
}

const afUnix = 1;
/** SOCK_DGRAM, SOCK_CLOEXEC and SOCK_NONBLOCK of Linux. */
const datagramType = 2 | 0o2000000 | 0o4000;
/** The C library by the names of glibc and musl. */
const libraryNames = ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`];

function openDatagram(socketPath: string): DatagramSocket {
  if (process.platform !== "linux") throw new Error(`systemd runs on Linux, this is ${process.platform}`);
  const library = loadLibrary();
  const address = unixAddress(socketPath);
  const descriptor = library.symbols.socket(afUnix, datagramType, 0);
  if (descriptor < 0) {
    library.close();
    throw new Error("no Unix datagram socket is to be had");
  }
  return {
    send(message) {
      const bytes = Buffer.from(message);
      const sent = library.symbols.sendto(descriptor, ptr(bytes), bytes.length, 0, ptr(address), address.length);
      return Number(sent) === bytes.length;
    },
    close() {
      library.symbols.close(descriptor);
      library.close();
    },
  };
}

function loadLibrary() {
  const failures: unknown[] = [];
  for (const name of libraryNames) {
    try {
      return dlopen(name, {
        socket: { args: ["i32", "i32", "i32"], returns: "i32" },
        sendto: { args: ["i32", "ptr", "u64", "i32", "ptr", "u32"], returns: "i64" },
        close: { args: ["i32"], returns: "i32" },
      });
    } catch (thrown) {
      failures.push(thrown);
    }
  }
  throw new AggregateError(failures, "the C library cannot be loaded");
}

/** `struct sockaddr_un`: the family, then the path. An abstract name begins with a zero byte and ends where the struct does. */
export function unixAddress(socketPath: string): Buffer {
  const abstract = socketPath.startsWith("@");
  if (!abstract && !socketPath.startsWith("/")) throw new RangeError("wanted an absolute path or @name");
  const path = Buffer.from(abstract ? `\0${socketPath.slice(1)}` : `${socketPath}\0`);
  if (path.length > 108) throw new RangeError("the path is longer than 107 bytes");
  // The family is in the order of the machine's bytes, and Bun runs on little-endian machines only.
  return Buffer.concat([Buffer.from([afUnix, 0]), path]);
}
