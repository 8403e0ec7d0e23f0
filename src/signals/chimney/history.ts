/**
 * What is kept of each check: how it stands, each outcome for a while, sums by the hour for long, and the spells of up
 * and down with their cause. One SQLite file; bounded by age. A crash of the machine may cost the newest outcomes,
 * never the file. Leaves out every decision: callers say what a check's level is.
 */
import type { Database } from "bun:sqlite";

import { closeDatabase, inTransaction, openDatabase } from "../../kit/disk/sqlite.ts";
import type { Outcome } from "./outcome.ts";
import { failingOf } from "./outcome.ts";
import type { Level, Standing } from "./standing.ts";

/** A time in which a check stood one way. Its end is the beginning of the next. */
export interface Spell {
  level: Level;
  fromAt: number;
  /** Undefined for the present one; never before its beginning, though the clock was set back. */
  untilAt: number | undefined;
  reason: string;
  failing: readonly string[];
}

/** One hour of a check. */
export interface Hour {
  /** Its beginning, epoch ms. */
  at: number;
  runs: number;
  bad: number;
  latencyMsAverage: number;
  latencyMsMax: number;
}

/** One outcome as kept. */
export interface KeptResult {
  at: number;
  isGood: boolean;
  latencyMs: number;
  status: number | undefined;
  reason: string;
}

/** What is kept of a check itself. */
export interface KeptCheck {
  standing: Standing;
  beatId: string;
  lastBeatAt: number | undefined;
}

const hourMs = 3_600_000;

const migrations = [
  `CREATE TABLE checks (
     id INTEGER PRIMARY KEY,
     name TEXT NOT NULL UNIQUE,
     level TEXT NOT NULL,
     since_at INTEGER NOT NULL,
     failures_in_row INTEGER NOT NULL,
     successes_in_row INTEGER NOT NULL,
     last_at INTEGER,
     last_outcome TEXT,
     beat_id TEXT NOT NULL,
     beat_at INTEGER
   );
   CREATE TABLE results (
     check_id INTEGER NOT NULL REFERENCES checks (id) ON DELETE CASCADE,
     at INTEGER NOT NULL,
     good INTEGER NOT NULL,
     latency_ms REAL NOT NULL,
     status INTEGER,
     reason TEXT NOT NULL,
     PRIMARY KEY (check_id, at)
   ) WITHOUT ROWID;
   CREATE TABLE hours (
     check_id INTEGER NOT NULL REFERENCES checks (id) ON DELETE CASCADE,
     at INTEGER NOT NULL,
     runs INTEGER NOT NULL,
     bad INTEGER NOT NULL,
     latency_ms_sum REAL NOT NULL,
     latency_ms_max REAL NOT NULL,
     PRIMARY KEY (check_id, at)
   ) WITHOUT ROWID;
   CREATE TABLE spells (
     check_id INTEGER NOT NULL REFERENCES checks (id) ON DELETE CASCADE,
     from_at INTEGER NOT NULL,
     level TEXT NOT NULL,
     reason TEXT NOT NULL,
     failing TEXT NOT NULL,
     PRIMARY KEY (check_id, from_at)
   ) WITHOUT ROWID;`,
  // In the order in which they came: a clock that was set back mixes up their instants.
  `CREATE TABLE spells_in_order (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     check_id INTEGER NOT NULL REFERENCES checks (id) ON DELETE CASCADE,
     from_at INTEGER NOT NULL,
     level TEXT NOT NULL,
     reason TEXT NOT NULL,
     failing TEXT NOT NULL
   );
   INSERT INTO spells_in_order (check_id, from_at, level, reason, failing)
     SELECT check_id, from_at, level, reason, failing FROM spells ORDER BY check_id, from_at;
   DROP TABLE spells;
   ALTER TABLE spells_in_order RENAME TO spells;
   CREATE INDEX spells_of_check ON spells (check_id, id);
   CREATE INDEX spells_by_time ON spells (from_at);`,
];

interface CheckRow {
  id: number;
  level: Level;
  since_at: number;
  failures_in_row: number;
  successes_in_row: number;
  last_at: number | null;
  last_outcome: string | null;
  beat_id: string;
  beat_at: number | null;
}

