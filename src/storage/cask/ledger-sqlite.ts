/**
 * The ledger in one SQLite file. Changes go into a transaction that stays open for up to 50 ms, so that each costs one
 * prepared statement; hand-offs go through a second connection that syncs before it returns. A crash of the program or
 * the machine loses at most the open transaction, never a hand-off.
 *
 * Keys are stored as one byte for the algorithm and the digest, which sorts as the text does. Count and bytes are kept
 * by triggers, so opening reads nothing. Memory is two small page caches and a few thousand records used last.
 */
import type { Database } from "bun:sqlite";

import type { Clock } from "../../kit/clock.ts";
import { closeDatabase, openDatabase } from "../../kit/disk/sqlite.ts";
import { Fault, toFault } from "../../kit/fault.ts";
import { algorithmOf, digestOf, type Key, keyOf, type SizedKey } from "./key.ts";
import type { BlobRecord, HandOff, Ledger } from "./ledger.ts";

/** How to open a {@link SqliteLedger}. */
export interface SqliteLedgerOptions {
  /** Its file; `-wal` and `-shm` lie beside it. */
  path: string;
  clock: Clock;
  /** How long a change may wait for being written. @default 50 */
  flushMs?: number;
  /** Hears of a write that failed after the call that asked for it had returned; what it held is lost as in a crash. */
  onTrouble?: (fault: Fault) => void;
  /** Hears of every write that failed: changes made shortly before, by calls that had returned, may be lost with it. */
  onLoss?: () => void;
}

const changesMax = 2000;
const rememberedMax = 4096;

const migrations = [
  `CREATE TABLE blobs (
     key BLOB PRIMARY KEY, size_bytes INTEGER NOT NULL, stamp TEXT NOT NULL, sha256 BLOB,
     stored_at INTEGER NOT NULL, verified_at INTEGER NOT NULL, surplus_since INTEGER NOT NULL
   ) WITHOUT ROWID, STRICT;
   CREATE INDEX blobs_by_verification ON blobs (verified_at, size_bytes);
   CREATE TABLE hand_offs (
     key BLOB NOT NULL, node_id TEXT NOT NULL, since INTEGER NOT NULL,
     attempts INTEGER NOT NULL DEFAULT 0, not_before INTEGER NOT NULL DEFAULT 0,
     PRIMARY KEY (key, node_id)
   ) WITHOUT ROWID, STRICT;
   CREATE INDEX hand_offs_by_age ON hand_offs (since, not_before);
   CREATE TABLE notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID, STRICT;
   CREATE TABLE totals (one INTEGER PRIMARY KEY CHECK (one = 1), count INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;
   INSERT INTO totals VALUES (1, 0, 0);
   CREATE TRIGGER blobs_inserted AFTER INSERT ON blobs BEGIN
     UPDATE totals SET count = count + 1, bytes = bytes + new.size_bytes;
   END;
   CREATE TRIGGER blobs_deleted AFTER DELETE ON blobs BEGIN
     UPDATE totals SET count = count - 1, bytes = bytes - old.size_bytes;
   END;
   CREATE TRIGGER blobs_resized AFTER UPDATE OF size_bytes ON blobs WHEN new.size_bytes <> old.size_bytes BEGIN
     UPDATE totals SET bytes = bytes + new.size_bytes - old.size_bytes;
   END;`,
];

interface BlobRow {
  key: Uint8Array;
  size_bytes: number;
  stamp: string;
  /** Null where the key says it already. */
  sha256: Uint8Array | null;
  stored_at: number;
  verified_at: number;
  surplus_since: number;
}

interface HandOffRow {
  key: Uint8Array;
  node_id: string;
  since: number;
  attempts: number;
  not_before: number;
}

/** Opens the ledger at a path, making it when it is missing. Throws the Faults of `openDatabase`. */
export function openSqliteLedger(options: SqliteLedgerOptions): SqliteLedger {
  return new SqliteLedger(options);
}

