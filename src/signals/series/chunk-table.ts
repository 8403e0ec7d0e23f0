/**
 * All chunk files that are there, by step and window, oldest first: where two have a point for the same slot, the later
 * file is right. Opens them at the start, puts aside those that are damaged, and takes part in replacing several by one.
 *
 * Names: `points/<step>-<window>-<rank>-<serial>.points`. The rank says how new the content is; 0 is imported history,
 * which gives way to everything else. A merged file has the highest rank of those it replaces, and names them, so that a
 * crash between its rename and their removal is put right at the next start.
 */
import { reasonOf } from "../../kit/fault.ts";
import { ChunkFile, ChunkFileWriter, DamagedFile, windowOf, windowSlots } from "./chunk-file.ts";
import type { Disk } from "./disk.ts";

const folder = "points";
const namePattern = /^(\d+)-(\d+)-(\d+)-(\d+)\.points$/;
/** Bytes of indexes that are kept in memory; past that all are let go, and read again at need. */
const indexBytesMax = 128 << 20;

/** The files. */
export class ChunkTable {
  readonly #disk: Disk;
  readonly #trouble: (sentence: string) => void;
  /** By step, then window; each list ordered by rank and serial. */
  readonly #steps = new Map<number, Map<number, ChunkFile[]>>();
  #serial = 1;
  #asideCount = 0;

  constructor(disk: Disk, trouble: (sentence: string) => void) {
    this.#disk = disk;
    this.#trouble = trouble;
  }

  /** Opens what is there. */
  async load(): Promise<void> {
    const names = this.#disk.list(folder);
    const opened: ChunkFile[] = [];
    for (const name of names) {
      if (name.startsWith("new-")) {
        await this.#disk.remove(`${folder}/${name}`);
        continue;
      }
      const match = namePattern.exec(name);
      if (!match) continue;
      this.#serial = Math.max(this.#serial, Number(match[4]) + 1, Number(match[3]) + 1);
      try {
        opened.push(new ChunkFile(this.#disk, `${folder}/${name}`, (file, reason) => this.#damaged(file, reason)));
      } catch (thrown) {
        if (!(thrown instanceof DamagedFile) && !(thrown instanceof SyntaxError)) throw thrown;
        await this.putAside(`${folder}/${name}`, reasonOf(thrown));
      }
    }
    const replaced = new Set(opened.flatMap(({ footer }) => footer.replaces));
    for (const file of opened) {
      if (replaced.has(file.name)) {
        file.close();
        await this.#disk.remove(file.path);
      } else this.#enter(file);
    }
  }

  /** Files that were put aside since the start. */
  get aside(): number {
    return this.#asideCount;
  }

  /** Steps that have files, ascending. */
  steps(): number[] {
    return [...this.#steps.keys()].sort((left, right) => left - right);
  }

  /** The files of a window, oldest first. */
  files(step: number, window: number): readonly ChunkFile[] {
    return this.#steps.get(step)?.get(window) ?? [];
  }

  /** All windows of all steps. */
  *windows(): Generator<{ step: number; window: number; files: readonly ChunkFile[] }> {
    for (const [step, windows] of this.#steps) for (const [window, files] of windows) yield { step, window, files };
  }

  /** A time not before the newest point of all files, and not long after it: the end of its window at the finest step. */
  newestSeconds(): number {
    const [finest = 1] = this.steps();
    let newest = -Infinity;
    for (const { files } of this.windows())
      for (const { startSeconds } of files) newest = Math.max(newest, startSeconds + windowSlots * finest);
    return newest;
  }

  /** Bytes, points and files on disk. */
  totals(): { files: number; bytes: number; points: number } {
    let [files, bytes, points] = [0, 0, 0];
    for (const each of this.windows()) {
      for (const file of each.files) {
        files++;
        bytes += file.sizeBytes;
        points += file.footer.points;
      }
    }
    return { files, bytes, points };
  }

  /** Lays a series' points at `step` over `target`, whose first place is `firstSlot`. */
  layOver(id: number, step: number, firstSlot: number, target: Float64Array): void {
    const windows = this.#steps.get(step);
    if (!windows || target.length === 0) return;
    const last = windowOf(firstSlot + target.length - 1);
    for (let window = windowOf(firstSlot); window <= last; window++) {
      for (const file of windows.get(window) ?? []) file.layOver(id, firstSlot, target);
    }
  }

  /** The number that makes what is written now newer than everything before. */
  nextRank(): number {
    return this.#serial++;
  }

  /** A writer of a new file. */
  writer(step: number, window: number, rank: number, replaces: readonly string[] = []): ChunkFileWriter {
    const path = `${folder}/${step}-${window}-${rank}-${this.#serial++}.points`;
    return new ChunkFileWriter(this.#disk, path, { step, window, rank, replaces: [...replaces] });
  }

  /** Takes a finished file in, and those that it replaces away. */
  async admit(path: string, replaced: readonly ChunkFile[] = []): Promise<void> {
    const file = new ChunkFile(this.#disk, path, (found, reason) => this.#damaged(found, reason));
    for (const old of replaced) this.#leave(old);
    this.#enter(file);
    for (const old of replaced) {
      old.close();
      if (old.broken) await this.putAside(old.path, "it had damaged parts; the rest of it was taken over");
      else await this.#disk.remove(old.path);
    }
  }

  /** Removes a file with all that is in it. */
  async drop(file: ChunkFile): Promise<void> {
    this.#leave(file);
    file.close();
    await this.#disk.remove(file.path);
  }

  /** Moves a damaged file out of the way, where a person can look at it. */
  async putAside(path: string, reason: string): Promise<void> {
    this.#asideCount++;
    this.#trouble(`${path} was put aside in damaged/: ${reason}`);
    await this.#disk.rename(path, `damaged/${path.slice(path.lastIndexOf("/") + 1)}`);
  }

  /** Lets indexes go when they take much memory. */
  spare(): void {
    let bytes = 0;
    for (const { files } of this.windows()) for (const file of files) bytes += file.indexBytes;
    if (bytes > indexBytesMax) for (const { files } of this.windows()) for (const file of files) file.forget();
  }

  close(): void {
    for (const { files } of this.windows()) for (const file of files) file.close();
    this.#steps.clear();
  }

  #damaged(file: ChunkFile, reason: string): void {
    this.#trouble(`${file.path} is damaged, the rest of it is served: ${reason}`);
  }

  #enter(file: ChunkFile): void {
    const { step, window } = file.footer;
    let windows = this.#steps.get(step);
    if (!windows) this.#steps.set(step, (windows = new Map()));
    const files = [...(windows.get(window) ?? []), file];
    windows.set(window, files.sort(byAge));
  }

  #leave(file: ChunkFile): void {
    const { step, window } = file.footer;
    const windows = this.#steps.get(step);
    const files = (windows?.get(window) ?? []).filter((each) => each !== file);
    if (files.length > 0) windows?.set(window, files);
    else windows?.delete(window);
    if (windows?.size === 0) this.#steps.delete(step);
  }
}

function serialOf({ name }: ChunkFile): number {
  return Number(namePattern.exec(name)?.[4] ?? 0);
}

function byAge(left: ChunkFile, right: ChunkFile): number {
  return left.footer.rank - right.footer.rank || serialOf(left) - serialOf(right);
}
