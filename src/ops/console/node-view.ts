/**
 * From a running node to what the console shows of it.
 */
import type { Clock } from "../../kit/clock.ts";
import type { Node } from "../../kit/node.ts";
import { type NodeView, workerView } from "./view.ts";

/** The node as it is at this moment. */
export function consoleView(node: Node, clock: Clock): NodeView {
  return {
    name: node.name,
    version: node.version,
    startedAt: node.startedAt,
    uptimeMs: clock.now() - node.startedAt,
    services: node.services().map((status) => ({
      name: status.entry.name,
      summary: status.entry.summary,
      group: status.entry.group,
      state: status.state,
      address: status.address || undefined,
      href: status.running ? new URL(status.address).pathname : undefined,
      failure: status.failure || undefined,
      facts: status.running?.facts?.() ?? {},
      findings: status.running?.health() ?? [],
      workers: (status.running?.workers ?? []).map(workerView),
    })),
    events: node.events.recent(),
    addresses: node.addresses(),
    memoryBytes: process.memoryUsage.rss(),
  };
}
