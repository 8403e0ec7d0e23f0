/**
 * What this node answers the others, before it becomes HTTP: files it knows, what it learned in order, and what it takes
 * from them. Answers come from the catalog alone; nobody is asked on behalf of another node.
 */
import type { Key } from "../cask/client.ts";
import type { Catalog } from "./catalog.ts";
import { enter, entryBytes } from "./peers-entry.ts";
import {
  changeEntry,
  entriesMax,
  type Entry,
  entryOf,
  type ManifestReader,
  type PeerAnswer,
  type PeerChanges,
} from "./peers.ts";

/** What answers are made of. */
export interface OwnAnswersParts {
  catalog: Catalog;
  manifests: ManifestReader;
  /** Whether this catalog holds all that this node ever acknowledged. */
  isWhole(): boolean;
  /** Something was entered. */
  learned(): void;
}

/** This node as the others see it. */
export interface OwnAnswers {
  find(key: Key): PeerAnswer;
  changes(after: number, limit: number): PeerChanges;
  /** How many of the entries were news. */
  take(entries: readonly Entry[]): number;
}

/** A page of changes stays below this size in bytes, unless one entry is larger. */
const pageBytes = 4 * 1024 * 1024;

/** The answers of a node. */
export function ownAnswers({ catalog, manifests, isWhole, learned }: OwnAnswersParts): OwnAnswers {
  return {
    find(key) {
      const file = entryOf(catalog, key);
      if (file === undefined) return { isCertain: isWhole() && catalog.find(key) === undefined };
      const names = catalog.names(key).map((name): Entry => ({ kind: "name", name }));
      return { entries: [file, ...names.slice(0, entriesMax - 1)] };
    },
    changes(after, limit) {
      const sequence = catalog.sequence();
      const changes = limit === 0 ? [] : catalog.changes(after, limit);
      const entries: Entry[] = [];
      let upTo = after;
      let bytes = 0;
      for (const change of changes) {
        const entry = changeEntry(change);
        bytes += entry === undefined ? 0 : entryBytes(entry);
        if (bytes > pageBytes && entries.length > 0) return { catalog: catalog.id, sequence, upTo, entries };
        if (entry !== undefined) entries.push(entry);
        upTo = change.sequence;
      }
      // What was dropped leaves gaps: where a page is not full there is nothing behind it.
      if (limit > 0 && changes.length < limit) upTo = Math.max(after, sequence);
      return { catalog: catalog.id, sequence, upTo, entries };
    },
    take(entries) {
      let entered = 0;
      catalog.together(() => {
        for (const entry of entries) if (enter(catalog, entry, manifests)) entered++;
      });
      if (entered > 0) learned();
      return entered;
    },
  };
}
