/**
 * Which series there are, by name, tag and number, and since when each is kept as it is. A number is never given to
 * another series, so that what lies in files of a removed one stays out of sight until it is cleared away.
 *
 * On disk: `names/<number>.names`, frames of JSON, each file with what changed since the one before; now and then all of
 * it is written into one. Each file has a copy, because points without a name would be lost. Nothing here is synced at
 * each change: the write log has new names until the next save.
 */
import type { Disk } from "./disk.ts";
import { readWhole } from "./disk.ts";
import { frame, readFrames } from "./frames.ts";
import type { Head } from "./head.ts";
import { NameTree } from "./name-tree.ts";
import { fingerprint, type Schema, type Schemas } from "./schemas.ts";
import { TagLists } from "./tag-lists.ts";

const folder = "names";
const filesMax = 32;
const namesPerFrame = 5000;

/** A value that was written straight to a coarser step, past the roll-up. */
export interface DirectPoint {
  value: number;
  /** A finer point came later: what is rolled up from those comes first again, if there is enough of it. */
  superseded: boolean;
}

/** Points by step and slot that are not those of the finest archive. */
export type DirectPoints = Map<number, Map<number, DirectPoint>>;

/** One series with what of it is in memory. */
export interface StoredSeries {
  readonly id: number;
  readonly path: string;
  schema: Schema;
  /** Since when it is kept by this schema; what is older may lie at other steps. 0 when it never changed. */
  changedSeconds: number;
  /** Newest points of the finest archive, and those that are being written to files. */
  head: Head | undefined;
  frozen: Head | undefined;
  direct: DirectPoints | undefined;
  frozenDirect: DirectPoints | undefined;
  /** Removed; nothing may be written to it. */
  gone: boolean;
  /** Time of the last point that came, in seconds. */
  lastSeconds: number;
}

type Row = [id: number, path: string, changedSeconds: number, print: string];

/** All series. */
export class Catalog {
  readonly tree = new NameTree<StoredSeries>();
  readonly tags = new TagLists<StoredSeries>();
  readonly #byPath = new Map<string, StoredSeries>();
  readonly #byId = new Map<number, StoredSeries>();
  #nextId = 1;
  #nextFile = 1;
  #files: string[] = [];
  #changed = new Set<StoredSeries>();
  #removed: number[] = [];
  #saving: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  /** Reads what was saved; `damaged` is told of files with something unreadable in them. */
  async load(
    disk: Disk,
    schemas: Schemas,
    nowSeconds: number,
    damaged: (path: string, bytes: number) => void,
  ): Promise<void> {
    for (const name of disk.list(folder)) if (name.startsWith("new-")) await disk.remove(`${folder}/${name}`);
    const rows = new Map<number, Row>();
    this.#files = disk
      .list(folder)
      .filter((name) => /^\d+\.(names|copy)$/.test(name))
      .map((name) => `${folder}/${name}`);
    this.#files.sort();
    let copied = "";
    for (const path of this.#files) {
      this.#nextFile = Math.max(this.#nextFile, Number.parseInt(path.slice(folder.length + 1), 10) + 1);
      // The copy comes first in order; its sibling is only needed when it is not whole.
      if (path.endsWith(".names") && copied === path.replace(".names", ".copy")) continue;
      const { payloads, damagedBytes, tornBytes } = readFrames(readWhole(disk, path));
      if (damagedBytes + tornBytes > 0) damaged(path, damagedBytes + tornBytes);
      else copied = path;
      for (const payload of payloads) {
        const { next, rows: added, removed } = JSON.parse(new TextDecoder().decode(payload)) as SavedFrame;
        this.#nextId = Math.max(this.#nextId, next);
        for (const row of added) rows.set(row[0], row);
        for (const id of removed) rows.delete(id);
      }
    }
    for (const [id, path, changedSeconds, print] of rows.values()) {
      const schema = schemas.schemaOf(path);
      const changed = fingerprint(schema) !== print;
      const series = this.#enter(id, path, schema, changed ? nowSeconds : changedSeconds);
      if (changed) this.#changed.add(series);
    }
  }

  get count(): number {
    return this.#byPath.size;
  }

  /** By canonical path. */
  find(path: string): StoredSeries | undefined {
    return this.#byPath.get(path);
  }

  byId(id: number): StoredSeries | undefined {
    return this.#byId.get(id);
  }

  all(): IterableIterator<StoredSeries> {
    return this.#byPath.values();
  }

  /** A new series under a canonical path that none has. `id` is given when a log says it. */
  add(path: string, schema: Schema, id = this.#nextId): StoredSeries {
    const series = this.#enter(id, path, schema, 0);
    this.#changed.add(series);
    return series;
  }

