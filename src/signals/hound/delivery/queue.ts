/**
 * What is still to be said, and what was: one row for each notice and recipient, in SQLite. A notice counts as taken
 * when its rows survive a crash of the machine. Every row is `waiting` until the other side has taken it (`sent`) or
 * there is no sense in trying on (`failed`); what a crash interrupts is waiting still. A recipient's rows are sent in the
 * order in which they came: only the oldest that waits is ever due. What is done with is kept as a log, bounded by age
 * and number. Leaves out all sending.
 */
import type { Database } from "bun:sqlite";

import { closeDatabase, inTransaction, openDatabase } from "../../../kit/disk/sqlite.ts";
import { Fault } from "../../../kit/fault.ts";
import type { Notice } from "../notice.ts";

/** How a delivery stands. */
export type DeliveryState = "waiting" | "sent" | "failed";

/** One notice to one recipient, as kept. */
export interface DeliveryRow {
  id: number;
  noticeId: string;
  kind: Notice["kind"];
  subject: string;
  recipient: string;
  state: DeliveryState;
  attempts: number;
  createdAt: number;
  /** When it is tried next, where it waits. */
  nextAt: number;
  /** When it was sent, or given up. */
  endedAt: number | undefined;
  /** What the other side said at last, or what went wrong. */
  said: string;
}

/** How many there are of each, and since when the oldest waits. */
export interface DeliveryCounts {
  waiting: number;
  failed: number;
  sent: number;
  oldestWaitingAt: number | undefined;
}

/** A due delivery with all that sending it takes. */
export interface DueDelivery {
  row: DeliveryRow;
  notice: Notice;
}

const migrations = [
  `CREATE TABLE notices (
     number INTEGER PRIMARY KEY,
     id TEXT NOT NULL UNIQUE,
     kind TEXT NOT NULL,
     subject TEXT NOT NULL,
     created_at INTEGER NOT NULL,
     notice TEXT NOT NULL
   );
   CREATE TABLE deliveries (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     notice_number INTEGER NOT NULL REFERENCES notices (number) ON DELETE CASCADE,
     recipient TEXT NOT NULL,
     state TEXT NOT NULL,
     attempts INTEGER NOT NULL,
     created_at INTEGER NOT NULL,
     trying_since INTEGER NOT NULL,
     next_at INTEGER NOT NULL,
     ended_at INTEGER,
     said TEXT NOT NULL,
     UNIQUE (notice_number, recipient)
   );
   CREATE INDEX deliveries_waiting ON deliveries (recipient, id) WHERE state = 'waiting';
   CREATE INDEX deliveries_failed ON deliveries (ended_at) WHERE state = 'failed';
   CREATE INDEX deliveries_ended ON deliveries (ended_at) WHERE state <> 'waiting';
   CREATE TABLE spent_links (
     word TEXT PRIMARY KEY,
     expires_at INTEGER NOT NULL
   ) WITHOUT ROWID;`,
];

interface Row {
  id: number;
  notice_id: string;
  kind: Notice["kind"];
  subject: string;
  recipient: string;
  state: DeliveryState;
  attempts: number;
  created_at: number;
  next_at: number;
  ended_at: number | null;
  said: string;
}

const columns =
  "d.id, n.id AS notice_id, n.kind, n.subject, d.recipient, d.state, d.attempts, d.created_at, d.next_at, d.ended_at, d.said";
const joined = "deliveries d JOIN notices n ON n.number = d.notice_number";

/** The queue and its log. */
export class DeliveryQueue {
  readonly #database: Database;
  readonly #waitingMax: number;

  /** Opens or makes the file; `:memory:` keeps nothing. Faults: those of opening a database. */
  constructor(path: string, options: { waitingMax?: number } = {}) {
    this.#database = openDatabase(path, { migrations, synchronous: "full" });
    this.#waitingMax = options.waitingMax ?? 10_000;
  }

