/**
 * The list of all keys of the cluster, bucket by bucket: what this node holds and what the others say that they hold.
 * It says of itself whether a node is missing in it, and never takes a node that was not heard for one that has nothing.
 *
 * A blob on its way from one node to another must not slip through between two looks. Nodes being drained give blobs away
 * as soon as the owners have them, so they are asked first and everybody else afterwards; elsewhere a copy that is
 * dropped was known to be with its owners for `grace`, longer than a list takes.
 */
import type { Clock } from "../../kit/clock.ts";
import { heldPageKeys, type HeldKeys } from "./held-keys.ts";
import type { Key, SizedKey } from "./key.ts";
import type { HeldPage, PeerFor } from "./peer.ts";
import type { CaskNode, Placement } from "./placement.ts";
import { within } from "./read.ts";

/** A part of the list of one bucket. */
export interface KeyListing {
  /** Sorted by key, each once. */
  keys: SizedKey[];
  /** Where to go on: more keys follow behind this one. */
  next?: Key;
  /** Whether every node that is known to exist was heard. */
  complete: boolean;
  /** Ids of the nodes that were not, sorted. Nodes not met since this one started have no id here. */
  unasked: string[];
}

/** What listing needs. */
export interface ListingParts {
  held: HeldKeys;
  peerFor: PeerFor;
  clock: Clock;
  /** A node that has not answered by then counts as not heard. */
  limitMs: number;
}

/** Lists a bucket from behind `after` on. Rejects when this node's own store cannot be listed. */
export async function listKeys(
  bucket: number,
  after: Key | undefined,
  placement: Placement,
  parts: ListingParts,
): Promise<KeyListing> {
  const unasked: string[] = [];
  const pages: HeldPage[] = [];
  const ask = async (node: CaskNode) => {
    if (node.self) {
      pages.push(await parts.held.page(bucket, after));
      return;
    }
    if (!node.alive || !node.speaksDigests) {
      unasked.push(node.id);
      return;
    }
    try {
      pages.push(await within(parts.clock, parts.limitMs, (limit) => parts.peerFor(node).held(bucket, after, limit)));
    } catch {
      // Whatever became of the question, the node was not heard, and the answer says so.
      unasked.push(node.id);
    }
  };
  const nodes = [...placement.nodes.values()];
  await Promise.all(nodes.filter(({ draining }) => draining).map(ask));
  await Promise.all(nodes.filter(({ draining }) => !draining).map(ask));
  const { keys, more } = unionOf(pages);
  const last = more ? keys.at(-1)?.key : undefined;
  return {
    keys,
    ...(last === undefined ? {} : { next: last }),
    complete: unasked.length === 0 && placement.unmet === 0,
    unasked: unasked.sort(),
  };
}

/** All keys of the pages, up to where the first of them breaks off; the sizes are those of the first page that names a key. */
function unionOf(pages: readonly HeldPage[]): HeldPage {
  const ends = pages.flatMap((page) => (page.more ? [page.keys.at(-1)?.key ?? ""] : [])).sort();
  const [end] = ends;
  const sizes = new Map<Key, number>();
  for (const { keys } of pages) {
    for (const { key, sizeBytes } of keys) {
      if (end !== undefined && key > end) break;
      if (!sizes.has(key)) sizes.set(key, sizeBytes);
    }
  }
  const keys = [...sizes].map(([key, sizeBytes]) => ({ key, sizeBytes }));
  if (pages.length > 1) keys.sort((left, right) => (left.key < right.key ? -1 : 1));
  return { keys: keys.slice(0, heldPageKeys), more: end !== undefined || keys.length > heldPageKeys };
}
