/**
 * For tests and benches of cutting: bytes that are the same everywhere, and the shortest ways to cut them.
 */
import { createCutter, type CutPlan } from "../cut-plan.ts";

/** Random-looking bytes from a seed other than 0 (xorshift32, each state as four bytes, lowest first). */
export function noise(seed: number, sizeBytes: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(sizeBytes / 4));
  let state = seed | 0;
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[at] = state;
  }
  return new Uint8Array(words.buffer, 0, sizeBytes);
}

/** Bytes over and over. */
export function repeated(pattern: Uint8Array, sizeBytes: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.alloc(sizeBytes, pattern));
}

/** The lengths of the chunks of an input that comes in pieces. */
export function sizesOf(plan: CutPlan, ...pieces: Uint8Array[]): number[] {
  const cutter = createCutter(plan);
  const sizes: number[] = [];
  let chunkBytes = 0;
  for (const piece of pieces) {
    let start = 0;
    for (const end of cutter.push(piece)) {
      sizes.push(chunkBytes + end - start);
      chunkBytes = 0;
      start = end;
    }
    chunkBytes += piece.length - start;
  }
  if (cutter.finish() !== chunkBytes) throw new Error("finish() does not know the length of the last chunk");
  return chunkBytes > 0 ? [...sizes, chunkBytes] : sizes;
}

/** The chunks of one piece, as views. */
export function chunksIn(plan: CutPlan, bytes: Uint8Array): Uint8Array[] {
  let start = 0;
  return sizesOf(plan, bytes).map((size) => bytes.subarray(start, (start += size)));
}

/** How much of `next` need not be stored after `earlier`: chunks and bytes that are new. */
export function newIn(
  plan: CutPlan,
  earlier: Uint8Array,
  next: Uint8Array,
): { chunks: number; of: number; bytes: number } {
  const known = new Set(chunksIn(plan, earlier).map((chunk) => Bun.hash(chunk)));
  const all = chunksIn(plan, next);
  const fresh = all.filter((chunk) => !known.has(Bun.hash(chunk)));
  return { chunks: fresh.length, of: all.length, bytes: fresh.reduce((sum, { length }) => sum + length, 0) };
}
