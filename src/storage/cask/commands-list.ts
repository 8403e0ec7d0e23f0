/**
 * `warren cask list`: every key of the cluster, as it comes. A list that lacks a node says so, and does not succeed.
 */
import type { VerbContext } from "./commands.ts";

/** Prints `key  size in bytes` for each blob; exit code 1 when a node was not heard, whose blobs may be missing. */
export async function listVerb({ client, screen }: VerbContext, json: boolean): Promise<number> {
  let complete = true;
  const unasked = new Set<string>();
  for await (const listing of client.walk()) {
    complete &&= listing.complete;
    for (const id of listing.unasked) unasked.add(id);
    const lines = listing.keys.map(({ key, sizeBytes }) =>
      json ? JSON.stringify({ key, sizeBytes }) : `${key}  ${sizeBytes}`,
    );
    if (lines.length > 0) screen.print(lines.join("\n"));
  }
  if (complete) return 0;
  const whom = unasked.size === 0 ? "nodes that were not met yet" : [...unasked].sort().join(", ");
  screen.note(`The list may not be complete: could not ask ${whom}`);
  return 1;
}
