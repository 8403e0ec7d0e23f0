/**
 * Runs as they are kept: when, of what, the sums, and each resource. Of a site's older runs only what was not good stays;
 * the newest has everything, and so have runs that somebody asked for by address. One file, one writer.
 */
import type { Database } from "bun:sqlite";

import { closeDatabase, inTransaction, openDatabase } from "../../kit/disk/sqlite.ts";
import type { Counts, ResourceReport, SiteReport } from "./report.ts";

/** What began a run. */
export type Cause = "interval" | "asked" | "deploy";

/** A run without its resources. */
export interface KeptRun {
  id: number;
  /** Undefined for one that somebody asked for by address. */
  site: string | undefined;
  /** The first page or sitemap. */
  target: string;
  cause: Cause;
  deploy: string | undefined;
  askedAt: number;
  /** Undefined until it is over. */
  result: { startedAt: number; elapsedMs: number; isGood: boolean; counts: Counts; limits: string[] } | undefined;
}

interface Row {
  id: number;
  site: string | null;
  target: string;
  cause: Cause;
  deploy: string | null;
  asked_at: number;
  started_at: number | null;
  elapsed_ms: number;
  is_good: number;
  counts: string;
  limits: string;
}

const migrations = [
  `CREATE TABLE runs (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     site TEXT,
     target TEXT NOT NULL,
     cause TEXT NOT NULL,
     deploy TEXT,
     asked_at INTEGER NOT NULL,
     started_at INTEGER,
     elapsed_ms INTEGER NOT NULL DEFAULT 0,
     is_good INTEGER NOT NULL DEFAULT 0,
     counts TEXT NOT NULL DEFAULT '{}',
     limits TEXT NOT NULL DEFAULT '[]'
   );
   CREATE INDEX runs_by_site ON runs (site, id);
   CREATE INDEX runs_by_age ON runs (asked_at);
   CREATE TABLE resources (
     run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
     position INTEGER NOT NULL,
     verdict TEXT NOT NULL,
     report TEXT NOT NULL,
     PRIMARY KEY (run_id, position)
   ) WITHOUT ROWID;`,
];

/** The runs. */
export class RunStore {
  readonly #database: Database;

  /** Opens or makes the file; `:memory:` keeps nothing. What was not over when the program ended is forgotten. */
  constructor(path: string) {
    this.#database = openDatabase(path, { migrations, synchronous: "normal" });
    this.#database.run("DELETE FROM runs WHERE started_at IS NULL");
  }

  /** Enters a run that is to come; its number. */
  enter(run: Pick<KeptRun, "site" | "target" | "cause" | "deploy" | "askedAt">): number {
    const { lastInsertRowid } = this.#database
      .query("INSERT INTO runs (site, target, cause, deploy, asked_at) VALUES (?, ?, ?, ?, ?)")
      .run(run.site ?? null, run.target, run.cause, run.deploy ?? null, run.askedAt);
    return Number(lastInsertRowid);
  }

  /** Keeps what came of a run. */
  finish(id: number, report: SiteReport): void {
    inTransaction(this.#database, () => {
      const { counts, elapsedMs, isGood, limits, startedAt } = report;
      this.#database
        .query("UPDATE runs SET started_at = ?, elapsed_ms = ?, is_good = ?, counts = ?, limits = ? WHERE id = ?")
        .run(startedAt, elapsedMs, isGood ? 1 : 0, JSON.stringify(counts), JSON.stringify(limits), id);
      const insert = this.#database.query(
        "INSERT INTO resources (run_id, position, verdict, report) VALUES (?, ?, ?, ?)",
      );
      report.resources.forEach((resource, position) =>
        insert.run(id, position, resource.verdict, JSON.stringify(resource)),
      );
      this.#database
        .query(
          `DELETE FROM resources WHERE verdict = 'good' AND run_id IN
             (SELECT id FROM runs WHERE id < ?1 AND site = (SELECT site FROM runs WHERE id = ?1))`,
        )
        .run(id);
    });
  }

  /** Forgets a run that will not come. */
  drop(id: number): void {
    this.#database.query("DELETE FROM runs WHERE id = ?").run(id);
  }

  find(id: number): KeptRun | undefined {
    const row = this.#database.query<Row, [number]>("SELECT * FROM runs WHERE id = ?").get(id);
    return row ? runOf(row) : undefined;
  }

  /** The newest runs, of a site or of all, newest first. */
  newest(limit: number, site?: string): KeptRun[] {
    const rows =
      site === undefined
        ? this.#database.query<Row, [number]>("SELECT * FROM runs ORDER BY id DESC LIMIT ?").all(limit)
        : this.#database
            .query<Row, [string, number]>("SELECT * FROM runs WHERE site = ? ORDER BY id DESC LIMIT ?")
            .all(site, limit);
    return rows.map(runOf);
  }

  /** The newest run of a site that is over. */
  last(site: string): KeptRun | undefined {
    const row = this.#database
      .query<Row, [string]>("SELECT * FROM runs WHERE site = ? AND started_at IS NOT NULL ORDER BY id DESC LIMIT 1")
      .get(site);
    return row ? runOf(row) : undefined;
  }

  /** Resources of a run, worst first; with `troubledOnly`, those that are bad or a warning. */
  resources(id: number, limit: number, troubledOnly = false): ResourceReport[] {
    const only = troubledOnly ? "AND verdict IN ('bad', 'warn')" : "";
    return this.#database
      .query<{ report: string }, [number, number]>(
        `SELECT report FROM resources WHERE run_id = ? ${only} ORDER BY position LIMIT ?`,
      )
      .all(id, limit)
      .map(({ report }) => JSON.parse(report) as ResourceReport);
  }

  /** When the newest run was asked for; undefined where there is none. */
  newestAt(): number | undefined {
    return this.newest(1)[0]?.askedAt;
  }

  /** Forgets runs that are older, a bounded number at a time; whether there may be more. The last of each site stays. */
  forget(beforeAt: number): boolean {
    const most = 50;
    const { changes } = this.#database
      .query(
        `DELETE FROM runs WHERE id IN (SELECT id FROM runs AS old WHERE asked_at < ? AND started_at IS NOT NULL
           AND (site IS NULL OR EXISTS (SELECT 1 FROM runs WHERE site = old.site AND id > old.id AND started_at IS NOT NULL))
         LIMIT ?)`,
      )
      .run(beforeAt, most);
    return changes >= most;
  }

  close(): void {
    closeDatabase(this.#database);
  }
}

function runOf(row: Row): KeptRun {
  return {
    id: row.id,
    site: row.site ?? undefined,
    target: row.target,
    cause: row.cause,
    deploy: row.deploy ?? undefined,
    askedAt: row.asked_at,
    result:
      row.started_at === null
        ? undefined
        : {
            startedAt: row.started_at,
            elapsedMs: row.elapsed_ms,
            isGood: row.is_good === 1,
            counts: JSON.parse(row.counts) as Counts,
            limits: JSON.parse(row.limits) as string[],
          },
  };
}
