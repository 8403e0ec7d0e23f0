/**
 * What the tests of the rules among nodes share: files with manifests that are right, or lie, and other nodes of which a
 * test decides what they say.
 */
import type { Key } from "../cask/client.ts";
import { MemoryCatalog } from "./catalog-memory.ts";
import { keyOfShort } from "./digest.ts";
import { manifestReader } from "./found-manifest.ts";
import { encodeRoot, fileOfRoot } from "./manifest.ts";
import type { HakmesNode } from "./peers.ts";
import type { StoredFile } from "./record.ts";

/** A file as a catalog holds it, with the root of its manifest. */
export interface MadeFile {
  readonly file: StoredFile;
  readonly root: Uint8Array<ArrayBuffer>;
  readonly manifest: Key;
}

/**
 * A file of one chunk with this text; `secret` seals it, `liesAbout` has its manifest name the key of another text, and
 * `sizeBytes` another length.
 */
export function makeFile(
  text: string,
  options: {
    secret?: string;
    createdAt?: number;
    liesAbout?: string;
    sizeBytes?: number;
    isProven?: boolean;
    name?: string;
  } = {},
): MadeFile {
  const chunk = keyOfShort("sha256", text);
  const key = keyOfShort("sha256", options.liesAbout ?? text);
  const sizeBytes = options.sizeBytes ?? Buffer.byteLength(text);
  const value = {
    key,
    sizeBytes,
    chunkCount: 1,
    extension: ".txt",
    mimetype: "text/plain",
    createdAt: options.createdAt ?? 1000,
    name: options.name ?? "",
    level: 0,
    entries: [[chunk, sizeBytes]] as const,
  };
  const root = encodeRoot(value, options.secret ?? "");
  const manifest = keyOfShort("sha256", root);
  return { file: fileOfRoot(value, manifest, options.isProven ?? true), root, manifest };
}

/** A catalog with some files. */
export function catalogOf(...files: readonly MadeFile[]): MemoryCatalog {
  const catalog = new MemoryCatalog();
  for (const { file, root } of files) catalog.add(file, root);
  return catalog;
}

/** Reads manifests sealed with "sesame". */
export const sesameReader = manifestReader(() => "sesame");

/** Another node, alive unless said otherwise. */
export function nodeNamed(id: string, more: Partial<HakmesNode> = {}): HakmesNode {
  return { id, url: `http://${id}`, self: false, isAlive: true, hasLeft: false, goneMs: 0, ...more };
}
