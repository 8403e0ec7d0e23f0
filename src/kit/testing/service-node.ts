/** For tests: a node with one service of theirs, run by the same code as every other, on a free port, in a folder that is gone afterwards. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "../clock.ts";
import { loadConfig } from "../config/load.ts";
import { nodeSection } from "../config/node.ts";
import { type LogEntry, silentLog } from "../log.ts";
import { startNode } from "../node.ts";
import { systemRandom } from "../random.ts";
import type { Service, ServiceEntry } from "../service.ts";

/** A node that runs. */
export interface ServiceNode extends AsyncDisposable {
  /** Of the node, without a slash at its end. */
  readonly url: string;
  /** Its data folder. */
  readonly folder: string;
}

/** Starts a service: at the root where it is `alone`, otherwise below its name. */
export async function startServiceNode(service: Service<object>, alone: boolean): Promise<ServiceNode> {
  const folder = mkdtempSync(join(tmpdir(), `warren-${service.name}-`));
  const entry: ServiceEntry = {
    name: service.name,
    group: "wires",
    summary: "of a test",
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
    alone,
    version: "1.2.3",
    clock: systemClock,
    random: systemRandom,
    log: { ...silentLog, recent: (): LogEntry[] => [] },
  });
  return {
    url: node.url,
    folder,
    async [Symbol.asyncDispose]() {
      await node.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
