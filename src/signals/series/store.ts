/**
 * The embedded store of metrics: takes points, keeps them by schema, and answers as whisper does: one value a step, the
 * last write staying, coarser archives rolled up from finer ones. A point is readable at once, survives a crash after
 * the log's window (or when {@link SeriesStore.committed} resolved), and takes about a byte in the end.
 *
 * Left out: queries over several series at once and their functions; they are lib/graphite's, over what is given here.
 */
import { BelievedTime } from "../../kit/believed-time.ts";
import { type Clock, sleep } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import type { Work } from "../../kit/worker.ts";
import { isGlob } from "../../lib/graphite/glob.ts";
import { canonicalPath, type Point } from "../../lib/graphite/path.ts";
import { archiveFor } from "../../lib/whisper/whisper.ts";
import { Admission, isName } from "./admission.ts";
import { Catalog, type StoredSeries } from "./catalog.ts";
import { ChunkTable } from "./chunk-table.ts";
import { Compaction } from "./compaction.ts";
import type { Disk } from "./disk.ts";
import { Flushing } from "./flushing.ts";
import { Memory } from "./memory.ts";
import type { FoundNode } from "./name-tree.ts";
import { fetchRange, plannedPoints, type SeriesRange } from "./reading.ts";
import { recover } from "./recovery.ts";
import type { Schema, Schemas } from "./schemas.ts";
import { WhisperExchange } from "./whisper-exchange.ts";
import { WriteLog } from "./write-log.ts";

/** Settings of a store. */
export interface SeriesSettings {
  /** How long a point may wait for its sync: what a crash can cost. */
  windowMs: number;
  /** New series that are taken in a minute; the rest is refused and counted. */
  newSeriesPerMinute: number;
  /** Series in all. */
  seriesMax: number;
  /** How far ahead of this machine's clock a point may be. */
  futureSeconds: number;
  /** Points in memory that make it go to files. */
  flushPoints: number;
  /** Memory goes to files at the latest after this time. */
  flushEveryMs: number;
  /** Points that one fetch may read. */
  fetchPointsMax: number;
  /** Series that one search may find. */
  findMax: number;
}

/** Settings that do for most. */
export const defaultSeriesSettings: SeriesSettings = {
  windowMs: 1000,
  newSeriesPerMinute: 50_000,
  seriesMax: 2_000_000,
  futureSeconds: 3600,
  flushPoints: 4_000_000,
  flushEveryMs: 2 * 3_600_000,
  fetchPointsMax: 20_000_000,
  findMax: 100_000,
};

/** Why points were not taken. */
export const refusalReasons = ["late", "future", "invalid", "new-series", "memory"] as const;
/** One of {@link refusalReasons}. */
export type RefusalReason = (typeof refusalReasons)[number];

/** What became of points. */
export type WriteResult = { accepted: number } & Record<RefusalReason, number>;

/** Something a person should know. */
export type SeriesTrouble = (sentence: string) => void;

/** What the store is doing, in numbers since its start unless said otherwise. */
export interface SeriesFigures {
  series: number;
  created: number;
  pointsAccepted: number;
  refused: Record<RefusalReason, number>;
  /** Names that were refused lately because too many were new. */
  refusedNames: readonly string[];
  memoryPoints: number;
  files: number;
  fileBytes: number;
  filePoints: number;
  filesPutAside: number;
  logSyncs: number;
  logBytes: number;
  /** Why the log cannot be written now, or nothing. */
  logFailure: string;
  merged: number;
  expired: number;
}

/** What {@link SeriesStore.open} needs. */
export interface SeriesStoreOptions {
  disk: Disk;
  clock: Clock;
  schemas: Schemas;
  settings?: Partial<SeriesSettings>;
  trouble?: SeriesTrouble;
}

/** So many series are put into files in about a second. */
const flushedAtClose = 20_000;
/** A store of series. */
export class SeriesStore {
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #settings: SeriesSettings;
  readonly #trouble: SeriesTrouble;
  readonly #time: BelievedTime;
  readonly #catalog = new Catalog();
  readonly #table: ChunkTable;
  readonly #memory = new Memory();
  readonly #admission: Admission;
  readonly #exchange: WhisperExchange;
  readonly #flushing: Flushing;
  readonly #compaction: Compaction;
  #schemas: Schemas;
  #log: WriteLog;
  #flushedAtMs = 0;
  #created = 0;
  #accepted = 0;
  #refused: Record<RefusalReason, number> = { late: 0, future: 0, invalid: 0, "new-series": 0, memory: 0 };
  #logSyncs = 0;
  #logBytes = 0;
  #closed = false;
  #easing: Promise<void> | undefined;

