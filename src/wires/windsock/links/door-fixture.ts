/**
 * A node with one service that hands every request to the test, websockets included: what doors and links are tried at.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "../../../kit/clock.ts";
import { section } from "../../../kit/config/declaration.ts";
import { loadConfig } from "../../../kit/config/load.ts";
import { nodeSection } from "../../../kit/config/node.ts";
import { type LogEntry, silentLog } from "../../../kit/log.ts";
import { startNode } from "../../../kit/node.ts";
import { systemRandom } from "../../../kit/random.ts";
import type { Caller, Service, ServiceEntry } from "../../../kit/service.ts";

/** A door that is open, on an address of the machine. */
export interface OpenDoor extends AsyncDisposable {
  /** Without a trailing slash. */
  readonly url: string;
  readonly port: number;
}

/** Opens an address at which `handle` answers; the path is as doors see it. */
export async function openDoor(
  handle: (request: Request, caller: Caller, path: string) => Response | Promise<Response>,
): Promise<OpenDoor> {
  const data = mkdtempSync(join(tmpdir(), "warren-door-"));
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
  const entry: ServiceEntry = {
    name: "door",
    group: "wires",
    summary: "hands requests on",
    byDefault: true,
    load: () => Promise.resolve(service),
  };
  const config = await loadConfig({
    sections: [nodeSection],
    flags: Object.entries({ data, listen: "127.0.0.1:0" }).map(([key, text]) => ({
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
    alone: true,
    version: "1.2.3",
    clock: systemClock,
    random: systemRandom,
    log: { ...silentLog, recent: (): LogEntry[] => [] },
  });
  return {
    url: node.url,
    port: Number(new URL(node.url).port),
    async [Symbol.asyncDispose]() {
      await node.stop();
      rmSync(data, { recursive: true, force: true });
    },
  };
}
