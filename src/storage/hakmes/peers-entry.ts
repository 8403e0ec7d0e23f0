/**
 * Entries on their way between catalogs: as JSON, and into the catalog of whoever receives them. What comes is bounded and
 * checked in every detail: the root must be the blob its key says, and read as a manifest; names must be fit to be shown.
 */
import { z } from "zod";

import { algorithmOf, digestOf, type Key, parseKey } from "../cask/client.ts";
import type { Catalog } from "./catalog.ts";
import { entriesMax, type Entry, type ManifestReader } from "./peers.ts";
import { isMediaType, isName } from "./record.ts";

/** The longest root of a manifest, in bytes; no longer blob is one. */
export const rootBytesMax = 65_536;
/** The last instant that a Date can hold, epoch ms. */
const latestDate = 8.64e15;

const keyShape = z.string().transform((text, check): Key => {
  const key = parseKey(text);
  if (key !== undefined) return key;
  check.addIssue({ code: "custom", message: "wanted a key" });
  return z.NEVER;
});
const rootShape = z
  .base64()
  .max(Math.ceil(rootBytesMax / 3) * 4)
  .transform((text) => new Uint8Array(Buffer.from(text, "base64")));
const entryShape = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("file"), root: rootShape, manifest: keyShape, isProven: z.boolean() }),
  z.object({
    kind: z.literal("name"),
    name: z.object({
      key: keyShape,
      name: z.string().min(1).refine(isName),
      mimetype: z.string().refine(isMediaType),
      addedAt: z.int().min(0).max(latestDate),
    }),
  }),
]);

/** Entries as they come in JSON. */
export const entriesShape = z.array(entryShape).max(entriesMax);

/** Entries as they go out in JSON. */
export function entriesJson(entries: readonly Entry[]): unknown[] {
  return entries.map((entry) =>
    entry.kind === "name"
      ? { kind: "name", name: entry.name }
      : {
          kind: "file",
          root: Buffer.from(entry.root).toString("base64"),
          manifest: entry.manifest,
          isProven: entry.isProven,
        },
  );
}

/** The bytes an entry takes on its way, about. */
export function entryBytes(entry: Entry): number {
  return entry.kind === "name" ? 600 : 300 + Math.ceil(entry.root.byteLength / 3) * 4;
}

/** Whether bytes are those of a key. */
export function isBlobOf(key: Key, bytes: Uint8Array): boolean {
  return new Bun.CryptoHasher(algorithmOf(key)).update(bytes).digest("hex") === digestOf(key);
}

/**
 * Enters what another node told; true when the catalog learned something. What is not what it should be changes nothing,
 * nor does an unproven entry that was refuted here before, or for whose file there is another.
 */
export function enter(catalog: Catalog, entry: Entry, manifests: ManifestReader): boolean {
  if (entry.kind === "name") return catalog.addName(entry.name);
  if (entry.root.byteLength > rootBytesMax || !isBlobOf(entry.manifest, entry.root)) return false;
  const found = manifests.read(entry.manifest, entry.root);
  if (found?.kind !== "file") return false;
  const isProven = entry.isProven || found.file.isProven;
  // Of several that are not proven the search in Cask keeps count; one more would push another out of its sight.
  if (!isProven && (catalog.isExamined(entry.manifest) || catalog.find(found.file.key) !== undefined)) return false;
  return catalog.add({ ...found.file, manifest: entry.manifest, isProven }, entry.root);
}
