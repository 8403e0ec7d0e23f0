/**
 * From the cluster's nodes to the nodes of Cask, and what this node tells the others about itself: whether it takes
 * blobs, whether it is being drained, how full it is. What others tell is read leniently and believed only as a claim.
 */
import type { Cluster, ClusterNode } from "../../kit/cluster.ts";
import type { CaskNode } from "./placement.ts";

/** What a node says of its Cask, in as few bytes as gossip likes. */
export interface CaskTells {
  /** The protocol between nodes; absent for an original. */
  v: number;
  /** 1 when it takes new blobs. */
  w: number;
  /** 1 when it is being drained. */
  d?: number;
  /** Free and total MiB, and blobs held, as of some minutes ago. */
  f?: number;
  t?: number;
  b?: number;
}

/** The version of digests and proofs that this program speaks. */
export const peerProtocol = 1;

/** The nodes of a cluster that run Cask. Those that left are not among them. */
export function caskNodes(cluster: Cluster): CaskNode[] {
  const nodes: CaskNode[] = [];
  for (const node of cluster.nodes()) {
    const told = node.services.cask;
    if (!told || node.state === "left") continue;
    nodes.push({
      id: node.id,
      url: told.url,
      self: node.self,
      alive: node.state === "alive" || node.state === "suspect",
      goneMs: node.goneMs,
      writeable: told.tells.w === 1,
      draining: told.tells.d === 1,
      speaksDigests: node.self || told.tells.v === peerProtocol,
    });
  }
  return nodes;
}

/** How full a node said it is; undefined for what it did not say. */
export function fullness(node: ClusterNode): { freeBytes?: number; totalBytes?: number; blobs?: number } {
  const { f, t, b } = node.services.cask?.tells ?? {};
  return {
    ...(isAmount(f) ? { freeBytes: f * 1_048_576 } : {}),
    ...(isAmount(t) ? { totalBytes: t * 1_048_576 } : {}),
    ...(isAmount(b) ? { blobs: b } : {}),
  };
}

/** Something countable: in MiB, up to what a byte count can say exactly. */
function isAmount(told: unknown): told is number {
  return typeof told === "number" && told >= 0 && told <= Number.MAX_SAFE_INTEGER / 1_048_576;
}
