/** Events, such as deploys and alerts, kept beside the values for graphs to show. One SQLite file, synced at each event. */
import type { Database } from "bun:sqlite";

import { closeDatabase, openDatabase } from "../../kit/disk/sqlite.ts";

/** One event. */
export interface SeriesEvent {
  id: number;
  what: string;
  atSeconds: number;
  text: string;
  tags: readonly string[];
}

const migrations = [
  "CREATE TABLE events (id INTEGER PRIMARY KEY, what TEXT NOT NULL, at REAL NOT NULL, text TEXT NOT NULL, tags TEXT NOT NULL) STRICT; CREATE INDEX events_at ON events (at)",
];
const listMax = 10_000;

interface Row {
  id: number;
  what: string;
  at: number;
  text: string;
  tags: string;
}

/** All events. */
export class EventsStore {
  readonly #database: Database;

  /** Opens or makes the file. Faults: those of openDatabase. */
  constructor(path: string) {
    this.#database = openDatabase(path, { migrations, synchronous: "full" });
  }

  /** Keeps an event; its number. */
  add(event: Omit<SeriesEvent, "id">): number {
    const { lastInsertRowid } = this.#database
      .query<unknown, [string, number, string, string]>("INSERT INTO events (what, at, text, tags) VALUES (?, ?, ?, ?)")
      .run(event.what, event.atSeconds, event.text, JSON.stringify(event.tags));
    return Number(lastInsertRowid);
  }

  /** Events in [from, until], newest first, at most 10,000, with all of the tags, or with any when `any` is set. */
  list(from: number, until: number, tags: readonly string[] = [], any = false): SeriesEvent[] {
    return this.#database
      .query<Row, [number, number, number]>("SELECT * FROM events WHERE at >= ? AND at <= ? ORDER BY at DESC LIMIT ?")
      .all(from, until, listMax)
      .map(({ id, what, at, text, tags: own }) => ({
        id,
        what,
        atSeconds: at,
        text,
        tags: JSON.parse(own) as string[],
      }))
      .filter((event) => {
        if (tags.length === 0) return true;
        return any ? tags.some((tag) => event.tags.includes(tag)) : tags.every((tag) => event.tags.includes(tag));
      });
  }

  find(id: number): SeriesEvent | undefined {
    const row = this.#database.query<Row, [number]>("SELECT * FROM events WHERE id = ?").get(id);
    return row
      ? { id: row.id, what: row.what, atSeconds: row.at, text: row.text, tags: JSON.parse(row.tags) as string[] }
      : undefined;
  }

  close(): void {
    closeDatabase(this.#database);
  }
}
