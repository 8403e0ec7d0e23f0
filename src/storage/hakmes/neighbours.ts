/**
 * The other nodes of Hakmes, asked and told. Before an upload is acknowledged its entry goes to all who are alive, for a
 * moment; whoever misses it follows later (following.ts) or finds it in Cask (discovery.ts). For a key that is not in the
 * catalog all are asked.
 *
 * That nobody has a file is certain when every node that could have acknowledged it is accounted for: it answers that it
 * does not know the key and that its catalog is whole; or it is gone, and a round through Cask that began afterwards saw
 * everything. A node that is merely silent may be taking uploads on the other side of a cut, where Cask does not stop it;
 * `coversSilent` says whether Cask does.
 */
import { type Clock, sleep } from "../../kit/clock.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import type { Key } from "../cask/client.ts";
import type { Catalog } from "./catalog.ts";
import type { Discovery } from "./discovery.ts";
import { within } from "./patience.ts";
import { enter } from "./peers-entry.ts";
import { entriesMax, type Entry, fileEntry, type HakmesNode, type ManifestReader, type PeerFor } from "./peers.ts";
import type { FileName, StoredFile } from "./record.ts";

/** What the neighbours stand on. */
export interface NeighbourParts {
  catalog: Catalog;
  clock: Clock;
  log: Logger;
  manifests: ManifestReader;
  peerFor: PeerFor;
  /** All nodes of Hakmes that are known, this one included, and whether there are others that were never met. */
  nodes(): { readonly nodes: readonly HakmesNode[]; readonly isEverybodyMet: boolean };
  /** How far the search in Cask can be relied on. */
  search: Pick<Discovery, "isWhole" | "covers" | "roundEnd" | "isInLine">;
  /**
   * Whether a node that gossip takes for dead can acknowledge nothing that a complete listing does not show: true when
   * Cask runs on the same nodes, whose quorum it then lacks.
   */
  coversSilent: boolean;
  /** Something was entered. */
  learned(): void;
}

/** What becomes of a question to the others. */
export interface AskOutcome {
  /** The file, which is in the catalog now. */
  readonly file?: StoredFile;
  /** Nobody who could know has it. Never true together with a file. */
  readonly isCertain: boolean;
  /** Why it is not certain, for people; a sentence without a period. */
  readonly doubt?: string;
}

/** An upload waits this long for the others. */
const tellMs = 500;
/** A push is given up after this. */
const pushMs = 5000;
/** A node that failed is told, but not waited for, for this long. */
const shyMs = 10_000;
/** A question waits this long for those who are alive, and for those who are taken for dead. */
const askMs = 2000;
const askDeadMs = 500;
/** Entries that wait for one node; it follows up what is dropped. */
const queueMax = 1000;

/** The others. */
export class Neighbours {
  readonly #parts: NeighbourParts;
  readonly #lanes = new Map<string, Lane>();
  readonly #asking = new Map<Key, Promise<AskOutcome>>();
  /** Nodes that were there and have been forgotten: when they were last seen alive, on the monotonic clock. */
  readonly #lastSeenMs = new Map<string, number>();

  constructor(parts: NeighbourParts) {
    this.#parts = parts;
  }

