/**
 * The sockets that points come through: Graphite's lines over TCP and as datagrams, its pickles over TCP. A socket that
 * cannot be opened is named with who holds its port and the setting that changes it, and stops nothing else. A sender
 * over TCP is held back while the disk is behind; bad lines are counted and the connection goes on.
 */
import type { Socket } from "node:net";

import { bindDatagrams, listenStream, type StreamListener, takenBy } from "../../kit/bound-socket.ts";
import { type Address, formatAddress } from "../../kit/config/address.ts";
import { reasonOf } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import { type BadLine, decodeLines, LineDecoder } from "../../lib/graphite/line.ts";
import type { Point } from "../../lib/graphite/path.ts";
import { decodePickle, PickleFrames } from "../../lib/graphite/pickle.ts";

/** A way in, open or not. */
export interface WayIn {
  readonly purpose: "line" | "line udp" | "pickle";
  /** As really bound. */
  readonly address: string;
  /** Why it could not be opened, one sentence; undefined when it is open. */
  readonly failure: string | undefined;
}

/** Takes what comes in. */
export interface Taker {
  nowSeconds(): number;
  take(points: readonly Point[]): void;
  bad(lines: readonly BadLine[], count: number): void;
  /** Resolves when more may come; undefined when it may at once. */
  holdBack(): Promise<void> | undefined;
}

/** All sockets. */
export interface WaysIn {
  readonly list: readonly WayIn[];
  connections(): number;
  close(): Promise<void>;
}

const connectionsMax = 10_000;
const receiveBufferBytes = 8 << 20;
/** Of pickles that are not complete, over all connections; whoever brings more is cut off. */
const halfPicklesMaxBytes = 64 << 20;

/** What all connections together hold of pickles that are not complete. */
interface HalfPickles {
  bytes: number;
}
const settings = { line: "line", "line udp": "line_udp", pickle: "pickle" } as const;

/** Opens all. Never rejects. */
export async function openWaysIn(
  wanted: { line: readonly Address[]; lineUdp: readonly Address[]; pickle: readonly Address[] },
  taker: Taker,
  log: Logger,
): Promise<WaysIn> {
  const list: WayIn[] = [];
  const streams: StreamListener[] = [];
  const closers: (() => Promise<void>)[] = [];
  const add = async (
    purpose: WayIn["purpose"],
    address: Address,
    begin: () => Promise<{ port: number | undefined; close(): Promise<void> }>,
  ) => {
    try {
      const { port = address.port, close } = await begin();
      closers.push(close);
      list.push({ purpose, address: formatAddress({ host: address.host, port }), failure: undefined });
    } catch (thrown) {
      const why = takenBy(thrown, purpose === "line udp" ? "udp" : "tcp", address.port) ?? reasonOf(thrown);
      const failure = `Cannot listen on ${formatAddress(address)}: ${why}; end that one or set ${settings[purpose]} in [series]`;
      log.error("A way in could not be opened; the others work", { purpose, reason: failure });
      list.push({ purpose, address: formatAddress(address), failure });
    }
  };
  const half: HalfPickles = { bytes: 0 };
  const serve = (address: Address, take: (socket: Socket) => void) => async () => {
    const stream = await listenStream(address, { connectionsMax, take });
    streams.push(stream);
    return stream;
  };
  for (const address of wanted.line)
    await add(
      "line",
      address,
      serve(address, (socket) => readLines(socket, taker)),
    );
  for (const address of wanted.pickle) {
    await add(
      "pickle",
      address,
      serve(address, (socket) => readPickles(socket, taker, log, half)),
    );
  }
  for (const address of wanted.lineUdp) await add("line udp", address, () => listenUdp(address, taker));
  return {
    list,
    connections: () => streams.reduce((sum, stream) => sum + stream.connections(), 0),
    async close() {
      await Promise.all(closers.map((close) => close()));
    },
  };
}

async function listenUdp(address: Address, taker: Taker) {
  const { socket, port, close } = await bindDatagrams(address, receiveBufferBytes);
  socket.on("message", (packet) => {
    const { points, bad, badCount } = decodeLines(packet.toString(), { nowSeconds: taker.nowSeconds() });
    taker.take(points);
    if (badCount > 0) taker.bad(bad, badCount);
  });
  return { port, close };
}

function holdBack(socket: Socket, taker: Taker): void {
  const wait = taker.holdBack();
  if (!wait) return;
  socket.pause();
  void wait.then(() => socket.resume());
}

function readLines(socket: Socket, taker: Taker): void {
  const decoder = new LineDecoder();
  const took = ({ points, bad, badCount }: ReturnType<LineDecoder["push"]>) => {
    taker.take(points);
    if (badCount > 0) taker.bad(bad, badCount);
  };
  socket.on("data", (chunk: Buffer) => {
    took(decoder.push(chunk, { nowSeconds: taker.nowSeconds() }));
    holdBack(socket, taker);
  });
  socket.on("end", () => {
    took(decoder.end({ nowSeconds: taker.nowSeconds() }));
    socket.end();
  });
}

function readPickles(socket: Socket, taker: Taker, log: Logger, half: HalfPickles): void {
  const frames = new PickleFrames();
  let heldBytes = 0;
  const hold = (bytes: number) => {
    half.bytes += bytes - heldBytes;
    heldBytes = bytes;
  };
  socket.on("close", () => hold(0));
  socket.on("data", (chunk: Buffer) => {
    if (socket.destroyed) return;
    try {
      const bodies = frames.push(chunk);
      hold(frames.heldBytes);
      if (half.bytes > halfPicklesMaxBytes) throw new RangeError("too many pickles are not complete");
      for (const body of bodies) {
        const { points, bad, badCount } = decodePickle(body, { nowSeconds: taker.nowSeconds() });
        taker.take(points);
        if (badCount > 0) taker.bad(bad, badCount);
      }
    } catch (thrown) {
      if (!(thrown instanceof SyntaxError) && !(thrown instanceof RangeError)) throw thrown;
      hold(0);
      // Where the next frame begins is not known any more.
      taker.bad([{ line: "a pickle", reason: thrown.message }], 1);
      log.warn("A sender of pickles was cut off", { sender: socket.remoteAddress ?? "", reason: thrown.message });
      socket.destroy();
      return;
    }
    holdBack(socket, taker);
  });
  socket.on("end", () => socket.end());
}
