/**
 * A TCP proxy between a client and a server, for tests of what survives a bad line: it passes bytes on as they come, cuts
 * all connections when told, or by itself after so many bytes, and can refuse new ones.
 */
import { connect, createServer, type Socket } from "node:net";

/** A line that can be made bad. */
export interface FaultyProxy extends AsyncDisposable {
  /** Where clients connect, such as `http://127.0.0.1:40123`. */
  readonly url: string;
  /** Bytes that went from clients to the server, and back. */
  readonly upBytes: number;
  readonly downBytes: number;
  /** Connections that were made so far. */
  readonly connections: number;
  /** Connections that were cut so far. */
  readonly cuts: number;
  /** Each connection is cut once it carried so many bytes in either direction. @default never */
  cutAfterBytes: number;
  /** How many times {@link cutAfterBytes} holds; then the line is good. @default always */
  cutsLeft: number;
  /** New connections are ended at once. */
  isRefusing: boolean;
  /** Sends on to another port, as after the server was started again. */
  lead(port: number): void;
  /** Cuts all connections now. */
  cut(): void;
}

/** Opens a line to a port of this machine. */
export async function startFaultyProxy(port: number): Promise<FaultyProxy> {
  let target = port;
  const pairs = new Set<readonly [Socket, Socket]>();
  const proxy = { upBytes: 0, downBytes: 0, connections: 0, cuts: 0 };
  const end = (pair: readonly [Socket, Socket]): void => {
    pairs.delete(pair);
    for (const socket of pair) socket.destroy();
  };
  const server = createServer((client) => {
    if (line.isRefusing) {
      client.on("error", () => undefined);
      client.destroy();
      return;
    }
    proxy.connections++;
    const upstream = connect({ host: "127.0.0.1", port: target });
    const pair = [client, upstream] as const;
    pairs.add(pair);
    let carried = 0;
    const pass = (from: Socket, to: Socket, count: "upBytes" | "downBytes"): void => {
      from.on("data", (chunk: Buffer) => {
        proxy[count] += chunk.length;
        carried += chunk.length;
        if (carried > line.cutAfterBytes && line.cutsLeft > 0) {
          line.cutsLeft--;
          proxy.cuts++;
          end(pair);
          return;
        }
        if (!to.write(chunk)) {
          from.pause();
          to.once("drain", () => from.resume());
        }
      });
      from.on("end", () => to.end());
      from.on("error", () => end(pair));
      from.on("close", () => {
        pairs.delete(pair);
        to.end();
      });
    };
    pass(client, upstream, "upBytes");
    pass(upstream, client, "downBytes");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const own = typeof address === "object" && address !== null ? address.port : 0;
  const line: FaultyProxy = {
    url: `http://127.0.0.1:${own}`,
    get upBytes() {
      return proxy.upBytes;
    },
    get downBytes() {
      return proxy.downBytes;
    },
    get connections() {
      return proxy.connections;
    },
    get cuts() {
      return proxy.cuts;
    },
    cutAfterBytes: Number.POSITIVE_INFINITY,
    cutsLeft: Number.POSITIVE_INFINITY,
    isRefusing: false,
    lead(next) {
      target = next;
    },
    cut() {
      for (const pair of pairs) {
        proxy.cuts++;
        end(pair);
      }
    },
    async [Symbol.asyncDispose]() {
      for (const pair of pairs) end(pair);
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return line;
}
