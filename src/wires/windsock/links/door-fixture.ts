/**
 * A node with one service that hands every request to the test, websockets included: what doors and links are tried at.
 */
import { section } from "../../../kit/config/declaration.ts";
import type { Caller, Service } from "../../../kit/service.ts";
import { type ServiceNode, startServiceNode } from "../../../kit/testing/service-node.ts";

/** A door that is open, on an address of the machine. */
export interface OpenDoor extends ServiceNode {
  readonly port: number;
}

/** Opens an address at which `handle` answers; the path is as doors see it. */
export async function openDoor(
  handle: (request: Request, caller: Caller, path: string) => Response | Promise<Response>,
): Promise<OpenDoor> {
  const service: Service<object> = {
    name: "door",
    config: section("door", "hands requests on", {}),
    sockets: () => ({ maxMessageBytes: 1 << 20, maxWaitingBytes: 4 << 20, idleSeconds: 60, deflate: false }),
    start: () =>
      Promise.resolve({
        handle: (request, caller) => handle(request, caller, new URL(request.url).pathname),
        scopeOf: () => undefined,
        fromElsewhere: () => true,
        ownTokens: () => true,
        health: () => [],
        workers: [],
        stop: () => Promise.resolve(),
      }),
  };
  const node = await startServiceNode(service, true);
  return { ...node, port: Number(new URL(node.url).port) };
}
