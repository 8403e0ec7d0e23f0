/**
 * Finding a blob, here or at a peer, and handing out bytes only after all of them were hashed to the key.
 *
 * Peers are asked in ring order. A slow one is hedged: after `hedgeMs` in which nothing came the next is asked too, and
 * the first whose bytes are right wins. Fetched bytes are kept when this node is an owner (read repair), else served
 * once from where they were spooled. Readers of the same key at the same time share one fetch.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import type { Holdings } from "./holdings.ts";
import { algorithmOf, type Key } from "./key.ts";
import type { Peer, PeerFor } from "./peer.ts";
import type { CaskNode, Placement } from "./placement.ts";
import type { Awaitable, BlobStat, ByteRange } from "./store.ts";

/** Bytes that may leave the node. */
export interface FoundBlob {
  sizeBytes: number;
  /** `here`, or the id of the node that gave it. */
  source: string;
  /** The bytes or a range of them, in the form that is served fastest. May be asked for several times until disposed. */
  body(range?: ByteRange): Awaitable<Blob | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>>;
  /** Must be called once nothing more is wanted; bodies handed out before stay readable. */
  dispose(): void;
}

/** What reading reports. */
export interface ReadWatcher {
  /** A peer's bytes were fetched, verified and found right. */
  fetched(key: Key, nodeId: string, sizeBytes: number, kept: boolean): void;
  /** A peer's bytes were not those of the key. */
  wrongBytes(key: Key, nodeId: string): void;
  hedged(): void;
}

/** What a read needs. */
export interface ReadParts {
  holdings: Holdings;
  peerFor: PeerFor;
  clock: Clock;
  options: ReadOptions;
  watcher: ReadWatcher;
}

/** Numbers of the read path. */
export interface ReadOptions {
  /** When nothing came for this long, the next peer is asked too. */
  hedgeMs: number;
  /** A peer that delivers nothing for this long is given up. */
  peerTimeoutMs: number;
}

/** The blob as this node holds it. */
export function heldHere(holdings: Holdings, key: Key, stat: BlobStat): FoundBlob {
  return {
    sizeBytes: stat.sizeBytes,
    source: "here",
    body: (range) => holdings.store.body(key, stat, range),
    dispose() {},
  };
}

/** Fetches blobs from peers; one fetch at a time for each key. */
export class Fetcher {
  readonly #parts: ReadParts;
  readonly #running = new Map<Key, Search>();

  constructor(parts: ReadParts) {
    this.#parts = parts;
  }

  /**
   * A blob from the peers, verified, or undefined when no node that could hold it does.
   * Throws `cask/unreachable` when so many nodes did not answer that its absence is not certain.
   */
  async fetch(key: Key, placement: Placement): Promise<FoundBlob | undefined> {
    const running = this.#running.get(key);
    if (running) {
      const shared = await this.#share(running);
      // A search that began before this one may have asked a node before the blob came there: only what it found counts.
      if (shared) return shared;
    }
    return this.#share(this.#running.get(key) ?? this.#begin(key, placement));
  }

