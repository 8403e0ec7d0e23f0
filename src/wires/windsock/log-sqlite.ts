/**
 * The log on disk. Its epoch stands in the file, so that whoever was connected before a restart goes on where it was; what
 * `append` returned from survives a crash of the machine. Addresses have an index, by which prefixes are ranges.
 */
import { type Database, SQLiteError } from "bun:sqlite";

import { closeDatabase, inTransaction, openDatabase } from "../../kit/disk/sqlite.ts";
import type { Interest, Publication } from "./publication.ts";
import { concerns } from "./publication.ts";
import {
  concernsAny,
  type Found,
  formatPosition,
  type LogBounds,
  newEpoch,
  type Portion,
  type PortionBounds,
  PortionMeasure,
  type PublicationLog,
  sizeOf,
} from "./publication-log.ts";

const migrations = [
  `CREATE TABLE publications (
     "offset" INTEGER PRIMARY KEY,
     at INTEGER NOT NULL,
     address TEXT NOT NULL,
     content TEXT NOT NULL,
     size INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX publications_address ON publications (address, "offset");
   CREATE TABLE standing (
     only INTEGER PRIMARY KEY CHECK (only = 1),
     epoch TEXT NOT NULL,
     newest INTEGER NOT NULL,
     count INTEGER NOT NULL,
     size INTEGER NOT NULL
   ) STRICT;`,
  // The newest of the numbers of former runs.
  "ALTER TABLE standing ADD COLUMN former INTEGER NOT NULL DEFAULT 0",
  // All of them with their epochs, so that a publication has the position under which it was first told.
  `CREATE TABLE runs (
     newest INTEGER PRIMARY KEY,
     epoch TEXT NOT NULL
   ) STRICT;
   INSERT INTO runs (newest, epoch) SELECT former, '0' FROM standing WHERE former > 0;
   ALTER TABLE standing DROP COLUMN former;`,
];

interface Row {
  offset: number;
  at: number;
  address: string;
  content: string;
  size: number;
}

interface Standing {
  epoch: string;
  newest: number;
  count: number;
  size: number;
}

/** A former run of numbers, up to its newest. */
interface Run {
  newest: number;
  epoch: string;
}

/** Forgotten in one go, so that nobody waits long for it. */
const forgetAtOnce = 10_000;

/** See {@link PublicationLog}. */
export class SqliteLog implements PublicationLog {
  #epoch: string;
  readonly #database: Database;
  readonly #bounds: LogBounds;
  /** What is in the file is of a former run of numbers, and could not be taken out yet. */
  #isStale = false;
  #newest: number;
  /** Former ones, oldest first, and whether the file does not know of a change yet. */
  #runs: Run[];
  #areRunsNew = false;
  #count: number;
  #sizeBytes: number;

