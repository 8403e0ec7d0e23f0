/**
 * What was said and what happened in each room, in one SQLite file: bounded by lines and by age, searchable by words. A room is
 * a channel of a network. A crash of the machine may cost the newest lines, never the file.
 */
import type { Database } from "bun:sqlite";

import { closeDatabase, inTransaction, openDatabase } from "../../kit/disk/sqlite.ts";
import type { BridgedKind } from "./plan.ts";

/** Where a line came from: IRC, the bus, the page, or the bridge itself. */
export type Origin = "irc" | "bus" | "web" | "fitor";

/** One line. */
export interface Line {
  /** Rises with each line of the file. */
  id: number;
  /** `<network>/<channel>`, folded to lower case. */
  room: string;
  /** Epoch ms. */
  at: number;
  kind: BridgedKind | "status";
  nick: string;
  text: string;
  origin: Origin;
}

/** Whether somebody said it, for unread marks; otherwise it happened. */
export function isSaid(kind: Line["kind"]): boolean {
  return kind === "message" || kind === "action" || kind === "notice";
}

/** A line that is not kept yet. */
export interface NewLine extends Omit<Line, "id"> {
  /** The server's name for it: a line that came before is not kept again. */
  messageId?: string | undefined;
}

const migrations = [
  `CREATE TABLE lines (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     room TEXT NOT NULL,
     at INTEGER NOT NULL,
     kind TEXT NOT NULL,
     nick TEXT NOT NULL,
     text TEXT NOT NULL,
     origin TEXT NOT NULL,
     message_id TEXT
   );
   CREATE INDEX lines_by_room ON lines (room, id);
   CREATE INDEX lines_by_at ON lines (at);
   CREATE UNIQUE INDEX lines_by_message ON lines (room, message_id) WHERE message_id IS NOT NULL;
   CREATE VIRTUAL TABLE words USING fts5(nick, text, content='lines', content_rowid='id', tokenize='unicode61');
   CREATE TRIGGER lines_added AFTER INSERT ON lines BEGIN
     INSERT INTO words (rowid, nick, text) VALUES (new.id, new.nick, new.text);
   END;
   CREATE TRIGGER lines_removed AFTER DELETE ON lines BEGIN
     INSERT INTO words (words, rowid, nick, text) VALUES ('delete', old.id, old.nick, old.text);
   END;`,
  // Where people only come and go, what was said last lies far back.
  `CREATE INDEX lines_said ON lines (room, id) WHERE kind IN ('message', 'action', 'notice');`,
];

interface Row {
  id: number;
  room: string;
  at: number;
  kind: string;
  nick: string;
  text: string;
  origin: string;
}

const columns = "lines.id, lines.room, lines.at, lines.kind, lines.nick, lines.text, lines.origin";
/** Lines forgotten in one transaction. */
const forgetMost = 2000;

/** The lines of all rooms. */
export class History {
  readonly #database: Database;

  /** Opens or makes the file; `:memory:` keeps nothing. Faults: those of opening a database. */
  constructor(path: string) {
    this.#database = openDatabase(path, { migrations, synchronous: "normal" });
  }

  /** Keeps a line; undefined when it was kept before. */
  add(line: NewLine): Line | undefined {
    const { at, kind, messageId, nick, origin, room, text } = line;
    // Looked for first, as an insert that comes to nothing would use up an id: ids are counted on to have no gaps.
    if (messageId !== undefined) {
      const known = this.#database
        .query<{ id: number }, [string, string]>("SELECT id FROM lines WHERE room = ? AND message_id = ?")
        .get(room, messageId);
      if (known) return undefined;
    }
    const { changes, lastInsertRowid } = this.#database
      .query(
        "INSERT OR IGNORE INTO lines (room, at, kind, nick, text, origin, message_id) VALUES (?, ?, ?, ?, ?, ?, ?)",
      )
      .run(room, Math.trunc(at), kind, nick, text, origin, messageId ?? null);
    // What the trigger adds to the index of words counts as well.
    if (changes === 0) return undefined;
    return { id: Number(lastInsertRowid), room, at: Math.trunc(at), kind, nick, text, origin };
  }

