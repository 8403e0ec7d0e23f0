/**
 * Storing a blob on its owners. One pass hashes the bytes, writes them here and sends them to others in parallel, with
 * bounded memory: a slow peer slows the upload for at most the stall limit, then goes on without it.
 *
 * When who gets a blob depends on its key, bytes beyond {@link inlineBytes} go to a local temporary file first and are
 * sent once their key is known (or at once, when the client named the key). A node that fails is replaced by the next
 * in ring order. The write is acknowledged when the quorum has the blob on disk; owners that lack it then are owed a
 * copy, durably. A write that is not acknowledged may still have left good copies: they are content under its own name.
 */
import { type Clock, sleep } from "../../kit/clock.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";
import { Channel } from "./channel.ts";
import type { Digest } from "./digest.ts";
import type { Holdings } from "./holdings.ts";
import { type Incoming, tooLarge, wrongDigest } from "./incoming.ts";
import { type Algorithm, type Key, keyOf } from "./key.ts";
import { BudgetShare, type MemoryBudget } from "./memory-budget.ts";
import type { BlobBytes, PeerFor } from "./peer.ts";
import type { CaskNode, Placement } from "./placement.ts";
import { answerLimitMs, StallWatch } from "./stall-watch.ts";

/** Blobs up to this size are held in memory until their key is known. */
export const inlineBytes = 1024 * 1024;
/** Bytes queued for one peer before the upload waits for it; the second where memory is short. */
const queueBytes = 512 * 1024;
const shortQueueBytes = 128 * 1024;

/** What a write needs. */
export interface WriteParts {
  holdings: Holdings;
  peerFor: PeerFor;
  clock: Clock;
  /** What all uploads of this node may hold in memory together. */
  budget: MemoryBudget;
  digest: Digest;
  options: WriteOptions;
}

/** Numbers of the write path. */
export interface WriteOptions {
  /** A peer that takes no bytes, or does not answer, for this long is given up. */
  peerTimeoutMs: number;
  /** Once the quorum has the blob, the other copies are waited for at most this long before the answer. */
  settleMs: number;
  maxBlobBytes: number;
}

/** What the caller knows of the blob it sends. */
export interface PutOptions {
  algorithm: Algorithm;
  /** The key the bytes must have. */
  expected?: Key;
  sizeBytes?: number;
  signal: AbortSignal;
}

/** What became of a write. */
export interface PutResult {
  key: Key;
  sizeBytes: number;
  /** Nodes that have the blob on disk, in the order in which they said so. */
  holders: string[];
  /** Copies wanted. */
  wanted: number;
  quorum: number;
  /** Whether `holders` reach the quorum. */
  acknowledged: boolean;
  /** Transfers that were not waited for any longer and still go on. */
  underWay: number;
  /** Whether this node held it before. */
  existed: boolean;
  /** Why nodes did not take it, by node id. */
  failures: Record<string, string>;
}

/** Stores a blob. Throws Faults for bad input and when this node fails; a missed quorum is a result, not a Fault. */
export async function putBlob(
  source: BlobBytes,
  options: PutOptions,
  placement: Placement,
  parts: WriteParts,
): Promise<PutResult> {
  const { maxBlobBytes } = parts.options;
  if (options.sizeBytes !== undefined && options.sizeBytes > maxBlobBytes) throw tooLarge(maxBlobBytes);
  if (source instanceof Uint8Array) {
    if (source.byteLength > maxBlobBytes) throw tooLarge(maxBlobBytes);
    return putInline(source, options, placement, parts);
  }
  const share = new BudgetShare(parts.budget);
  try {
    const head = await readHead(source, share);
    if (head.bytes.byteLength > maxBlobBytes) {
      await head.rest?.return?.(undefined);
      throw tooLarge(maxBlobBytes);
    }
    if (!head.rest) return await putInline(head.bytes, options, placement, parts);
    return await new StreamedPut(options, placement, parts, share).run(head.bytes, head.rest);
  } finally {
    share.giveAll();
  }
}

/** Sends a stored blob to one peer; true when the peer has it on disk. */
export async function pushCopy(
  key: Key,
  algorithm: Algorithm,
  node: CaskNode,
  parts: Pick<WriteParts, "holdings" | "peerFor" | "clock" | "options">,
): Promise<boolean> {
  const stat = await parts.holdings.trusted(key);
  if (!stat) return false;
  const watch = new StallWatch(parts.clock, parts.options.peerTimeoutMs);
  try {
    const bytes = watch.over(parts.holdings.store.read(key));
    const answered = await parts
      .peerFor(node)
      .put(algorithm, bytes, { sizeBytes: stat.sizeBytes, signal: watch.signal });
    // Other bytes arrived than should have left: perhaps it is the copy here that went bad since it was last looked at.
    if (answered !== key) await parts.holdings.verify(key);
    return answered === key;
  } finally {
    watch.done();
  }
}

