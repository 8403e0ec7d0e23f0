/**
 * The predecessor's counts as datagrams of statsd, one each, to the letter: `<base>.<name>.fail:1|c` and so on, and the time
 * from a trip to its reset. What cannot be sent is lost, as with any datagram.
 */
import { createSocket } from "node:dgram";

import type { Address } from "../../kit/config/address.ts";
import type { BreakerEvent } from "./breaker.ts";

/** Sends events. */
export interface EventSender {
  send(event: BreakerEvent, openMs: number, proxy: string | undefined): void;
  close(): void;
}

/** The texts of an event's datagrams. `proxy` where there are several. */
export function datagramsOf(prefix: string, event: BreakerEvent, openMs: number, proxy?: string): string[] {
  const name = proxy === undefined ? prefix : `${prefix}.${proxy}`;
  const count = `${name}.${event}:1|c`;
  return event === "reset" ? [count, `${name}.trip-time:${Math.round(openMs)}|ms`] : [count];
}

/** A sender to a statsd; `prefix` is `<base>.<name>`. */
export function openEventSender(to: Address, prefix: string, failed: (thrown: Error) => void): EventSender {
  const socket = createSocket(to.host.includes(":") ? "udp6" : "udp4");
  socket.on("error", failed);
  socket.unref();
  let isClosed = false;
  return {
    send(event, openMs, proxy) {
      if (isClosed) return;
      for (const text of datagramsOf(prefix, event, openMs, proxy)) socket.send(text, to.port, to.host);
    },
    close() {
      isClosed = true;
      socket.close();
    },
  };
}
