/**
 * A Hakmes over a store of chunks in memory, for tests: small chunks, a clock that the test moves, and bytes from seeds.
 */
import { seededRandom } from "../../kit/random.ts";
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import type { CutPlan } from "../../lib/chunker/cut-plan.ts";
import { MemoryCatalog } from "./catalog-memory.ts";
import { MemoryChunkStore } from "./chunk-store-memory.ts";
import { createHakmes, type HakmesParts, type HakmesSettings } from "./on-cask.ts";
import { labelOf } from "./record.ts";

/** Cuts of about 1 KiB. */
export const smallPlan: CutPlan = { kind: "content", minBytes: 256, averageBytes: 1024, maxBytes: 4096 };
/** What an uploader says. */
export const label = labelOf({ name: "notes.txt", mimetype: "text/plain" });

/** Bytes that depend on the seed alone and do not repeat. */
export function noise(sizeBytes: number, seed: number): Uint8Array<ArrayBuffer> {
  const random = seededRandom(seed);
  const words = new Uint32Array(Math.ceil(sizeBytes / 4));
  for (let at = 0; at < words.length; at++) words[at] = random() * 2 ** 32;
  return new Uint8Array(words.buffer, 0, sizeBytes);
}

/** The same bytes in pieces. */
export async function* inPieces(bytes: Uint8Array, pieceBytes = 777): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

/** All that comes, in one. */
export async function gathered(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const list: Uint8Array[] = [];
  for await (const piece of pieces) list.push(piece);
  return Buffer.concat(list);
}

/** A Hakmes with all it stands on. */
export function made(settings: Partial<HakmesSettings> = {}, parts: Partial<HakmesParts> = {}) {
  const chunks = new MemoryChunkStore();
  const catalog = new MemoryCatalog();
  const clock = new ManualClock();
  const happened: string[] = [];
  const hakmes = createHakmes({
    chunks,
    catalog,
    clock,
    settings: { algorithm: "sha256", plan: smallPlan, ...settings },
    seal: () => "",
    happened: (event) => happened.push(event),
    ...parts,
  });
  return { chunks, catalog, clock, hakmes, happened };
}

/** Moves time until a promise settles, letting the runtime's own threads work in between. Gives what it gives. */
export async function settled<T>(clock: ManualClock, promise: Promise<T>): Promise<T> {
  const state = { isSettled: false };
  const note = () => {
    state.isSettled = true;
  };
  promise.then(note, note);
  while (!state.isSettled) {
    await new Promise((resolve) => setImmediate(resolve));
    if (clock.waiting > 0) clock.advance(100);
  }
  return promise;
}