  /** Faults as of `openDatabase`. */
  constructor(path: string, bounds: LogBounds) {
    this.#bounds = bounds;
    this.#database = openDatabase(path, { migrations, synchronous: "full" });
    const held = this.#database.query<Standing, []>("SELECT epoch, newest, count, size FROM standing").get();
    this.#epoch = held?.epoch ?? newEpoch();
    this.#newest = held?.newest ?? 0;
    this.#runs = this.#database.query<Run, []>("SELECT newest, epoch FROM runs ORDER BY newest").all();
    this.#count = held?.count ?? 0;
    this.#sizeBytes = held?.size ?? 0;
    if (!held) {
      this.#database
        .query<null, [string]>("INSERT INTO standing (only, epoch, newest, count, size) VALUES (1, ?, 0, 0, 0)")
        .run(this.#epoch);
    }
  }

  get epoch(): string {
    return this.#epoch;
  }

  get newest(): number {
    return this.#newest;
  }

  get oldest(): number {
    return this.#newest - this.#count + 1;
  }

  get count(): number {
    return this.#count;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  append(publications: readonly Publication[]): void {
    const { database, isKeeping } = { database: this.#database, isKeeping: this.#bounds.count > 0 };
    const newest = this.#newest + publications.length;
    const sizes = isKeeping ? publications.map(sizeOf) : [];
    const sizeBytes = this.#sizeBytes + sizes.reduce((sum, size) => sum + size, 0);
    const count = this.#count + sizes.length;
    inTransaction(database, () => {
      if (this.#isStale) database.query<null, []>("DELETE FROM publications").run();
      if (isKeeping) {
        const insert = database.query<null, [number, number, string, string, number]>(
          'INSERT INTO publications ("offset", at, address, content, size) VALUES (?, ?, ?, ?, ?)',
        );
        for (const [index, { at, address, content }] of publications.entries()) {
          insert.run(this.#newest + index + 1, at, address, content, sizes[index] ?? 0);
        }
      }
      this.#stand(newest, count, sizeBytes);
    });
    this.#isStale = false;
    this.#areRunsNew = false;
    this.#newest = newest;
    this.#count = count;
    this.#sizeBytes = sizeBytes;
  }

  after(offset: number, interests: readonly Interest[], limit: number): Found {
    const found = this.#gather(
      'SELECT "offset", at, address, content, size FROM publications WHERE "offset" > ? ORDER BY "offset" DESC',
      [offset],
      (address) => concernsAny(interests, address),
      limit + 1,
    );
    const isComplete = offset + 1 >= this.oldest && found.length <= limit;
    return { publications: found.slice(0, limit).reverse(), isComplete };
  }

  following(offset: number, interests: readonly Interest[], bounds: PortionBounds): Portion {
    const publications: Publication[] = [];
    const isComplete = offset + 1 >= this.oldest;
    if (this.#isStale) return { publications, isComplete, next: undefined };
    const measure = new PortionMeasure(bounds);
    const rows = this.#database.query<Row, [number]>(
      'SELECT "offset", at, address, content, size FROM publications WHERE "offset" > ? ORDER BY "offset"',
    );
    let next = offset;
    for (const row of rows.iterate(offset)) {
      if (!measure.look()) return { publications, isComplete, next };
      if (concernsAny(interests, row.address)) {
        if (!measure.take(row)) return { publications, isComplete, next };
        publications.push(this.#publicationOf(row));
      }
      next = row.offset;
    }
    return { publications, isComplete, next: undefined };
  }

  last(interest: Interest, limit: number): Publication[] {
    const fits = (address: string) => concerns(interest, address);
    const columns = 'SELECT "offset", at, address, content, size FROM publications';
    const found =
      interest.kind === "exact"
        ? this.#gather(`${columns} WHERE address = ? ORDER BY "offset" DESC`, [interest.address], fits, limit)
        : this.#gather(`${columns} ORDER BY "offset" DESC`, [], fits, limit);
    return found.reverse();
  }

  renew(): void {
    const { oldest } = this;
    this.#runs = this.#runs.filter(({ newest }) => newest >= oldest);
    if (this.#newest > (this.#runs.at(-1)?.newest ?? 0)) this.#runs.push({ newest: this.#newest, epoch: this.#epoch });
    this.#areRunsNew = true;
    this.#epoch = newEpoch();
    this.#standAnyway();
  }

  reset(epoch: string, newest: number): void {
    this.#epoch = epoch;
    this.#newest = newest;
    this.#runs = [];
    this.#areRunsNew = true;
    this.#count = 0;
    this.#sizeBytes = 0;
    this.#isStale = true;
    this.#standAnyway();
  }

  trim(now: number): void {
    if (this.#isStale) return;
    // A log that was filled by a burst is brought down faster than it can be filled.
    while (this.#trimSome(now)) if (!this.#isFarBeyond()) return;
  }

  #isFarBeyond(): boolean {
    return this.#count > this.#bounds.count * 1.1 || this.#sizeBytes > this.#bounds.sizeBytes * 1.1;
  }

  /** Whether something was forgotten. */
  #trimSome(now: number): boolean {
    const { ageMs, count: maxCount, sizeBytes: maxSizeBytes } = this.#bounds;
    const oldest = this.#database.query<Pick<Row, "offset" | "at" | "size">, [number]>(
      'SELECT "offset", at, size FROM publications ORDER BY "offset" LIMIT ?',
    );
    let [count, sizeBytes, last] = [this.#count, this.#sizeBytes, 0];
    // Nearly always the first says that there is nothing to do.
    for (const { offset, at, size } of oldest.iterate(forgetAtOnce)) {
      if (count <= maxCount && sizeBytes <= maxSizeBytes && at > now - ageMs) break;
      count--;
      sizeBytes -= size;
      last = offset;
    }
    if (last === 0) return false;
    inTransaction(this.#database, () => {
      this.#database.query<null, [number]>('DELETE FROM publications WHERE "offset" <= ?').run(last);
      this.#stand(this.#newest, count, sizeBytes);
    });
    this.#count = count;
    this.#sizeBytes = sizeBytes;
    return true;
  }

  close(): void {
    closeDatabase(this.#database);
  }

  /** A disk that is full just now changes nothing of what is so: the next transaction writes it. */
  #standAnyway(): void {
    try {
      inTransaction(this.#database, () => {
        if (this.#isStale) this.#database.query<null, []>("DELETE FROM publications").run();
        this.#stand(this.#newest, this.#count, this.#sizeBytes);
      });
      this.#isStale = false;
      this.#areRunsNew = false;
    } catch (thrown) {
      if (!(thrown instanceof SQLiteError)) throw thrown;
    }
  }

  #stand(newest: number, count: number, sizeBytes: number): void {
    this.#database
      .query<null, [string, number, number, number]>("UPDATE standing SET epoch = ?, newest = ?, count = ?, size = ?")
      .run(this.#epoch, newest, count, sizeBytes);
    if (!this.#areRunsNew) return;
    this.#database.query<null, []>("DELETE FROM runs").run();
    const insert = this.#database.query<null, [number, string]>("INSERT INTO runs (newest, epoch) VALUES (?, ?)");
    for (const run of this.#runs) insert.run(run.newest, run.epoch);
  }

  #publicationOf({ offset, at, address, content }: Row): Publication {
    return { address, content, position: formatPosition(this.#epochOf(offset), offset), at };
  }

  #epochOf(offset: number): string {
    if (offset > (this.#runs.at(-1)?.newest ?? 0)) return this.#epoch;
    return this.#runs.find(({ newest }) => offset <= newest)?.epoch ?? this.#epoch;
  }

  #gather(sql: string, values: (string | number)[], fits: (address: string) => boolean, limit: number): Publication[] {
    const found: Publication[] = [];
    if (this.#isStale) return found;
    for (const row of this.#database.query<Row, (string | number)[]>(sql).iterate(...values)) {
      if (found.length >= limit) break;
      if (fits(row.address)) found.push(this.#publicationOf(row));
    }
    return found;
  }
}
