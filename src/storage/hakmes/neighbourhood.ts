/**
 * A node of Hakmes among others and before its Cask: all that makes the catalog a convenience. Puts together what tells
 * and asks the others (neighbours.ts), follows them (following.ts), finds manifests in Cask (discovery.ts), proves them
 * (proving.ts) and writes those that are missing (anchoring.ts). Wiring only.
 */
import type { Clock } from "../../kit/clock.ts";
import type { Cluster } from "../../kit/cluster.ts";
import type { Logger } from "../../kit/log.ts";
import { startWorker, type Work, type Worker } from "../../kit/worker.ts";
import type { Key } from "../cask/client.ts";
import { anchorWork } from "./anchoring.ts";
import type { Catalog } from "./catalog.ts";
import { Discovery, type DiscoveryState } from "./discovery.ts";
import { following } from "./following.ts";
import { hakmesNodes, startTelling } from "./neighbour-nodes.ts";
import { type AskOutcome, Neighbours } from "./neighbours.ts";
import { httpPeer, secretPurpose } from "./peers-http.ts";
import type { ManifestReader, PeerFor } from "./peers.ts";
import { provingWork, type Verdict } from "./proving.ts";
import type { FileName, StoredFile } from "./record.ts";
import type { Shelf } from "./shelf.ts";

/** What the neighbourhood stands on. */
export interface NeighbourhoodParts {
  catalog: Catalog;
  cluster: Cluster;
  clock: Clock;
  log: Logger;
  /** Where others reach this Hakmes, without a trailing slash. */
  baseUrl: string;
  shelf: Shelf;
  manifests: ManifestReader;
  /** Whether Cask runs on the nodes of this cluster, and not elsewhere: what gossip takes for dead has no quorum then. */
  isCaskHere: boolean;
  /** `prove` of Hakmes: reads a file by its manifest, hashes it, enters it as proven or drops it. */
  prove(file: StoredFile, signal: AbortSignal): Promise<unknown>;
  /** `anchor` of Hakmes: writes the manifest of an imported file to Cask. */
  anchor(file: StoredFile, signal: AbortSignal): Promise<unknown>;
  /** @default over HTTP, showing the secret for {@link secretPurpose} */
  peerFor?: PeerFor;
  /** Pause between two rounds through Cask, ms. @default 600_000 */
  roundEveryMs?: number;
  /** Pause between two rounds through the other nodes, ms. @default 30_000 */
  followEveryMs?: number;
  /** How fast found files are read to prove them, bytes a second. @default 33_554_432 */
  proveBytesPerSecond?: number;
}

/** How the search for manifests stands, as `/status.json` and the answer to `POST /reindex/` show it. */
export interface ReindexState extends DiscoveryState {
  /** Files proven, and found to be false, since the program started. */
  readonly filesProven: number;
  readonly filesRefuted: number;
  /** Files that still wait to be proven. */
  readonly unproven: number;
}

/** What createHakmes, the routes and the service use. */
export interface Neighbourhood {
  /** Before an upload is acknowledged: gives its entry to all who are alive, and waits 500 ms at most. Never throws. */
  tell(file: StoredFile, root: Uint8Array, names: readonly FileName[]): Promise<void>;
  /** For a key the catalog does not have: asks all others, 2 s at most, and enters what they know. */
  askOthers(key: Key, signal?: AbortSignal): Promise<AskOutcome>;
  /**
   * Proves an unproven file ahead of the others. "refuted": what was in the catalog is out of it, and another may have come
   * in its place; "waiting": not within `limitMs` (default 2000), or it cannot be read now.
   */
  prove(key: Key, limitMs?: number): Promise<Verdict>;
  /** Begins a new round that looks at every small blob again, whatever was known of it. */
  reindex(): void;
  reindexState(): ReindexState;
  /** Whether this node's catalog holds all that it ever acknowledged. */
  isWhole(): boolean;
  /** To be called when the catalog learned something by itself (an import); wakes who waits for it. */
  learned(): void;
  /** Starts background work: `follow`, `discover`, `prove` and `anchor`. */
  startWorkers(): Worker[];
  /** Stops telling, and proving for those who ask; the workers are stopped by whoever started them. */
  stop(): void;
}

/** Builds the neighbourhood of a node and tells the cluster of it. */
export function createNeighbourhood(parts: NeighbourhoodParts): Neighbourhood {
  const { catalog, cluster, clock, log, manifests, baseUrl } = parts;
  const peerFor: PeerFor = parts.peerFor ?? ((node) => httpPeer(node, () => cluster.secretFor(secretPurpose)));
  let workers: Worker[] = [];
  const wake = (name: string) => workers.find((worker) => worker.name === name)?.wake();
  const telling = startTelling({ cluster, catalog, clock, baseUrl });
  const learned = () => {
    telling.changed();
    wake("prove");
    wake("anchor");
  };
  const shared = { catalog, clock, log, manifests, peerFor, learned };
  const nodes = () => hakmesNodes(cluster);
  const discovery = new Discovery({
    ...shared,
    shelf: parts.shelf,
    roundEveryMs: parts.roundEveryMs ?? 600_000,
    joinedLine(key) {
      proving.hurry(key);
      wake("prove");
    },
  });
  const neighbours = new Neighbours({
    ...shared,
    nodes: () => ({ nodes: nodes(), isEverybodyMet: cluster.nodes().length >= cluster.expected() }),
    search: discovery,
    coversSilent: parts.isCaskHere,
  });
  const proving = provingWork({
    ...shared,
    prove: (file, signal) => parts.prove(file, signal),
    line: discovery,
    bytesPerSecond: parts.proveBytesPerSecond ?? 32 * 1024 * 1024,
  });
  const follow = following({ ...shared, nodes, followEveryMs: parts.followEveryMs ?? 30_000 });
  let gone = "";
  const unsubscribe = cluster.subscribe(() => {
    neighbours.observe();
    if (follow.isBehind()) wake("follow");
    // Whoever is gone may have left something that nobody was told of: a round tells.
    const now = nodes()
      .filter((node) => !node.isAlive)
      .map((node) => node.id)
      .join();
    if (now !== gone) discovery.restart(false);
    gone = now;
  });
  neighbours.observe();
  return {
    async tell(file, root, names) {
      await neighbours.tell(file, root, names);
      telling.changed();
    },
    askOthers: (key, signal) => neighbours.askOthers(key, signal),
    prove: (key, limitMs = 2000) => proving.prove(key, limitMs),
    reindex: () => discovery.restart(true),
    reindexState: () => ({
      ...discovery.state(),
      filesProven: proving.counts().proven,
      filesRefuted: proving.counts().refuted,
      unproven: catalog.counts().unproven,
    }),
    isWhole: () => discovery.isWhole(),
    learned,
    startWorkers() {
      const start = (work: Work) => startWorker(work, { clock, log });
      workers = [
        start(follow.work),
        start(discovery.work(() => wake("discover"))),
        start(proving),
        start(anchorWork({ ...shared, anchor: (file, signal) => parts.anchor(file, signal) })),
      ];
      return workers;
    },
    stop() {
      unsubscribe();
      telling.stop();
      proving.stop();
    },
  };
}