  #begin(key: Key, placement: Placement): Search {
    const search: Search = { readers: 0, fetch: fetchFromPeers(key, placement, this.#parts) };
    this.#running.set(key, search);
    const leave = () => {
      if (this.#running.get(key) === search) this.#running.delete(key);
    };
    search.fetch.then(leave, leave);
    return search;
  }

  async #share(search: Search): Promise<FoundBlob | undefined> {
    search.readers++;
    let blob: Fetched | undefined;
    try {
      blob = await search.fetch;
    } finally {
      if (!blob) search.readers--;
    }
    if (!blob) return undefined;
    const { sizeBytes, source, body, release } = blob;
    let disposed = false;
    return {
      sizeBytes,
      source,
      body,
      dispose() {
        if (disposed) return;
        disposed = true;
        if (--search.readers === 0) release();
      },
    };
  }
}

/** A search under way, and how many wait for it or use what it found. */
interface Search {
  fetch: Promise<Fetched | undefined>;
  readers: number;
}

interface Fetched {
  sizeBytes: number;
  source: string;
  body: FoundBlob["body"];
  /** Drops the spool, once the bodies handed out have ended. */
  release(): void;
}

/** What asking one node came to. `claimed`: it said that it has the blob, but its bytes did not come or were wrong. */
type Attempt = { found: Fetched } | { absent: true } | { failed: string; claimed: boolean };

async function fetchFromPeers(key: Key, placement: Placement, parts: ReadParts): Promise<Fetched | undefined> {
  const onRing = placement.readOrder(key).filter((node) => !node.self);
  const others = [...placement.nodes.values()].filter((node) => !node.self && !onRing.includes(node));
  const asked = [...onRing, ...others].filter((node) => node.alive);
  const silent: string[] = [...placement.nodes.values()].filter((node) => !node.alive).map((node) => node.id);
  let claimed = false;
  const losers = new AbortController();
  const winner = await new Promise<Fetched | undefined>((resolve) => {
    let next = 0;
    let running = 0;
    let settled = false;
    let cancelHedge: () => void = () => undefined;
    const advance = () => {
      cancelHedge();
      if (settled) return;
      const node = asked[next++];
      if (!node) {
        if (running === 0) {
          settled = true;
          resolve(undefined);
        }
        return;
      }
      running++;
      void attempt(key, node, placement, parts, losers.signal, hedge).then((outcome) => {
        running--;
        if ("found" in outcome) {
          if (settled) {
            outcome.found.release();
            return;
          }
          settled = true;
          cancelHedge();
          resolve(outcome.found);
          return;
        }
        if ("failed" in outcome) {
          silent.push(node.id);
          claimed ||= outcome.claimed;
        }
        advance();
      });
      hedge();
    };
    /** Asks one more node unless something comes within `hedgeMs`. Called again with everything that comes. */
    const hedge = () => {
      cancelHedge();
      if (settled || next >= asked.length) return;
      cancelHedge = parts.clock.schedule(parts.options.hedgeMs, () => {
        parts.watcher.hedged();
        advance();
      });
    };
    advance();
  });
  losers.abort();
  if (winner) return winner;
  // An acknowledged blob is on at least `quorum` nodes: with fewer than that silent, one of the others would have had it.
  // A node that was not met since this one started is as silent as one that does not answer. And where a node says that
  // it has the blob, the blob is not absent, even if that node cannot give it.
  const unheard = silent.length + placement.unmet;
  if (claimed || unheard >= placement.quorum) {
    throw new Fault(
      "unavailable",
      "cask/unreachable",
      `Cannot tell whether "${key}" exists: ${unheard} of ${placement.nodes.size + placement.unmet} nodes did not answer`,
      { details: { silent, unmet: placement.unmet }, retryAfterMs: 5000 },
    );
  }
  return undefined;
}

async function attempt(
  key: Key,
  node: CaskNode,
  placement: Placement,
  parts: ReadParts,
  lost: AbortSignal,
  progressed: () => void,
): Promise<Attempt> {
  const { holdings, clock, options } = parts;
  const limit = new AbortController();
  const giveUp = () => limit.abort(new Fault("timeout", "cask/peer-stalled", "The peer sent nothing for too long"));
  lost.addEventListener("abort", giveUp, { once: true });
  let cancel = clock.schedule(options.peerTimeoutMs, giveUp);
  let claimed = false;
  try {
    const bytes = await orAborted(parts.peerFor(node).get(key, limit.signal), limit.signal);
    if (bytes === undefined) return { absent: true };
    claimed = true;
    const incoming = await holdings.receive(algorithmOf(key));
    try {
      if (bytes instanceof Uint8Array) await incoming.write(bytes);
      else {
        const iterator = bytes[Symbol.asyncIterator]();
        while (true) {
          const chunk = await orAborted(iterator.next(), limit.signal);
          if (chunk.done) break;
          cancel();
          cancel = clock.schedule(options.peerTimeoutMs, giveUp);
          progressed();
          await incoming.write(chunk.value);
        }
      }
      limit.signal.throwIfAborted();
    } catch (thrown) {
      await incoming.abort();
      throw thrown;
    }
    const named = incoming.finish();
    if (named.key !== key) {
      await incoming.abort();
      parts.watcher.wrongBytes(key, node.id);
      return { failed: "its bytes are not those of the key", claimed };
    }
    const self = placement.nodes.get(placement.selfId);
    if (self?.writeable && placement.owns(placement.selfId, key)) {
      const record = await holdings.admit(incoming, key, named.sha256);
      parts.watcher.fetched(key, node.id, record.sizeBytes, true);
      const stat: BlobStat = { sizeBytes: record.sizeBytes, stamp: record.stamp, storedAt: record.storedAt };
      return { found: { ...heldHere(holdings, key, stat), source: node.id, release() {} } };
    }
    parts.watcher.fetched(key, node.id, incoming.sizeBytes, false);
    return { found: spooled(node.id, incoming) };
  } catch (thrown) {
    return { failed: reasonOf(thrown), claimed };
  } finally {
    cancel();
    lost.removeEventListener("abort", giveUp);
  }
}

/** The outcome of `promise`, unless `signal` aborts first. */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) return Promise.reject(signal.reason as Error);
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason as Error);
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