  /** The newest lines of a room, before the id of one where that is given; oldest first. */
  list(room: string, limit: number, beforeId = Number.MAX_SAFE_INTEGER): Line[] {
    return this.#database
      .query<Row, [string, number, number]>(
        `SELECT ${columns} FROM lines WHERE room = ? AND id < ? ORDER BY id DESC LIMIT ?`,
      )
      .all(room, beforeId, limit)
      .map(lineOf)
      .toReversed();
  }

  /** Lines of all rooms after one, oldest first. */
  after(id: number, limit: number): Line[] {
    return this.#database
      .query<Row, [number, number]>(`SELECT ${columns} FROM lines WHERE id > ? ORDER BY id LIMIT ?`)
      .all(id, limit)
      .map(lineOf);
  }

  /** Lines with all the words, newest first; in all rooms, or one. The last word may be the beginning of one. */
  search(words: string, limit: number, room?: string): Line[] {
    const asked = words.match(/[\p{L}\p{N}]+/gu)?.slice(0, 20) ?? [];
    if (asked.length === 0) return [];
    const query = asked.map((word) => `"${word}"`).join(" ");
    return this.#database
      .query<Row, [string, string | null, number]>(
        `SELECT ${columns} FROM words JOIN lines ON lines.id = words.rowid
         WHERE words MATCH ?1 AND (?2 IS NULL OR lines.room = ?2) ORDER BY lines.id DESC LIMIT ?3`,
      )
      .all(`${query}*`, room ?? null, limit)
      .map(lineOf);
  }

  /** When something was last heard on IRC in a room, epoch ms; what the bridge itself or others wrote does not count. */
  lastHeardAt(room: string): number | undefined {
    return this.#database
      .query<{ at: number }, [string]>(
        "SELECT at FROM lines WHERE room = ? AND origin = 'irc' ORDER BY id DESC LIMIT 1",
      )
      .get(room)?.at;
  }

  /** The id of the newest line of a room that somebody said; 0 without any. */
  newestSaid(room: string): number {
    const row = this.#database
      .query<{ id: number }, [string]>(
        "SELECT id FROM lines WHERE room = ? AND kind IN ('message', 'action', 'notice') ORDER BY id DESC LIMIT 1",
      )
      .get(room);
    return row?.id ?? 0;
  }

  /** The newest id that was given, also to a line that is forgotten by now; 0 without any. */
  get newestId(): number {
    return (
      this.#database.query<{ id: number }, []>("SELECT seq AS id FROM sqlite_sequence WHERE name = 'lines'").get()
        ?.id ?? 0
    );
  }

  /** When the line that came last was said; undefined without lines. */
  newestAt(): number | undefined {
    return this.#database.query<{ at: number }, []>("SELECT at FROM lines ORDER BY id DESC LIMIT 1").get()?.at;
  }

  /** Forgets what is too old or too much, a bounded number at a time; whether there is more. */
  forget(beforeAt: number, keepLines: number): boolean {
    let removed = 0;
    inTransaction(this.#database, () => {
      const run = (where: string, bound: number) => {
        const rows = this.#database
          .query<{ id: number }, [number, number]>(`SELECT id FROM lines WHERE ${where} LIMIT ?`)
          .all(bound, forgetMost);
        for (const { id } of rows) this.#database.query("DELETE FROM lines WHERE id = ?").run(id);
        removed = Math.max(removed, rows.length);
      };
      run("at < ?", beforeAt);
      // Ids are given without gaps but for lines that are gone from the old end, so their distance is a count.
      run("id <= ?", this.newestId - keepLines);
    });
    return removed === forgetMost;
  }

  /** Closes the file. */
  close(): void {
    closeDatabase(this.#database);
  }
}

function lineOf(row: Row): Line {
  return { ...row, kind: row.kind as Line["kind"], origin: row.origin as Origin };
}
