/**
 * What this node knows of images: format and size, what decoding found, and which were uploaded here and when. A
 * convenience; all of it can be found again by reading the original from Cask.
 */
import type { Database } from "bun:sqlite";

import { closeDatabase, openDatabase } from "../../kit/disk/sqlite.ts";
import { type Key, requireKey } from "../cask/client.ts";
import { type ImageFacts, type ImageFormat, imageFormats } from "./engine.ts";
import { LeastRecent } from "./least-recent.ts";
import { isWriteRefused } from "./write-refused.ts";

/** An image that was seen. */
export interface KnownImage {
  readonly key: Key;
  readonly format: ImageFormat;
  readonly sizeBytes: number;
  /** Absent until it was decoded here. */
  readonly facts?: ImageFacts;
  /** The name it was uploaded under, without folders; empty when none was given. */
  readonly name: string;
  /** When it was uploaded through this node, epoch ms; absent for one that was only asked for. */
  readonly uploadedAt?: number;
}

const migrations = [
  `CREATE TABLE images (
     key TEXT PRIMARY KEY, format TEXT NOT NULL, size_bytes INTEGER NOT NULL, facts TEXT, name TEXT NOT NULL,
     uploaded_at INTEGER
   ) STRICT;
   CREATE INDEX images_by_upload ON images (uploaded_at DESC, key) WHERE uploaded_at IS NOT NULL;`,
];

interface Row {
  key: string;
  format: string;
  size_bytes: number;
  facts: string | null;
  name: string;
  uploaded_at: number | null;
}

/** Images that were asked for a moment ago are held in memory: so many, each taken for so many bytes. */
const heldMax = 4096;
const heldBytes = 1024;

/** The images this node knows. Nobody else writes into the file. */
export class KnownImages {
  readonly #database: Database;
  readonly #refused: (thrown: unknown) => void;
  readonly #held = new LeastRecent<KnownImage>(heldMax * heldBytes, heldMax);

  /**
   * Opens the file at `path`, or `:memory:`. `refused` is told when the disk does not take what was learnt, which is then
   * not known. Throws the Faults of `openDatabase`.
   */
  constructor(path: string, refused: (thrown: unknown) => void = () => undefined) {
    this.#refused = refused;
    this.#database = openDatabase(path, { migrations, synchronous: "normal" });
  }

  find(key: Key): KnownImage | undefined {
    const held = this.#held.get(key);
    if (held !== undefined) return held;
    const row = this.#database.query<Row, [string]>("SELECT * FROM images WHERE key = ?").get(key);
    if (row === null) return undefined;
    const image = fromRow(row);
    this.#held.set(key, image, heldBytes);
    return image;
  }

  /** Adds what is known; what is not given stays as it was. Of several names and times of upload the newest count. */
  learn(image: Omit<KnownImage, "name"> & { name?: string }): void {
    this.#held.delete(image.key);
    try {
      this.#write(image);
    } catch (thrown) {
      if (!isWriteRefused(thrown)) throw thrown;
      this.#refused(thrown);
    }
  }

  #write(image: Omit<KnownImage, "name"> & { name?: string }): void {
    this.#database
      .query<unknown, [string, string, number, string | null, string, number | null]>(
        `INSERT INTO images VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (key) DO UPDATE SET
           format = ?2, size_bytes = ?3, facts = COALESCE(?4, facts),
           name = CASE WHEN ?5 = '' THEN name ELSE ?5 END, uploaded_at = COALESCE(?6, uploaded_at)`,
      )
      .run(
        image.key,
        image.format,
        image.sizeBytes,
        image.facts === undefined ? null : JSON.stringify(image.facts),
        image.name ?? "",
        image.uploadedAt ?? null,
      );
  }

  /** Forgets an image; what is in Cask stays. */
  forget(key: Key): void {
    this.#held.delete(key);
    this.#database.query<unknown, [string]>("DELETE FROM images WHERE key = ?").run(key);
  }

  /** Images uploaded through this node, newest first; `before` is the last of the page before. */
  recent(limit: number, before?: { uploadedAt: number; key: Key }): KnownImage[] {
    return this.#database
      .query<Row, [number, string, number]>(
        `SELECT * FROM images WHERE uploaded_at IS NOT NULL AND (uploaded_at < ?1 OR (uploaded_at = ?1 AND key > ?2))
         ORDER BY uploaded_at DESC, key LIMIT ?3`,
      )
      .all(before?.uploadedAt ?? Number.MAX_SAFE_INTEGER, before?.key ?? "", limit)
      .map(fromRow);
  }

  counts(): { known: number; uploaded: number } {
    const row = this.#database
      .query<{ known: number; uploaded: number }, []>(
        "SELECT COUNT(*) AS known, COUNT(uploaded_at) AS uploaded FROM images",
      )
      .get();
    return { known: row?.known ?? 0, uploaded: row?.uploaded ?? 0 };
  }

  close(): void {
    closeDatabase(this.#database);
  }
}

function fromRow(row: Row): KnownImage {
  const format = imageFormats.find((name) => name === row.format);
  if (format === undefined) throw new Error(`The format "${row.format}" in the list of images is none`);
  return {
    key: requireKey(row.key),
    format,
    sizeBytes: row.size_bytes,
    // Written by `learn`, and by nothing else.
    ...(row.facts === null ? {} : { facts: JSON.parse(row.facts) as ImageFacts }),
    name: row.name,
    ...(row.uploaded_at === null ? {} : { uploadedAt: row.uploaded_at }),
  };
}
