/**
 * A Cask node as a value: rules, ports and background work put together, with no HTTP, no configuration file and no
 * global clock. The service builds one over a disk and a network; simulations build whole clusters of them.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import { startWorker, type Worker } from "../../kit/worker.ts";
import type { Digest } from "./digest.ts";
import { exchangeWork, handOffWork, type HealingOptions, type HealingParts, surplusWork } from "./healing.ts";
import { Holdings, type HoldingsOptions } from "./holdings.ts";
import { bucketCount, type Key } from "./key.ts";
import type { BlobRecord, Ledger } from "./ledger.ts";
import { type KeyListing, listKeys } from "./listing.ts";
import { MemoryBudget } from "./memory-budget.ts";
import type { BlobBytes, PeerFor, Proof } from "./peer.ts";
import { type CaskNode, Placement, type PlacementOptions } from "./placement.ts";
import { Fetcher, type FoundBlob, heldHere, type ReadOptions } from "./read.ts";
import { createScrub, reconcileWork, type ScrubOptions, type ScrubState } from "./scrub.ts";
import type { BlobStat, BlobStore } from "./store.ts";
import { putBlob, type PutOptions, type PutResult, type WriteOptions } from "./write.ts";

/** All numbers of a node. */
export interface CaskSettings
  extends
    Omit<PlacementOptions, "nodesExpected">,
    HoldingsOptions,
    WriteOptions,
    ReadOptions,
    HealingOptions,
    ScrubOptions {
  /** Whether the operator lets this node take new blobs. */
  writeable: boolean;
  /** Below this much free space the node takes no new blobs; above it (and a tenth) it does again. */
  keepFreeBytes: number;
  /** Pause between looks at the free space. */
  spaceEveryMs: number;
}

/** What happens, for metrics, events and pages. Every kind is counted; the sentence beside it is for people. */
export const caskEvents = [
  "verified",
  "quarantined",
  "missed",
  "repaired",
  "beyond-repair",
  "handed-off",
  "pulled",
  "pushed",
  "dropped",
  "peer-bytes-wrong",
  "peer-read",
  "read-hedged",
  "disk-full",
  "store-failed",
  "space-regained",
] as const;
/** One of {@link caskEvents}. */
export type CaskEvent = (typeof caskEvents)[number];

/** What a node is built over. */
export interface CaskParts {
  store: BlobStore;
  ledger: Ledger;
  clock: Clock;
  log: Logger;
  settings: CaskSettings;
  peerFor: PeerFor;
  digest: Digest;
  /** The nodes as membership sees them now, this one included, and how many are known to exist at least. */
  members(): { nodes: readonly CaskNode[]; nodesExpected: number };
  /** A fresh unguessable text for a challenge. */
  nonce(): string;
  /** Told of everything worth knowing. `bytes` is how much it was about. */
  happened(event: CaskEvent, sentence: string, bytes: number): void;
  /** Told when the node starts or stops taking new blobs. */
  writeableChanged(writeable: boolean): void;
}

/** A node that restarts while it is being drained goes on with it. */
const drainingNote = "draining";

/** Uploads under way hold at most so much in memory, all together. */
const uploadMemoryBytes = 64 * 1024 * 1024;

/** Why a node takes no new blobs, or `yes`. */
export type Writeable = "yes" | "read-only by configuration" | "disk full" | "store failed" | "draining";

/** What one node says of one key. */
export interface Whereabouts {
  node: CaskNode;
  /** Whether the ring gives it a copy. */
  owner: boolean;
  /** Undefined when it did not answer. */
  held: boolean | undefined;
  verifiedAt?: number;
  sizeBytes?: number;
}

/** One node. */
export class Cask {
  readonly holdings: Holdings;
  readonly fetcher: Fetcher;
  readonly settings: CaskSettings;
  readonly scrub: () => ScrubState;
  readonly #parts: CaskParts;
  readonly #healing: HealingParts;
  readonly #scrubWork;
  readonly #scrubParts;
  #placement: Placement;
  #stableSinceMs: number;
  #complete = false;
  #full = false;
  /** Why nothing is entrusted to the store any more, and whether it may recover. */
  #failure: { recovers: boolean } | undefined;
  /** Fetches what is missing here; woken when something is found to be. */
  #exchange: Worker | undefined;
  #draining = false;
  #space = { freeBytes: Number.POSITIVE_INFINITY, totalBytes: Number.POSITIVE_INFINITY };
  /** How many of the blobs it shares with this node each peer lacked when last compared. */
  readonly #lacking = new Map<string, number>();
  readonly #budget = new MemoryBudget(uploadMemoryBytes);
  #cancelRecheck: () => void = () => undefined;