/** A ledger in SQLite. Open it with {@link openSqliteLedger}. */
export class SqliteLedger implements Ledger {
  readonly #clock: Clock;
  readonly #flushMs: number;
  readonly #onTrouble: (fault: Fault) => void;
  readonly #onLoss: () => void;
  readonly #database: Database;
  /** Its transactions are synced when they end; used for hand-offs only. */
  readonly #durable: Database;
  readonly #statements: Statements;
  /** Records used last; the one used longest ago first. */
  readonly #remembered = new Map<Key, BlobRecord>();
  #changes = 0;
  #cancelFlush: (() => void) | undefined;

  constructor(options: SqliteLedgerOptions) {
    this.#clock = options.clock;
    this.#flushMs = options.flushMs ?? 50;
    this.#onTrouble = options.onTrouble ?? (() => {});
    this.#onLoss = options.onLoss ?? (() => {});
    this.#database = openDatabase(options.path, { migrations, synchronous: "normal" });
    this.#durable = openDatabase(options.path, { migrations, synchronous: "full" });
    this.#database.run("PRAGMA cache_size = -4096");
    this.#durable.run("PRAGMA cache_size = -256");
    this.#statements = prepare(this.#database, this.#durable);
  }

  find(key: Key): BlobRecord | undefined {
    const known = this.#remembered.get(key);
    if (known) return { ...known };
    const row = this.#statements.find.get(bytesOf(key));
    if (!row) return undefined;
    const record = recordOfRow(row);
    this.#remember(record);
    return { ...record };
  }