/** The history of all checks. */
export class History {
  readonly #database: Database;

  /** Opens or makes the file; `:memory:` keeps nothing. Faults: those of opening a database. */
  constructor(path: string) {
    this.#database = openDatabase(path, { migrations, synchronous: "normal" });
  }

  /** What is kept of a check; one that is not known yet is entered as `fresh` says. */
  check(name: string, fresh: () => { at: number; beatId: string }): KeptCheck {
    const row = this.#row(name);
    if (!row) {
      const { at, beatId } = fresh();
      this.#database
        .query(
          "INSERT INTO checks (name, level, since_at, failures_in_row, successes_in_row, beat_id) VALUES (?, 'unknown', ?, 0, 0, ?)",
        )
        .run(name, at, beatId);
      return this.check(name, fresh);
    }
    return {
      standing: {
        level: row.level,
        sinceAt: row.since_at,
        failuresInRow: row.failures_in_row,
        successesInRow: row.successes_in_row,
        last: row.last_outcome === null ? undefined : (JSON.parse(row.last_outcome) as Outcome),
        lastAt: row.last_at ?? undefined,
      },
      beatId: row.beat_id,
      lastBeatAt: row.beat_at ?? undefined,
    };
  }

  /** Keeps an outcome and what it made of the check. A spell begins where `hasChanged`. */
  record(name: string, standing: Standing, outcome: Outcome, at: number, hasChanged: boolean): void {
    const row = this.#row(name);
    if (!row) return;
    const { id } = row;
    const bad = outcome.isGood ? 0 : 1;
    const { latencyMs } = outcome;
    inTransaction(this.#database, () => {
      this.#database
        .query(
          "UPDATE checks SET level = ?, since_at = ?, failures_in_row = ?, successes_in_row = ?, last_at = ?, last_outcome = ? WHERE id = ?",
        )
        .run(
          standing.level,
          standing.sinceAt,
          standing.failuresInRow,
          standing.successesInRow,
          at,
          JSON.stringify(outcome),
          id,
        );
      this.#database
        .query(
          "INSERT OR REPLACE INTO results (check_id, at, good, latency_ms, status, reason) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .run(id, at, 1 - bad, latencyMs, outcome.status ?? null, outcome.isGood ? "" : outcome.reason.slice(0, 500));
      this.#database
        .query(
          `INSERT INTO hours (check_id, at, runs, bad, latency_ms_sum, latency_ms_max) VALUES (?1, ?2, 1, ?3, ?4, ?4)
           ON CONFLICT DO UPDATE SET runs = runs + 1, bad = bad + ?3, latency_ms_sum = latency_ms_sum + ?4,
             latency_ms_max = max(latency_ms_max, ?4)`,
        )
        .run(id, at - (at % hourMs), bad, latencyMs);
      if (hasChanged) {
        this.#database
          .query("INSERT INTO spells (check_id, from_at, level, reason, failing) VALUES (?, ?, ?, ?, ?)")
          .run(id, at, standing.level, outcome.reason.slice(0, 500), JSON.stringify(failingOf(outcome)));
      }
    });
  }

  /** Keeps when a heartbeat beat last. */
  beat(name: string, at: number): void {
    this.#database.query("UPDATE checks SET beat_at = ? WHERE name = ?").run(at, name);
  }

  /** Spells of a check, the last that began first. */
  spells(name: string, limit: number): Spell[] {
    const rows = this.#database
      .query<{ level: Level; from_at: number; reason: string; failing: string }, [string, number]>(
        `SELECT level, from_at, reason, failing FROM spells WHERE check_id = (SELECT id FROM checks WHERE name = ?)
         ORDER BY id DESC LIMIT ?`,
      )
      .all(name, limit);
    return rows.map(({ level, from_at: fromAt, reason, failing }, position) => ({
      level,
      fromAt,
      untilAt: untilOf(fromAt, rows[position - 1]?.from_at),
      reason,
      failing: JSON.parse(failing) as string[],
    }));
  }

