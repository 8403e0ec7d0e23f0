/**
 * A Graphite that records: it takes the plain and the pickled protocol over TCP on a free port, can be away for a while and
 * come back at the same port, and can be asked for what it got.
 */
import { createServer, type Server, type Socket } from "node:net";

import { LineDecoder } from "../../lib/graphite/line.ts";
import { decodePickle, PickleFrames } from "../../lib/graphite/pickle.ts";
import type { Point } from "../../lib/graphite/path.ts";
import { freePort } from "./free-port.ts";

/** A recording Graphite. */
export interface FakeCarbon extends AsyncDisposable {
  readonly port: number;
  /** All points in order of arrival. */
  readonly points: Point[];
  /** The newest value of a path, or undefined. */
  value(path: string): number | undefined;
  /** All values of a path, in order of arrival. */
  values(path: string): number[];
  /** Connections that were made so far. */
  readonly connections: number;
  /** Ends all connections and takes no new ones. */
  leave(): Promise<void>;
  /** Takes connections again, at the same port. */
  comeBack(): Promise<void>;
}

/** Starts one. */
export async function startFakeCarbon(protocol: "line" | "pickle" = "line"): Promise<FakeCarbon> {
  const points: Point[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  let server: Server | undefined;
  // It may leave and come back, and meanwhile nobody else may be given its port.
  let port = freePort();
  const take = (socket: Socket) => {
    connections++;
    sockets.add(socket);
    const lines = new LineDecoder();
    const frames = new PickleFrames();
    const options = () => ({ nowSeconds: Math.floor(Date.now() / 1000) });
    socket.on("data", (chunk: Buffer) => {
      if (protocol === "line") points.push(...lines.push(chunk, options()).points);
      else for (const frame of frames.push(chunk)) points.push(...decodePickle(frame, options()).points);
    });
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  };
  const listen = async () => {
    const own = createServer(take);
    await new Promise<void>((resolve, reject) => {
      own.once("error", reject);
      own.listen(port, "127.0.0.1", resolve);
    });
    const address = own.address();
    port = typeof address === "object" && address !== null ? address.port : 0;
    server = own;
  };
  const leave = async () => {
    const own = server;
    server = undefined;
    for (const socket of sockets) socket.destroy();
    if (own) await new Promise<void>((resolve) => own.close(() => resolve()));
  };
  await listen();
  return {
    get port() {
      return port;
    },
    points,
    value: (path) => points.findLast((point) => point.path === path)?.value,
    values: (path) => points.filter((point) => point.path === path).map(({ value }) => value),
    get connections() {
      return connections;
    },
    leave,
    comeBack: listen,
    [Symbol.asyncDispose]: leave,
  };
}