  remove(series: StoredSeries): void {
    series.gone = true;
    series.head = series.frozen = series.direct = series.frozenDirect = undefined;
    this.#byPath.delete(series.path);
    this.#byId.delete(series.id);
    if (!series.path.includes(";")) this.tree.delete(series.path);
    this.tags.delete(series);
    this.#changed.delete(series);
    this.#removed.push(series.id);
  }

  /** Up to this time a series may have points at other steps than those of its schema. */
  changedAt(series: StoredSeries, seconds: number): void {
    series.changedSeconds = seconds;
    this.#changed.add(series);
  }

  /** Gives each series the schema that its path has now. Returns how many changed. */
  reschema(schemas: Schemas, nowSeconds: number): number {
    let count = 0;
    for (const series of this.#byPath.values()) {
      const schema = schemas.schemaOf(series.path);
      if (fingerprint(schema) === fingerprint(series.schema)) continue;
      series.schema = schema;
      series.changedSeconds = nowSeconds;
      this.#changed.add(series);
      count++;
    }
    return count;
  }

  /**
   * Makes all changes so far durable. Rejects with the disk's error; then nothing is lost, and it can be called again.
   * One is written at a time: a whole one names what was there when it began, and takes the files before it away. All who
   * ask meanwhile share the one after it.
   */
  save(disk: Disk): Promise<void> {
    if (!this.#saving) {
      this.#saving = this.#save(disk).finally(() => {
        this.#saving = undefined;
      });
      return this.#saving;
    }
    this.#next ??= this.#saving
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.save(disk);
      });
    return this.#next;
  }

  async #save(disk: Disk): Promise<void> {
    if (this.#changed.size === 0 && this.#removed.length === 0) return;
    const whole = this.#files.length >= filesMax;
    const changed = [...this.#changed];
    const removed = this.#removed;
    this.#changed = new Set();
    this.#removed = [];
    try {
      await this.#saveThese(disk, whole, changed, removed);
    } catch (thrown) {
      for (const series of changed) if (!series.gone) this.#changed.add(series);
      this.#removed.push(...removed);
      throw thrown;
    }
  }

  async #saveThese(
    disk: Disk,
    whole: boolean,
    changed: readonly StoredSeries[],
    removed: readonly number[],
  ): Promise<void> {
    const rows = (whole ? [...this.#byPath.values()] : changed).map(({ id, path, changedSeconds, schema }): Row => [
      id,
      path,
      changedSeconds,
      fingerprint(schema),
    ]);
    const number = String(this.#nextFile++).padStart(10, "0");
    const frames: Uint8Array[] = [];
    for (let at = 0; at === 0 || at < rows.length; at += namesPerFrame) {
      const content: SavedFrame = {
        next: this.#nextId,
        rows: rows.slice(at, at + namesPerFrame),
        removed: at === 0 ? removed : [],
      };
      frames.push(frame(new TextEncoder().encode(JSON.stringify(content))));
    }
    const saved = [`${folder}/${number}.copy`, `${folder}/${number}.names`];
    try {
      for (const path of saved) await this.#write(disk, path, frames);
    } catch (thrown) {
      // A copy alone would be read at the next start, after what undid it may have been written anew without it.
      for (const path of saved) await disk.remove(path).catch(() => undefined);
      throw thrown;
    }
    const old = whole ? this.#files : [];
    this.#files = whole ? saved : [...this.#files, ...saved];
    for (const path of old) await disk.remove(path);
  }

  async #write(disk: Disk, path: string, frames: readonly Uint8Array[]): Promise<void> {
    const draft = path.replace(`${folder}/`, `${folder}/new-`);
    try {
      const file = await disk.create(draft);
      try {
        for (const bytes of frames) await file.append(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await disk.rename(draft, path);
    } catch (thrown) {
      // What there is of it would only take the room that is missing.
      await disk.remove(draft).catch(() => undefined);
      throw thrown;
    }
  }

  #enter(id: number, path: string, schema: Schema, changedSeconds: number): StoredSeries {
    const series: StoredSeries = {
      id,
      path,
      schema,
      changedSeconds,
      head: undefined,
      frozen: undefined,
      direct: undefined,
      frozenDirect: undefined,
      gone: false,
      lastSeconds: 0,
    };
    this.#nextId = Math.max(this.#nextId, id + 1);
    this.#byPath.set(path, series);
    this.#byId.set(id, series);
    if (!path.includes(";")) this.tree.set(path, series);
    this.tags.add(series);
    return series;
  }
}

interface SavedFrame {
  next: number;
  rows: Row[];
  removed: readonly number[];
}
