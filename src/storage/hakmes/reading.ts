/**
 * The bytes of a file, chunk by chunk. Several chunks are fetched ahead of the one that is given out, within bounds; each is
 * hashed before a byte of it leaves. A chunk that cannot be had, or is not what its key says, is asked for again some times,
 * with pauses, before the reading fails: then the last byte given out was right, and more would follow.
 *
 * A chunk longer than {@link wholeBytesMax} (only records of a predecessor have such) is not held in memory. What is wanted of
 * it is gathered and verified first when that is short; otherwise it goes out as it comes and its last piece is held back
 * until the whole was hashed, so that wrong bytes never make a complete answer.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { letGo } from "../../kit/let-go.ts";
import { algorithmOf, digestOf, type Key } from "../cask/client.ts";
import { type ChunkStore, patiently } from "./chunk-store.ts";
import type { PlacedChunk } from "./manifest-tree.ts";
import type { Room } from "./room.ts";

/** A chunk up to this length is held whole; 16 MiB is what the predecessor's author advised at most. */
export const wholeBytesMax = 16 * 1024 * 1024;

/** What is copied and given out at a time: pieces that others keep for a time of their own cost least when they are small. */
const givenBytes = 128 * 1024;

/** Pauses between attempts at a chunk, ms: long enough for a cluster to see that a node has gone, short for who waits. */
const pausesMs: readonly number[] = [100, 400, 1500, 3000];

/** What a reading needs. */
export interface ReadingParts {
  readonly chunks: ChunkStore;
  readonly clock: Clock;
  /** Chunks of one reading on their way at once. */
  readonly parallel: number;
  /** Bytes fetched ahead of what was given out, at most. */
  readonly readAheadBytes: number;
  /** What all readings together may hold; one chunk each is always granted. */
  readonly room: Room;
  /** A chunk's bytes were wrong or could not be had at once. */
  readonly retried: (key: Key) => void;
  /** @default {@link wholeBytesMax} */
  readonly wholeBytesMax?: number;
}

/** How the bytes of one reading are given out. */
export interface ReadingOptions {
  readonly signal?: AbortSignal | undefined;
  /** Whether what is given out may be taken back as soon as more is asked for; saves copying it. @default false */
  readonly isLent?: boolean | undefined;
}

/** A whole blob, verified. Throws `hakmes/chunk-unavailable` when it cannot be had. */
export function fetchBlob(
  parts: Pick<ReadingParts, "chunks" | "clock" | "retried">,
  key: Key,
  maxBytes: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  return insistently(parts, key, signal, () => parts.chunks.get(key, maxBytes, signal));
}

/** Tries some times; what the last attempt failed with becomes a sentence for who reads the file. */
async function insistently<T>(
  parts: Pick<ReadingParts, "clock" | "retried">,
  key: Key,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
): Promise<T> {
  try {
    return await patiently(parts.clock, pausesMs, signal, async () => {
      try {
        return await attempt();
      } catch (thrown) {
        if (!signal?.aborted) parts.retried(key);
        throw thrown;
      }
    });
  } catch (thrown) {
    throw unavailable(key, thrown, signal);
  }
}

async function fetchChunk(
  parts: ReadingParts,
  { key, sizeBytes }: PlacedChunk,
  heldMax: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const bytes = await fetchBlob(parts, key, Math.max(sizeBytes, heldMax), signal);
  if (bytes.byteLength !== sizeBytes) throw wrongSize(key, bytes.byteLength, sizeBytes);
  return bytes;
}

interface Ahead {
  readonly chunk: PlacedChunk;
  /** Absent for a chunk too long to be held. */
  readonly bytes: Promise<Uint8Array> | undefined;
  /** Taken from the room that all share. */
  readonly takenBytes: number;
}

/**
 * The bytes `[start, end)` out of the chunks that cover them. Its first step is done when this resolves: a chunk that cannot
 * be had fails the promise, not the reading. To be read to its end or returned.
 */
export async function openReading(
  parts: ReadingParts,
  chunks: AsyncGenerator<PlacedChunk, void, void>,
  start: number,
  end: number,
  options: ReadingOptions = {},
): Promise<AsyncGenerator<Uint8Array, void, void>> {
  const bytes = bytesOf(parts, chunks, start, end, options);
  return new Begun(bytes, await bytes.next());
}