/** The first bytes of a source: all of them if they are few and there is memory for them. */
async function readHead(
  source: AsyncIterable<Uint8Array>,
  share: BudgetShare,
): Promise<{ bytes: Uint8Array; rest: AsyncIterator<Uint8Array> | undefined }> {
  const iterator = source[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let size = 0;
  while (size <= inlineBytes) {
    const next = await iterator.next();
    if (next.done) return { bytes: joined(chunks, size), rest: undefined };
    chunks.push(next.value);
    size += next.value.byteLength;
    if (!share.take(next.value.byteLength)) break;
  }
  return { bytes: joined(chunks, size), rest: iterator };
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const [only] = chunks;
  if (chunks.length === 1 && only) return only;
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}

async function putInline(
  bytes: Uint8Array,
  options: PutOptions,
  placement: Placement,
  parts: WriteParts,
): Promise<PutResult> {
  const key = keyOf(options.algorithm, await parts.digest(options.algorithm, bytes));
  if (options.expected !== undefined && options.expected !== key) throw wrongDigest(options.expected, key);
  const send = async (node: CaskNode) => {
    if (node.self && options.algorithm === "sha256") await parts.holdings.keepHashed(key, bytes);
    else if (node.self) await parts.holdings.keep(options.algorithm, bytes);
    else await putToPeer(parts, node, options.algorithm, bytes, key);
  };
  const existed = parts.holdings.ledger.find(key) !== undefined;
  return { ...(await spread({ key, sizeBytes: bytes.byteLength, placement, parts, send, begun: new Map() })), existed };
}

async function putToPeer(
  parts: WriteParts,
  node: CaskNode,
  algorithm: Algorithm,
  bytes: BlobBytes,
  key: Key,
  sizeBytes?: number,
): Promise<void> {
  const watch = new StallWatch(parts.clock, parts.options.peerTimeoutMs);
  try {
    const body = bytes instanceof Uint8Array ? bytes : watch.over(bytes);
    const answered = await parts.peerFor(node).put(algorithm, body, {
      ...(bytes instanceof Uint8Array ? { sizeBytes: bytes.byteLength } : sizeBytes === undefined ? {} : { sizeBytes }),
      signal: watch.signal,
    });
    if (answered !== key) throw new Error(`it stored "${answered}" instead of "${key}"`);
  } finally {
    watch.done();
  }
}

/**
 * Brings a blob to its owners: the first `copies` nodes of the write order at once, the next one for each that fails.
 * `begun` holds transfers that run already, by node id.
 */
async function spread(task: {
  key: Key;
  sizeBytes: number;
  placement: Placement;
  parts: WriteParts;
  send(node: CaskNode): Promise<void>;
  begun: ReadonlyMap<string, Promise<void>>;
}): Promise<Omit<PutResult, "existed">> {
  const { key, placement, parts } = task;
  const candidates = placement.writeOrder(key);
  const holders: string[] = [];
  const failures: Record<string, string> = {};
  let running = 0;
  /** What is wrong with the bytes themselves: the caller's to hear, not a matter of copies. */
  let refusal: Fault | undefined;
  await new Promise<void>((resolve) => {
    let next = 0;
    let cancelSettle: (() => void) | undefined;
    const start = (node: CaskNode) => {
      running++;
      const transfer = task.begun.get(node.id) ?? task.send(node);
      void transfer
        .then(
          () => {
            // After the answer went out the copy no longer counts there, but it is no longer owed either.
            if (finished) parts.holdings.ledger.settle(key, node.id);
            else holders.push(node.id);
          },
          (thrown: unknown) => {
            if (thrown instanceof Fault && thrown.kind === "conflict") refusal = thrown;
            failures[node.id] = reasonOf(thrown);
          },
        )
        .then(() => {
          running--;
          look();
        });
    };
    let finished = false;
    const finish = () => {
      finished = true;
      cancelSettle?.();
      resolve();
    };
    const look = () => {
      if (finished) return;
      while (holders.length + running < placement.copies && next < candidates.length) {
        start(candidates[next++] as CaskNode);
      }
      if (running === 0) finish();
      else if (holders.length >= placement.quorum && cancelSettle === undefined) {
        cancelSettle = parts.clock.schedule(parts.options.settleMs, finish);
      }
    };
    look();
  });
  if (refusal) throw refusal;
  if (holders.includes(placement.selfId)) {
    for (const owner of placement.owners(key)) {
      if (!holders.includes(owner.id)) parts.holdings.ledger.owe(key, owner.id, parts.clock.now());
    }
  }
  return {
    key,
    sizeBytes: task.sizeBytes,
    holders: [...holders],
    wanted: placement.copies,
    quorum: placement.quorum,
    acknowledged: holders.length >= placement.quorum,
    underWay: running,
    failures: { ...failures },
  };
}

/** A blob too large for memory, on its way. */
class StreamedPut {
  readonly #options: PutOptions;
  readonly #placement: Placement;
  readonly #parts: WriteParts;
  /** Peers that get the bytes as they come. */
  readonly #live: { node: CaskNode; channel: Channel; stored: Promise<Key> }[] = [];

  readonly #share: BudgetShare;

  constructor(options: PutOptions, placement: Placement, parts: WriteParts, share: BudgetShare) {
    this.#share = share;
    this.#options = options;
    this.#placement = placement;
    this.#parts = parts;
  }

  async run(head: Uint8Array, rest: AsyncIterator<Uint8Array>): Promise<PutResult> {
    const { holdings } = this.#parts;
    const incoming = await holdings.receive(this.#options.algorithm, this.#options.sizeBytes);
    let key: Key;
    let sha256: string;
    try {
      this.#beginPeers();
      await this.#take(incoming, head);
      while (true) {
        this.#options.signal.throwIfAborted();
        const next = await rest.next();
        if (next.done) break;
        await this.#take(incoming, next.value);
      }
      ({ key, sha256 } = incoming.finish());
      if (this.#options.expected !== undefined && key !== this.#options.expected) {
        throw wrongDigest(this.#options.expected, key);
      }
    } catch (thrown) {
      for (const { channel } of this.#live) channel.fail(thrown);
      await Promise.all([incoming.abort(), rest.return?.(undefined)]);
      throw thrown;
    }
    for (const { channel } of this.#live) channel.end();
    return this.#settle(incoming, key, sha256);
  }

  /** Starts sending to the peers that will get the blob whatever its key turns out to be, or that its announced key names. */
  #beginPeers(): void {
    const { expected } = this.#options;
    const targets = expected
      ? this.#placement.writeOrder(expected).slice(0, this.#placement.copies)
      : (this.#placement.everyKeyGoesTo() ?? []);
    for (const node of targets) {
      if (node.self) continue;
      const channel = new Channel(this.#share.take(queueBytes) ? queueBytes : shortQueueBytes);
      const stored = this.#parts.peerFor(node).put(this.#options.algorithm, channel, {
        ...(this.#options.sizeBytes === undefined ? {} : { sizeBytes: this.#options.sizeBytes }),
        signal: this.#options.signal,
      });
      // Looked at once the key is known; until then a failure shows in the channel being abandoned.
      stored.catch(() => channel.fail(new Error("the peer failed")));
      this.#live.push({ node, channel, stored });
    }
  }

  async #take(incoming: Incoming, chunk: Uint8Array): Promise<void> {
    for (const { channel } of this.#live) channel.push(chunk);
    await incoming.write(chunk);
    for (const { channel } of this.#live) {
      if (!channel.full) continue;
      const waited = new AbortController();
      const roomy = await Promise.race([
        channel.room().then(() => true),
        sleep(this.#parts.clock, this.#parts.options.peerTimeoutMs, waited.signal).then(() => false),
      ]);
      waited.abort();
      if (!roomy) channel.fail(new Fault("timeout", "cask/peer-stalled", "The peer took nothing for too long"));
    }
  }

  async #settle(incoming: Incoming, key: Key, sha256: string): Promise<PutResult> {
    const { clock, holdings, options } = this.#parts;
    const existed = holdings.ledger.find(key) !== undefined;
    const begun = new Map<string, Promise<void>>();
    for (const { node, stored } of this.#live) {
      const limit = new AbortController();
      const transfer = Promise.race([
        stored.then((answered) => {
          if (answered !== key) throw new Error(`it stored "${answered}" instead of "${key}"`);
        }),
        sleep(clock, answerLimitMs(options.peerTimeoutMs, incoming.sizeBytes), limit.signal).then(() => {
          throw new Fault("timeout", "cask/peer-stalled", "The peer did not answer in time");
        }),
      ]).finally(() => limit.abort());
      transfer.catch(() => undefined);
      begun.set(node.id, transfer);
    }
    // The spool can be read again only until it is committed, and must be ended exactly once: after that, from the store.
    let mine: Promise<void> | undefined;
    const keepMine = () => {
      mine ??= holdings.admit(incoming, key, sha256).then(() => undefined);
      return mine;
    };
    const selfTakes = this.#placement
      .writeOrder(key)
      .slice(0, this.#placement.copies)
      .some((node) => node.self);
    if (selfTakes) await keepMine().catch(() => undefined);
    const readers: Promise<unknown>[] = [];
    let wanted = false;
    const keepUnread = async () => {
      wanted = true;
      // More transfers may begin while the first ones are waited for.
      for (let waited = 0; waited < readers.length;) {
        waited = readers.length;
        await Promise.all(readers);
      }
      return keepMine();
    };
    const send = (node: CaskNode): Promise<void> => {
      if (node.self) return keepUnread();
      const give = (bytes: BlobBytes) =>
        putToPeer(this.#parts, node, this.#options.algorithm, bytes, key, incoming.sizeBytes);
      if (mine) return mine.then(() => give(holdings.store.read(key)));
      const transfer = give(incoming.reread());
      readers.push(transfer.catch(() => undefined));
      return transfer;
    };
    try {
      const result = await spread({
        key,
        sizeBytes: incoming.sizeBytes,
        placement: this.#placement,
        parts: this.#parts,
        send,
        begun,
      });
      return { ...result, existed };
    } finally {
      // Transfers may still run after the answer; the spool goes when the last of them has ended.
      if (!mine && !wanted) void Promise.all(readers).then(() => incoming.abort());
    }
  }
}
