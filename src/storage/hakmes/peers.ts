/**
 * The port to another Hakmes of the cluster, as the rules see it, and the entries that go between them. Over HTTP it is
 * fulfilled by peers-http.ts, in simulations by a network that loses and delays. An entry carries the root of a manifest as
 * it lies in Cask, so that whoever receives it reads it with the same strict decoder as one found there; that its chunks
 * make up its key is believed because the sender, who knows the secret of the cluster, says so.
 */
import type { Key } from "../cask/client.ts";
import type { Catalog, Change } from "./catalog.ts";
import type { FileName, StoredFile } from "./record.ts";

/** A node of the cluster that runs Hakmes. */
export interface HakmesNode {
  readonly id: string;
  /** Where its routes begin, without a trailing slash; empty when it is not known whether the node runs Hakmes. */
  readonly url: string;
  readonly self: boolean;
  readonly isAlive: boolean;
  /** It said farewell: it acknowledges nothing any more. */
  readonly hasLeft: boolean;
  /** How long it has not been alive, ms of monotonic time. */
  readonly goneMs: number;
  /** The beginning of its catalog's id, and the newest sequence in it, as it told some seconds ago. */
  readonly told?: { readonly catalog: string; readonly sequence: number };
}

/** What goes from one catalog to another. */
export type Entry =
  | {
      readonly kind: "file";
      readonly root: Uint8Array;
      /** The key of `root` in Cask. */
      readonly manifest: Key;
      readonly isProven: boolean;
    }
  | { readonly kind: "name"; readonly name: FileName };

/** What a node answers when it is asked for a file. */
export type PeerAnswer =
  | { readonly entries: readonly Entry[] }
  /** It does not know the file; `isCertain` when its catalog holds all that it ever acknowledged. */
  | { readonly isCertain: boolean };

/** A page of what a node learned. */
export interface PeerChanges {
  readonly catalog: string;
  /** The newest sequence there is; the page may end before it. */
  readonly sequence: number;
  /** The sequence up to which this page goes. */
  readonly upTo: number;
  readonly entries: readonly Entry[];
}

/** What one node can ask of another. Every call may throw a Fault and is bounded in time by its signal. */
export interface Peer {
  readonly node: HakmesNode;
  /** Gives it entries; resolves when they are on its disk. */
  push(entries: readonly Entry[], signal: AbortSignal): Promise<void>;
  /** A file with its names. */
  find(key: Key, signal: AbortSignal): Promise<PeerAnswer>;
  /** What it learned after a sequence, at most `limit` changes; with a limit of 0 only where it stands. */
  changes(after: number, limit: number, signal: AbortSignal): Promise<PeerChanges>;
}

/** How a node reaches others. */
export type PeerFor = (node: HakmesNode) => Peer;

/** What a blob says that is one of ours. */
export type FoundManifest =
  /** `file.isProven` when a seal of this cluster vouches for it; `file.manifest` is the blob's key. */
  | { readonly kind: "file"; readonly file: StoredFile; readonly name?: FileName }
  /** A further part of a manifest; its root leads to it. */
  | { readonly kind: "part" }
  | { readonly kind: "name"; readonly name: FileName; readonly isSealed: boolean };

/** Reads blobs that may be manifests. */
export interface ManifestReader {
  /** How many of a blob's first bytes tell whether it may be one, and whether they do. */
  readonly headBytes: number;
  isHead(bytes: Uint8Array): boolean;
  /** What a whole blob says; undefined when it is none of ours in any detail. */
  read(key: Key, bytes: Uint8Array): FoundManifest | undefined;
}

/** At most so many entries go in one message. */
export const entriesMax = 100;

/** A catalog's file as an entry; undefined while its manifest is not in Cask, and for files it does not have. */
export function entryOf(catalog: Catalog, key: Key): Entry | undefined {
  const file = catalog.find(key);
  const root = catalog.root(key);
  return file === undefined || root === undefined ? undefined : fileEntry(file, root);
}

/** A change as an entry; undefined for a file whose manifest is not in Cask. */
export function changeEntry(change: Change): Entry | undefined {
  return change.kind === "name" ? { kind: "name", name: change.name } : fileEntry(change.file, change.root);
}

/** A file as an entry; undefined while its manifest is not in Cask. */
export function fileEntry(file: StoredFile, root: Uint8Array): Entry | undefined {
  if (file.manifest === undefined) return undefined;
  return { kind: "file", root, manifest: file.manifest, isProven: file.isProven };
}
