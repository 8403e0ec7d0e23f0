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
/** So many are kept; of more the oldest go, looked at now and then. */
const keptMax = 1_000_000;
const clearEvery = 1000;

const hasAll =
  "NOT EXISTS (SELECT 1 FROM json_each(?3) AS wanted WHERE wanted.value NOT IN (SELECT value FROM json_each(events.tags)))";
const hasAny =
  "EXISTS (SELECT 1 FROM json_each(?3) AS wanted WHERE wanted.value IN (SELECT value FROM json_each(events.tags)))";

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
    const id = Number(lastInsertRowid);
    if (id % clearEvery === 0)
      this.#database.query<unknown, [number]>("DELETE FROM events WHERE id <= ?").run(id - keptMax);
    return id;
  }

  /** Events in [from, until], newest first, at most 10,000, with all of the tags, or with any when `any` is set. */
  list(from: number, until: number, tags: readonly string[] = [], any = false): SeriesEvent[] {
    const tagged = tags.length === 0 ? "" : `AND ${any ? hasAny : hasAll}`;
    return this.#database
      .query<Row, [number, number, string]>(
        `SELECT * FROM events WHERE at >= ?1 AND at <= ?2 AND ?3 <> '' ${tagged} ORDER BY at DESC LIMIT ${listMax}`,
      )
      .all(from, until, JSON.stringify(tags))
      .map(({ id, what, at, text, tags: own }) => ({
        id,
        what,
        atSeconds: at,
        text,
        tags: JSON.parse(own) as string[],
      }));
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
