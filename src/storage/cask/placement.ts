/**
 * Who should hold a blob: pure rules over one view of the cluster. A Placement never changes; a change of membership
 * makes a new one, so no request sees two answers.
 *
 * - The ring holds every node that has not left, is not draining, and has not been gone for longer than
 *   `rebuildAfterMs`. A read-only node stays on it: its copies count.
 * - The owners of a key are the first `copies` nodes in ring order. Healing brings every key to exactly its owners.
 * - New copies are written to the first nodes in ring order that are alive and writeable; beyond the owners those are
 *   stand-ins, who pass the blob on when the owner can take it.
 * - The quorum counts nodes that are known, not nodes that answer: a node cut off from the others knows that it is.
 */
import { Ring } from "../../lib/ring/ring.ts";
import { digestOf, type Key } from "./key.ts";

/** A node as placement sees it. */
export interface CaskNode {
  id: string;
  /** Where its routes begin, without a trailing slash. */
  url: string;
  self: boolean;
  /** Answers, as far as membership knows (suspects count as answering). */
  alive: boolean;
  /** How long it has not been alive, in ms; 0 when it is. */
  goneMs: number;
  writeable: boolean;
  draining: boolean;
  /** Speaks Warren's digests and proofs; false for an original Cask. */
  speaksDigests: boolean;
}

/** The numbers that placement needs. */
export interface PlacementOptions {
  /** Copies wanted of each blob. */
  copies: number;
  /** Copies on disk before a write is acknowledged; 0 = a majority of the copies that the known nodes could hold. */
  quorum: number;
  /** How long a node may be gone before its copies are made again elsewhere. */
  rebuildAfterMs: number;
  /** At least so many nodes are known to exist, even before they were met. */
  nodesExpected: number;
}

/** One view of who should hold what. */
export class Placement {
  readonly nodes: ReadonlyMap<string, CaskNode>;
  readonly selfId: string;
  readonly ring: Ring;
  /** Copies wanted of each blob, whether or not there are nodes for them. */
  readonly copies: number;
  /** Copies that must be on disk before a write is acknowledged. */
  readonly quorum: number;
  /** Nodes that are known to exist but were not met since this process started: nothing is known of what they hold. */
  readonly unmet: number;
  /** Equal on two nodes exactly when they see the same ring. */
  readonly fingerprint: string;

  constructor(nodes: readonly CaskNode[], options: PlacementOptions) {
    this.nodes = new Map(nodes.map((node) => [node.id, node]));
    this.selfId = nodes.find((node) => node.self)?.id ?? "";
    const onRing = nodes.filter((node) => !node.draining && node.goneMs < options.rebuildAfterMs);
    this.ring = new Ring(onRing.map((node) => node.id));
    this.copies = options.copies;
    this.unmet = Math.max(0, options.nodesExpected - nodes.length);
    const possible = Math.min(options.copies, Math.max(nodes.length, options.nodesExpected, 1));
    this.quorum = options.quorum > 0 ? options.quorum : Math.floor(possible / 2) + 1;
    this.fingerprint = new Bun.CryptoHasher("sha1")
      .update(`${options.copies}\n${this.ring.nodeIds.join("\n")}`)
      .digest("hex");
  }

  /** Every node on the ring in the order in which it is asked for a key. */
  readOrder(key: Key): CaskNode[] {
    return this.#named(this.ring.order(digestOf(key)));
  }

  /** Every node on the ring, in no particular order. */
  onRing(): CaskNode[] {
    return this.#named(this.ring.nodeIds);
  }

  /** The nodes that should hold a key, at most `copies`. */
  owners(key: Key): CaskNode[] {
    return this.#named(this.ring.order(digestOf(key)).slice(0, this.copies));
  }

  /** Whether a node is among the owners of a key. */
  owns(nodeId: string, key: Key): boolean {
    const position = this.ring.order(digestOf(key)).indexOf(nodeId);
    return position >= 0 && position < this.copies;
  }

  /** The nodes that can take a new copy now, in order: owners first, stand-ins after. */
  writeOrder(key: Key): CaskNode[] {
    return this.readOrder(key).filter((node) => node.alive && node.writeable);
  }

  /**
   * The nodes every new blob goes to whatever its key, or undefined when that depends on the key: in a cluster of no
   * more nodes than copies each takes every blob, so bytes can be sent before they are hashed.
   */
  everyKeyGoesTo(): CaskNode[] | undefined {
    if (this.ring.nodeIds.length > this.copies) return undefined;
    return this.#named(this.ring.nodeIds).filter((node) => node.alive && node.writeable);
  }

  /** Nodes other than this one that answer. */
  peers(): CaskNode[] {
    return [...this.nodes.values()].filter((node) => !node.self && node.alive);
  }

  #named(ids: readonly string[]): CaskNode[] {
    const found: CaskNode[] = [];
    for (const id of ids) {
      const node = this.nodes.get(id);
      if (node) found.push(node);
    }
    return found;
  }
}
