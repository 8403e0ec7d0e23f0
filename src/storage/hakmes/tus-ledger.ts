/**
 * Which resumable uploads there are and how far each has come, in SQLite: what is written here survives the machine's
 * crash, and no more than that is told to a client as its offset. An upload is a row; its chunks are packed lists in the order in
 * which they were appended; the bytes after its last whole chunk lie in a file that the row names.
 *
 * An upload is `open` until its file is in the catalog (`done`) or it was ended or ran out (`gone`). All methods are
 * synchronous and durable when they return.
 */
import type { Database } from "bun:sqlite";

import { closeDatabase, inTransaction, openDatabase } from "../../kit/disk/sqlite.ts";
import { type Key, parseKey } from "../cask/client.ts";
import type { Chunk } from "./record.ts";
import { packChunks, unpackChunks } from "./tus-chunk-list.ts";

/** What an upload is to become: a file, a part of a later one, or one made of parts. */
export type TusKind = "whole" | "partial" | "final";

/** The bytes after the last whole chunk, as they lie in a file. */
export interface TusTail {
  /** The file's name; empty when there are no such bytes. */
  readonly name: string;
  readonly sizeBytes: number;
  /** SHA-256 in hex; empty when there are no such bytes. */
  readonly digest: string;
}

/** An upload as it is on disk. */
export interface TusUpload {
  readonly id: string;
  readonly kind: TusKind;
  readonly state: "open" | "done" | "gone";
  /** Undefined as long as it is deferred. */
  readonly lengthBytes: number | undefined;
  readonly chunkCount: number;
  readonly chunkBytes: number;
  readonly tail: TusTail;
  /** The `Upload-Metadata` header as it came. */
  readonly metadata: string;
  /** The `Upload-Concat` header as it came; empty for a whole one. */
  readonly concat: string;
  /** Epoch ms. */
  readonly createdAt: number;
  /** When it is ended, or forgotten when it is no longer open; epoch ms. */
  readonly expiresAt: number;
  /** Of the file, once done. */
  readonly key: Key | undefined;
}

/** No bytes after the last whole chunk. */
export const noTail: TusTail = { name: "", sizeBytes: 0, digest: "" };

/** The bytes of an upload that are durable. */
export function offsetOf(upload: TusUpload): number {
  return upload.chunkBytes + upload.tail.sizeBytes;
}

const migrations = [
  `CREATE TABLE uploads (
     number INTEGER PRIMARY KEY,
     id TEXT NOT NULL UNIQUE,
     kind TEXT NOT NULL,
     concat TEXT NOT NULL,
     state TEXT NOT NULL DEFAULT 'open',
     length INTEGER,
     chunk_count INTEGER NOT NULL DEFAULT 0,
     chunk_bytes INTEGER NOT NULL DEFAULT 0,
     tail_name TEXT NOT NULL DEFAULT '',
     tail_bytes INTEGER NOT NULL DEFAULT 0,
     tail_digest TEXT NOT NULL DEFAULT '',
     metadata TEXT NOT NULL,
     created_at INTEGER NOT NULL,
     expires_at INTEGER NOT NULL,
     key TEXT
   ) STRICT;
   CREATE INDEX uploads_by_expiry ON uploads (expires_at);
   CREATE INDEX uploads_open ON uploads (state, kind) WHERE state = 'open';
   CREATE TABLE lists (
     upload INTEGER NOT NULL REFERENCES uploads (number) ON DELETE CASCADE,
     first INTEGER NOT NULL,
     packed BLOB NOT NULL,
     PRIMARY KEY (upload, first)
   ) STRICT, WITHOUT ROWID;`,
];

interface Row {
  number: number;
  id: string;
  kind: TusKind;
  state: TusUpload["state"];
  length: number | null;
  chunk_count: number;
  chunk_bytes: number;
  tail_name: string;
  tail_bytes: number;
  tail_digest: string;
  metadata: string;
  concat: string;
  created_at: number;
  expires_at: number;
  key: string | null;
}

