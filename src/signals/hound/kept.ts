/**
 * What hound keeps on disk: what is remembered of each rule, its history, silences, and notices that are still to be
 * handed on. What a round remembers and what it has to tell are written in one transaction, so a crash neither loses a
 * word nor says it twice. One SQLite file, bounded by age. Leaves out every decision.
 */
import type { Database } from "bun:sqlite";

import { closeDatabase, inTransaction, openDatabase } from "../../kit/disk/sqlite.ts";
import { type Memory, parseMemory } from "./memory.ts";
import type { Notice } from "./notice.ts";
import { type OwnTrouble, parseOwnTrouble } from "./own-trouble.ts";
import type { HistoryEntry, Silence } from "./standing.ts";

/** What is remembered of one rule or series, with whose it is. */
export interface KeptMemory {
  id: string;
  ruleId: string;
  /** The rule's; undefined where it was kept before names were. */
  name: string | undefined;
  series: string | undefined;
  memory: Memory;
}

/** What a round leaves. */
export interface Kept {
  memories: readonly KeptMemory[];
  /** Ids of which nothing is remembered from now on. */
  forgotten: readonly string[];
  history: readonly Omit<HistoryEntry, "number">[];
  notices: readonly Notice[];
  own: OwnTrouble | undefined;
}

const migrations = [
  `CREATE TABLE memories (
     id TEXT PRIMARY KEY,
     rule_id TEXT NOT NULL,
     series TEXT,
     memory TEXT NOT NULL
   ) WITHOUT ROWID;
   CREATE TABLE history (
     number INTEGER PRIMARY KEY AUTOINCREMENT,
     at INTEGER NOT NULL,
     standing_id TEXT NOT NULL,
     rule_id TEXT NOT NULL,
     name TEXT NOT NULL,
     series TEXT,
     event TEXT NOT NULL,
     value REAL,
     message TEXT NOT NULL
   );
   CREATE INDEX history_of_rule ON history (rule_id, number);
   CREATE INDEX history_of_standing ON history (standing_id, number);
   CREATE INDEX history_by_time ON history (at);
   CREATE TABLE silences (
     id TEXT PRIMARY KEY,
     matcher TEXT NOT NULL,
     from_at INTEGER NOT NULL,
     until_at INTEGER NOT NULL,
     by TEXT NOT NULL,
     comment TEXT NOT NULL
   ) WITHOUT ROWID;
   CREATE TABLE outbox (number INTEGER PRIMARY KEY AUTOINCREMENT, notice TEXT NOT NULL);
   CREATE TABLE own (only INTEGER PRIMARY KEY CHECK (only = 1), trouble TEXT NOT NULL);`,
  "ALTER TABLE memories ADD COLUMN name TEXT;",
];

interface HistoryRow {
  number: number;
  at: number;
  standing_id: string;
  rule_id: string;
  name: string;
  series: string | null;
  event: HistoryEntry["event"];
  value: number | null;
  message: string;
}

/** The file. */
export class KeptFile {
  readonly #database: Database;

  /** Opens or makes it; `:memory:` keeps nothing. Faults: those of opening a database. */
  constructor(path: string) {
    this.#database = openDatabase(path, { migrations, synchronous: "full" });
  }

  /** Everything that is remembered. What cannot be understood is left out. */
  memories(): KeptMemory[] {
    const rows = this.#database
      .query<{ id: string; rule_id: string; name: string | null; series: string | null; memory: string }, []>(
        "SELECT * FROM memories",
      )
      .all();
    return rows.flatMap(({ id, memory: text, name, rule_id: ruleId, series }) => {
      const memory = parseMemory(text);
      return memory ? [{ id, ruleId, name: name ?? undefined, series: series ?? undefined, memory }] : [];
    });
  }

  /** What is remembered of hound's own troubles. */
  own(): OwnTrouble {
    const row = this.#database.query<{ trouble: string }, []>("SELECT trouble FROM own").get();
    return row ? parseOwnTrouble(row.trouble) : {};
  }

