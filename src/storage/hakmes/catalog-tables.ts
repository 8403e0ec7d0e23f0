/**
 * The tables of the catalog in SQLite and the statements over them that do not change.
 */
import type { Database } from "bun:sqlite";

/** What leads from an empty file to the newest tables. Only ever appended to. */
export const catalogMigrations = [
  `CREATE TABLE files (
     key BLOB PRIMARY KEY, sequence INTEGER NOT NULL UNIQUE, size_bytes INTEGER NOT NULL, extension TEXT NOT NULL,
     mimetype TEXT NOT NULL, created_at INTEGER NOT NULL, chunk_count INTEGER NOT NULL, cut TEXT, manifest BLOB,
     is_proven INTEGER NOT NULL, sort_name TEXT NOT NULL
   ) WITHOUT ROWID, STRICT;
   CREATE INDEX files_by_time ON files (created_at DESC, key);
   CREATE INDEX files_by_size ON files (size_bytes DESC, key);
   CREATE INDEX files_by_name ON files (sort_name, key);
   CREATE INDEX files_unproven ON files (sequence) WHERE is_proven = 0;
   CREATE INDEX files_unanchored ON files (sequence) WHERE manifest IS NULL;
   CREATE TABLE roots (key BLOB PRIMARY KEY REFERENCES files (key) ON DELETE CASCADE, bytes BLOB NOT NULL) STRICT;
   CREATE TABLE names (
     key BLOB NOT NULL, name TEXT NOT NULL, folded TEXT NOT NULL, mimetype TEXT NOT NULL, added_at INTEGER NOT NULL,
     sequence INTEGER NOT NULL UNIQUE, PRIMARY KEY (key, name)
   ) WITHOUT ROWID, STRICT;
   CREATE TABLE followed (catalog TEXT PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID, STRICT;
   CREATE TABLE examined (key BLOB PRIMARY KEY) WITHOUT ROWID, STRICT;
   CREATE TABLE totals (
     one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL, sequence INTEGER NOT NULL, files INTEGER NOT NULL,
     names INTEGER NOT NULL, bytes INTEGER NOT NULL, unproven INTEGER NOT NULL, unanchored INTEGER NOT NULL
   ) STRICT;
   INSERT INTO totals VALUES (1, lower(hex(randomblob(16))), 0, 0, 0, 0, 0, 0);
   CREATE TRIGGER files_inserted AFTER INSERT ON files BEGIN
     UPDATE totals SET files = files + 1, bytes = bytes + new.size_bytes, unproven = unproven + 1 - new.is_proven,
       unanchored = unanchored + (new.manifest IS NULL);
   END;
   CREATE TRIGGER files_deleted AFTER DELETE ON files BEGIN
     UPDATE totals SET files = files - 1, bytes = bytes - old.size_bytes, unproven = unproven - 1 + old.is_proven,
       unanchored = unanchored - (old.manifest IS NULL);
   END;
   CREATE TRIGGER files_changed AFTER UPDATE OF size_bytes, is_proven, manifest ON files BEGIN
     UPDATE totals SET bytes = bytes + new.size_bytes - old.size_bytes, unproven = unproven + old.is_proven - new.is_proven,
       unanchored = unanchored + (new.manifest IS NULL) - (old.manifest IS NULL);
   END;
   CREATE TRIGGER names_inserted AFTER INSERT ON names BEGIN UPDATE totals SET names = names + 1; END;
   CREATE TRIGGER names_deleted AFTER DELETE ON names BEGIN UPDATE totals SET names = names - 1; END;`,
  // Manifests that lie about their sizes must not bring the sum beyond what SQLite counts: it is kept in two parts, "bytes"
  // being only the rest below one block of 2^27.
  `DROP TRIGGER files_inserted;
   DROP TRIGGER files_deleted;
   DROP TRIGGER files_changed;
   ALTER TABLE totals ADD COLUMN blocks INTEGER NOT NULL DEFAULT 0;
   UPDATE totals SET bytes = (SELECT coalesce(sum(size_bytes & 0x7ffffff), 0) FROM files),
     blocks = (SELECT coalesce(sum(size_bytes >> 27), 0) FROM files);
   CREATE TRIGGER files_inserted AFTER INSERT ON files BEGIN
     UPDATE totals SET files = files + 1, bytes = bytes + (new.size_bytes & 0x7ffffff),
       blocks = blocks + (new.size_bytes >> 27), unproven = unproven + 1 - new.is_proven,
       unanchored = unanchored + (new.manifest IS NULL);
   END;
   CREATE TRIGGER files_deleted AFTER DELETE ON files BEGIN
     UPDATE totals SET files = files - 1, bytes = bytes - (old.size_bytes & 0x7ffffff),
       blocks = blocks - (old.size_bytes >> 27), unproven = unproven - 1 + old.is_proven,
       unanchored = unanchored - (old.manifest IS NULL);
   END;
   CREATE TRIGGER files_changed AFTER UPDATE OF size_bytes, is_proven, manifest ON files BEGIN
     UPDATE totals SET bytes = bytes + (new.size_bytes & 0x7ffffff) - (old.size_bytes & 0x7ffffff),
       blocks = blocks + (new.size_bytes >> 27) - (old.size_bytes >> 27),
       unproven = unproven + old.is_proven - new.is_proven,
       unanchored = unanchored + (new.manifest IS NULL) - (old.manifest IS NULL);
   END;`,
];
/** What one of the blocks in `totals` stands for. */
export const blockBytes = 2 ** 27;

