/**
 * The bytes of a file, chunk by chunk. Several chunks are fetched ahead of the one that is given out, within bounds; each is
 * hashed before a byte of it leaves. A chunk that cannot be had, or is not what its key says, is asked for again some times,
 * with pauses, before the reading fails: then the last byte given out was right, and more would follow. What is held
 * meanwhile, and when a reading that stalls has to give it back, is in read-ahead.ts.
 *
 * A chunk longer than {@link wholeBytesMax} (only records of a predecessor have such) is not held in memory. What is wanted of
 * it is gathered and verified first when that is short; otherwise it goes out as it comes and its last piece is held back
 * until the whole was hashed, so that wrong bytes never make a complete answer.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { algorithmOf, digestOf, type Key } from "../cask/client.ts";
import { type ChunkStore, patiently } from "./chunk-store.ts";
import type { PlacedChunk } from "./manifest-tree.ts";
import { ReadAhead, type Wanted } from "./read-ahead.ts";
import type { Room } from "./room.ts";

/** A chunk up to this length is held whole; 16 MiB is what the predecessor's author advised at most. */
export const wholeBytesMax = 16 * 1024 * 1024;

/** What is copied and given out at a time: pieces that others keep for a time of their own cost least when they are small. */
const givenBytes = 128 * 1024;
/** What is lent at a time. */
const lentBytes = 256 * 1024;

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
  /** What all readings together may hold of chunks. */
  readonly room: Room;
  /** A chunk's bytes were wrong or could not be had at once. */
  readonly retried: (key: Key) => void;
  /** @default {@link wholeBytesMax} */
  readonly wholeBytesMax?: number;
}

/** How the bytes of one reading are given out. */
export interface ReadingOptions {
  readonly signal?: AbortSignal | undefined;
  /**
   * Whether what is given out is used up (sent, hashed, copied) before whoever got it waits for anything: it is not copied
   * then, and its memory may be gone a moment later. Only the first piece stays until more is asked for. @default false
   */
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
  const heldMax = parts.wholeBytesMax ?? wholeBytesMax;
  signal?.throwIfAborted();
  const ahead = new ReadAhead({
    ...parts,
    wanted: wantedOf(chunks, start, end, heldMax),
    fetch: (wanted, inner) =>
      wanted.way === "whole"
        ? fetchChunk(parts, wanted.chunk, heldMax, inner)
        : insistently(parts, wanted.chunk.key, inner, () => spanOf(parts.chunks, wanted, inner)),
    signal: left.signal,
  });
  const leave = () => {
    left.abort(signal?.reason);
    // Whoever reads may never ask again, not even to say so.
    ahead.end(signal?.reason);
  };
  signal?.addEventListener("abort", leave, { once: true });
  let isFirst = true;
  let wanted: Wanted | undefined;
  let at = 0;
  try {
    for (;;) {
      const first = await ahead.first();
      if (first === undefined) return;
      // After a pause the same may have been fetched again.
      if (first.wanted !== wanted) {
        wanted = first.wanted;
        at = wanted.from;
      }
      const { chunk, from, until, way } = wanted;
      if (first.bytes === undefined) {
        yield* streamed(parts, chunk, from, until, left.signal);
        ahead.shift(first);
        continue;
      }
      const bytes = await first.bytes;
      signal?.throwIfAborted();
      const offset = way === "span" ? from : 0;
      const length = Math.min(isLent ? lentBytes : givenBytes, until - at);
      const piece = bytes.subarray(at - offset, at - offset + length);
      at += length;
      if (length > 0) {
        // Between the opening of a reading and its first piece there may be any time, and other readings want room.
        const given = isLent && !isFirst ? piece : piece.slice();
        isFirst = false;
        ahead.rest();
        yield given;
        ahead.goOn();
        signal?.throwIfAborted();
      }
      if (at >= until) ahead.shift(first);
    }
  } finally {
    left.abort();
    signal?.removeEventListener("abort", leave);
    ahead.end();
    await chunks.return();
  }
}

/** What of each chunk is wanted for `[start, end)`. */
async function* wantedOf(
  chunks: AsyncGenerator<PlacedChunk, void, void>,
  start: number,
  end: number,
  heldMax: number,
): AsyncGenerator<Wanted, void, void> {
  for await (const chunk of chunks) {
    const from = Math.max(0, start - chunk.start);
    const until = Math.min(chunk.sizeBytes, end - chunk.start);
    const way = chunk.sizeBytes <= heldMax ? "whole" : until - from <= heldMax ? "span" : "stream";
    yield { chunk, from, until, way };
  }
}

/** The wanted bytes of a chunk too long to be held, all of which was verified. */
async function spanOf(store: ChunkStore, { chunk, from, until }: Wanted, signal: AbortSignal): Promise<Uint8Array> {
  const span = new Uint8Array(until - from);
  let at = 0;
  for await (const piece of hashed(store, chunk, from, until, signal)) {
    span.set(piece, at);
    at += piece.byteLength;
  }
  return span;
}

/** The bytes `[from, until)` of a chunk too long to be held, as they come. */
async function* streamed(
  parts: ReadingParts,
  chunk: PlacedChunk,
  from: number,
  until: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
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