  put(record: BlobRecord): void {
    const { key, sizeBytes, stamp, sha256, storedAt, verifiedAt, surplusSince } = record;
    const strong = algorithmOf(key) === "sha256" && digestOf(key) === sha256 ? null : Buffer.from(sha256, "hex");
    this.#change(() =>
      this.#statements.put.run(bytesOf(key), sizeBytes, stamp, strong, storedAt, verifiedAt, surplusSince),
    );
    this.#remember({ ...record });
  }

  verified(key: Key, stamp: string, at: number): void {
    this.#change(() => this.#statements.verified.run(stamp, at, bytesOf(key)));
    this.#remembered.delete(key);
  }

  markSurplus(key: Key, since: number): void {
    this.#change(() => this.#statements.markSurplus.run(since, bytesOf(key)));
    this.#remembered.delete(key);
  }

  remove(key: Key): void {
    this.#change(() => this.#statements.remove.run(bytesOf(key)));
    this.#remembered.delete(key);
  }

  count(): number {
    return this.#statements.totals.get()?.count ?? 0;
  }

  totalBytes(): number {
    return this.#statements.totals.get()?.bytes ?? 0;
  }

  inBucket(bucket: number): BlobRecord[] {
    const records: BlobRecord[] = [];
    for (const { first, end } of rangesOf(bucket)) {
      for (const row of this.#statements.between.all(first, end)) records.push(recordOfRow(row));
    }
    return records;
  }

  sizesIn(bucket: number, after: Key | undefined, limit: number): SizedKey[] {
    const found: SizedKey[] = [];
    const behind = after === undefined ? new Uint8Array(0) : bytesOf(after);
    for (const { first, end } of rangesOf(bucket)) {
      if (found.length >= limit) break;
      // No key is as short as the beginning of a range, so "behind" it is the range itself.
      const from = Buffer.compare(behind, first) > 0 ? behind : first;
      for (const row of this.#statements.sizesBehind.all(from, end, limit - found.length)) {
        found.push({ key: keyOfBytes(row.key), sizeBytes: row.size_bytes });
      }
    }
    return found;
  }

  leastRecentlyVerified(before: number, limit: number): BlobRecord[] {
    return this.#statements.leastRecentlyVerified.all(before, limit).map(recordOfRow);
  }

  unverifiedSince(before: number): { count: number; bytes: number } {
    const row = this.#statements.unverifiedSince.get(before);
    return { count: row?.count ?? 0, bytes: row?.bytes ?? 0 };
  }

  owe(key: Key, nodeId: string, at: number): void {
    const bytes = bytesOf(key);
    if (this.#statements.isOwed.get(bytes, nodeId)) return;
    // The second connection cannot write while the first has a transaction open.
    this.flush();
    this.#guarded(() => this.#statements.owe.run(bytes, nodeId, at));
  }

  due(now: number, limit: number): HandOff[] {
    return this.#statements.due.all(now, limit).map((row) => ({
      key: keyOfBytes(row.key),
      nodeId: row.node_id,
      since: row.since,
      attempts: row.attempts,
      notBefore: row.not_before,
    }));
  }

  postpone(key: Key, nodeId: string, notBefore: number): void {
    this.#change(() => this.#statements.postpone.run(notBefore, bytesOf(key), nodeId));
  }

  settle(key: Key, nodeId: string): void {
    const bytes = bytesOf(key);
    // Nearly always there is nothing to settle, and to look is cheaper than to write.
    if (this.#statements.isOwed.get(bytes, nodeId)) this.#change(() => this.#statements.settle.run(bytes, nodeId));
  }

  owed(): number {
    return this.#statements.owed.get()?.count ?? 0;
  }

  owes(key: Key): boolean {
    return this.#statements.owes.get(bytesOf(key)) !== null;
  }

  recall(name: string): string | undefined {
    return this.#statements.recall.get(name)?.value;
  }

  note(name: string, value: string): void {
    this.#change(() => this.#statements.note.run(name, value));
  }

  close(): void {
    this.flush();
    for (const statement of Object.values(this.#statements)) statement.finalize();
    this.#durable.close();
    closeDatabase(this.#database);
  }

  /** Writes the changes so far: they survive a crash of the program, and of the machine as soon as the system writes them back. */
  flush(): void {
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
    this.#changes = 0;
    if (this.#database.inTransaction) this.#guarded(() => this.#database.run("COMMIT"));
  }

  #change(write: () => void): void {
    this.#guarded(() => {
      if (!this.#database.inTransaction) {
        this.#database.run("BEGIN IMMEDIATE");
        this.#cancelFlush?.();
        this.#cancelFlush = this.#clock.schedule(this.#flushMs, () => this.#flushLate());
      }
      write();
    });
    if (++this.#changes >= changesMax) this.flush();
  }

  #flushLate(): void {
    try {
      this.flush();
    } catch (thrown) {
      this.#onTrouble(toFault(thrown));
    }
  }

  /** Runs a statement; what SQLite throws becomes a Fault, and nothing half done stays. */
  #guarded(action: () => void): void {
    try {
      action();
    } catch (thrown) {
      // The transaction may be lost with what it held, which is what a crash may cost as well; memory must not pretend otherwise.
      this.#remembered.clear();
      this.#changes = 0;
      this.#onLoss();
      if (this.#database.inTransaction) this.#database.run("ROLLBACK");
      const full = thrown instanceof Error && "code" in thrown && thrown.code === "SQLITE_FULL";
      throw full
        ? new Fault("unavailable", "cask/disk-full", "Cannot note what was stored: the disk of this node is full", {
            cause: thrown,
            status: 507,
          })
        : new Fault(
            "unavailable",
            "cask/ledger-failed",
            "Cannot note what was stored: the ledger of this node failed",
            {
              cause: thrown,
            },
          );
    }
  }

  #remember(record: BlobRecord): void {
    this.#remembered.delete(record.key);
    this.#remembered.set(record.key, record);
    if (this.#remembered.size <= rememberedMax) return;
    for (const oldest of this.#remembered.keys()) {
      this.#remembered.delete(oldest);
      break;
    }
  }
}

type Statements = ReturnType<typeof prepare>;

function prepare(database: Database, durable: Database) {
  const columns = "key, size_bytes, stamp, sha256, stored_at, verified_at, surplus_since";
  return {
    find: database.prepare<BlobRow, [Uint8Array]>(`SELECT ${columns} FROM blobs WHERE key = ?`),
    put: database.prepare<never, [Uint8Array, number, string, Uint8Array | null, number, number, number]>(
      `INSERT INTO blobs (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET
         size_bytes = excluded.size_bytes, stamp = excluded.stamp, sha256 = excluded.sha256, stored_at = excluded.stored_at,
         verified_at = excluded.verified_at, surplus_since = excluded.surplus_since`,
    ),
    verified: database.prepare<never, [string, number, Uint8Array]>(
      "UPDATE blobs SET stamp = ?, verified_at = ? WHERE key = ?",
    ),
    markSurplus: database.prepare<never, [number, Uint8Array]>("UPDATE blobs SET surplus_since = ? WHERE key = ?"),
    remove: database.prepare<never, [Uint8Array]>("DELETE FROM blobs WHERE key = ?"),
    totals: database.prepare<{ count: number; bytes: number }, []>("SELECT count, bytes FROM totals"),
    between: database.prepare<BlobRow, [Uint8Array, Uint8Array]>(
      `SELECT ${columns} FROM blobs WHERE key >= ? AND key < ? ORDER BY key`,
    ),
    sizesBehind: database.prepare<Pick<BlobRow, "key" | "size_bytes">, [Uint8Array, Uint8Array, number]>(
      "SELECT key, size_bytes FROM blobs WHERE key > ? AND key < ? ORDER BY key LIMIT ?",
    ),
    leastRecentlyVerified: database.prepare<BlobRow, [number, number]>(
      `SELECT ${columns} FROM blobs WHERE verified_at < ? ORDER BY verified_at, key LIMIT ?`,
    ),
    unverifiedSince: database.prepare<{ count: number; bytes: number | null }, [number]>(
      "SELECT count(*) AS count, sum(size_bytes) AS bytes FROM blobs WHERE verified_at < ?",
    ),
    owe: durable.prepare<never, [Uint8Array, string, number]>(
      "INSERT INTO hand_offs (key, node_id, since) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
    ),
    isOwed: database.prepare<{ one: number }, [Uint8Array, string]>(
      "SELECT 1 AS one FROM hand_offs WHERE key = ? AND node_id = ?",
    ),
    due: database.prepare<HandOffRow, [number, number]>(
      "SELECT key, node_id, since, attempts, not_before FROM hand_offs WHERE not_before <= ? ORDER BY since, key LIMIT ?",
    ),
    postpone: database.prepare<never, [number, Uint8Array, string]>(
      "UPDATE hand_offs SET attempts = attempts + 1, not_before = ? WHERE key = ? AND node_id = ?",
    ),
    settle: database.prepare<never, [Uint8Array, string]>("DELETE FROM hand_offs WHERE key = ? AND node_id = ?"),
    owed: database.prepare<{ count: number }, []>("SELECT count(*) AS count FROM hand_offs"),
    owes: database.prepare<{ one: number }, [Uint8Array]>("SELECT 1 AS one FROM hand_offs WHERE key = ? LIMIT 1"),
    recall: database.prepare<{ value: string }, [string]>("SELECT value FROM notes WHERE name = ?"),
    note: database.prepare<never, [string, string]>(
      "INSERT INTO notes VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    ),
  };
}

function bytesOf(key: Key): Uint8Array {
  const digest = digestOf(key);
  const bytes = Buffer.allocUnsafe(1 + digest.length / 2);
  bytes[0] = algorithmOf(key) === "sha1" ? 1 : 2;
  bytes.write(digest, 1, "hex");
  return bytes;
}

/** Where the keys of a bucket lie, one range for each algorithm, in the order of the keys. */
function rangesOf(bucket: number): { first: Uint8Array; end: Uint8Array }[] {
  return [1, 2].map((algorithm) => ({
    first: Uint8Array.of(algorithm, bucket),
    end: bucket === 255 ? Uint8Array.of(algorithm + 1) : Uint8Array.of(algorithm, bucket + 1),
  }));
}

function hexOf(bytes: Uint8Array, start = 0): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, bytes.byteLength - start).toString("hex");
}

function keyOfBytes(bytes: Uint8Array): Key {
  return keyOf(bytes[0] === 1 ? "sha1" : "sha256", hexOf(bytes, 1));
}

function recordOfRow(row: BlobRow): BlobRecord {
  const key = keyOfBytes(row.key);
  return {
    key,
    sizeBytes: row.size_bytes,
    stamp: row.stamp,
    sha256: row.sha256 ? hexOf(row.sha256) : digestOf(key),
    storedAt: row.stored_at,
    verifiedAt: row.verified_at,
    surplusSince: row.surplus_since,
  };
}
