/**
 * Background work: files of one window become one file, and windows that nobody keeps any longer go away. Young files
 * are merged when four of like size have gathered, so that a point is written three or four times in all; a window whose
 * time is over is merged whole. Points of removed series, and those that their schema no longer keeps, are left out.
 * One unit takes some milliseconds; a draft that is given up costs nothing but the time.
 */
import type { Clock } from "../../kit/clock.ts";
import type { Work, WorkOutcome } from "../../kit/worker.ts";
import { reachSeconds } from "../../lib/whisper/retention.ts";
import type { Catalog, StoredSeries } from "./catalog.ts";
import { type ChunkFile, type ChunkFileWriter, windowSlots } from "./chunk-file.ts";
import type { ChunkTable } from "./chunk-table.ts";
import { unitMs } from "./flushing.ts";
import { type Schema, schemaReach } from "./schemas.ts";

/** So many young files are merged into one. */
const mergeAtLeast = 4;
/** A window counts as over when this much later nothing has to be expected for it. */
const graceSeconds = 3600;
const restMs = 10_000;

interface Merge {
  files: readonly ChunkFile[];
  ids: number[];
  at: number;
  writer: ChunkFileWriter;
  step: number;
  window: number;
}

/** Keeps the number of files small. */
export class Compaction implements Work {
  readonly name = "compact";
  readonly summary = "Files of one span of time become one, and what is kept no longer goes away";
  readonly #catalog: Catalog;
  readonly #table: ChunkTable;
  readonly #clock: Clock;
  readonly #memorySeconds: () => number;
  #merge: Merge | undefined;
  #merged = 0;
  #expired = 0;
  #removedIds = new Set<number>();
  #turn: Promise<void> = Promise.resolve();

  /** `memorySeconds` says how long ago the oldest point came that is in memory only. */
  constructor(catalog: Catalog, table: ChunkTable, clock: Clock, memorySeconds: () => number) {
    this.#memorySeconds = memorySeconds;
    this.#catalog = catalog;
    this.#table = table;
    this.#clock = clock;
  }

  /** Files merged, and files dropped for their age. */
  get totals(): { merged: number; expired: number } {
    return { merged: this.#merged, expired: this.#expired };
  }

  progress(): Record<string, string | number> {
    return {
      merged: this.#merged,
      expired: this.#expired,
      ...(this.#merge ? { series: this.#merge.at, of: this.#merge.ids.length } : {}),
    };
  }

  /** Series were removed: files that hold them are written anew without them. */
  clear(ids: Iterable<number>): void {
    for (const id of ids) this.#removedIds.add(id);
  }

  /** Does everything that is to be done, without pauses. */
  all(): Promise<void> {
    return this.#alone(async () => {
      while ((await this.#unit(Infinity)) !== "idle");
    });
  }

  step(): Promise<WorkOutcome> {
    return this.#alone(async () => {
      const outcome = await this.#unit(unitMs);
      return outcome === "idle" ? { waitMs: restMs } : { waitMs: 0 };
    });
  }

  /** Gives up what is half done. */
  abandon(): Promise<void> {
    return this.#alone(() => this.#giveUp());
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

  async #giveUp(): Promise<void> {
    const merge = this.#merge;
    this.#merge = undefined;
    await merge?.writer.abandon();
  }