  constructor(parts: CaskParts) {
    this.#parts = parts;
    this.settings = parts.settings;
    const { settings, clock, peerFor } = parts;
    const happened = (event: CaskEvent, sentence: string, bytes = 0) => parts.happened(event, sentence, bytes);
    const sizeOf = (key: Key) => parts.ledger.find(key)?.sizeBytes ?? 0;
    this.holdings = new Holdings({
      store: parts.store,
      ledger: parts.ledger,
      clock,
      options: settings,
      watcher: {
        quarantined: (key, reason) => happened("quarantined", `Put the copy of ${key} aside: ${reason}`),
        verified: (bytes) => happened("verified", "Read a copy and found it good", bytes),
        troubled: (fault) => this.#trouble(fault),
      },
    });
    this.fetcher = new Fetcher({
      holdings: this.holdings,
      peerFor,
      clock,
      options: settings,
      watcher: {
        fetched: (key, nodeId, bytes, kept) =>
          kept
            ? happened("repaired", `Fetched ${key} from ${nodeId} and kept it`, bytes)
            : happened("peer-read", `Served ${key} from ${nodeId}`, bytes),
        wrongBytes: (key, nodeId) => happened("peer-bytes-wrong", `Refused what ${nodeId} sent as ${key}: wrong bytes`),
        hedged: () => happened("read-hedged", "Asked a second node because the first was slow"),
      },
    });
    this.#draining = parts.ledger.recall(drainingNote) === "yes";
    this.#placement = this.#look();
    this.#stableSinceMs = clock.monotonicMs();
    this.#healing = {
      holdings: this.holdings,
      peerFor,
      clock,
      options: settings,
      budget: this.#budget,
      digest: parts.digest,
      fetcher: this.fetcher,
      healing: settings,
      nonce: parts.nonce,
      placement: () => this.view(),
      watcher: {
        handedOff: (key, nodeId) => happened("handed-off", `Brought ${key} to ${nodeId} as promised`, sizeOf(key)),
        pulled: (key) => happened("pulled", `Fetched ${key}, which this node should hold`, sizeOf(key)),
        pushed: (key, nodeId) => happened("pushed", `Gave ${nodeId} a copy of ${key}`, sizeOf(key)),
        dropped: (key, bytes) => happened("dropped", `Dropped ${key}: all its owners proved their copies`, bytes),
        compared: (nodeId, _differing, lacking) => this.#lacking.set(nodeId, lacking),
      },
    };
    this.#scrubParts = {
      holdings: this.holdings,
      fetcher: this.fetcher,
      clock,
      options: settings,
      placement: () => this.placement,
      watcher: {
        repaired: () => undefined,
        missed: (count: number) => {
          happened("missed", `${count} blobs that were here are gone from the store`);
          this.#exchange?.wake();
        },
        beyondRepair: (key: Key) => happened("beyond-repair", `No good copy of ${key} could be fetched`),
      },
    };
    const scrub = createScrub(this.#scrubParts);
    this.#scrubWork = scrub.work;
    this.scrub = scrub.state;
    this.membersChanged();
  }

  /** The current view of who should hold what. */
  get placement(): Placement {
    return this.#placement;
  }

  /** The current view, and for how long its ring has been unchanged with all of its nodes alive. */
  view(): { current: Placement; stableForMs: number } {
    const stableForMs = this.#complete ? this.#parts.clock.monotonicMs() - this.#stableSinceMs : 0;
    return { current: this.#placement, stableForMs };
  }

  /** Must be called whenever membership, or what a member says of itself, has changed. */
  membersChanged(): void {
    const before = this.#placement;
    const wasComplete = this.#complete;
    this.#placement = this.#look();
    this.#complete = this.#placement.onRing().every((node) => node.alive);
    if (before.fingerprint !== this.#placement.fingerprint || !wasComplete) {
      this.#stableSinceMs = this.#parts.clock.monotonicMs();
    }
    // A node that is away leaves the ring by the passing of time alone: look again when the first one does.
    this.#cancelRecheck();
    const pending = [...this.#placement.nodes.values()]
      .filter((node) => !node.alive && node.goneMs < this.settings.rebuildAfterMs)
      .map((node) => this.settings.rebuildAfterMs - node.goneMs);
    if (pending.length > 0) {
      this.#cancelRecheck = this.#parts.clock.schedule(Math.min(...pending) + 1, () => this.membersChanged());
    }
  }

  #look(): Placement {
    const { nodes, nodesExpected } = this.#parts.members();
    return new Placement(nodes, { ...this.settings, nodesExpected });
  }

  /** Whether this node takes new blobs, and why not. */
  writeable(): Writeable {
    if (this.#draining) return "draining";
    if (!this.settings.writeable) return "read-only by configuration";
    if (this.#failure) return "store failed";
    return this.#full ? "disk full" : "yes";
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Begins, or ends, moving everything held here to the other nodes. */
  drain(on: boolean): void {
    if (this.#draining === on) return;
    this.#draining = on;
    this.#parts.ledger.note(drainingNote, on ? "yes" : "no");
    this.#parts.writeableChanged(this.writeable() === "yes");
  }

  /** Free and total space as last seen. */
  space(): { freeBytes: number; totalBytes: number } {
    return this.#space;
  }

  /** Stores a blob on its owners. Throws Faults for bad input; a missed quorum is a result. */
  put(source: BlobBytes, options: PutOptions): Promise<PutResult> {
    return putBlob(source, options, this.#placement, {
      holdings: this.holdings,
      peerFor: this.#parts.peerFor,
      clock: this.#parts.clock,
      budget: this.#budget,
      digest: this.#parts.digest,
      options: this.settings,
    });
  }

  /** Finds a blob here or at a peer, verified. At once where it is held here and known to be good. */
  find(key: Key): FoundBlob | undefined | Promise<FoundBlob | undefined> {
    const stat = this.holdings.trusted(key);
    if (stat instanceof Promise) return this.#findSlowly(key, stat);
    return stat ? heldHere(this.holdings, key, stat) : this.#fetched(key);
  }

  async #findSlowly(key: Key, looking: Promise<BlobStat | undefined>): Promise<FoundBlob | undefined> {
    try {
      const stat = await looking;
      if (stat) return heldHere(this.holdings, key, stat);
    } catch (thrown) {
      // The copy here cannot be read now. Others may have one; if not, the blob is out of reach but not absent.
      const found = await this.fetcher.fetch(key, this.#placement);
      if (found) return found;
      throw thrown;
    }
    return this.#fetched(key);
  }

  async #fetched(key: Key): Promise<FoundBlob | undefined> {
    const found = await this.fetcher.fetch(key, this.#placement);
    if (found) return found;
    // It may have come here while the others were asked.
    const stat = await this.holdings.trusted(key);
    return stat && heldHere(this.holdings, key, stat);
  }

  /** Takes in a copy that a peer sends. Throws `cask/read-only` when this node takes none. */
  async keep(source: BlobBytes, options: PutOptions): Promise<BlobRecord> {
    this.requireWriteable();
    return this.holdings.keep(options.algorithm, source, options.sizeBytes, options.expected);
  }

  /** Throws `cask/read-only` when this node takes no new blobs. */
  requireWriteable(): void {
    const state = this.writeable();
    if (state === "yes") return;
    throw new Fault("unavailable", "cask/read-only", "this node is read-only", { details: { reason: state } });
  }

  /** Answers a peer's challenge. */
  prove(key: Key, nonce: string): Promise<Proof | undefined> {
    return this.holdings.prove(key, nonce, this.#placement);
  }

  /** Looks at the free space and decides whether there is room for more. */
  async lookAtSpace(): Promise<void> {
    this.#space = await this.#parts.store.space();
    if (this.#failure?.recovers) await this.#tryStore();
    const { freeBytes } = this.#space;
    const { keepFreeBytes } = this.settings;
    if (!this.#full && freeBytes < keepFreeBytes) {
      this.#setFull(true, `Takes no new blobs: ${freeBytes} bytes are free and ${keepFreeBytes} must stay so`);
    } else if (this.#full && freeBytes >= keepFreeBytes * 1.1) {
      this.#setFull(false, `Takes new blobs again: ${freeBytes} bytes are free`);
    }
  }

  /** Writes and drops a few bytes: a store that takes them has recovered. */
  async #tryStore(): Promise<void> {
    const writer = await this.#parts.store.create(1);
    try {
      await writer.write(new Uint8Array(1));
    } finally {
      await writer.abort();
    }
    this.#failure = undefined;
    this.#parts.happened("space-regained", "Takes new blobs again: the store can be written", 0);
    this.#parts.writeableChanged(this.writeable() === "yes");
  }

  #setFull(full: boolean, sentence: string): void {
    if (this.#full === full) return;
    this.#full = full;
    this.#parts.happened(full ? "disk-full" : "space-regained", sentence, 0);
    this.#parts.writeableChanged(this.writeable() === "yes");
  }

  #trouble(fault: Fault): void {
    if (fault.code === "cask/disk-full") {
      this.#setFull(true, "Takes no new blobs: the disk is full");
      return;
    }
    // After a failed fsync nobody knows what is on the disk: no more is entrusted to it until someone has looked. A
    // disk that is not there, or may not be written, is another matter: it may be back at the next look.
    const recovers = fault.code === "cask/store-gone" || fault.code === "cask/store-forbidden";
    if (this.#failure && (recovers || !this.#failure.recovers)) return;
    const before = this.writeable();
    this.#failure = { recovers };
    const until = recovers ? "until it is mended" : "until restarted";
    this.#parts.happened("store-failed", `Takes no new blobs ${until}: ${fault.message}`, 0);
    if (before === "yes") this.#parts.writeableChanged(false);
  }

  /** Copies that ought to exist of the blobs this node owns, and how many are known to, as of the last comparisons. */
  copiesKnown(): { wanted: number; had: number } {
    const sharedWith = (nodeId: string) => {
      let count = 0;
      for (let bucket = 0; bucket < bucketCount; bucket++) {
        count += this.holdings.shared.digest(bucket, nodeId, this.#placement).count;
      }
      return count;
    };
    const owned = sharedWith(this.#placement.selfId);
    let had = owned;
    for (const node of this.#placement.onRing()) {
      if (node.self || !node.alive) continue;
      had += Math.max(0, sharedWith(node.id) - (this.#lacking.get(node.id) ?? 0));
    }
    return { wanted: owned * this.#placement.copies, had };
  }

  /** Starts all background work. */
  startWorkers(): Worker[] {
    const { clock, log, store } = this.#parts;
    const start = (work: Parameters<typeof startWorker>[0], idleMs: number) =>
      startWorker(work, { clock, log, idleMs });
    const exchange = start(exchangeWork(this.#healing), this.settings.exchangeEveryMs);
    this.#exchange = exchange;
    return [
      start(handOffWork(this.#healing), 2000),
      exchange,
      start(surplusWork(this.#healing), this.settings.exchangeEveryMs),
      start(this.#scrubWork, 60_000),
      start(reconcileWork(this.#scrubParts), 60_000),
      start(
        {
          name: "space",
          summary: "Watches the free space and clears away what cut-off writes left behind",
          progress: () => ({ freeBytes: this.#space.freeBytes }),
          step: async () => {
            await this.lookAtSpace();
            await store.sweep(86_400_000);
            return { waitMs: this.settings.spaceEveryMs };
          },
        },
        60_000,
      ),
    ];
  }

  /** Who holds a key, as each node says: for people, not for decisions. */
  async whereIs(key: Key): Promise<Whereabouts[]> {
    const owners = new Set(this.#placement.owners(key).map((node) => node.id));
    const order = [...this.#placement.readOrder(key)];
    for (const node of this.#placement.nodes.values()) if (!order.includes(node)) order.push(node);
    return Promise.all(
      order.map(async (node) => {
        const owner = owners.has(node.id);
        if (node.self) {
          const record = await this.holdings.holds(key).catch(() => undefined);
          if (!record) return { node, owner, held: false };
          return { node, owner, held: true, verifiedAt: record.verifiedAt, sizeBytes: record.sizeBytes };
        }
        if (!node.alive) return { node, owner, held: undefined };
        try {
          const limit = AbortSignal.timeout(this.settings.askMs);
          const answer = await this.#parts.peerFor(node).has(key, limit);
          return { node, owner, ...answer };
        } catch {
          return { node, owner, held: undefined };
        }
      }),
    );
  }

  /** A part of the list of all keys of a bucket that the nodes hold, from behind `after` on. */
  list(bucket: number, after?: Key): Promise<KeyListing> {
    return listKeys(bucket, after, this.#placement, {
      held: this.holdings.held,
      peerFor: this.#parts.peerFor,
      clock: this.#parts.clock,
      limitMs: this.settings.peerTimeoutMs,
    });
  }

  /** Ends timers of its own. */
  close(): void {
    this.#cancelRecheck();
  }
}
