/**
 * Who is there, by address: entries of connections here, and of other nodes. Counting is the reader's: a user may be
 * there by several connections.
 */
import type { Presence, PresenceChange } from "./hub.ts";

/** Whoever wants to know of all changes, such as what tells other nodes. */
export type PresenceWatcher = (address: string, change: PresenceChange, isLocal: boolean) => void;

/** The entries and those who watch them. */
export class PresenceBoard {
  readonly #byAddress = new Map<string, Map<string, Presence>>();
  readonly #watchers = new Map<string, Set<(change: PresenceChange) => void>>();
  readonly #everything = new Set<PresenceWatcher>();

  /** Enters until the function is called. A connection that is there already is replaced without news. */
  enter(address: string, who: Presence, isLocal: boolean): () => void {
    let entries = this.#byAddress.get(address);
    if (!entries) {
      entries = new Map();
      this.#byAddress.set(address, entries);
    }
    const isNew = !entries.has(who.connection);
    entries.set(who.connection, who);
    if (isNew) this.#tell(address, { kind: "join", who }, isLocal);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      const held = this.#byAddress.get(address);
      // Another entry of the same connection has taken this one's place.
      if (!held || held.get(who.connection) !== who) return;
      held.delete(who.connection);
      if (held.size === 0) this.#byAddress.delete(address);
      this.#tell(address, { kind: "leave", who }, isLocal);
    };
  }

  /** Who is there. */
  list(address: string): Presence[] {
    return [...(this.#byAddress.get(address)?.values() ?? [])];
  }

  /** All entries, for a node that comes new. */
  *entries(): Generator<{ address: string; who: Presence }> {
    for (const [address, entries] of this.#byAddress) for (const who of entries.values()) yield { address, who };
  }

  /** Tells of changes under one address until the function is called. */
  watch(address: string, watcher: (change: PresenceChange) => void): () => void {
    let watchers = this.#watchers.get(address);
    if (!watchers) {
      watchers = new Set();
      this.#watchers.set(address, watchers);
    }
    const held = watchers;
    // The same function may watch twice.
    const own = (change: PresenceChange) => watcher(change);
    held.add(own);
    return () => {
      held.delete(own);
      if (held.size === 0 && this.#watchers.get(address) === held) this.#watchers.delete(address);
    };
  }

  /** Tells of all changes until the function is called. */
  watchEverything(watcher: PresenceWatcher): () => void {
    this.#everything.add(watcher);
    return () => void this.#everything.delete(watcher);
  }

  #tell(address: string, change: PresenceChange, isLocal: boolean): void {
    for (const watcher of this.#everything) watcher(address, change, isLocal);
    for (const watcher of this.#watchers.get(address) ?? []) watcher(change);
  }
}
