/**
 * The notes of this node in one SQLite file, in the order in which they came, so that another can ask for what is new.
 * Also which blobs of Cask were looked at in the search for notes.
 */
import type { Database } from "bun:sqlite";

import { closeDatabase, inTransaction, openDatabase } from "../../kit/disk/sqlite.ts";
import { type Key, requireKey } from "../cask/client.ts";
import type { FocalPoint } from "./engine.ts";
import { focusName, type Note, pointIn, wins } from "./notes.ts";

/** A page of notes for another node. */
export interface NotePage {
  /** Made with the file: whoever sees another begins anew. */
  readonly id: string;
  readonly notes: readonly Note[];
  /** To ask for what comes after. */
  readonly sequence: number;
}

const migrations = [
  `CREATE TABLE notes (
     image TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, at INTEGER NOT NULL, sequence INTEGER NOT NULL,
     PRIMARY KEY (image, name)
   ) WITHOUT ROWID, STRICT;
   CREATE UNIQUE INDEX notes_by_sequence ON notes (sequence);
   CREATE TABLE followed (id TEXT PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID, STRICT;
   CREATE TABLE examined (key TEXT PRIMARY KEY) WITHOUT ROWID, STRICT;
   CREATE TABLE self (id TEXT NOT NULL) STRICT;`,
];

interface Row {
  image: string;
  name: string;
  value: string;
  at: number;
  sequence: number;
}

/** Notes on images. */
export class Notes {
  readonly #database: Database;
  readonly id: string;
  #sequence: number;
  /** Images that have any, so that nearly all questions need no query. */
  readonly #noted = new Set<string>();

  /** Opens the file at `path`, or `:memory:`. Throws the Faults of `openDatabase`. */
  constructor(path: string) {
    this.#database = openDatabase(path, { migrations, synchronous: "full" });
    const row = this.#database.query<{ id: string }, []>("SELECT id FROM self").get();
    this.id = row?.id ?? crypto.randomUUID();
    if (row === null) this.#database.query<unknown, [string]>("INSERT INTO self VALUES (?)").run(this.id);
    this.#sequence =
      this.#database.query<{ top: number | null }, []>("SELECT MAX(sequence) AS top FROM notes").get()?.top ?? 0;
    for (const { image } of this.#database.query<{ image: string }, []>("SELECT DISTINCT image FROM notes").all())
      this.#noted.add(image);
  }

  /** Takes notes over; those that are new or took the place of another. */
  add(notes: readonly Note[]): Note[] {
    const changed: Note[] = [];
    inTransaction(this.#database, () => {
      for (const note of notes) {
        const held = this.#held(note.image, note.name);
        if (held !== undefined && !wins(note, held)) continue;
        this.#sequence++;
        this.#database
          .query<unknown, [string, string, string, number, number]>(
            "INSERT OR REPLACE INTO notes VALUES (?, ?, ?, ?, ?)",
          )
          .run(note.image, note.name, note.value, note.at, this.#sequence);
        this.#noted.add(note.image);
        changed.push(note);
      }
    });
    return changed;
  }

  /** Where square crops of an image look, if somebody said so. */
  focus(image: Key): FocalPoint | undefined {
    return this.#noted.has(image) ? pointIn(this.#held(image, focusName)?.value) : undefined;
  }

  /** Whether an image is served under that extension beside its own. */
  isServedAs(image: Key, extension: string): boolean {
    return this.#noted.has(image) && this.#held(image, `as:${extension}`)?.value === "true";
  }

  /** What came after `sequence`, at most `limit` notes. */
  after(sequence: number, limit: number): NotePage {
    const rows = this.#database
      .query<Row, [number, number]>("SELECT * FROM notes WHERE sequence > ? ORDER BY sequence LIMIT ?")
      .all(sequence, limit);
    return { id: this.id, notes: rows.map(fromRow), sequence: rows.at(-1)?.sequence ?? sequence };
  }

  /** The sequence of the newest note; 0 without any. */
  sequence(): number {
    return this.#sequence;
  }

  /** How far the notes of another file were followed; 0 when never. */
  followed(id: string): number {
    return (
      this.#database.query<{ sequence: number }, [string]>("SELECT sequence FROM followed WHERE id = ?").get(id)
        ?.sequence ?? 0
    );
  }

  follow(id: string, sequence: number): void {
    this.#database.query<unknown, [string, number]>("INSERT OR REPLACE INTO followed VALUES (?, ?)").run(id, sequence);
  }

  isExamined(key: Key): boolean {
    return this.#database.query("SELECT 1 FROM examined WHERE key = ?").get(key) !== null;
  }

  examined(keys: readonly Key[]): void {
    const insert = this.#database.query<unknown, [string]>("INSERT OR IGNORE INTO examined VALUES (?)");
    inTransaction(this.#database, () => {
      for (const key of keys) insert.run(key);
    });
  }

  count(): number {
    return this.#database.query<{ count: number }, []>("SELECT COUNT(*) AS count FROM notes").get()?.count ?? 0;
  }

  close(): void {
    closeDatabase(this.#database);
  }

  #held(image: Key, name: string): Note | undefined {
    const row = this.#database
      .query<Row, [string, string]>("SELECT * FROM notes WHERE image = ? AND name = ?")
      .get(image, name);
    return row === null ? undefined : fromRow(row);
  }
}

function fromRow(row: Row): Note {
  return { image: requireKey(row.image), name: row.name, value: row.value, at: row.at };
}