/** A file as it lies in its table. */
export interface FileRow {
  key: Uint8Array;
  sequence: number;
  size_bytes: number;
  extension: string;
  mimetype: string;
  created_at: number;
  chunk_count: number;
  cut: string | null;
  manifest: Uint8Array | null;
  is_proven: number;
  sort_name: string;
}

/** A name as it lies in its table. */
export interface NameRow {
  key: Uint8Array;
  name: string;
  mimetype: string;
  added_at: number;
  sequence: number;
}

interface TotalsRow {
  sequence: number;
  files: number;
  names: number;
  bytes: number;
  blocks: number;
  unproven: number;
  unanchored: number;
}

/** The columns of {@link FileRow}. */
export const fileColumns =
  "key, sequence, size_bytes, extension, mimetype, created_at, chunk_count, cut, manifest, is_proven, sort_name";
const nameColumns = "key, name, mimetype, added_at, sequence";

/** The statements of a catalog, which are prepared once. */
export type CatalogStatements = ReturnType<typeof prepareCatalog>;

/** Prepares them over an open database. */
export function prepareCatalog(database: Database) {
  return {
    id: database.prepare<{ id: string }, []>("SELECT id FROM totals"),
    totals: database.prepare<TotalsRow, []>(
      "SELECT sequence, files, names, bytes, blocks, unproven, unanchored FROM totals",
    ),
    next: database.prepare<{ sequence: number }, []>("UPDATE totals SET sequence = sequence + 1 RETURNING sequence"),
    find: database.prepare<FileRow, [Uint8Array]>(`SELECT ${fileColumns} FROM files WHERE key = ?`),
    root: database.prepare<{ bytes: Uint8Array }, [Uint8Array]>("SELECT bytes FROM roots WHERE key = ?"),
    put: database.prepare<
      never,
      [Uint8Array, number, number, string, string, number, number, string | null, Uint8Array | null, number, string]
    >(
      `INSERT INTO files (${fileColumns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET
         sequence = excluded.sequence, size_bytes = excluded.size_bytes, extension = excluded.extension,
         mimetype = excluded.mimetype, created_at = excluded.created_at, chunk_count = excluded.chunk_count,
         cut = excluded.cut, manifest = excluded.manifest, is_proven = excluded.is_proven, sort_name = excluded.sort_name`,
    ),
    putRoot: database.prepare<never, [Uint8Array, Uint8Array]>(
      "INSERT INTO roots (key, bytes) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET bytes = excluded.bytes",
    ),
    prove: database.prepare<never, [number, Uint8Array]>("UPDATE files SET is_proven = 1, sequence = ? WHERE key = ?"),
    drop: database.prepare<never, [Uint8Array]>("DELETE FROM files WHERE key = ?"),
    dropNames: database.prepare<never, [Uint8Array]>("DELETE FROM names WHERE key = ?"),
    hasName: database.prepare<{ one: number }, [Uint8Array, string]>(
      "SELECT 1 AS one FROM names WHERE key = ? AND name = ?",
    ),
    putName: database.prepare<never, [Uint8Array, string, string, string, number, number]>(
      "INSERT INTO names (key, name, folded, mimetype, added_at, sequence) VALUES (?, ?, ?, ?, ?, ?)",
    ),
    sortAs: database.prepare<never, [string, Uint8Array]>("UPDATE files SET sort_name = ? WHERE key = ?"),
    names: database.prepare<NameRow, [Uint8Array]>(
      `SELECT ${nameColumns} FROM names WHERE key = ? ORDER BY added_at, name`,
    ),
    after: database.prepare<FileRow, [Uint8Array, number]>(
      `SELECT ${fileColumns} FROM files WHERE key > ? ORDER BY key LIMIT ?`,
    ),
    filesAfter: database.prepare<FileRow & { root: Uint8Array | null }, [number, number]>(
      `SELECT ${fileColumns
        .split(", ")
        .map((column) => `files.${column}`)
        .join(", ")}, roots.bytes AS root FROM files LEFT JOIN roots ON roots.key = files.key
       WHERE files.sequence > ? ORDER BY files.sequence LIMIT ?`,
    ),
    namesAfter: database.prepare<NameRow, [number, number]>(
      `SELECT ${nameColumns} FROM names WHERE sequence > ? ORDER BY sequence LIMIT ?`,
    ),
    unanchored: database.prepare<FileRow, [number]>(
      `SELECT ${fileColumns} FROM files WHERE manifest IS NULL ORDER BY sequence LIMIT ?`,
    ),
    unproven: database.prepare<FileRow, [number]>(
      `SELECT ${fileColumns} FROM files WHERE is_proven = 0 ORDER BY sequence LIMIT ?`,
    ),
    followed: database.prepare<{ sequence: number }, [string]>("SELECT sequence FROM followed WHERE catalog = ?"),
    follow: database.prepare<never, [string, number]>(
      "INSERT INTO followed VALUES (?, ?) ON CONFLICT (catalog) DO UPDATE SET sequence = excluded.sequence",
    ),
    isExamined: database.prepare<{ one: number }, [Uint8Array]>("SELECT 1 AS one FROM examined WHERE key = ?"),
    examine: database.prepare<never, [Uint8Array]>("INSERT INTO examined VALUES (?) ON CONFLICT DO NOTHING"),
  };
}
