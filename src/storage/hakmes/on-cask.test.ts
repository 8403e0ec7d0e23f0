import { describe, expect, test } from "bun:test";

import { Fault } from "../../kit/fault.ts";
import { seededRandom } from "../../kit/random.ts";
import { ManualClock } from "../../kit/testing/manual-clock.ts";
import type { CutPlan } from "../../lib/chunker/cut-plan.ts";
import { parseKey } from "../cask/client.ts";
import { MemoryCatalog } from "./catalog-memory.ts";
import { MemoryChunkStore } from "./chunk-store-memory.ts";
import { keyOfShort } from "./digest.ts";
import { createHakmes, type HakmesParts, type HakmesSettings } from "./on-cask.ts";
import { labelOf } from "./record.ts";

const smallPlan: CutPlan = { kind: "content", minBytes: 256, averageBytes: 1024, maxBytes: 4096 };
const label = labelOf({ name: "notes.txt", mimetype: "text/plain" });

/** Bytes that differ with the seed and never repeat. */
export function noise(sizeBytes: number, seed: number): Uint8Array<ArrayBuffer> {
  const random = seededRandom(seed);
  const words = new Uint32Array(Math.ceil(sizeBytes / 4));
  for (let at = 0; at < words.length; at++) words[at] = random() * 2 ** 32;
  return new Uint8Array(words.buffer, 0, sizeBytes);
}

/** The same bytes in pieces of odd lengths. */
async function* inPieces(bytes: Uint8Array, pieceBytes = 777): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

async function gathered(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const list: Uint8Array[] = [];
  for await (const piece of pieces) list.push(piece);
  return Buffer.concat(list);
}

function made(settings: Partial<HakmesSettings> = {}, parts: Partial<HakmesParts> = {}) {
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

describe("HakmesOnCask", () => {
  test("take and read: gives back the bytes, under the hash of the whole", async () => {
    const { hakmes, catalog } = made();
    const bytes = noise(100_000, 1);
    const taken = await hakmes.take(inPieces(bytes), label);
    expect(taken.existed).toBe(false);
    expect(taken.file.key).toBe(keyOfShort("sha256", bytes));
    expect(taken.file.sizeBytes).toBe(100_000);
    expect(taken.newChunks).toBe(taken.file.chunkCount);
    expect(Buffer.from(await gathered(await hakmes.read(taken.file))).equals(bytes)).toBe(true);
    expect(catalog.names(taken.file.key).map(({ name }) => name)).toEqual(["notes.txt"]);
  });
});
