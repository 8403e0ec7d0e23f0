/**
 * Background work: what is in memory goes to chunk files, rolled up on the way, and the log up to there is let go. All
 * of memory is set apart in one moment; then series after series is encoded, some milliseconds at a time, while new
 * points go to new memory. What was set apart stays readable until the files are in place. A disk that refuses changes
 * nothing: the drafts are given up and it begins again.
 */
import type { Work, WorkOutcome } from "../../kit/worker.ts";
import type { Catalog, StoredSeries } from "./catalog.ts";
import { type ChunkFileWriter, windowOf } from "./chunk-file.ts";
import type { ChunkTable } from "./chunk-table.ts";
import type { Disk } from "./disk.ts";
import { type ChangedSlots, changedSlots } from "./reading.ts";
import type { WriteLog } from "./write-log.ts";

/** How long one unit may keep the event loop. */
export const unitMs = 8;

/** A slot after all slots, far enough from what a number can count. */
const endOfTime = 2 ** 33;

/** What {@link Flushing} works on. */
export interface FlushingParts {
  disk: Disk;
  catalog: Catalog;
  table: ChunkTable;
  log: Pick<WriteLog, "rotate">;
  monotonicMs(): number;
  /** Whether memory should go to files now. */
  due(): boolean;
  /** Sets memory apart; the series that have something, by id. */
  freeze(): StoredSeries[];
  /** Memory that was set apart is in files. */
  done(points: number): void;
}

/** Memory on its way to files. */
export class Flushing implements Work {
  readonly name = "flush";
  readonly summary = "Newest points go from memory to files, and are rolled up on the way";
  readonly #parts: FlushingParts;
  #frozen: StoredSeries[] | undefined;
  #segments: string[] = [];
  #writers = new Map<string, ChunkFileWriter>();
  #finished: string[] = [];
  #rank = 0;
  #at = 0;
  #turn: Promise<void> = Promise.resolve();

  constructor(parts: FlushingParts) {
    this.#parts = parts;
  }

  progress(): Record<string, string | number> {
    return this.#frozen ? { series: this.#at, of: this.#frozen.length } : {};
  }

  /** Everything that is in memory now goes to files, without pauses. */
  all(): Promise<void> {
    return this.#alone(() => this.#all());
  }

  step(): Promise<WorkOutcome> {
    return this.#alone(() => this.#step());
  }

  /** One at a time: somebody may ask for all of it while a unit is being done. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.then(
      () => undefined,
      () => undefined,
    );
    return turn;
  }

  async #all(): Promise<void> {
    while (this.#frozen) await this.#unit(Infinity);
    this.#begin();
    while (this.#frozen) await this.#unit(Infinity);
  }

  async #step(): Promise<WorkOutcome> {
    if (!this.#frozen) {
      if (!this.#parts.due()) return "idle";
      this.#begin();
    }
    await this.#unit(unitMs);
    return { waitMs: 0 };
  }

  #begin(): void {
    this.#frozen = this.#parts.freeze();
    this.#segments.push(...this.#parts.log.rotate());
    this.#rewind();
  }

  #rewind(): void {
    this.#writers = new Map();
    this.#at = 0;
    this.#rank = this.#parts.table.nextRank();
  }

  async #unit(longestMs: number): Promise<void> {
    const { monotonicMs, table } = this.#parts;
    const frozen = this.#frozen ?? [];
    const startedMs = monotonicMs();
    try {
      while (this.#at < frozen.length && monotonicMs() - startedMs < longestMs) {
        for (let some = 0; some < 16 && this.#at < frozen.length; some++) {
          const series = frozen[this.#at++];
          if (series && !series.gone) this.#encode(series);
        }
      }
      for (const writer of this.#writers.values()) await writer.drain();
      if (this.#at < frozen.length) return;
      await this.#finish(frozen);
    } catch (thrown) {
      const drafts = [...this.#writers.values()];
      this.#rewind();
      for (const draft of drafts) await draft.abandon().catch(() => undefined);
      table.spare();
      throw thrown;
    }
  }

  async #finish(frozen: readonly StoredSeries[]): Promise<void> {
    const { catalog, disk, table } = this.#parts;
    // Names before points, points before the log is let go.
    await catalog.save(disk);
    let points = 0;
    for (const [key, writer] of this.#writers) {
      await writer.finish();
      this.#finished.push(writer.path);
      this.#writers.delete(key);
      points += writer.points;
    }
    for (const path of this.#finished.splice(0)) await table.admit(path);
    for (const series of frozen) series.frozen = series.frozenDirect = undefined;
    this.#frozen = undefined;
    this.#parts.done(points);
    for (const path of this.#segments.splice(0)) await disk.remove(path);
    table.spare();
  }

  #encode(series: StoredSeries): void {
    const { archives } = series.schema;
    const direct = new Set(series.frozenDirect?.keys());
    const known = new Map<string, ChangedSlots>();
    if (series.frozen) {
      const { slots, values } = series.frozen.points();
      this.#put(series.id, series.frozen.stepSeconds, slots, values);
      direct.delete(series.frozen.stepSeconds);
    }
    for (let level = 1; level < archives.length; level++) {
      const step = archives[level]?.stepSeconds ?? 0;
      const changed = changedSlots(this.#parts.table, series, level, 0, endOfTime, true, known);
      this.#putMap(series.id, step, changed);
      direct.delete(step);
    }
    // What was written by a schema that is no more.
    for (const step of direct) {
      const points = [...(series.frozenDirect?.get(step) ?? [])];
      this.#putMap(series.id, step, new Map(points.map(([slot, { value }]) => [slot, value])));
    }
  }

  #putMap(id: number, step: number, points: ReadonlyMap<number, number>): void {
    if (points.size === 0) return;
    const sorted = [...points].sort(([left], [right]) => left - right);
    this.#put(
      id,
      step,
      Float64Array.from(sorted, ([slot]) => slot),
      Float64Array.from(sorted, ([, value]) => value),
    );
  }

  #put(id: number, step: number, slots: Float64Array, values: Float64Array): void {
    let start = 0;
    while (start < slots.length) {
      const window = windowOf(slots[start] as number);
      let end = start + 1;
      while (end < slots.length && windowOf(slots[end] as number) === window) end++;
      const key = `${step}-${window}`;
      let writer = this.#writers.get(key);
      if (!writer) this.#writers.set(key, (writer = this.#parts.table.writer(step, window, this.#rank)));
      writer.add(id, slots.subarray(start, end), values.subarray(start, end));
      start = end;
    }
  }
}
