/**
 * The catalog in one SQLite file. Every change is synced before its call returns; changes that belong together go into one
 * transaction, and so cost one sync. The name that a list is sorted by, and the totals, are kept beside what they come from,
 * so that neither a page nor a count reads the whole. Roots lie in a table of their own: lists do not touch them.
 *
 * Keys are stored as one byte for the algorithm and the digest, which sorts as the text does.
 */
import type { Database } from "bun:sqlite";

import { closeDatabase, openDatabase } from "../../kit/disk/sqlite.ts";
import { Fault } from "../../kit/fault.ts";
import { algorithmOf, digestOf, type Key, requireKey } from "../cask/client.ts";
import type { Catalog, Change } from "./catalog.ts";
import { folded, formatMark, pageLimit, parseMark, searchOf, wins } from "./catalog-order.ts";
import {
  blockBytes,
  catalogMigrations,
  type CatalogStatements,
  fileColumns,
  type FileRow,
  type NameRow,
  prepareCatalog,
} from "./catalog-tables.ts";
import type { FilePage, ListQuery } from "./hakmes.ts";
import type { Cut, FileName, StoredFile } from "./record.ts";

/** Files that are read at once while all are walked through. */
const walkedAtOnce = 500;

/** Opens the catalog at a path, making it when it is missing. Throws the Faults of `openDatabase`. */
export function openSqliteCatalog(path: string): SqliteCatalog {
  return new SqliteCatalog(path);
}

/** A {@link Catalog} in SQLite. Open it with {@link openSqliteCatalog}. */
export class SqliteCatalog implements Catalog {
  readonly id: string;
  readonly #database: Database;
  readonly #statements: CatalogStatements;

  constructor(path: string) {
    this.#database = openDatabase(path, { migrations: catalogMigrations, synchronous: "full" });
    this.#database.run("PRAGMA cache_size = -4096");
    this.#statements = prepareCatalog(this.#database);
    this.id = this.#statements.id.get()?.id ?? "";
  }

