/**
 * From the cluster's nodes to the nodes of Hakmes, and what this one tells the others of its catalog. What others tell is
 * read leniently and believed only as a claim: it decides when a node is asked, never what is true.
 */
import type { Clock } from "../../kit/clock.ts";
import type { Cluster } from "../../kit/cluster.ts";
import type { Catalog } from "./catalog.ts";
import type { HakmesNode } from "./peers.ts";

/** What a node says of its Hakmes, in as few bytes as gossip likes. */
export interface HakmesTells {
  /** The protocol between nodes. */
  v: number;
  /** The beginning of the catalog's id. */
  c: string;
  /** The newest sequence in the catalog. */
  s: number;
}

/** The version of the protocol below `/peer/`. */
export const peerProtocol = 1;
/** So much of a catalog's id is told. */
const shortIdLength = 8;
/** Gossip is not bothered more often than this. */
const tellEveryMs = 2000;

/** The beginning of a catalog's id, as it is told. */
export function shortId(catalogId: string): string {
  return catalogId.slice(0, shortIdLength);
}

/**
 * The nodes of a cluster that run Hakmes, or may: of a node that is remembered from before and was not met yet, it is not
 * known what it runs.
 */
export function hakmesNodes(cluster: Cluster): HakmesNode[] {
  const nodes: HakmesNode[] = [];
  for (const node of cluster.nodes()) {
    const offer = node.services["hakmes"];
    if (offer === undefined && (node.self || Object.keys(node.services).length > 0)) continue;
    const { v, c, s } = offer?.tells ?? {};
    nodes.push({
      id: node.id,
      url: v === undefined || v === peerProtocol ? (offer?.url ?? "") : "",
      self: node.self,
      isAlive: node.state === "alive" || node.state === "suspect",
      hasLeft: node.state === "left",
      goneMs: node.goneMs,
      ...(typeof c === "string" && typeof s === "number" ? { told: { catalog: c, sequence: s } } : {}),
    });
  }
  return nodes;
}

/** Tells the cluster how far the catalog is: at once, and after changes, but seldom. */
export function startTelling(parts: { cluster: Cluster; catalog: Catalog; clock: Clock; baseUrl: string }): {
  changed(): void;
  stop(): void;
} {
  const { cluster, catalog, clock, baseUrl } = parts;
  let cancel: (() => void) | undefined;
  let told = -1;
  const tell = () => {
    const sequence = catalog.sequence();
    if (sequence === told) return;
    told = sequence;
    const tells: HakmesTells = { v: peerProtocol, c: shortId(catalog.id), s: sequence };
    cluster.tell("hakmes", baseUrl, { ...tells });
  };
  const later = () => {
    cancel = undefined;
    const before = told;
    tell();
    if (told !== before) cancel = clock.schedule(tellEveryMs, later);
  };
  tell();
  return {
    changed() {
      cancel ??= clock.schedule(tellEveryMs, later);
    },
    stop() {
      cancel?.();
    },
  };
}