/** What is new of an upload. */
export interface TusProgress {
  /** Appended to those that are known. */
  readonly chunks: readonly Chunk[];
  readonly tail: TusTail;
  /** Set where it was deferred. */
  readonly lengthBytes?: number | undefined;
  readonly expiresAt: number;
}

/** The uploads on disk. */
export class TusLedger {
  readonly #database: Database;

  /** Opens or makes the database at `path`. Faults: those of {@link openDatabase}. */
  constructor(path: string) {
    this.#database = openDatabase(path, { migrations, synchronous: "full" });
  }

  /** Enters a new upload without bytes. */
  create(
    upload: Pick<TusUpload, "id" | "kind" | "metadata" | "concat" | "createdAt" | "expiresAt" | "lengthBytes">,
  ): void {
    this.#database
      .query(
        `INSERT INTO uploads (id, kind, concat, length, metadata, created_at, expires_at)
         VALUES ($id, $kind, $concat, $length, $metadata, $createdAt, $expiresAt)`,
      )
      .run({
        id: upload.id,
        kind: upload.kind,
        length: upload.lengthBytes ?? null,
        metadata: upload.metadata,
        concat: upload.concat,
        createdAt: upload.createdAt,
        expiresAt: upload.expiresAt,
      });
  }

  find(id: string): TusUpload | undefined {
    const row = this.#row(id);
    return row && uploadOf(row);
  }

  /** Its chunks in order. */
  chunks(id: string): Chunk[] {
    return this.#database
      .query<{ packed: Uint8Array }, { id: string }>(
        "SELECT packed FROM lists JOIN uploads ON number = upload WHERE id = $id ORDER BY first",
      )
      .all({ id })
      .flatMap(({ packed }) => unpackChunks(packed));
  }

