/**
 * A node of Hakmes among others and before its Cask: all that makes the catalog a convenience. Puts together what tells
 * the others, asks them, follows them (neighbours.ts, following.ts), finds manifests in Cask (discovery.ts) and proves them
 * (proving.ts). Wiring only.
 */
import type { Cluster } from "../../kit/cluster.ts";
import type { Clock } from "../../kit/clock.ts";
import type { Logger } from "../../kit/log.ts";
import type { Worker } from "../../kit/worker.ts";
import type { Key } from "../cask/client.ts";
import type { Catalog } from "./catalog.ts";
import type { ManifestReader, PeerFor } from "./peers.ts";
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
  /** @default over HTTP, showing `cluster.secretFor("hakmes peers")` */
  peerFor?: PeerFor;
  /** The whole content of a file, each chunk verified; to prove it. */
  readAll(file: StoredFile, signal: AbortSignal): AsyncIterable<Uint8Array> | Promise<AsyncIterable<Uint8Array>>;
  /** Writes the manifest of an imported file to Cask and enters it anew with its root. Absent: imported files wait. */
  anchor?(file: StoredFile, signal: AbortSignal): Promise<void>;
  /** Pause between two rounds through Cask, ms. @default 600_000 */
  roundEveryMs?: number;
}

/** How the search for manifests stands, as `GET /reindex/` and `/status.json` show it. */
export interface ReindexState {
  /** A round is under way. */
  readonly isRunning: boolean;
  /** Whether the Cask in use lists its blobs; "unknown" until it was asked. */
  readonly listing: "yes" | "no" | "unknown";
  /** Of the round under way, or of the last one. */
  readonly bucketsDone: number;
  readonly buckets: number;
  /** Since the round began. */
  readonly blobsListed: number;
  readonly blobsLookedAt: number;
  readonly filesFound: number;
  readonly namesFound: number;
  /** Files proven, and found to be false, since the program started. */
  readonly filesProven: number;
  readonly filesRefuted: number;
  /** Files that still wait to be proven. */
  readonly unproven: number;
  /** The last round saw every blob. */
  readonly isComplete: boolean;
  /** Whole rounds since the catalog was made; the catalog is complete from the first on. */
  readonly rounds: number;
}

/** What becomes of a question to the others. */
export interface AskOutcome {
  /** The file, which is in the catalog now. */
  readonly file?: StoredFile;
  /** Nobody who could know has it. Never true together with a file. */
  readonly isCertain: boolean;
}

/** What createHakmes, the routes and the service use. */
export interface Neighbourhood {
  /** Before an upload is acknowledged: gives its entry to all who are alive, and waits 500 ms at most. Never throws. */
  tell(file: StoredFile, root: Uint8Array, names: readonly FileName[]): Promise<void>;
  /** For a key the catalog does not have: asks all who are alive, 2 s at most, and enters what they know. */
  askOthers(key: Key, signal?: AbortSignal): Promise<AskOutcome>;
  /**
   * Proves an unproven file ahead of the others, within `limitMs` (default 2000): "proven", "refuted" (it is out of the
   * catalog, another may have come in its place), or "waiting".
   */
  prove(key: Key, limitMs?: number): Promise<"proven" | "refuted" | "waiting">;
  /** Begins a new round that looks at every small blob again, whatever was known of it. */
  reindex(): void;
  reindexState(): ReindexState;
  /** Whether this node's catalog holds all that it ever acknowledged. */
  isWhole(): boolean;
  /** Starts background work: `follow`, `discover`, `prove`, and `anchor` when that is wanted. */
  startWorkers(): Worker[];
  /** Stops telling; the workers are stopped by whoever started them. */
  stop(): void;
}