  async #unit(longestMs: number): Promise<WorkOutcome> {
    this.#merge ??= this.#choose();
    if (!this.#merge) {
      const old = this.#expiredFile();
      if (old) {
        this.#expired++;
        await this.#table.drop(old);
        return { waitMs: 0 };
      }
      this.#removedIds.clear();
      return "idle";
    }
    const merge = this.#merge;
    const startedMs = this.#clock.monotonicMs();
    try {
      while (merge.at < merge.ids.length && this.#clock.monotonicMs() - startedMs < longestMs) {
        this.#copy(merge, merge.ids[merge.at++] as number);
      }
      await merge.writer.drain();
      if (merge.at < merge.ids.length) return { waitMs: 0 };
      if (merge.writer.points === 0) {
        await this.#giveUp();
        for (const file of merge.files) await this.#table.drop(file);
      } else {
        await merge.writer.finish();
        await this.#table.admit(merge.writer.path, merge.files);
      }
      this.#merged += merge.files.length;
      this.#merge = undefined;
      this.#table.spare();
    } catch (thrown) {
      await this.#giveUp().catch(() => undefined);
      throw thrown;
    }
    return { waitMs: 0 };
  }

  #copy({ files, writer, step, window }: Merge, id: number): void {
    const series = this.#catalog.byId(id);
    if (!series) return;
    const firstSlot = window * windowSlots;
    const target = new Float64Array(windowSlots).fill(NaN);
    for (const file of files) file.layOver(id, firstSlot, target);
    const oldest = this.#oldest() - keptSeconds(series, step);
    // From before the schema changed, coarser intervals are made of finer points when they are asked for.
    const oldestBefore = this.#oldest() - longestSeconds(series.schema);
    const slots = new Float64Array(windowSlots);
    let count = 0;
    for (let at = 0; at < windowSlots; at++) {
      const value = target[at] as number;
      if (Number.isNaN(value)) continue;
      const seconds = (firstSlot + at) * step;
      if (seconds < (seconds < series.changedSeconds ? oldestBefore : oldest)) continue;
      slots[count] = firstSlot + at;
      target[count] = value;
      count++;
    }
    if (count > 0) writer.add(id, slots.subarray(0, count), target.subarray(0, count));
  }

  /** From here the ages of points count: what is in memory is rolled up later, from what was there when it came. */
  #oldest(): number {
    return this.#clock.now() / 1000 - this.#memorySeconds();
  }

  #choose(): Merge | undefined {
    const nowSeconds = this.#clock.now() / 1000;
    for (const { step, window, files } of this.#table.windows()) {
      const endSeconds = (window + 1) * windowSlots * step;
      const over = endSeconds + graceSeconds < nowSeconds;
      const group = over && files.length > 1 ? files : (this.#holdsRemoved(files) ?? youngGroup(files));
      if (group.length === 0) continue;
      const ids = new Set<number>();
      for (const file of group) for (const id of file.ids()) ids.add(id);
      const rank = Math.max(...group.map(({ footer }) => footer.rank));
      const replaces = group.map(({ name }) => name);
      return {
        files: group,
        ids: [...ids].sort((left, right) => left - right),
        at: 0,
        writer: this.#table.writer(step, window, rank, replaces),
        step,
        window,
      };
    }
    return undefined;
  }

  #holdsRemoved(files: readonly ChunkFile[]): readonly ChunkFile[] | undefined {
    if (this.#removedIds.size === 0) return undefined;
    return files.some((file) => file.ids().some((id) => this.#removedIds.has(id))) ? files : undefined;
  }

  #expiredFile(): ChunkFile | undefined {
    const reach = new Map<number, number>();
    const schemas = new Set<Schema>();
    let changedSeconds = 0;
    for (const series of this.#catalog.all()) {
      schemas.add(series.schema);
      changedSeconds = Math.max(changedSeconds, series.changedSeconds);
    }
    const longest = Math.max(0, ...[...schemas].map(longestSeconds));
    for (const { step, window, files } of this.#table.windows()) {
      const file = files[0];
      if (!file) continue;
      const isBefore = window * windowSlots * step < changedSeconds;
      if (isBefore && file.endSeconds >= this.#oldest() - longest) continue;
      if (!reach.has(step))
        reach.set(step, Math.max(0, ...[...schemas].map((schema) => keptSeconds({ schema }, step))));
      if (file.endSeconds < this.#oldest() - (reach.get(step) ?? 0)) return file;
    }
    return undefined;
  }
}

/** Seconds that points are kept from before the schema changed, whatever their step: as long as the longest archive. */
function longestSeconds(schema: Schema): number {
  return schemaReach(schema) + (schema.archives.at(-1)?.stepSeconds ?? 0);
}

/** Seconds that points at a step are kept: as long as the archive of that step, or, where there is none, as the longest. */
function keptSeconds({ schema }: Pick<StoredSeries, "schema">, step: number): number {
  const archive = schema.archives.find(({ stepSeconds }) => stepSeconds === step);
  // A coarser interval may still be counted anew from the finer points at the edge.
  const coarsest = schema.archives.at(-1)?.stepSeconds ?? 0;
  return (archive ? reachSeconds(archive) : schemaReach(schema)) + coarsest;
}

/** The newest files that are about as large as each other, if they are enough. */
function youngGroup(files: readonly ChunkFile[]): readonly ChunkFile[] {
  let bytes = 0;
  let first = files.length;
  while (first > 0) {
    const file = files[first - 1] as ChunkFile;
    if (bytes > 0 && file.sizeBytes > 2 * bytes) break;
    bytes += file.sizeBytes;
    first--;
  }
  return files.length - first >= mergeAtLeast ? files.slice(first) : [];
}
