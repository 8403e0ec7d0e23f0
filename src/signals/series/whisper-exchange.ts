/**
 * Whole series in and out as whisper files. What is imported counts as older than everything else: where there is a point
 * already, it stays. Files that come while others are being written share the next round of chunk files, so that a tree
 * of many thousands does not wait for the disk for each.
 */
import { Fault } from "../../kit/fault.ts";
import { canonicalPath } from "../../lib/graphite/path.ts";
import { formatRetentions, reachSeconds } from "../../lib/whisper/retention.ts";
import { WhisperFile } from "../../lib/whisper/whisper.ts";
import { isName } from "./admission.ts";
import type { Catalog, StoredSeries } from "./catalog.ts";
import { type ChunkFileWriter, windowOf } from "./chunk-file.ts";
import type { ChunkTable } from "./chunk-table.ts";
import type { Disk } from "./disk.ts";
import { fetchRange, type SeriesRange } from "./reading.ts";
import type { Schema } from "./schemas.ts";

/** What {@link WhisperExchange} works on. */
export interface ExchangeParts {
  disk: Disk;
  catalog: Catalog;
  table: ChunkTable;
  log: { series(id: number, path: string): void };
  nowSeconds(): number;
  /** How far ahead of the clock a point may be. */
  futureSeconds: number;
  schemaOf(path: string): Schema;
  /** Whether there may be one more series. */
  hasRoom(): boolean;
}

/** Files that are written together, one of a series at most. */
interface Round {
  readonly files: Map<StoredSeries, { readonly file: WhisperFile; points: number }>;
  readonly done: Promise<void>;
}

const roundMax = 64;

/** Imports and exports. */
export class WhisperExchange {
  readonly #parts: ExchangeParts;
  /** The one that has not begun, which whatever comes joins. */
  #gathering: Round | undefined;
  #turn: Promise<void> = Promise.resolve();

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
  }

  /**
   * Takes the points of a whisper file into the series of this path, which is made if it is not there. Points go to the
   * archive of their step if the series' schema has it, and stay readable at their own step otherwise. Durable when
   * resolved. Returns how many. Faults: `series/import` for bytes that are no whisper file, or a path that is none. Rejects
   * with the disk's error.
   */
  async import(path: string, bytes: Uint8Array): Promise<number> {
    const { catalog, hasRoom, log, nowSeconds, schemaOf } = this.#parts;
    let file: WhisperFile;
    let canonical: string;
    try {
      file = new WhisperFile(bytes);
      canonical = canonicalPath(path);
      if (!isName(canonical)) throw new SyntaxError("it is no name of a series");
    } catch (thrown) {
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      throw new Fault("invalid", "series/import", `Cannot import "${path.slice(0, 200)}": ${reason}`, {
        cause: thrown,
      });
    }
    if (!catalog.find(canonical) && !hasRoom())
      throw new Fault("limited", "series/import", "Cannot import: there are as many series as there may be");
    const series = catalog.find(canonical) ?? catalog.add(canonical, schemaOf(canonical));
    // What lies at other steps than a fetch chooses is looked for before this time only.
    if (formatRetentions(file.archives) !== formatRetentions(series.schema.archives)) {
      catalog.changedAt(series, nowSeconds());
    }
    log.series(series.id, series.path);
    let round = this.#gathering;
    if (!round || round.files.size >= roundMax || round.files.has(series)) this.#gathering = round = this.#begin();
    const coming = { file, points: 0 };
    round.files.set(series, coming);
    await round.done;
    return coming.points;
  }

  /** Resolves when nothing is on its way in. */
  settled(): Promise<void> {
    return this.#turn;
  }

  /** All archives of a series as a whisper file, or undefined when there is no such series. */
  export(path: string): Uint8Array | undefined {
    const { catalog, nowSeconds } = this.#parts;
    const series = catalog.find(path);
    if (!series) return undefined;
    const { archives, aggregation, xFilesFactor } = series.schema;
    const file = WhisperFile.create(archives, aggregation, xFilesFactor);
    const now = nowSeconds();
    for (const [level, archive] of archives.entries()) {
      const range = this.#archive(series, archive.stepSeconds, now - reachSeconds(archive), now);
      const times: number[] = [];
      const values: number[] = [];
      range?.values.forEach((value, at) => {
        if (Number.isNaN(value)) return;
        times.push(range.startSeconds + at * range.stepSeconds);
        values.push(value);
      });
      file.put(level, { times: Float64Array.from(times), values: Float64Array.from(values) });
    }
    return file.bytes;
  }

  #archive(series: StoredSeries, step: number, from: number, until: number): SeriesRange | undefined {
    // A fetch that begins just within an archive's reach is answered from it, unless a finer one reaches as far.
    const range = fetchRange(this.#parts.table, series, { from, until, now: until });
    return range?.stepSeconds === step ? range : undefined;
  }

  #begin(): Round {
    const files: Round["files"] = new Map();
    const done = this.#turn.then(() => {
      if (this.#gathering?.files === files) this.#gathering = undefined;
      return this.#write(files);
    });
    this.#turn = done.catch(() => undefined);
    return { files, done };
  }

  async #write(files: Round["files"]): Promise<void> {
    const { catalog, disk, futureSeconds, nowSeconds, table } = this.#parts;
    // Names before points.
    await catalog.save(disk);
    const writers = new Map<string, ChunkFileWriter>();
    try {
      const now = nowSeconds();
      for (const [series, coming] of [...files].sort(([left], [right]) => left.id - right.id)) {
        if (series.gone) continue;
        for (const { step, window, slots, values } of pieces(coming.file, now, now + futureSeconds)) {
          const key = `${step}-${window}`;
          let writer = writers.get(key);
          if (!writer) writers.set(key, (writer = table.writer(step, window, 0)));
          writer.add(series.id, slots, values);
          coming.points += slots.length;
        }
        for (const writer of writers.values()) await writer.drain();
      }
      await Promise.all([...writers.values()].map((writer) => writer.finish()));
    } catch (thrown) {
      for (const writer of writers.values()) await writer.abandon().catch(() => undefined);
      throw thrown;
    }
    for (const { path } of writers.values()) await table.admit(path);
  }
}

/** The points of all archives by the files that they belong into: not older than their archive, not of the far future. */
function* pieces(
  file: WhisperFile,
  nowSeconds: number,
  newestSeconds: number,
): Generator<{ step: number; window: number; slots: Float64Array; values: Float64Array }> {
  for (const [level, { stepSeconds: step, points: kept }] of file.archives.entries()) {
    const { times, values } = file.points(level);
    const oldest = nowSeconds - step * kept;
    const end = times.findLastIndex((time) => time <= newestSeconds) + 1;
    let start = 0;
    while (start < end && (times[start] as number) <= oldest) start++;
    const windowAt = (at: number) => windowOf((times[at] as number) / step);
    while (start < end) {
      const window = windowAt(start);
      let until = start + 1;
      while (until < end && windowAt(until) === window) until++;
      const slots = times.subarray(start, until).map((time) => time / step);
      yield { step, window, slots, values: values.subarray(start, until) };
      start = until;
    }
  }
}
