/**
 * Ways for bytes to reach a store of metrics: a TCP connection that stays open, or requests to one that speaks HTTP. Both
 * deliver in order, one call at a time. Graphite's protocols have no receipts: bytes that were handed to the kernel may
 * still be lost with the connection, so {@link Delivery.lost} tells when one ended.
 */
import { connect, type Socket } from "node:net";

import type { Clock } from "../clock.ts";
import type { Address } from "../config/address.ts";
import type { Reach } from "../reach.ts";

/** A way for bytes. */
export interface Delivery {
  /** Resolves when the bytes are on their way, or stored where the other side says so. Rejects with the reason. */
  write(bytes: Uint8Array): Promise<void>;
  /** Called when a connection ended by itself: what was written just before it may be lost. */
  lost: () => void;
  /** A write that resolved was stored; nothing can be lost any more. */
  readonly hasReceipts: boolean;
  close(): Promise<void>;
}

const connectMs = 5000;
const writeMs = 30_000;
const farewellMs = 1000;

/** Over one TCP connection, which is made when it is needed. */
export function tcpDelivery(address: Address, clock: Clock): Delivery {
  let open: Promise<Socket> | undefined;

  const opened = (): Promise<Socket> => {
    open ??= new Promise<Socket>((resolve, reject) => {
      const socket = connect({ host: address.host, port: address.port });
      let isOpen = false;
      const cancel = clock.schedule(connectMs, () => socket.destroy(new Error(`no connection within ${connectMs} ms`)));
      const ended = (reason: Error) => {
        cancel();
        open = undefined;
        if (isOpen) delivery.lost();
        isOpen = false;
        reject(reason);
      };
      socket.once("connect", () => {
        cancel();
        isOpen = true;
        socket.setKeepAlive(true, 30_000);
        socket.setNoDelay(true);
        resolve(socket);
      });
      // Nothing is expected from there; it is read so that an end is noticed.
      socket.resume();
      socket.once("end", () => socket.destroy());
      socket.once("error", ended);
      socket.once("close", () => ended(new Error("the connection was closed")));
    });
    return open;
  };

  const delivery: Delivery = {
    lost: () => undefined,
    hasReceipts: false,
    async write(bytes) {
      const socket = await opened();
      await new Promise<void>((resolve, reject) => {
        const finish = (failure?: Error | null) => {
          cancel();
          socket.off("close", closed);
          if (failure) reject(failure);
          else resolve();
        };
        const closed = () => finish(new Error("the connection was closed"));
        const cancel = clock.schedule(writeMs, () =>
          socket.destroy(new Error(`nothing was taken within ${writeMs} ms`)),
        );
        socket.once("close", closed);
        socket.write(bytes, finish);
      });
    },
    async close() {
      const socket = await open?.catch(() => undefined);
      if (!socket) return;
      delivery.lost = () => undefined;
      await new Promise<void>((resolve) => {
        const cancel = clock.schedule(farewellMs, () => socket.destroy());
        socket.once("close", () => {
          cancel();
          resolve();
        });
        socket.end();
      });
    },
  };
  return delivery;
}

/** By POST requests of lines to a service of the same program, to `path` below it, such as `/write`. */
export function reachDelivery(reach: () => Reach | undefined, path: string, clock: Clock): Delivery {
  return {
    lost: () => undefined,
    hasReceipts: true,
    async write(bytes) {
      const found = reach();
      if (!found) throw new Error("the service does not run");
      const late = new AbortController();
      const cancel = clock.schedule(writeMs, () => late.abort());
      try {
        const answer = await found.fetch(`${found.baseUrl}${path}`, {
          method: "POST",
          headers: { "Content-Type": "text/plain; charset=utf-8" },
          body: Buffer.from(bytes),
          signal: late.signal,
        });
        await answer.body?.cancel();
        // What it will never take must not stand in the way of what follows.
        if (answer.status >= 500 || answer.status === 429) throw new Error(`it answered ${answer.status}`);
      } finally {
        cancel();
      }
    },
    close: () => Promise.resolve(),
  };
}