function spooled(
  source: string,
  incoming: { sizeBytes: number; reread(): AsyncIterable<Uint8Array>; abort(): Promise<void> },
): Fetched {
  let open = 0;
  let released = false;
  const leave = () => {
    if (--open === 0 && released) void incoming.abort();
  };
  return {
    sizeBytes: incoming.sizeBytes,
    source,
    body(range) {
      open++;
      return streamOf(incoming.reread(), range, leave);
    },
    release() {
      released = true;
      if (open === 0) void incoming.abort();
    },
  };
}

/** A stream over a range of bytes in order; `leave` is called exactly once, when it ended, failed or was cancelled. */
function streamOf(
  bytes: AsyncIterable<Uint8Array>,
  range: ByteRange | undefined,
  leave: () => void,
): ReadableStream<Uint8Array> {
  const iterator = bytes[Symbol.asyncIterator]();
  let offset = 0;
  let left = false;
  const finish = async () => {
    if (left) return;
    left = true;
    await iterator.return?.(undefined);
    leave();
  };
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        while (true) {
          if (range && offset >= range.end) break;
          const next = await iterator.next();
          if (next.done) break;
          const chunk = next.value;
          const start = Math.max(0, (range?.start ?? 0) - offset);
          const end = Math.min(chunk.byteLength, (range?.end ?? Number.MAX_SAFE_INTEGER) - offset);
          offset += chunk.byteLength;
          if (start >= end) continue;
          controller.enqueue(start === 0 && end === chunk.byteLength ? chunk : chunk.subarray(start, end));
          return;
        }
        await finish();
        controller.close();
      } catch (thrown) {
        await finish();
        controller.error(thrown);
      }
    },
    cancel: finish,
  });
}

/** Asks one peer after another for a good copy and keeps it; true when this node holds it afterwards. */
export async function pullCopy(key: Key, placement: Placement, fetcher: Fetcher, holdings: Holdings): Promise<boolean> {
  const found = await fetcher.fetch(key, placement);
  found?.dispose();
  return (await holdings.trusted(key)) !== undefined;
}

/** Waits at most `limitMs` for what a peer says; throws a Fault otherwise. */
export async function within<T>(clock: Clock, limitMs: number, ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const limit = new AbortController();
  const cancel = clock.schedule(limitMs, () =>
    limit.abort(new Fault("timeout", "cask/peer-stalled", `The peer did not answer within ${limitMs} ms`)),
  );
  try {
    return await orAborted(ask(limit.signal), limit.signal);
  } finally {
    cancel();
  }
}

/** The peer of a node, for callers that only hold its id. */
export function peerOf(placement: Placement, nodeId: string, peerFor: PeerFor): Peer | undefined {
  const node = placement.nodes.get(nodeId);
  return node?.alive && !node.self ? peerFor(node) : undefined;
}