async function* bytesOf(
  parts: ReadingParts,
  chunks: AsyncGenerator<PlacedChunk, void, void>,
  start: number,
  end: number,
  { signal, isLent = false }: ReadingOptions,
): AsyncGenerator<Uint8Array, void, void> {
  const left = new AbortController();
  const leave = () => left.abort(signal?.reason);
  signal?.throwIfAborted();
  signal?.addEventListener("abort", leave, { once: true });
  const ahead: Ahead[] = [];
  let aheadBytes = 0;
  let waiting: PlacedChunk | undefined;
  let isAll = false;
  const heldMax = parts.wholeBytesMax ?? wholeBytesMax;
  const fill = async () => {
    while (!isAll && ahead.length < parts.parallel) {
      if (waiting === undefined) {
        const next = await chunks.next();
        if (next.done) {
          isAll = true;
          return;
        }
        waiting = next.value;
      }
      const { sizeBytes } = waiting;
      const isLong = sizeBytes > heldMax;
      // A long chunk begins when its turn has come, and nothing is fetched past it.
      if (isLong ? ahead.length > 0 : ahead.at(-1)?.bytes === undefined && ahead.length > 0) return;
      if (ahead.length > 0 && aheadBytes + sizeBytes > parts.readAheadBytes) return;
      const isGranted = !isLong && parts.room.take(sizeBytes);
      if (!isGranted && ahead.length > 0) return;
      const bytes = isLong ? undefined : fetchChunk(parts, waiting, heldMax, left.signal);
      // Whoever waits for it hears of its failure; until then nobody does.
      bytes?.catch(() => undefined);
      ahead.push({ chunk: waiting, bytes, takenBytes: isGranted ? sizeBytes : 0 });
      aheadBytes += sizeBytes;
      waiting = undefined;
    }
  };
  try {
    for (;;) {
      await fill();
      const first = ahead[0];
      if (first === undefined) return;
      const { chunk } = first;
      const from = Math.max(0, start - chunk.start);
      const until = Math.min(chunk.sizeBytes, end - chunk.start);
      if (first.bytes === undefined) yield* longChunk(parts, chunk, from, until, heldMax, left.signal);
      else {
        const bytes = await first.bytes;
        if (isLent) yield bytes.subarray(from, until);
        else for (let at = from; at < until; at += givenBytes) yield bytes.slice(at, Math.min(at + givenBytes, until));
        letGo(bytes);
      }
      signal?.throwIfAborted();
      ahead.shift();
      aheadBytes -= chunk.sizeBytes;
      parts.room.give(first.takenBytes);
    }
  } finally {
    left.abort();
    signal?.removeEventListener("abort", leave);
    for (const { takenBytes } of ahead) parts.room.give(takenBytes);
    await chunks.return();
  }
}

/** The bytes `[from, until)` of a chunk that is too long to be held. */
async function* longChunk(
  parts: ReadingParts,
  chunk: PlacedChunk,
  from: number,
  until: number,
  heldMax: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  if (until - from <= heldMax) {
    yield await insistently(parts, chunk.key, signal, async () => {
      const wanted = new Uint8Array(until - from);
      let at = 0;
      for await (const piece of hashed(parts.chunks, chunk, from, until, signal)) {
        wanted.set(piece, at);
        at += piece.byteLength;
      }
      return wanted;
    });
    return;
  }
  let heldBack: Uint8Array | undefined;
  try {
    // The client goes on at another address from the byte it had come to, so there is nothing to begin again.
    for await (const piece of hashed(parts.chunks, chunk, from, until, signal)) {
      if (heldBack) yield heldBack;
      heldBack = piece;
    }
  } catch (thrown) {
    throw unavailable(chunk.key, thrown, signal);
  }
  if (heldBack) yield heldBack;
}

/** What of a chunk lies in `[from, until)`; ends without an error only when the whole chunk was right. */
async function* hashed(
  store: ChunkStore,
  { key, sizeBytes }: PlacedChunk,
  from: number,
  until: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  const hash = new Bun.CryptoHasher(algorithmOf(key));
  let at = 0;
  for await (const piece of store.stream(key, signal)) {
    hash.update(piece);
    const wanted = piece.subarray(Math.max(0, from - at), Math.max(0, until - at));
    at += piece.byteLength;
    if (wanted.byteLength > 0) yield wanted;
  }
  if (hash.digest("hex") !== digestOf(key)) throw wrongBytes(key);
  if (at !== sizeBytes) throw wrongSize(key, at, sizeBytes);
}

/** A generator whose first result is known already. */
class Begun implements AsyncGenerator<Uint8Array, void, void> {
  readonly #rest: AsyncGenerator<Uint8Array, void, void>;
  #first: IteratorResult<Uint8Array, void> | undefined;

  constructor(rest: AsyncGenerator<Uint8Array, void, void>, first: IteratorResult<Uint8Array, void>) {
    this.#rest = rest;
    this.#first = first;
  }

  async next(): Promise<IteratorResult<Uint8Array, void>> {
    const first = this.#first;
    this.#first = undefined;
    return first ?? this.#rest.next();
  }

  return(): Promise<IteratorResult<Uint8Array, void>> {
    this.#first = undefined;
    return this.#rest.return();
  }

  throw(thrown: unknown): Promise<IteratorResult<Uint8Array, void>> {
    this.#first = undefined;
    return this.#rest.throw(thrown);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}

function wrongBytes(key: Key): Fault {
  return new Fault("unavailable", "hakmes/wrong-chunk", `The bytes that came are not those of ${key}`);
}

/** The bytes are right, so it is the manifest that is wrong. */
function wrongSize(key: Key, isBytes: number, sizeBytes: number): Fault {
  return new Fault(
    "unavailable",
    "hakmes/damaged-manifest",
    `Cannot read the file: its chunk ${key} has ${isBytes} bytes and its manifest says ${sizeBytes}`,
  );
}

function unavailable(key: Key, thrown: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted || !(thrown instanceof Fault) || thrown.code === "hakmes/damaged-manifest") return thrown;
  return new Fault(
    "unavailable",
    "hakmes/chunk-unavailable",
    thrown.kind === "missing"
      ? `Cannot read the file: no node that could be asked has its chunk ${key}`
      : `Cannot read the file: its chunk ${key} cannot be had (${thrown.message})`,
    { cause: thrown, retryAfterMs: thrown.retryAfterMs ?? 5000 },
  );
}