  /** Hours of one check since an instant, oldest first. */
  hoursOf(name: string, sinceAt: number): Hour[] {
    return this.#database
      .query<HourRow, [string, number]>(
        `SELECT at, runs, bad, latency_ms_sum, latency_ms_max FROM hours
         WHERE check_id = (SELECT id FROM checks WHERE name = ?) AND at >= ? ORDER BY at`,
      )
      .all(name, sinceAt)
      .map(hourOf);
  }

  /** The newest outcomes of a check, newest first. */
  results(name: string, limit: number): KeptResult[] {
    return this.#database
      .query<{ at: number; good: number; latency_ms: number; status: number | null; reason: string }, [string, number]>(
        `SELECT at, good, latency_ms, status, reason FROM results
         WHERE check_id = (SELECT id FROM checks WHERE name = ?) ORDER BY at DESC LIMIT ?`,
      )
      .all(name, limit)
      .map(({ at, good, latency_ms: latencyMs, reason, status }) => ({
        at,
        isGood: good === 1,
        latencyMs,
        status: status ?? undefined,
        reason,
      }));
  }

  /** Latencies of good outcomes since an instant that `shares` (0 to 1) of them do not exceed; empty without any. */
  percentiles(name: string, sinceAt: number, shares: readonly number[]): number[] {
    const sorted = this.#database
      .query<{ latency_ms: number }, [string, number]>(
        `SELECT latency_ms FROM results WHERE check_id = (SELECT id FROM checks WHERE name = ?) AND at >= ? AND good = 1
         ORDER BY latency_ms`,
      )
      .all(name, sinceAt);
    if (sorted.length === 0) return [];
    return shares.map((share) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]?.latency_ms ?? 0);
  }

  /** When the newest entry was made; undefined where there is none. */
  newestAt(): number | undefined {
    const row = this.#database
      .query<{ at: number | null }, []>("SELECT max(coalesce(last_at, since_at)) AS at FROM checks")
      .get();
    return row?.at ?? undefined;
  }

  /** Forgets what is older, a bounded number of rows at a time; whether there is more. Checks in `known` stay. */
  forget(before: { resultsAt: number; hoursAt: number }, known: ReadonlySet<string>): boolean {
    const most = 5000;
    let removed = 0;
    const run = (statement: string, at: number) => {
      removed = Math.max(removed, this.#database.query(statement).run(at, most).changes);
    };
    run(
      "DELETE FROM results WHERE (check_id, at) IN (SELECT check_id, at FROM results WHERE at < ? LIMIT ?)",
      before.resultsAt,
    );
    run(
      "DELETE FROM hours WHERE (check_id, at) IN (SELECT check_id, at FROM hours WHERE at < ? LIMIT ?)",
      before.hoursAt,
    );
    run(
      `DELETE FROM spells WHERE id IN (SELECT id FROM spells AS old WHERE from_at < ?
         AND EXISTS (SELECT 1 FROM spells WHERE check_id = old.check_id AND id > old.id) LIMIT ?)`,
      before.hoursAt,
    );
    const gone = this.#database
      .query<{ name: string }, [number]>("SELECT name FROM checks WHERE max(coalesce(last_at, 0), since_at) < ?")
      .all(before.hoursAt)
      .filter(({ name }) => !known.has(name));
    for (const { name } of gone) this.#database.query("DELETE FROM checks WHERE name = ?").run(name);
    return removed === most;
  }

  /** Closes the file. */
  close(): void {
    closeDatabase(this.#database);
  }

  #row(name: string): CheckRow | null {
    return this.#database.query<CheckRow, [string]>("SELECT * FROM checks WHERE name = ?").get(name);
  }
}

function untilOf(fromAt: number, nextAt: number | undefined): number | undefined {
  return nextAt === undefined ? undefined : Math.max(fromAt, nextAt);
}

interface HourRow {
  at: number;
  runs: number;
  bad: number;
  latency_ms_sum: number;
  latency_ms_max: number;
}

function hourOf(row: HourRow): Hour {
  const { at, bad, runs, latency_ms_max: latencyMsMax, latency_ms_sum: sum } = row;
  return { at, runs, bad, latencyMsAverage: runs === 0 ? 0 : sum / runs, latencyMsMax };
}
