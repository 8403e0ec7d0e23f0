/**
 * Lines over TCP and unix stream sockets. Whole lines are handed over as one packet, as soon as they are there; an
 * unfinished one waits for the rest, and is taken at the end too when its sender closes properly. A line that grows beyond
 * a datagram's length is given up, up to its line feed, and so is one that would make all unfinished lines together too
 * long, so that no senders can fill the memory.
 */
import { chmodSync, rmSync, statSync } from "node:fs";
import { connect, type Socket } from "node:net";

import { listenStream, type StreamListener } from "../../kit/bound-socket.ts";
import type { Address } from "../../kit/config/address.ts";

/** Takes whole lines, and is told of those given up. */
export interface StreamTaker {
  take(packet: Buffer, sender: string): void;
  tooLong(sender: string): void;
}

/** The longest line, as of a datagram. */
const lineMaxBytes = 65_507;
const connectionsMax = 10_000;
/** Unfinished lines of all connections of a listener. */
const unfinishedMaxBytes = 64 * 1024 * 1024;

/** Opens a TCP port, or a unix socket by its path. Rejects with the system's error. */
export async function listenLines(
  at: Address | { path: string; mode: number | undefined },
  taker: StreamTaker,
  maxUnfinishedBytes = unfinishedMaxBytes,
): Promise<StreamListener> {
  const unfinished = { bytes: 0, maxBytes: maxUnfinishedBytes };
  if ("path" in at) await clearStale(at.path);
  const listener = await listenStream(at, { connectionsMax, take: (socket) => readLines(socket, taker, unfinished) });
  if (!("path" in at)) return listener;
  if (at.mode !== undefined) chmodSync(at.path, at.mode);
  return {
    ...listener,
    async close() {
      await listener.close();
      rmSync(at.path, { force: true });
    },
  };
}

function readLines(socket: Socket, taker: StreamTaker, unfinished: { bytes: number; maxBytes: number }): void {
  const sender = socket.remoteAddress ?? "unix";
  let rest: Buffer = Buffer.alloc(0);
  let isSkipping = false;
  const keep = (bytes: Buffer) => {
    unfinished.bytes += bytes.length - rest.length;
    rest = bytes;
  };
  socket.on("close", () => keep(Buffer.alloc(0)));
  socket.on("data", (chunk: Buffer) => {
    const last = chunk.lastIndexOf(10);
    if (last < 0) {
      if (isSkipping) return;
      if (rest.length + chunk.length > lineMaxBytes || unfinished.bytes + chunk.length > unfinished.maxBytes) {
        isSkipping = true;
        keep(Buffer.alloc(0));
        taker.tooLong(sender);
      } else keep(Buffer.concat([rest, chunk]));
      return;
    }
    // What was given up ends at the first line feed.
    const from = isSkipping ? chunk.indexOf(10) + 1 : 0;
    isSkipping = false;
    const whole = chunk.subarray(from, last + 1);
    if (rest.length + whole.length > 0) taker.take(rest.length === 0 ? whole : Buffer.concat([rest, whole]), sender);
    keep(Buffer.from(chunk.subarray(last + 1)));
  });
  socket.on("end", () => {
    if (rest.length > 0) taker.take(rest, sender);
    keep(Buffer.alloc(0));
    socket.end();
  });
}

/** Removes a socket that an earlier process left, unless somebody still answers at it. */
async function clearStale(path: string): Promise<void> {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isSocket()) return;
  const isAlive = await new Promise<boolean>((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(true);
    });
    probe.on("error", () => resolve(false));
  });
  if (!isAlive) rmSync(path, { force: true });
}