  together<T>(work: () => T): T {
    if (this.#database.inTransaction) return work();
    return guarded(() => {
      this.#database.run("BEGIN IMMEDIATE");
      try {
        const result = work();
        this.#database.run("COMMIT");
        return result;
      } catch (thrown) {
        if (this.#database.inTransaction) this.#database.run("ROLLBACK");
        throw thrown;
      }
    });
  }

  find(key: Key): StoredFile | undefined {
    const row = this.#statements.find.get(bytesOf(key));
    return row ? fileOf(row) : undefined;
  }

  root(key: Key): Uint8Array | undefined {
    return this.#statements.root.get(bytesOf(key))?.bytes;
  }

  add(file: StoredFile, root: Uint8Array): boolean {
    return this.together(() => {
      const kept = this.find(file.key);
      if (kept && !wins(file, kept)) return false;
      if (!file.isProven && file.manifest !== undefined && this.isExamined(file.manifest)) return false;
      const key = bytesOf(file.key);
      this.#statements.put.run(
        key,
        this.#nextSequence(),
        file.sizeBytes,
        file.extension,
        file.mimetype,
        file.createdAt,
        file.chunkCount,
        file.cut === undefined ? null : JSON.stringify(file.cut),
        file.manifest === undefined ? null : bytesOf(file.manifest),
        file.isProven ? 1 : 0,
        folded(this.names(file.key)[0]?.name ?? ""),
      );
      this.#statements.putRoot.run(key, root);
      return true;
    });
  }

  addName({ key, name, mimetype, addedAt }: FileName): boolean {
    return this.together(() => {
      const bytes = bytesOf(key);
      if (this.#statements.hasName.get(bytes, name)) return false;
      this.#statements.putName.run(bytes, name, folded(name), mimetype, addedAt, this.#nextSequence());
      this.#statements.sortAs.run(folded(this.names(key)[0]?.name ?? ""), bytes);
      return true;
    });
  }

  prove(key: Key): void {
    this.together(() => {
      const file = this.find(key);
      if (file && !file.isProven) this.#statements.prove.run(this.#nextSequence(), bytesOf(key));
    });
  }

  drop(key: Key): void {
    this.together(() => {
      const file = this.find(key);
      if (!file) return;
      if (file.manifest !== undefined) this.#statements.examine.run(bytesOf(file.manifest));
      this.#statements.drop.run(bytesOf(key));
      this.#statements.dropNames.run(bytesOf(key));
    });
  }

  names(key: Key): readonly FileName[] {
    return this.#statements.names.all(bytesOf(key)).map(nameOf);
  }

  list(query: ListQuery): FilePage {
    const sort = query.sort ?? "newest";
    const limit = pageLimit(query);
    const { column, direction, past } = orders[sort];
    const filter = filterOf(query);
    const mark = query.after === undefined ? undefined : parseMark(sort, query.after);
    const conditions = [...filter.conditions];
    const values: (string | number | Uint8Array)[] = [...filter.values];
    if (mark !== undefined) {
      conditions.push(`(${column} ${past} ? OR (${column} = ? AND key > ?))`);
      values.push(mark.value, mark.value, bytesOf(mark.key));
    }
    const rows = this.#database
      .query<FileRow, (string | number | Uint8Array)[]>(
        `SELECT ${fileColumns} FROM files ${where(conditions)} ORDER BY ${column} ${direction}, key LIMIT ?`,
      )
      .all(...values, limit + 1);
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    const value = last && { newest: last.created_at, size: last.size_bytes, name: last.sort_name }[sort];
    return {
      files: page.map((row) => {
        const file = fileOf(row);
        return { file, names: this.names(file.key) };
      }),
      total: this.#total(filter),
      ...(rows.length > limit && last && value !== undefined
        ? { next: formatMark(sort, { value, key: keyOf(last.key) }) }
        : {}),
    };
  }

  *all(): IterableIterator<StoredFile> {
    let after = new Uint8Array(0);
    for (;;) {
      // Read in pages, so that whoever takes long over one does not keep the database from being written.
      const rows = this.#statements.after.all(after, walkedAtOnce);
      for (const row of rows) {
        yield fileOf(row);
        after = row.key as Uint8Array<ArrayBuffer>;
      }
      if (rows.length < walkedAtOnce) return;
    }
  }

  counts(): { files: number; names: number; bytes: number; unproven: number; unanchored: number } {
    const row = this.#statements.totals.get();
    const { files = 0, names = 0, bytes = 0, blocks = 0, unproven = 0, unanchored = 0 } = row ?? {};
    return { files, names, bytes: blocks * blockBytes + bytes, unproven, unanchored };
  }

  changes(sequence: number, limit: number): readonly Change[] {
    const files = this.#statements.filesAfter.all(sequence, limit).map((row): Change => ({
      sequence: row.sequence,
      kind: "file",
      file: fileOf(row),
      root: row.root ?? new Uint8Array(0),
    }));
    const names = this.#statements.namesAfter
      .all(sequence, limit)
      .map((row): Change => ({ sequence: row.sequence, kind: "name", name: nameOf(row) }));
    return [...files, ...names].toSorted((a, b) => a.sequence - b.sequence).slice(0, limit);
  }

  sequence(): number {
    return this.#statements.totals.get()?.sequence ?? 0;
  }

  unanchored(limit: number): readonly StoredFile[] {
    return this.#statements.unanchored.all(limit).map(fileOf);
  }

  unproven(limit: number): readonly StoredFile[] {
    return this.#statements.unproven.all(limit).map(fileOf);
  }

  followed(catalogId: string): number {
    return this.#statements.followed.get(catalogId)?.sequence ?? 0;
  }

  follow(catalogId: string, sequence: number): void {
    guarded(() => this.#statements.follow.run(catalogId, sequence));
  }

  isExamined(key: Key): boolean {
    return this.#statements.isExamined.get(bytesOf(key)) !== null;
  }

  examined(keys: readonly Key[]): void {
    this.together(() => {
      for (const key of keys) this.#statements.examine.run(bytesOf(key));
    });
  }

  close(): void {
    for (const statement of Object.values(this.#statements)) statement.finalize();
    closeDatabase(this.#database);
  }

  #nextSequence(): number {
    const row = this.#statements.next.get();
    if (!row) throw new Error("the catalog has lost its totals");
    return row.sequence;
  }

  #total(filter: Filter): number {
    if (filter.conditions.length === 0) return this.counts().files;
    return (
      this.#database
        .query<{ count: number }, (string | number | Uint8Array)[]>(
          `SELECT count(*) AS count FROM files ${where(filter.conditions)}`,
        )
        .get(...filter.values)?.count ?? 0
    );
  }
}

const orders = {
  newest: { column: "created_at", direction: "DESC", past: "<" },
  size: { column: "size_bytes", direction: "DESC", past: "<" },
  name: { column: "sort_name", direction: "ASC", past: ">" },
} as const;

interface Filter {
  readonly conditions: readonly string[];
  readonly values: readonly (string | Uint8Array)[];
}

function filterOf(query: ListQuery): Filter {
  const search = searchOf(query);
  if (search === undefined) return { conditions: [], values: [] };
  const ranges = search.keyStarts.map(keyRange);
  const either = [
    "key IN (SELECT key FROM names WHERE instr(folded, ?) > 0)",
    ...ranges.map(() => "(key >= ? AND key <= ?)"),
  ];
  return { conditions: [`(${either.join(" OR ")})`], values: [search.part, ...ranges.flat()] };
}

function where(conditions: readonly string[]): string {
  return conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
}

/** The first and the last key that begin so. */
function keyRange(start: string): [Uint8Array, Uint8Array] {
  const [algorithm = "", digits = ""] = start.split(":");
  const length = algorithm === "sha1" ? 40 : 64;
  const bound = (filler: string) => packed(algorithm, digits.slice(0, length).padEnd(length, filler));
  return [bound("0"), bound("f")];
}

function fileOf(row: FileRow): StoredFile {
  return {
    key: keyOf(row.key),
    sizeBytes: row.size_bytes,
    extension: row.extension,
    mimetype: row.mimetype,
    createdAt: row.created_at,
    chunkCount: row.chunk_count,
    ...(row.cut === null ? {} : { cut: JSON.parse(row.cut) as Cut }),
    ...(row.manifest === null ? {} : { manifest: keyOf(row.manifest) }),
    isProven: row.is_proven === 1,
  };
}

function nameOf(row: NameRow): FileName {
  return { key: keyOf(row.key), name: row.name, mimetype: row.mimetype, addedAt: row.added_at };
}

function bytesOf(key: Key): Uint8Array {
  return packed(algorithmOf(key), digestOf(key));
}

function packed(algorithm: string, digest: string): Uint8Array {
  return Buffer.concat([Uint8Array.of(algorithm === "sha1" ? 1 : 2), Buffer.from(digest, "hex")]);
}

function keyOf(bytes: Uint8Array): Key {
  return requireKey(`${bytes[0] === 1 ? "sha1" : "sha256"}:${Buffer.from(bytes.subarray(1)).toString("hex")}`);
}

/** Runs a change; what SQLite throws becomes a Fault. */
function guarded<T>(change: () => T): T {
  try {
    return change();
  } catch (thrown) {
    const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
    if (!code.startsWith("SQLITE_")) throw thrown;
    throw code === "SQLITE_FULL"
      ? new Fault("unavailable", "hakmes/disk-full", "Cannot enter the file: the disk of this node is full", {
          cause: thrown,
          status: 507,
        })
      : new Fault("unavailable", "hakmes/catalog-failed", "Cannot enter the file: the catalog of this node failed", {
          cause: thrown,
        });
  }
}