  /** Adds chunks and replaces the tail. */
  advance(id: string, progress: TusProgress): void {
    inTransaction(this.#database, () => {
      const row = this.#row(id);
      if (!row) throw new RangeError(`Cannot add to upload ${id}: there is none`);
      if (progress.chunks.length > 0) {
        this.#database
          .query("INSERT INTO lists (upload, first, packed) VALUES ($number, $first, $packed)")
          .run({ number: row.number, first: row.chunk_count, packed: packChunks(progress.chunks) });
      }
      this.#database
        .query(
          `UPDATE uploads SET chunk_count = chunk_count + $count, chunk_bytes = chunk_bytes + $bytes,
             tail_name = $tailName, tail_bytes = $tailBytes, tail_digest = $tailDigest,
             length = coalesce(length, $length), expires_at = $expiresAt
           WHERE number = $number`,
        )
        .run({
          number: row.number,
          count: progress.chunks.length,
          bytes: progress.chunks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
          tailName: progress.tail.name,
          tailBytes: progress.tail.sizeBytes,
          tailDigest: progress.tail.digest,
          length: progress.lengthBytes ?? null,
          expiresAt: progress.expiresAt,
        });
    });
  }

  /** Its file is in the catalog. The chunks are the file's from now on. */
  complete(id: string, key: Key, expiresAt: number): void {
    inTransaction(this.#database, () => {
      this.#dropLists(id);
      this.#database
        .query(
          `UPDATE uploads SET state = 'done', key = $key, expires_at = $expiresAt, tail_name = '', tail_digest = '',
             chunk_bytes = coalesce(length, 0), tail_bytes = 0 WHERE id = $id`,
        )
        .run({ id, key, expiresAt });
    });
  }

  /** Has it expire at `at` if it would later. */
  hasten(id: string, at: number): void {
    this.#database.query("UPDATE uploads SET expires_at = min(expires_at, $at) WHERE id = $id").run({ id, at });
  }

  /** Ends it; that it was there is remembered until `expiresAt`. */
  end(id: string, expiresAt: number): void {
    inTransaction(this.#database, () => {
      this.#dropLists(id);
      this.#database
        .query(
          `UPDATE uploads SET state = 'gone', expires_at = $expiresAt, metadata = '', concat = '', chunk_count = 0,
             chunk_bytes = 0, tail_name = '', tail_bytes = 0, tail_digest = '' WHERE id = $id`,
        )
        .run({ id, expiresAt });
    });
  }

  /** Forgets it altogether. */
  forget(id: string): void {
    this.#database.query("DELETE FROM uploads WHERE id = $id").run({ id });
  }

  /** Forgets those of the longest ended uploads that are more than `kept`. */
  forgetEnded(kept: number): void {
    this.#database
      .query(
        `DELETE FROM uploads WHERE number IN
           (SELECT number FROM uploads WHERE state = 'gone' ORDER BY expires_at DESC, number DESC LIMIT -1 OFFSET $kept)`,
      )
      .run({ kept });
  }

  /** Some of those whose time is over at `now`, longest over first; not the parts of an open final upload. */
  expired(now: number, limit: number): TusUpload[] {
    return this.#rows(
      `expires_at <= $now AND NOT (state = 'open' AND kind = 'partial' AND EXISTS (SELECT 1 FROM uploads AS whole
         WHERE whole.state = 'open' AND whole.kind = 'final' AND instr(whole.concat, uploads.id) > 0))
       ORDER BY expires_at, number LIMIT $limit`,
      { now, limit },
    );
  }

  /** Some of those that have all their bytes, or are to be made of parts, and are no file yet; oldest first. */
  owed(limit: number): TusUpload[] {
    return this.#rows(
      `state = 'open' AND (kind = 'final' OR (kind = 'whole' AND chunk_bytes + tail_bytes = length))
       ORDER BY number LIMIT $limit`,
      { limit },
    );
  }

  /** Whether an open final upload is made of this one. */
  isPart(id: string): boolean {
    const found = this.#database
      .query("SELECT 1 FROM uploads WHERE state = 'open' AND kind = 'final' AND instr(concat, $id) > 0 LIMIT 1")
      .get({ id });
    return found !== null;
  }

  /** How many uploads are open. */
  openCount(): number {
    const row = this.#database
      .query<{ open: number }, []>("SELECT count(*) AS open FROM uploads WHERE state = 'open'")
      .get();
    return row?.open ?? 0;
  }

  /** Uploads that are open, and the bytes they have. */
  counts(): { open: number; openBytes: number } {
    const row = this.#database
      .query<{ open: number; openBytes: number }, []>(
        `SELECT count(*) AS open, coalesce(sum(chunk_bytes + tail_bytes), 0) AS openBytes
         FROM uploads WHERE state = 'open'`,
      )
      .get();
    return row ?? { open: 0, openBytes: 0 };
  }

  /** The names of all tails that uploads have. */
  tailNames(): Set<string> {
    const rows = this.#database
      .query<{ name: string }, []>("SELECT tail_name AS name FROM uploads WHERE tail_name <> ''")
      .all();
    return new Set(rows.map(({ name }) => name));
  }

  close(): void {
    closeDatabase(this.#database);
  }

  #row(id: string): Row | undefined {
    return this.#database.query<Row, { id: string }>("SELECT * FROM uploads WHERE id = $id").get({ id }) ?? undefined;
  }

  #rows(where: string, values: Record<string, number>): TusUpload[] {
    return this.#database
      .query<Row, Record<string, number>>(`SELECT * FROM uploads WHERE ${where}`)
      .all(values)
      .map(uploadOf);
  }

  #dropLists(id: string): void {
    this.#database.query("DELETE FROM lists WHERE upload = (SELECT number FROM uploads WHERE id = $id)").run({ id });
  }
}

function uploadOf(row: Row): TusUpload {
  return {
    id: row.id,
    kind: row.kind,
    state: row.state,
    lengthBytes: row.length ?? undefined,
    chunkCount: row.chunk_count,
    chunkBytes: row.chunk_bytes,
    tail: { name: row.tail_name, sizeBytes: row.tail_bytes, digest: row.tail_digest },
    metadata: row.metadata,
    concat: row.concat,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    key: row.key === null ? undefined : parseKey(row.key),
  };
}
