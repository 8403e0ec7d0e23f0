/**
 * From the chunks of a file to its manifest and back. A file of few chunks has them in its root; a longer one has parts that
 * name them, and parts of parts. Going back only those parts are read that cover the bytes asked for.
 */
import type { Key } from "../cask/client.ts";
import { type ManifestBranch, type ManifestEntry, sumOf } from "./manifest.ts";

/** A chunk with its place in the file. */
export interface PlacedChunk {
  readonly key: Key;
  readonly sizeBytes: number;
  /** Where it begins in the file, bytes. */
  readonly start: number;
}

/** Stores a part and gives the key of its blob. Several may be stored at once. */
export type PutPart = (part: ManifestBranch) => Promise<Key>;
/** Reads the part of a key, which has this level and covers so many bytes; verified. */
export type GetPart = (key: Key, level: number, sizeBytes: number) => Promise<ManifestBranch>;

/**
 * What a root has to name so that it leads to all `chunks`, the parts it takes being stored. At most `entriesMax` entries go
 * into the root and into each part.
 */
export async function plantTree(
  chunks: Iterable<ManifestEntry>,
  entriesMax: number,
  put: PutPart,
): Promise<ManifestBranch> {
  let level = 0;
  let row: Iterable<ManifestEntry> = chunks;
  for (;;) {
    const above: ManifestEntry[] = [];
    let group: ManifestEntry[] = [];
    for (const entry of row) {
      if (group.length === entriesMax) {
        above.push([await put({ level, entries: group }), sumOf(group)]);
        group = [];
      }
      group.push(entry);
    }
    if (above.length === 0) return { level, entries: group };
    above.push([await put({ level, entries: group }), sumOf(group)]);
    row = above;
    level++;
  }
}

/** The chunks of a tree that touch the bytes `[start, end)`, in order. An empty range touches none. */
export async function* chunksWithin(
  top: ManifestBranch,
  start: number,
  end: number,
  get: GetPart,
  topStart = 0,
): AsyncGenerator<PlacedChunk, void, void> {
  let at = topStart;
  for (const [key, sizeBytes] of top.entries) {
    const entryStart = at;
    at += sizeBytes;
    if (at <= start) continue;
    if (entryStart >= end) return;
    if (top.level === 0) yield { key, sizeBytes, start: entryStart };
    else yield* chunksWithin(await get(key, top.level - 1, sizeBytes), start, end, get, entryStart);
  }
}
