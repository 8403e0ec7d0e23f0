/**
 * Files whose chunks are known from elsewhere: records of the predecessor, and exported ones of ours. The predecessor did not
 * write down how long the chunks are and took what was configured at the time of reading; here the lengths are asked of Cask
 * once and kept. As long as Cask cannot be asked the record itself stands in the catalog in the place of a root.
 */
import { z } from "zod";

import { Fault } from "../../kit/fault.ts";
import { type Key, parseKey } from "../cask/client.ts";
import type { ChunkStore } from "./chunk-store.ts";
import type { ImportedFile } from "./hakmes.ts";
import type { ManifestEntry } from "./manifest.ts";
import { type Cut, extensionOf, isMediaType, labelOf } from "./record.ts";

/** Chunks asked about at once. */
const asksAtOnce = 16;

const keyShape = z.custom<Key>((value) => typeof value === "string" && parseKey(value) !== undefined);
const recordShape = z.strictObject({
  key: keyShape,
  extension: z.string(),
  mimetype: z.string(),
  sizeBytes: z.int().min(0),
  chunkKeys: z.array(keyShape),
  chunkSizes: z.array(z.int().min(0)).optional(),
  cut: z.strictObject({ rule: z.string(), minBytes: z.int(), averageBytes: z.int(), maxBytes: z.int() }).optional(),
  names: z.array(z.string()).optional(),
});

/** A record as it waits in the catalog. */
export function encodeRecord(file: ImportedFile): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(file));
}

/** The record that waits in the catalog. Throws `hakmes/damaged-manifest` when it is none. */
export function decodeRecord(bytes: Uint8Array): ImportedFile {
  const parsed = recordShape.safeParse(JSON.parse(new TextDecoder().decode(bytes)));
  if (!parsed.success) throw badRecord("what the catalog has of it is no record");
  const { chunkSizes, cut, names, ...rest } = parsed.data;
  return { ...rest, ...(chunkSizes && { chunkSizes }), ...(cut && { cut }), ...(names && { names }) };
}

/** A record with its label made fit to be kept. */
export function fitRecord(file: ImportedFile): ImportedFile {
  const { mimetype } = labelOf({ mimetype: file.mimetype });
  const extension = extensionOf(labelOf({ name: file.extension }).name);
  const names = (file.names ?? []).map((name) => labelOf({ name }).name).filter((name) => name !== "");
  return {
    ...file,
    extension,
    mimetype: isMediaType(file.mimetype) ? file.mimetype : mimetype,
    names: [...new Set(names)],
  };
}

/** A cut as it may stand in a manifest; undefined for anything else that a record says. */
export function fitCut(cut: Cut | undefined): Cut | undefined {
  if (cut === undefined || !/^[a-z0-9-]{1,40}$/.test(cut.rule)) return undefined;
  const sizes = [cut.minBytes, cut.averageBytes, cut.maxBytes];
  return sizes.every((bytes) => Number.isSafeInteger(bytes) && bytes >= 1 && bytes <= 2 ** 30) ? cut : undefined;
}

/**
 * The chunks of a record with their sizes: those it says, or else those that Cask has. Faults: `hakmes/chunk-unavailable` when
 * Cask lacks a chunk, `hakmes/damaged-manifest` when the sizes do not come to that of the file.
 */
export async function sizedChunks(
  file: ImportedFile,
  store: ChunkStore,
  signal?: AbortSignal,
): Promise<readonly ManifestEntry[]> {
  const { chunkKeys } = file;
  const told = file.chunkSizes;
  const sizes =
    told !== undefined && told.length === chunkKeys.length && told.every((size) => size > 0)
      ? told
      : await learnedSizes(file, store, signal);
  const sum = sizes.reduce((total, size) => total + size, 0);
  if (sum !== file.sizeBytes) throw badRecord(`its chunks have ${sum} bytes and the file ${file.sizeBytes}`);
  return chunkKeys.map((key, place): ManifestEntry => [key, sizes[place] ?? 0]);
}

async function learnedSizes(
  { chunkKeys, sizeBytes }: ImportedFile,
  store: ChunkStore,
  signal: AbortSignal | undefined,
): Promise<readonly number[]> {
  const sizeOf = async (key: Key): Promise<number> => {
    const found = await store.find(key, signal);
    if (found === undefined) {
      throw new Fault(
        "unavailable",
        "hakmes/chunk-unavailable",
        `Cannot learn how long the chunks of the file are: no node that could be asked has ${key}`,
      );
    }
    if (found.sizeBytes === 0) throw badRecord(`its chunk ${key} is empty`);
    return found.sizeBytes;
  };
  const first = chunkKeys[0];
  const last = chunkKeys.at(-1);
  if (first === undefined || last === undefined) return [];
  // As the predecessor cut: all alike but the last, which has the rest.
  const firstBytes = await sizeOf(first);
  const restBytes = sizeBytes - firstBytes * (chunkKeys.length - 1);
  if (restBytes > 0 && restBytes <= firstBytes && (await sizeOf(last)) === restBytes) {
    return chunkKeys.map((_, place) => (place === chunkKeys.length - 1 ? restBytes : firstBytes));
  }
  const sizes: number[] = [];
  for (let at = 0; at < chunkKeys.length; at += asksAtOnce) {
    sizes.push(...(await Promise.all(chunkKeys.slice(at, at + asksAtOnce).map(sizeOf))));
  }
  return sizes;
}

function badRecord(reason: string): Fault {
  return new Fault("unavailable", "hakmes/damaged-manifest", `Cannot take the record of the file: ${reason}`);
}
