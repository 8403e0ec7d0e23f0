/**
 * `warren cask status` and `drain`: the cluster as a node sees it, and emptying a node before it goes.
 */
import { systemClock } from "../../kit/clock.ts";
import { countOf, formatCount, formatShare, formatSize } from "../../kit/pages/quantity.ts";
import { formatColumns } from "../../kit/terminal/columns.ts";
import { startProgress } from "../../kit/terminal/progress.ts";
import type { CaskStatus } from "./client.ts";
import type { VerbContext } from "./commands.ts";

const watchEveryMs = 2000;
const drainEveryMs = 500;

/** Prints the state; with `watch` until the process is ended. */
export async function statusVerb(
  { client, screen }: VerbContext,
  options: { json?: boolean; watch?: boolean },
): Promise<number> {
  while (true) {
    const status = await client.status();
    const text = options.json ? JSON.stringify(status) : statusLines(status).join("\n");
    if (options.watch !== true) {
      screen.print(text);
      return 0;
    }
    if (screen.isLive) screen.draw(`${text}\n`);
    else screen.print(text);
    await Bun.sleep(watchEveryMs);
  }
}

/** A table of the nodes, and a line about copies. */
export function statusLines(status: CaskStatus): string[] {
  const rows = status.nodes.map((node) => [
    `${node.self ? "*" : " "} ${node.name}`,
    node.state,
    node.writeable ? "takes blobs" : "reads only",
    node.share == null ? "–" : formatShare(node.share),
    node.blobs == null ? "–" : formatCount(node.blobs),
    node.freeBytes == null ? "–" : formatSize(node.freeBytes),
    node.totalBytes == null ? "–" : formatSize(node.totalBytes),
    node.url ?? "–",
  ]);
  const head = ["  NODE", "STATE", "", "SHARE", "BLOBS", "FREE", "OF", "URL"];
  const { had, perBlob, quorum, wanted } = status.copies;
  return [
    ...formatColumns([head, ...rows], { right: [3, 4, 5, 6] }),
    "",
    `${countOf(status.blobs, "blob")} here, ${formatSize(status.bytes)}; ${countOf(perBlob, "copy", "copies")} of each, ${quorum} before a write is acknowledged`,
    ...(had == null || wanted == null
      ? []
      : [`${formatCount(had)} of ${formatCount(wanted)} copies are known to exist`]),
    ...(status.owed > 0 ? [`${countOf(status.owed, "copy", "copies")} wait for nodes that are away`] : []),
  ];
}

/** Drains the node and watches until nothing is left. */
export async function drainVerb(
  { client, screen }: VerbContext,
  options: { undo?: boolean; wait: boolean },
): Promise<number> {
  if (options.undo === true) {
    await client.drain(false);
    screen.note("The node takes blobs again");
    return 0;
  }
  const first = await client.drain(true);
  screen.note(
    `The node passes on ${countOf(first.blobs, "blob")}, ${formatSize(first.bytes)}; it takes no new ones. It goes on by itself when this is ended; --undo stops it`,
  );
  if (!options.wait) return 0;
  const progress = startProgress({ screen, clock: systemClock, label: "drain", total: first.blobs, unit: "blobs" });
  let status = first;
  while (status.blobs > 0) {
    await Bun.sleep(drainEveryMs);
    status = await client.status();
    progress.at(Math.max(0, first.blobs - status.blobs), `${formatSize(status.bytes)} left`);
  }
  progress.end();
  screen.note("Nothing is left: the node can be stopped for good");
  return 0;
}

/** Forgets a dead node, named as `status` shows it or by its id. */
export async function forgetVerb({ client, screen }: VerbContext, nameOrId: string): Promise<number> {
  const { nodes } = await client.status();
  const known = nodes.find((node) => node.id === nameOrId) ?? nodes.find((node) => node.name === nameOrId);
  const after = await client.forget(known?.id ?? nameOrId);
  screen.note(`${known?.name ?? nameOrId} is forgotten; ${countOf(after.nodes.length, "node")} left`);
  return 0;
}
