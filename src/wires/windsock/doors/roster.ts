/**
 * Who is connected by which door, for pages and orders to end; and which topics somebody hears, so that the
 * application can be told when one is occupied and when it is vacated. A topic counts as vacated only when nobody came
 * back for a while, so that a reconnection is no news.
 */
import type { Clock } from "../../../kit/clock.ts";
import type { Hub, Party } from "../hub.ts";
import { type Interest, interestKey } from "../publication.ts";

/** One connection as pages and the API see it. */
export interface Entry extends Party {
  /** IP address. */
  readonly address: string;
  /** `websocket`, `sse`, `poll`, or that of another door. */
  readonly transport: string;
  /** Epoch ms. */
  readonly since: number;
  /** What it hears, in words. */
  topics(): readonly string[];
  /** What waits for it, in bytes. */
  waitingBytes(): number;
}

/** What the roster needs. */
export interface RosterParts {
  hub: Pick<Hub, "attach" | "detach">;
  clock: Clock;
  /** The first began to hear a topic, or the last ceased. */
  told(kind: "occupied" | "vacated", interest: Interest): void;
}

/** How long a topic may be unheard before it counts as vacated. */
const graceMs = 5000;
/** Topics that may be waiting for that; beyond, the one that waited longest is vacated at once. */
const mostWaiting = 10_000;

/** See the file's head. */
export class Roster {
  readonly #parts: RosterParts;
  readonly #entries = new Map<string, Entry>();
  readonly #heard = new Map<string, { interest: Interest; count: number }>();
  /** Topics that nobody hears now and which are not vacated yet, each with what stops its clock; the oldest first. */
  readonly #unheard = new Map<string, () => void>();

  constructor(parts: RosterParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Enters a connection until {@link exit}. */
  enter(entry: Entry): void {
    this.#entries.set(entry.connection, entry);
    this.#parts.hub.attach(entry);
  }

  /** The connection is over; false when it was not there. */
  exit(entry: Entry): boolean {
    if (this.#entries.get(entry.connection) !== entry) return false;
    this.#entries.delete(entry.connection);
    this.#parts.hub.detach(entry);
    return true;
  }

  /** Somebody hears a topic until the function, or {@link cease}, is called. */
  hear(interest: Interest): () => void {
    const key = interestKey(interest);
    let heard = this.#heard.get(key);
    if (heard) {
      this.#unheard.get(key)?.();
      this.#unheard.delete(key);
      heard.count++;
    } else {
      heard = { interest, count: 1 };
      this.#heard.set(key, heard);
      this.#parts.told("occupied", interest);
    }
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.cease(interest);
    };
  }

  /** One hears a topic no more, for those who keep no function for it; once for each {@link hear}. */
  cease(interest: Interest): void {
    const key = interestKey(interest);
    const heard = this.#heard.get(key);
    if (!heard || --heard.count > 0) return;
    this.#unheard.set(
      key,
      this.#parts.clock.schedule(graceMs, () => this.#vacate(key)),
    );
    if (this.#unheard.size <= mostWaiting) return;
    for (const oldest of this.#unheard.keys()) {
      this.#vacate(oldest);
      break;
    }
  }

  /** Connections, oldest first, at most `limit`; of one user where one is named. */
  list(limit: number, user?: string): Entry[] {
    const found: Entry[] = [];
    for (const entry of this.#entries.values()) {
      if (found.length === limit) break;
      if (user === undefined || entry.user === user) found.push(entry);
    }
    return found;
  }

  /** What is heard, by how many, most first. */
  topics(limit: number): { interest: Interest; count: number }[] {
    return [...this.#heard.values()]
      .filter(({ count }) => count > 0)
      .map(({ count, interest }) => ({ interest, count }))
      .sort((left, right) => right.count - left.count)
      .slice(0, limit);
  }

  /** Distinct topics that are heard. */
  get topicCount(): number {
    let count = 0;
    for (const heard of this.#heard.values()) if (heard.count > 0) count++;
    return count;
  }

  /** Ends all connections whose entries fit. How many. */
  endAll(fits: (entry: Entry) => boolean, reason: string): number {
    const chosen = [...this.#entries.values()].filter(fits);
    for (const entry of chosen) entry.end(reason);
    return chosen.length;
  }

  /** Forgets what waits. */
  close(): void {
    for (const cancel of this.#unheard.values()) cancel();
  }

  #vacate(key: string): void {
    this.#unheard.get(key)?.();
    this.#unheard.delete(key);
    const heard = this.#heard.get(key);
    this.#heard.delete(key);
    if (heard) this.#parts.told("vacated", heard.interest);
  }
}
