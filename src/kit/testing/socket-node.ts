/**
 * For tests: a node with one service that takes websockets by the same code as every other, and does with them what a test
 * says.
 */
import { section } from "../config/declaration.ts";
import type { SocketHandler, SocketSettings, SocketTopics } from "../http/socket.ts";
import type { Service } from "../service.ts";
import { type ServiceNode, startServiceNode } from "./service-node.ts";

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
export interface SocketNode extends ServiceNode {
  readonly topics: SocketTopics;
}

/** What sends back what it gets, as it got it. */
export const echoHandler = (): SocketHandler => ({
  received: (socket, message) => void socket.send(message, true),
});

/** Starts it. */
export async function startSocketNode(options: SocketNodeOptions): Promise<SocketNode> {
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
  const node = await startServiceNode(service, false);
  return {
    ...node,
    get topics() {
      if (!topics) throw new Error("the service did not start");
      return topics;
    },
  };
}