  /** Keeps all of it, or nothing. */
  keep({ forgotten, history, memories, notices, own }: Kept): void {
    if (memories.length + forgotten.length + history.length + notices.length === 0 && own === undefined) return;
    inTransaction(this.#database, () => {
      const remember = this.#database.query(
        "INSERT OR REPLACE INTO memories (id, rule_id, name, series, memory) VALUES (?, ?, ?, ?, ?)",
      );
      for (const { id, memory, name, ruleId, series } of memories)
        remember.run(id, ruleId, name ?? null, series ?? null, JSON.stringify(memory));
      const forget = this.#database.query("DELETE FROM memories WHERE id = ?");
      for (const id of forgotten) forget.run(id);
      const enter = this.#database.query(
        "INSERT INTO history (at, standing_id, rule_id, name, series, event, value, message) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      );
      for (const { at, event, message, name, ruleId, series, standingId, value } of history)
        enter.run(at, standingId, ruleId, name, series ?? null, event, value ?? null, message);
      const put = this.#database.query("INSERT INTO outbox (notice) VALUES (?)");
      for (const notice of notices) put.run(JSON.stringify(notice));
      if (own !== undefined)
        this.#database.query("INSERT OR REPLACE INTO own (only, trouble) VALUES (1, ?)").run(JSON.stringify(own));
    });
  }

  /** Notices that are still to be handed on, oldest first. */
  outbox(limit: number): { number: number; notice: Notice }[] {
    return this.#database
      .query<{ number: number; notice: string }, [number]>("SELECT number, notice FROM outbox ORDER BY number LIMIT ?")
      .all(limit)
      .map(({ notice, number }) => ({ number, notice: JSON.parse(notice) as Notice }));
  }

  /** It was handed on. */
  handedOn(number: number): void {
    this.#database.query("DELETE FROM outbox WHERE number = ?").run(number);
  }

  /** Newest first; `of` is the id of a rule or a standing. */
  history({ limit, of }: { of?: string; limit: number }): HistoryEntry[] {
    const rows =
      of === undefined
        ? this.#database.query<HistoryRow, [number]>("SELECT * FROM history ORDER BY number DESC LIMIT ?").all(limit)
        : this.#database
            .query<HistoryRow, [string, string, number]>(
              "SELECT * FROM history WHERE rule_id = ? OR standing_id = ? ORDER BY number DESC LIMIT ?",
            )
            .all(of, of, limit);
    return rows.map(({ rule_id: ruleId, series, standing_id: standingId, value, ...row }) => ({
      ...row,
      standingId,
      ruleId,
      series: series ?? undefined,
      value: value ?? undefined,
    }));
  }

  /** Silences that end after an instant, soonest first. */
  silences(at: number): Silence[] {
    return this.#database
      .query<{ id: string; matcher: string; from_at: number; until_at: number; by: string; comment: string }, [number]>(
        "SELECT * FROM silences WHERE until_at > ? ORDER BY until_at, id",
      )
      .all(at)
      .map(({ from_at: fromAt, until_at: untilAt, ...rest }) => ({ ...rest, fromAt, untilAt }));
  }

  /** Keeps a silence, or its new end. */
  putSilence({ by, comment, fromAt, id, matcher, untilAt }: Silence): void {
    this.#database
      .query("INSERT OR REPLACE INTO silences (id, matcher, from_at, until_at, by, comment) VALUES (?, ?, ?, ?, ?, ?)")
      .run(id, matcher, fromAt, untilAt, by, comment);
  }

  /** When the newest entry was made, of history and of what was judged; undefined where there is none. */
  newestAt(): number | undefined {
    const row = this.#database
      .query<{ at: number | null }, []>("SELECT at FROM history ORDER BY number DESC LIMIT 1")
      .get();
    let newest = row?.at ?? undefined;
    for (const { memory } of this.memories()) newest = Math.max(newest ?? -Infinity, memory.judgedAt ?? memory.levelAt);
    return newest;
  }

  /** Forgets what is older than `beforeAt`, a bounded number of rows at a time; whether there is more. */
  forget(beforeAt: number): boolean {
    const most = 5000;
    this.#database.query("DELETE FROM silences WHERE until_at < ?").run(beforeAt);
    return (
      this.#database
        .query("DELETE FROM history WHERE number IN (SELECT number FROM history WHERE at < ? LIMIT ?)")
        .run(beforeAt, most).changes === most
    );
  }

  /** Closes the file. */
  close(): void {
    closeDatabase(this.#database);
  }
}
