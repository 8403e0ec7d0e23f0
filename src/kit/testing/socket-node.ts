/**
 * For tests: a node with one service that takes websockets by the same code as every other, and does with them what a test
 * says; alone on a free port, in a folder that is gone afterwards.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "../clock.ts";
import { section } from "../config/declaration.ts";
import { loadConfig } from "../config/load.ts";
import { nodeSection } from "../config/node.ts";
import type { SocketHandler, SocketSettings, SocketTopics } from "../http/socket.ts";
import { type LogEntry, silentLog } from "../log.ts";
import { startNode } from "../node.ts";
import { systemRandom } from "../random.ts";
import type { Service, ServiceEntry } from "../service.ts";

/** What the service does. */
export interface SocketNodeOptions {
  /** Undefined for a service that takes no websockets. */
  sockets: SocketSettings | undefined;
  /** For each connection one. */
  handler(): SocketHandler;
  /** Of the answer to the handshake. */
  headers?: Headers;
}

/** A node that runs. Its service is at `/echo/`. */
export interface SocketNode extends AsyncDisposable {
  /** Without a slash at its end. */
  readonly url: string;
  /** Its data folder. */
  readonly folder: string;
  readonly topics: SocketTopics;
}

/** What sends back what it gets, as it got it. */
export const echoHandler = (): SocketHandler => ({
  received: (socket, message) => void socket.send(message, true),
});

/** Starts it. */
export async function startSocketNode(options: SocketNodeOptions): Promise<SocketNode> {
  const folder = mkdtempSync(join(tmpdir(), "warren-socket-"));
  const { handler, headers, sockets } = options;
  let topics: SocketTopics | undefined;
  const service: Service<object> = {
    name: "echo",
    config: section("echo", "echoes", {}),
    ...(sockets ? { sockets: () => sockets } : {}),
    start(context) {
      topics = context.sockets;
      return Promise.resolve({
        handle: (_request, caller) =>
          caller.upgrade?.(handler(), headers ?? new Headers()) ?? new Response("no\n", { status: 500 }),
        health: () => [],
        workers: [],
        stop: () => Promise.resolve(),
      });
    },
  };
  const entry: ServiceEntry = {
    name: "echo",
    group: "wires",
    summary: "echoes",
    byDefault: true,
    load: () => Promise.resolve(service),
  };
  const config = await loadConfig({
    sections: [nodeSection],
    flags: Object.entries({ data: folder, listen: "127.0.0.1:0" }).map(([key, text]) => ({
      section: "node",
      key,
      text,
      shown: key,
    })),
  });
  const node = await startNode({
    options: config.get(nodeSection),
    services: [{ entry, service, options: { enabled: true, listen: undefined } }],
    catalogue: [entry],
    alone: false,
    version: "1.2.3",
    clock: systemClock,
    random: systemRandom,
    log: { ...silentLog, recent: (): LogEntry[] => [] },
  });
  return {
    url: node.url,
    folder,
    get topics() {
      if (!topics) throw new Error("the service did not start");
      return topics;
    },
    async [Symbol.asyncDispose]() {
      await node.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
