/**
 * The port to the catalog: which files there are, by key, with their names and the root of each manifest. It is a
 * convenience. Everything in it can be found again in Cask, and what two nodes know can be put together in any order: of
 * two entries for one key the proven one wins, then the one with a manifest, then the older, then the one whose manifest's
 * key is smaller.
 */
import type { Key } from "../cask/client.ts";
import type { FilePage, ListQuery } from "./hakmes.ts";
import type { FileName, StoredFile } from "./record.ts";

/** An entry, or a name, with its place in the order in which this catalog learned of them. */
export type Change =
  | { readonly sequence: number; readonly kind: "file"; readonly file: StoredFile; readonly root: Uint8Array }
  | { readonly sequence: number; readonly kind: "name"; readonly name: FileName };

/** Which files there are. All methods are synchronous; what returned is durable, except within {@link Catalog.together}. */
export interface Catalog {
  /** Made with the catalog and kept as long as it: who sees another starts from the beginning. */
  readonly id: string;
  /** Does several changes as one: all of them are durable when it returns, or none happened when `work` throws. */
  together<T>(work: () => T): T;
  find(key: Key): StoredFile | undefined;
  /** The root of the manifest, as its blob's bytes (at most 64 KiB); of a file without one, the record it was imported as. */
  root(key: Key): Uint8Array | undefined;
  /**
   * Enters a file; false when what is here wins, and nothing changes. An unproven one whose manifest was examined or dropped
   * before is not entered again.
   */
  add(file: StoredFile, root: Uint8Array): boolean;
  /** Adds a name; false when it was here. */
  addName(name: FileName): boolean;
  /** Marks a file's chunks as proven to make up its key. */
  prove(key: Key): void;
  /** Takes a file out whose manifest proved wrong, with its names; that manifest counts as examined from then on. */
  drop(key: Key): void;
  names(key: Key): readonly FileName[];
  list(query: ListQuery): FilePage;
  /** All files in the order of their keys' text, for export. */
  all(): IterableIterator<StoredFile>;
  counts(): { files: number; names: number; bytes: number; unproven: number; unanchored: number };
  /** What was learned after `sequence`, at most `limit` changes. */
  changes(sequence: number, limit: number): readonly Change[];
  /** The newest sequence; 0 for an empty catalog. */
  sequence(): number;
  /** Files whose manifest is not in Cask yet, or that are unproven; some of them. */
  unanchored(limit: number): readonly StoredFile[];
  unproven(limit: number): readonly StoredFile[];
  /** How far this catalog has followed another's changes; 0 when it never has. */
  followed(catalogId: string): number;
  follow(catalogId: string, sequence: number): void;
  /** Whether a blob was looked at in the search for manifests and is none. */
  isExamined(key: Key): boolean;
  examined(keys: readonly Key[]): void;
  close(): void;
}