  private constructor(options: SeriesStoreOptions) {
    this.#disk = options.disk;
    this.#clock = options.clock;
    this.#time = new BelievedTime(options.clock);
    this.#schemas = options.schemas;
    this.#settings = { ...defaultSeriesSettings, ...options.settings };
    this.#trouble = options.trouble ?? (() => undefined);
    const { newSeriesPerMinute, seriesMax, futureSeconds } = this.#settings;
    this.#admission = new Admission(this.#clock, newSeriesPerMinute, seriesMax);
    this.#flushedAtMs = this.#clock.monotonicMs();
    this.#table = new ChunkTable(this.#disk, this.#trouble);
    this.#log = this.#newLog(1);
    this.#compaction = new Compaction(this.#catalog, this.#table, this.#clock, () => {
      const since = Math.min(this.#memory.sinceSeconds, this.#time.now() / 1000);
      return Math.max(0, this.#clock.now() / 1000 - since);
    });
    this.#exchange = new WhisperExchange({
      disk: this.#disk,
      catalog: this.#catalog,
      table: this.#table,
      log: { series: (id, path) => this.#log.series(id, path) },
      nowSeconds: () => Math.floor(this.#clock.now() / 1000),
      futureSeconds,
      schemaOf: (path) => this.#schemas.schemaOf(path),
      hasRoom: () => this.#admission.hasRoom(this.#catalog.count),
    });
    this.#flushing = new Flushing({
      disk: this.#disk,
      catalog: this.#catalog,
      table: this.#table,
      log: { rotate: () => this.#log.rotate() },
      monotonicMs: () => this.#clock.monotonicMs(),
      due: () => this.#due(),
      freeze: () => {
        this.#flushedAtMs = this.#clock.monotonicMs();
        return this.#memory.freeze();
      },
      done: () => this.#memory.settle(),
    });
  }

  /**
   * Opens the store: names, files and what the log has of the last time. Damaged files are put aside and told of. Throws
   * the system's error when the folder cannot be read.
   */
  static async open(options: SeriesStoreOptions): Promise<SeriesStore> {
    const store = new SeriesStore(options);
    const { segments, nextNumber } = await recover({
      disk: options.disk,
      schemas: options.schemas,
      nowSeconds: Math.floor(options.clock.now() / 1000),
      catalog: store.#catalog,
      table: store.#table,
      memory: store.#memory,
      time: store.#time,
      trouble: store.#trouble,
    });
    store.#log = store.#newLog(nextNumber);
    store.#log.inherit(segments);
    return store;
  }

  /** Takes points in order; tells what became of them. They are readable at once. */
  write(points: Iterable<Point>): WriteResult {
    const result: WriteResult = { accepted: 0, late: 0, future: 0, invalid: 0, "new-series": 0, memory: 0 };
    const nowSeconds = Math.floor(this.#clock.now() / 1000);
    const full = this.#overfull();
    for (const point of points) {
      const reason = full ? "memory" : this.#put(point, nowSeconds);
      if (reason === undefined) result.accepted++;
      else result[reason]++;
    }
    this.#accepted += result.accepted;
    for (const reason of refusalReasons) this.#refused[reason] += result[reason];
    return result;
  }

  /** Points come faster than the disk takes them: senders that can be held back should be. */
  get busy(): boolean {
    return this.#log.busy || this.#memoryBehind();
  }

  /** Resolves when senders may go on: the log was written, and memory went to files. Rejects when the disk refuses it. */
  eased(): Promise<void> {
    this.#easing ??= this.#ease().finally(() => {
      this.#easing = undefined;
    });
    return this.#easing;
  }

  /** Resolves when everything written so far survives a crash; rejects when the disk refuses it. */
  committed(): Promise<void> {
    return this.#log.commit();
  }

  /** Nodes of names without tags that a pattern matches. Faults as {@link NameTree.find}. */
  find(pattern: string): FoundNode<{ path: string }>[] {
    return this.#catalog.tree.find(pattern, this.#settings.findMax);
  }

  /** Paths of the series that a pattern matches, or the one series of just this path with tags. Faults as {@link find}. */
  paths(pattern: string): string[] {
    return this.#matching(pattern).map(({ path }) => path);
  }

  /** Paths of the series for which all tag expressions hold. Fault `series/tag-expression`. */
  pathsByTags(expressions: readonly string[]): string[] {
    return this.#catalog.tags.find(expressions).map(({ path }) => path);
  }

  /** All tags in order. */
  tags(): string[] {
    return this.#catalog.tags.tags();
  }

  /** The values of a tag in order, with how many series have each. */
  tagValues(tag: string): { value: string; count: number }[] {
    return this.#catalog.tags.values(tag);
  }

  /** All paths in order. */
  allPaths(): string[] {
    return [...this.#catalog.all()].map(({ path }) => path).sort();
  }

  /**
   * What the series of these paths hold in (from, until], all in seconds, each on the grid that whisper would choose.
   * Series that do not exist or have nothing to say about the range are left out. Fault `series/too-many-points` when it
   * would be more than may be read at once.
   */
  fetch(
    paths: readonly string[],
    from: number,
    until: number,
    now = Math.floor(this.#clock.now() / 1000),
  ): SeriesRange[] {
    return [...this.fetchEach(paths, from, until, now)];
  }

  /** The same one by one, each as it is when it is asked for; a series that was removed meanwhile is left out. Faults at the first. */
  *fetchEach(paths: readonly string[], from: number, until: number, now: number): Generator<SeriesRange> {
    let points = 0;
    const bound = (count: number) => {
      points += count;
      if (points <= this.#settings.fetchPointsMax) return;
      throw new Fault(
        "limited",
        "series/too-many-points",
        `Cannot fetch ${paths.length} series: they have more than ${this.#settings.fetchPointsMax} points in this range; ask for a shorter range or fewer series`,
        { status: 400 },
      );
    };
    const wanted = paths.flatMap((path) => this.#catalog.find(path) ?? []);
    // Nothing is read before it is known that all of it may be.
    for (const { schema } of wanted) bound(plannedPoints(schema.archives, { from, until, now }));
    for (const { path } of wanted) {
      const series = this.#catalog.find(path);
      const range = series && fetchRange(this.#table, series, { from, until, now });
      if (range) yield range;
    }
  }

  /** Removes the series that a pattern matches (or of just this path). Their points go from the disk when files are next merged. */
  async delete(pattern: string): Promise<number> {
    const removed = this.#matching(pattern);
    for (const series of removed) {
      this.#catalog.remove(series);
      this.#log.removed(series.id);
    }
    this.#compaction.clear(removed.map(({ id }) => id));
    if (removed.length > 0) await this.#log.commit();
    return removed.length;
  }

  /** From now on series are kept by these schemas; what they hold stays readable. Returns how many series changed. */
  reschema(schemas: Schemas): number {
    this.#schemas = schemas;
    return this.#catalog.reschema(schemas, Math.floor(this.#clock.now() / 1000));
  }

  /** Takes the points of a whisper file into the series of this path: {@link WhisperExchange.import}. */
  importWhisper(path: string, bytes: Uint8Array): Promise<number> {
    return this.#exchange.import(path, bytes);
  }

  /** All archives of a series as a whisper file, or undefined when there is no such series. */
  exportWhisper(path: string): Uint8Array | undefined {
    return this.#exchange.export(path);
  }

  /** Background work that the store wants done. */
  works(): Work[] {
    return [this.#flushing, this.#compaction];
  }

  /** Puts all of memory into files now. */
  async flush(): Promise<void> {
    await this.#log.commit();
    await this.#flushing.all();
    this.#flushedAtMs = this.#clock.monotonicMs();
  }

  /** Merges and clears away what can be now. */
  compact(): Promise<void> {
    return this.#compaction.all();
  }

  /** How a series is kept, or undefined when there is none of this path. */
  schemaOf(path: string): Schema | undefined {
    return this.#catalog.find(path)?.schema;
  }

  /** What it is doing, in numbers. */
  figures(): SeriesFigures {
    const { files, bytes, points } = this.#table.totals();
    return {
      series: this.#catalog.count,
      created: this.#created,
      pointsAccepted: this.#accepted,
      refused: { ...this.#refused },
      refusedNames: this.#admission.refused,
      memoryPoints: this.#memory.points,
      files,
      fileBytes: bytes,
      filePoints: points,
      filesPutAside: this.#table.aside,
      logSyncs: this.#logSyncs,
      logBytes: this.#logBytes,
      logFailure: this.#log.failure,
      ...this.#compaction.totals,
    };
  }

  /**
   * Syncs the log, puts memory into files and closes. Where that would be the memory of very many series, it stays in the
   * log instead, which the next start reads as after a crash: stopping takes moments. Its works must have stopped.
   */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#exchange.settled();
    await this.#compaction.abandon();
    try {
      if (this.#memory.series <= flushedAtClose && this.#memory.frozen === 0) await this.flush();
      else await this.#log.commit();
    } finally {
      await this.#log.close();
      this.#table.close();
    }
  }

  /** A name may look like a pattern, which must not hide what the pattern matches. */
  #matching(pattern: string): StoredSeries[] {
    const exact = this.#catalog.find(pattern);
    if (pattern.includes(";") || (exact && !isGlob(pattern))) return exact ? [exact] : [];
    const found = this.#catalog.tree.find(pattern, this.#settings.findMax).flatMap(({ held }) => (held ? [held] : []));
    return exact && !found.includes(exact) ? [exact, ...found] : found;
  }

  #newLog(firstNumber: number): WriteLog {
    return new WriteLog(
      {
        disk: this.#disk,
        clock: this.#clock,
        windowMs: this.#settings.windowMs,
        waitingBytesMax: 64 << 20,
        failed: (reason) => this.#trouble(`The log cannot be written, points wait in memory: ${reason}`),
        synced: (bytes) => {
          this.#logSyncs++;
          this.#logBytes += bytes;
        },
      },
      firstNumber,
    );
  }

  #put(point: Point, nowSeconds: number): RefusalReason | undefined {
    const { value, atSeconds } = point;
    if (Number.isNaN(value) || !(atSeconds >= 0 && atSeconds < 2 ** 32)) return "invalid";
    let series = this.#catalog.find(point.path);
    if (!series) {
      const made = this.#create(point.path);
      if (typeof made === "string") return made;
      series = made;
    }
    const { archives } = series.schema;
    const time = Math.floor(atSeconds);
    const age = nowSeconds - time;
    if (age < -this.#settings.futureSeconds) return "future";
    const level = archiveFor(archives, Math.max(0, age));
    const step = level === undefined ? undefined : archives[level]?.stepSeconds;
    if (step === undefined) return "late";
    const direct = level !== 0;
    this.#memory.came(nowSeconds);
    this.#memory.keep(series, step, direct, time, value);
    this.#log.point(series.id, step, direct, time, value);
    if (time > series.lastSeconds) series.lastSeconds = time;
    return undefined;
  }

  #create(path: string): StoredSeries | RefusalReason {
    let canonical: string;
    try {
      canonical = canonicalPath(path);
    } catch {
      return "invalid";
    }
    const known = this.#catalog.find(canonical);
    if (known) return known;
    if (!isName(canonical)) return "invalid";
    if (!this.#admission.admits(canonical, this.#catalog.count)) return "new-series";
    const series = this.#catalog.add(canonical, this.#schemas.schemaOf(canonical));
    this.#log.series(series.id, canonical);
    this.#created++;
    return series;
  }

  #memoryBehind(): boolean {
    return this.#memory.points > 6 * this.#settings.flushPoints;
  }

  async #ease(): Promise<void> {
    await this.#log.commit();
    while (this.#memoryBehind() && !this.#closed) {
      await this.#flushing.step();
      await sleep(this.#clock, 0);
    }
  }

  #overfull(): boolean {
    return this.#log.overfull || this.#memory.points > 8 * this.#settings.flushPoints;
  }

  #due(): boolean {
    if (this.#memory.newest === 0) return false;
    if (this.#memory.newest >= this.#settings.flushPoints) return true;
    return this.#clock.monotonicMs() - this.#flushedAtMs >= this.#settings.flushEveryMs;
  }
}