  /** Gives a file's entry and its names to all who are alive, and waits a moment. Never throws. */
  async tell(file: StoredFile, root: Uint8Array, names: readonly FileName[]): Promise<void> {
    const entry = fileEntry(file, root);
    const entries: Entry[] = [
      ...(entry === undefined ? [] : [entry]),
      ...names.slice(-entriesMax + 1).map((name): Entry => ({ kind: "name", name })),
    ];
    const given = this.#others()
      .filter((node) => node.isAlive && node.url !== "")
      .map((node) => this.#lane(node).give(node, entries));
    if (given.length === 0 || entries.length === 0) return;
    const enough = new AbortController();
    await Promise.race([
      Promise.all(given).then(() => enough.abort()),
      sleep(this.#parts.clock, tellMs, enough.signal),
    ]);
  }

  /** Asks all others for a file and enters what they know. */
  askOthers(key: Key, signal?: AbortSignal): Promise<AskOutcome> {
    const asking = this.#asking.get(key) ?? this.#ask(key).finally(() => this.#asking.delete(key));
    this.#asking.set(key, asking);
    return signal === undefined ? asking : orGone(asking, signal);
  }

  /** Takes note of who is there; to be called when the cluster changes. */
  observe(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    for (const node of this.#others()) this.#lastSeenMs.set(node.id, nowMs - node.goneMs);
  }

  async #ask(key: Key): Promise<AskOutcome> {
    const { catalog, clock, search } = this.#parts;
    this.observe();
    const { nodes, isEverybodyMet } = this.#parts.nodes();
    const others = nodes.filter((node) => !node.self);
    const hurry = new AbortController();
    const doubts: string[] = [];
    const ask = async (node: HakmesNode) => {
      const doubt = await this.#askOne(node, key, hurry.signal);
      if (doubt !== undefined) doubts.push(doubt);
      if (catalog.find(key) !== undefined) hurry.abort();
    };
    const searched = async () => {
      if (search.isWhole()) return;
      const limit = new AbortController();
      await Promise.race([search.roundEnd(), sleep(clock, askMs, limit.signal), aborted(hurry.signal)]);
      limit.abort();
      if (!search.isWhole()) doubts.push("the search through Cask has not ended");
    };
    await Promise.all([searched(), ...others.map(ask)]);
    const file = catalog.find(key);
    if (file !== undefined) return { file, isCertain: false };
    if (search.isInLine(key)) doubts.push("a manifest of it waits to be proven");
    if (!isEverybodyMet) doubts.push("not all nodes of the cluster were met yet");
    const forgotten = this.#uncoveredForgotten(others);
    if (forgotten > 0) doubts.push(`${forgotten} nodes are gone, and Cask has not been searched since`);
    const [doubt] = doubts;
    return doubt === undefined ? { isCertain: true } : { isCertain: false, doubt };
  }

  /** Asks one node; resolves to why its answer leaves a doubt. */
  async #askOne(node: HakmesNode, key: Key, signal: AbortSignal): Promise<string | undefined> {
    const { catalog, clock, manifests, peerFor, learned, coversSilent, search } = this.#parts;
    // Silent since this question began at the latest; what is alive cannot be covered by anything older.
    const silentSinceMs = clock.monotonicMs() - node.goneMs;
    let doubt = `node ${node.id} cannot be asked`;
    if (node.url !== "") {
      try {
        const limitMs = node.isAlive ? askMs : askDeadMs;
        const answer = await within(clock, limitMs, (limit) => peerFor(node).find(key, limit), signal);
        if ("isCertain" in answer) {
          if (answer.isCertain) return undefined;
          doubt = `node ${node.id} is still searching through Cask`;
        } else {
          let entered = false;
          for (const entry of answer.entries) entered = enter(catalog, entry, manifests) || entered;
          if (entered) learned();
          doubt = `node ${node.id} said what could not be used`;
        }
      } catch (thrown) {
        if (!(thrown instanceof Fault)) throw thrown;
      }
    }
    if (node.isAlive) return doubt;
    if ((coversSilent || node.hasLeft) && search.covers(silentSinceMs)) return undefined;
    return coversSilent || node.hasLeft
      ? `node ${node.id} is gone, and Cask has not been searched since`
      : `node ${node.id} is silent; if it is gone for good, forget it`;
  }

  #uncoveredForgotten(others: readonly HakmesNode[]): number {
    const present = new Set(others.map((node) => node.id));
    let count = 0;
    for (const [id, seenMs] of this.#lastSeenMs) {
      if (present.has(id)) continue;
      if (this.#parts.search.covers(seenMs)) this.#lastSeenMs.delete(id);
      else count++;
    }
    return count;
  }

  #others(): HakmesNode[] {
    return this.#parts.nodes().nodes.filter((node) => !node.self);
  }

  #lane(node: HakmesNode): Lane {
    let lane = this.#lanes.get(node.id);
    if (lane === undefined) {
      lane = new Lane(this.#parts);
      this.#lanes.set(node.id, lane);
    }
    return lane;
  }
}

/** The way of entries to one node: one message at a time, which carries all that has gathered. */
class Lane {
  readonly #parts: NeighbourParts;
  #queue: { entry: Entry; done: () => void }[] = [];
  #isBusy = false;
  #failedAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: NeighbourParts) {
    this.#parts = parts;
  }

  /** Resolves when the entries have come over or are given up, or at once when the node failed lately. */
  give(node: HakmesNode, entries: readonly Entry[]): Promise<void> {
    if (this.#queue.length + entries.length > queueMax) return Promise.resolve();
    const given = entries.map((entry) => new Promise<void>((done) => this.#queue.push({ entry, done })));
    if (!this.#isBusy) void this.#run(node);
    const isShy = this.#parts.clock.monotonicMs() - this.#failedAtMs < shyMs;
    return isShy ? Promise.resolve() : Promise.all(given).then(() => undefined);
  }

  async #run(node: HakmesNode): Promise<void> {
    const { clock, log, peerFor } = this.#parts;
    this.#isBusy = true;
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, entriesMax);
      try {
        await within(clock, pushMs, (limit) =>
          peerFor(node).push(
            batch.map(({ entry }) => entry),
            limit,
          ),
        );
        this.#failedAtMs = Number.NEGATIVE_INFINITY;
      } catch (thrown) {
        this.#failedAtMs = clock.monotonicMs();
        log.warn("A node could not be told of new files; it will find them by itself", {
          node: node.id,
          reason: reasonOf(thrown),
        });
      }
      for (const { done } of batch) done();
    }
    this.#isBusy = false;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** What `promise` gives, or the reason of the signal when that aborts first. */
function orGone<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const leave = () => reject(signal.reason as Error);
    if (signal.aborted) leave();
    signal.addEventListener("abort", leave, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
  });
}
