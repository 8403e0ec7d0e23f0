/**
 * The nodes that know each other, as services see them: who is there, where, for how long, and what each says of its
 * services. One membership serves the whole program; `startCluster` runs it over lib/memberlist.
 */

/** One node of the cluster, this one included. */
export interface ClusterNode {
  /** Permanent identity, a UUID or what the predecessor's configuration named. */
  id: string;
  /** Host name or the name given in the configuration. */
  name: string;
  state: "alive" | "suspect" | "dead" | "left";
  /** How long it has not been alive, in ms of monotonic time; 0 when it is alive or suspected. */
  goneMs: number;
  /** For each service the node runs: where to reach it (no trailing slash) and what it tells about itself. */
  services: Record<string, { url: string; tells: Record<string, unknown> }>;
  /** This node. */
  self: boolean;
}

/** Membership as a value that changes. */
export interface Cluster {
  readonly selfId: string;
  /** All nodes known, this one included, those gone too until they are forgotten. Sorted by id. */
  nodes(): readonly ClusterNode[];
  /** Tells the others something small (a few words) about a service of this node. */
  tell(service: string, url: string, tells: Record<string, unknown>): void;
  /** How many nodes exist at least: those known, or those to be joined while none of them was met. */
  expected(): number;
  /** Calls `listener` after each change until the returned function is called. */
  subscribe(listener: () => void): () => void;
  /** Tries to reach more nodes by gossip address; resolves to how many answered. */
  join(addresses: readonly string[]): Promise<number>;
  /** Forgets a dead or left node for good: its copies are counted as lost. */
  forget(id: string): Promise<void>;
  /** Says farewell: the others take this node off at once instead of waiting for it. */
  leave(): Promise<void>;
  /** Whether a text is the configured secret; never true when none is configured. */
  isSecret(text: string): boolean;
  /** The secret that nodes of this cluster share for a purpose, derived from the configured one; empty when none is configured. */
  secretFor(purpose: string): string;
}
