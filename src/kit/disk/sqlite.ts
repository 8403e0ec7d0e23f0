/**
 * How every SQLite file of the program is opened: write-ahead log, a wait for the lock instead of an error, foreign keys,
 * and forward-only migrations counted in the file's own `user_version`. A file written by a newer program is refused
 * before anything in it is touched.
 * Queries stay with whoever owns the tables.
 */
import { Database, SQLiteError } from "bun:sqlite";
import { closeSync, existsSync, openSync } from "node:fs";

import { Fault, reasonOf } from "../fault.ts";

/** How to open a database. */
export interface DatabaseOptions {
  /** Statements that lead from version `n` to `n + 1`, in order. Only ever appended to. */
  migrations: readonly string[];
  /**
   * `full`: a finished transaction survives a crash of the machine. `normal`: it survives a crash of the program, and
   * after a crash of the machine the file is whole but may lack the newest transactions.
   */
  synchronous: "normal" | "full";
  /** How long a statement waits for another process's write. @default 5000 */
  busyTimeoutMs?: number;
}

/**
 * Opens or makes the database at `path` (mode 0600) and brings it to the newest version. Use `strict` bindings: names
 * without their prefix, and a missing one is an error.
 * Faults: `disk/database-newer` (conflict), `disk/database-damaged` and `disk/database-unreadable` (internal).
 */
export function openDatabase(path: string, options: DatabaseOptions): Database {
  let database: Database | undefined;
  try {
    // SQLite gives its log and index the mode of the main file, so only that one has to be made by hand.
    if (path !== ":memory:" && !existsSync(path)) closeSync(openSync(path, "a", 0o600));
    database = new Database(path, { create: true, readwrite: true, strict: true });
    database.run(`PRAGMA busy_timeout = ${Math.trunc(options.busyTimeoutMs ?? 5000)}`);
    refuseNewer(database, path, options.migrations.length);
    keepLogAhead(database);
    database.run(`PRAGMA synchronous = ${options.synchronous === "full" ? "FULL" : "NORMAL"}`);
    database.run("PRAGMA foreign_keys = ON");
    migrate(database, path, options.migrations);
    return database;
  } catch (thrown) {
    database?.close();
    throw databaseFault(path, thrown);
  }
}

/** The schema version of an open database: how many migrations it has seen. */
export function schemaVersion(database: Database): number {
  const row = database.query<{ user_version: number }, []>("PRAGMA user_version").get();
  return row?.user_version ?? 0;
}

/**
 * Runs `work` in one transaction that takes the write lock at its start: all of it is kept, or nothing if `work` throws.
 * `work` must be synchronous; nested calls throw.
 */
export function inTransaction<T>(database: Database, work: () => T extends PromiseLike<unknown> ? never : T): T {
  database.run("BEGIN IMMEDIATE");
  try {
    const result = work();
    database.run("COMMIT");
    return result;
  } catch (thrown) {
    // Some errors (a full disk, for one) have rolled back already.
    if (database.inTransaction) database.run("ROLLBACK");
    throw thrown;
  }
}

/**
 * Folds the write-ahead log back into the file, as far as nobody reads it (statements not yet collected would keep it), and
 * closes. Where there is no room for that the log stays beside the file, and the next start reads it.
 */
export function closeDatabase(database: Database): void {
  try {
    database.run("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch (thrown) {
    if (!(thrown instanceof SQLiteError)) throw thrown;
  } finally {
    database.close();
  }
}

/** So often another may change the file between this one's turn and its change of mode. */
const turnsMax = 100;

/**
 * Sets the write-ahead log. SQLite does not wait for others when it changes a file's mode, whatever the busy timeout says:
 * when one that opens the file at the same time is at it, its turn is waited for with an empty transaction.
 */
function keepLogAhead(database: Database): void {
  for (let turn = 1; ; turn++) {
    try {
      database.run("PRAGMA journal_mode = WAL");
      return;
    } catch (thrown) {
      if (turn === turnsMax || !(thrown instanceof SQLiteError) || !thrown.code?.startsWith("SQLITE_BUSY"))
        throw thrown;
    }
    // Waits as long as every statement does, for who reads as well as for who writes.
    database.run("BEGIN EXCLUSIVE");
    database.run("COMMIT");
  }
}

function refuseNewer(database: Database, path: string, known: number): void {
  const version = schemaVersion(database);
  if (version <= known) return;
  throw new Fault(
    "conflict",
    "disk/database-newer",
    `Cannot open database "${path}": a newer version of the program wrote it (schema ${version}, this one knows ${known}); start that version, or put back a copy from before`,
    { details: { path, version, known } },
  );
}

function migrate(database: Database, path: string, migrations: readonly string[]): void {
  for (;;) {
    if (schemaVersion(database) === migrations.length) return;
    inTransaction(database, () => {
      // Read again under the lock: another process may have migrated meanwhile.
      refuseNewer(database, path, migrations.length);
      const version = schemaVersion(database);
      const statements = migrations[version];
      if (statements === undefined) return;
      database.run(statements);
      database.run(`PRAGMA user_version = ${version + 1}`);
    });
  }
}

/** What is wrong with the database at `path`, where opening or reading it threw. Damage may show only when it is read. */
export function databaseFault(path: string, thrown: unknown): Fault {
  if (thrown instanceof Fault) return thrown;
  const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
  if (code.startsWith("SQLITE_NOTADB") || code.startsWith("SQLITE_CORRUPT")) {
    return new Fault(
      "internal",
      "disk/database-damaged",
      `Cannot open database "${path}": it is not a whole SQLite file; put back a copy, or move it away to begin an empty one`,
      { cause: thrown },
    );
  }
  return new Fault("internal", "disk/database-unreadable", `Cannot open database "${path}": ${reasonOf(thrown)}`, {
    cause: thrown,
  });
}
