/**
 * Following the others: what each of them learned is fetched page by page, in the order in which it came there, and
 * entered here. How far each catalog was followed is remembered in this one; a catalog that was made anew has another id
 * and is followed from its beginning. What is entered here is learned in turn by whoever follows this node. That comes to
 * rest, because of two entries for one key every catalog prefers the same.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import type { Work, WorkOutcome } from "../../kit/worker.ts";
import type { Catalog } from "./catalog.ts";
import { shortId } from "./neighbour-nodes.ts";
import { within } from "./patience.ts";
import { enter } from "./peers-entry.ts";
import { entriesMax, type HakmesNode, type ManifestReader, type PeerFor } from "./peers.ts";

/** What following stands on. */
export interface FollowingParts {
  catalog: Catalog;
  clock: Clock;
  log: Logger;
  manifests: ManifestReader;
  peerFor: PeerFor;
  nodes(): readonly HakmesNode[];
  /** Pause between two rounds through all nodes, ms. */
  followEveryMs: number;
  /** Something was entered. */
  learned(): void;
}

/** A page may be some MiB. */
const pageMs = 20_000;

/** The work of following, and whether it has something to do. */
export interface Following {
  readonly work: Work;
  /** Whether a node told of more than was fetched from it; its Worker is to be woken then. */
  isBehind(): boolean;
}

/** Follows all other nodes in turn. */
export function following(parts: FollowingParts): Following {
  const { catalog, clock } = parts;
  let queue: string[] = [];
  let isRoundUnderWay = false;
  let fetched = 0;
  let silent = 0;
  /** The catalog that was last met on a node. */
  const catalogOf = new Map<string, string>();

  const others = () => parts.nodes().filter((node) => !node.self && node.isAlive && node.url !== "");
  const isNews = ({ id, told }: HakmesNode) => {
    if (told === undefined) return false;
    const known = catalogOf.get(id);
    return known === undefined || shortId(known) !== told.catalog || catalog.followed(known) < told.sequence;
  };

  /** One page from a node; true when there is more. */
  const follow = async (node: HakmesNode, signal: AbortSignal): Promise<boolean> => {
    const peer = parts.peerFor(node);
    const known = catalogOf.get(node.id);
    const after = known === undefined ? 0 : catalog.followed(known);
    const limit = known === undefined ? 0 : entriesMax;
    const page = await within(clock, pageMs, (late) => peer.changes(after, limit, late), signal);
    if (page.catalog === catalog.id) return false;
    if (page.catalog !== known) {
      catalogOf.set(node.id, page.catalog);
      return catalog.followed(page.catalog) !== page.sequence;
    }
    if (page.sequence < after) {
      // A copy of an older state was put in its place.
      catalog.follow(known, 0);
      return page.sequence > 0;
    }
    let entered = 0;
    catalog.together(() => {
      for (const entry of page.entries) if (enter(catalog, entry, parts.manifests)) entered++;
      if (page.upTo > after) catalog.follow(known, page.upTo);
    });
    fetched += entered;
    if (entered > 0) parts.learned();
    return page.upTo > after && page.upTo < page.sequence;
  };

  return {
    isBehind: () => others().some(isNews),
    work: {
      name: "follow",
      summary: "Fetches from the other nodes what they learned of new files",
      progress: () => ({ nodesLeft: queue.length, fetched, silent }),
      async step(signal): Promise<WorkOutcome> {
        if (!isRoundUnderWay) {
          queue = others().map((node) => node.id);
          isRoundUnderWay = queue.length > 0;
          silent = 0;
          if (!isRoundUnderWay) return "idle";
        }
        const id = queue.shift();
        if (id === undefined) {
          isRoundUnderWay = false;
          return { waitMs: parts.followEveryMs };
        }
        const node = others().find((other) => other.id === id);
        if (node === undefined) return { waitMs: 0 };
        try {
          if (await follow(node, signal)) queue.push(id);
        } catch (thrown) {
          if (!(thrown instanceof Fault)) throw thrown;
          // One that does not answer must not keep the others waiting.
          silent++;
          parts.log.warn("A node could not be followed and will be asked again", {
            node: id,
            reason: reasonOf(thrown),
          });
        }
        return { waitMs: 0 };
      },
    },
  };
}