  /**
   * Takes a notice for its recipients, each once; one that was taken before stays as it is. `hopeless` says of a
   * recipient why nothing can be sent there. Returns how many rows are new. Fault `hound/queue-full` (limited).
   */
  take(notice: Notice, now: number, hopeless: (recipient: string) => string | undefined): number {
    const recipients = new Set(notice.recipients);
    return inTransaction(this.#database, () => {
      const known = this.#database.query<{ number: number }, [string]>("SELECT number FROM notices WHERE id = ?");
      if (known.get(notice.id)) return 0;
      if (this.#waiting() + recipients.size > this.#waitingMax) {
        throw new Fault(
          "limited",
          "hound/queue-full",
          `Cannot take the notice: ${this.#waitingMax} wait to be sent already`,
        );
      }
      const { lastInsertRowid } = this.#database
        .query("INSERT INTO notices (id, kind, subject, created_at, notice) VALUES (?, ?, ?, ?, ?)")
        .run(notice.id, notice.kind, notice.subject, notice.createdAt, JSON.stringify(notice));
      const insert = this.#database.query(
        `INSERT INTO deliveries (notice_number, recipient, state, attempts, created_at, trying_since, next_at, ended_at, said)
         VALUES (?, ?, ?, 0, ?, ?, ?, ?, ?)`,
      );
      for (const recipient of recipients) {
        const why = hopeless(recipient);
        const state = why === undefined ? "waiting" : "failed";
        insert.run(
          lastInsertRowid,
          recipient,
          state,
          now,
          now,
          now,
          why === undefined ? null : now,
          why === undefined ? "" : why,
        );
      }
      return recipients.size;
    });
  }

  /**
   * The oldest that waits for each recipient, where its time has come. One whose time lies further ahead than
   * `aheadMs` is due as well: then the wall clock was set back.
   */
  due(now: number, aheadMs: number, limit: number): DueDelivery[] {
    return this.#database
      .query<Row & { notice: string }, [number, number, number]>(
        `SELECT ${columns}, n.notice FROM ${joined}
         WHERE d.id IN (SELECT min(id) FROM deliveries WHERE state = 'waiting' GROUP BY recipient)
           AND (d.next_at <= ? OR d.next_at > ?)
         ORDER BY d.id LIMIT ?`,
      )
      .all(now, now + aheadMs, limit)
      .map((row) => ({ row: rowOf(row), notice: JSON.parse(row.notice) as Notice }));
  }

  /** When the next one falls due; undefined when nothing waits. */
  nextAt(): number | undefined {
    const row = this.#database
      .query<{ at: number | null }, []>(
        "SELECT min(next_at) AS at FROM deliveries WHERE id IN (SELECT min(id) FROM deliveries WHERE state = 'waiting' GROUP BY recipient)",
      )
      .get();
    return row?.at ?? undefined;
  }

  /** Since when a row is tried: a retry by hand begins anew. */
  tryingSince(id: number): number {
    const row = this.#database
      .query<{ trying_since: number }, [number]>("SELECT trying_since FROM deliveries WHERE id = ?")
      .get(id);
    return row?.trying_since ?? 0;
  }

  /** Moves the instants of what waits, as the clock was set by so much. */
  shiftWaiting(byMs: number): void {
    this.#database
      .query("UPDATE deliveries SET trying_since = trying_since + ?1, next_at = next_at + ?1 WHERE state = 'waiting'")
      .run(byMs);
  }

  /** The other side has taken it. */
  sent(id: number, now: number, said: string): void {
    this.#end(id, "sent", now, said);
  }

  /** There is no sense in trying on. */
  failed(id: number, now: number, said: string): void {
    this.#end(id, "failed", now, said);
  }

  /** It did not work, and is tried again. */
  deferred(id: number, nextAt: number, said: string): void {
    this.#database
      .query("UPDATE deliveries SET attempts = attempts + 1, next_at = ?, said = ? WHERE id = ? AND state = 'waiting'")
      .run(Math.round(nextAt), said.slice(0, 500), id);
  }

  /** Makes failed rows wait again, all of them or one. Returns how many. */
  retry(now: number, id?: number): number {
    const which = id === undefined ? "" : " AND id = ?";
    return this.#database
      .query(
        `UPDATE deliveries SET state = 'waiting', attempts = 0, trying_since = ?, next_at = ?, ended_at = NULL WHERE state = 'failed'${which}`,
      )
      .run(now, now, ...(id === undefined ? [] : [id])).changes;
  }

  /** Newest first. `before` is the id of the last of the page before. */
  list(options: { state?: DeliveryState; before?: number; limit: number }): DeliveryRow[] {
    const { before = Number.MAX_SAFE_INTEGER, limit, state } = options;
    return this.#database
      .query<Row, [string | null, string | null, number, number]>(
        `SELECT ${columns} FROM ${joined} WHERE (? IS NULL OR d.state = ?) AND d.id < ? ORDER BY d.id DESC LIMIT ?`,
      )
      .all(state ?? null, state ?? null, before, limit)
      .map(rowOf);
  }

  /** How many there are of each. */
  counts(): DeliveryCounts {
    const counts: DeliveryCounts = { waiting: 0, failed: 0, sent: 0, oldestWaitingAt: undefined };
    for (const { count, oldest, state } of this.#database
      .query<{ state: DeliveryState; count: number; oldest: number | null }, []>(
        "SELECT state, count(*) AS count, min(trying_since) AS oldest FROM deliveries GROUP BY state",
      )
      .all()) {
      counts[state] = count;
      if (state === "waiting") counts.oldestWaitingAt = oldest ?? undefined;
    }
    return counts;
  }

  /** How many were given up since `at`, and the newest of them. */
  failedSince(at: number): { count: number; newest: DeliveryRow | undefined } {
    const rows = this.#database
      .query<Row, [number]>(
        `SELECT ${columns} FROM ${joined} WHERE d.state = 'failed' AND d.ended_at >= ? ORDER BY d.ended_at DESC LIMIT 1`,
      )
      .all(at)
      .map(rowOf);
    const count = this.#database
      .query<{ count: number }, [number]>(
        "SELECT count(*) AS count FROM deliveries WHERE state = 'failed' AND ended_at >= ?",
      )
      .get(at)?.count;
    return { count: count ?? 0, newest: rows[0] };
  }

  /** When the newest entry was made or done with; undefined where there is none. */
  newestAt(): number | undefined {
    const row = this.#database
      .query<{ at: number | null }, []>("SELECT max(coalesce(ended_at, created_at)) AS at FROM deliveries")
      .get();
    return row?.at ?? undefined;
  }

  /** Forgets what ended before `beforeAt`, and the oldest beyond `rowsMax`; at most `limit` at a time. Returns how many. */
  forget(beforeAt: number, rowsMax: number, now: number, limit = 500): number {
    return inTransaction(this.#database, () => {
      const { changes } = this.#database
        .query(
          `DELETE FROM deliveries WHERE id IN (
             SELECT id FROM deliveries WHERE state <> 'waiting' AND (ended_at < ?1 OR id <= (
               SELECT id FROM deliveries WHERE state <> 'waiting' ORDER BY id DESC LIMIT 1 OFFSET ?2))
             ORDER BY id LIMIT ?3)`,
        )
        .run(beforeAt, rowsMax, limit);
      this.#database
        .query(
          "DELETE FROM notices WHERE created_at < ? AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.notice_number = number)",
        )
        .run(changes > 0 ? now : beforeAt);
      this.#database.query("DELETE FROM spent_links WHERE expires_at < ?").run(now);
      return changes;
    });
  }

  /** Notes that a link has acted; false when it had before. */
  spend(word: string, expiresAt: number): boolean {
    return (
      this.#database.query("INSERT OR IGNORE INTO spent_links (word, expires_at) VALUES (?, ?)").run(word, expiresAt)
        .changes > 0
    );
  }

  /** Whether a link has acted. */
  isSpent(word: string): boolean {
    return this.#database.query("SELECT 1 FROM spent_links WHERE word = ?").get(word) !== null;
  }

  /** Closes the file. */
  close(): void {
    closeDatabase(this.#database);
  }

  /** How many wait, by their own index: the log beside them is long. */
  #waiting(): number {
    const row = this.#database
      .query<{ count: number }, []>(
        "SELECT count(*) AS count FROM deliveries INDEXED BY deliveries_waiting WHERE state = 'waiting'",
      )
      .get();
    return row?.count ?? 0;
  }

  #end(id: number, state: DeliveryState, now: number, said: string): void {
    this.#database
      .query(
        "UPDATE deliveries SET state = ?, attempts = attempts + 1, ended_at = ?, said = ? WHERE id = ? AND state = 'waiting'",
      )
      .run(state, now, said.slice(0, 500), id);
  }
}

function rowOf(row: Row): DeliveryRow {
  return {
    id: row.id,
    noticeId: row.notice_id,
    kind: row.kind,
    subject: row.subject,
    recipient: row.recipient,
    state: row.state,
    attempts: row.attempts,
    createdAt: row.created_at,
    nextAt: row.next_at,
    endedAt: row.ended_at ?? undefined,
    said: row.said,
  };
}
