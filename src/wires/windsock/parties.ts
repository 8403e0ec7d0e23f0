/**
 * The connections of this node that can be ended by order: each by its name, and all of one user. Other nodes hear of
 * orders through those who watch.
 */
import type { Ended, Party } from "./hub.ts";

/** Whom an order is about. */
export type Whom = { user: string } | { connection: string };

/** See the file's head. */
export class Parties {
  readonly #byConnection = new Map<string, Party>();
  /** Nearly every user has one, for which no set is made. */
  readonly #byUser = new Map<string, Party | Set<Party>>();
  readonly #watchers = new Set<(who: Whom, reason: string) => void>();

  /** Has a connection known, until the function is called, or {@link detach} where its user never changes. */
  attach(party: Party): () => void {
    const { user } = party;
    this.#byConnection.set(party.connection, party);
    const others = this.#byUser.get(user);
    if (others instanceof Set) others.add(party);
    else this.#byUser.set(user, others ? new Set([others, party]) : party);
    return () => this.#forget(party, user);
  }

  /** See {@link attach}. */
  detach(party: Party): void {
    this.#forget(party, party.user);
  }

  /** How many connections a user has here. */
  countOf(user: string): number {
    return this.#of(user).length;
  }

  /** All connections here. */
  all(): IterableIterator<Party> {
    return this.#byConnection.values();
  }

  /** Ends connections here, and tells those who watch. How many were here, and whether other nodes were told. */
  order(who: Whom, reason: string): Ended {
    const ended = this.end(who, reason);
    for (const watcher of this.#watchers) watcher(who, reason);
    return { ended, elsewhere: this.#watchers.size > 0 };
  }

  /** Ends connections here and tells nobody of it. How many. */
  end(who: Whom, reason: string): number {
    const only = "connection" in who ? this.#byConnection.get(who.connection) : undefined;
    const ended = "user" in who ? this.#of(who.user) : only ? [only] : [];
    for (const party of ended) party.end(reason);
    return ended.length;
  }

  /** Tells of each {@link order}, for other nodes, until the function is called. */
  watch(watcher: (who: Whom, reason: string) => void): () => void {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  #of(user: string): Party[] {
    const found = this.#byUser.get(user);
    return found instanceof Set ? [...found] : found ? [found] : [];
  }

  #forget(party: Party, user: string): void {
    const others = this.#byUser.get(user);
    if (others instanceof Set) others.delete(party);
    if (others === party || (others instanceof Set && others.size === 0)) this.#byUser.delete(user);
    if (this.#byConnection.get(party.connection) === party) this.#byConnection.delete(party.connection);
  }
}
