/**
 * The predecessor's layout, `sha1/ae/28/…` with the 40 digits as 20 folders and the bytes in `data`, read and served in
 * place: a layer below a disk store. What is written goes to the disk store; a blob that is stored anew leaves the old
 * layout; a bad one is set aside. A link anywhere below the old root counts as nothing, so nothing outside is ever read.
 * The old folder may be read-only: what should be set aside there is then hidden until the program ends.
 */
import { existsSync, realpathSync, rmdirSync, rmSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

import { isSystemError } from "../../kit/disk/atomic.ts";
import { Fault } from "../../kit/fault.ts";
import { algorithmOf, digestOf, type Key, keyOf } from "./key.ts";
import type { BlobStat, BlobStore, BlobWriter, ByteRange } from "./store.ts";
import type { DiskStore } from "./store-disk.ts";
import { diskFault } from "./store-disk-fault.ts";
import { findFile } from "./store-disk-read.ts";

/**
 * The folder `sha1` that belongs to a root as the predecessor was given it. It appended `sha1/` to the text, so
 * `/srv/cask` may mean `/srv/cask/sha1` or `/srv/casksha1`. Throws `cask/no-legacy-layout` when neither is there.
 */
export function legacyFolder(root: string): string {
  const candidates = [join(resolve(root), "sha1"), `${root.startsWith("/") ? root : resolve(root)}sha1`];
  for (const candidate of candidates) {
    const stats = statSync(candidate, { throwIfNoEntry: false });
    if (stats?.isDirectory()) return realpathSync(candidate);
  }
  throw new Fault(
    "missing",
    "cask/no-legacy-layout",
    `Cannot use "${root}" as a folder of the predecessor: wanted a folder "${candidates[0]}"`,
  );
}

/** Where the predecessor keeps a sha1 key below its `sha1` folder. */
export function legacyPath(folder: string, key: Key): string {
  return `${folder}/${(digestOf(key).match(/../g) ?? []).join("/")}/data`;
}

/** A blob found in the old layout. */
export interface LegacyBlob {
  key: Key;
  path: string;
}

/** Walks the old layout in order of keys, all of it or one bucket, never following links. `stray` hears of each path that does not belong. */
export async function* legacyBlobs(
  folder: string,
  options: { bucket?: number; stray?: (path: string) => void } = {},
): AsyncGenerator<LegacyBlob> {
  const first = options.bucket?.toString(16).padStart(2, "0");
  yield* walk(folder, "", first, options.stray ?? (() => {}));
}

async function* walk(
  folder: string,
  digits: string,
  only: string | undefined,
  stray: (path: string) => void,
): AsyncGenerator<LegacyBlob> {
  const entries = await entriesOf(folder);
  for (const entry of entries) {
    const path = `${folder}/${entry.name}`;
    if (digits.length === 40) {
      if (entry.name === "data" && entry.isFile()) yield { key: keyOf("sha1", digits), path };
      else stray(path);
    } else if (entry.isDirectory() && /^[0-9a-f]{2}$/.test(entry.name)) {
      if (only === undefined || entry.name === only) yield* walk(path, digits + entry.name, undefined, stray);
    } else if (only === undefined && !isNewLayout(digits, entry.name)) {
      stray(path);
    }
  }
}

async function entriesOf(folder: string) {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.sort((left, right) => (left.name < right.name ? -1 : 1));
  } catch (thrown) {
    // Emptied and tidied away while the walk was elsewhere.
    if (isSystemError(thrown, "ENOENT")) return [];
    throw thrown;
  }
}

/** Whether a name in the first level of folders is a blob of the new layout, when both share one root. */
function isNewLayout(digits: string, name: string): boolean {
  return digits.length === 2 && /^[0-9a-f]{40}$/.test(name) && name.startsWith(digits);
}

/** Removes a file of the old layout and the folders that it leaves empty, the first level excepted. */
export function removeLegacy(folder: string, path: string): void {
  rmSync(path, { force: true });
  pruneLegacy(folder, path);
}

/** Removes the folders above a path that are empty, the first level excepted. */
export function pruneLegacy(folder: string, path: string): void {
  for (let above = dirname(path); dirname(above) !== folder && above.length > folder.length; above = dirname(above)) {
    try {
      rmdirSync(above);
    } catch (thrown) {
      if (isSystemError(thrown, "ENOENT")) continue;
      if (isSystemError(thrown, "ENOTEMPTY") || isSystemError(thrown, "EEXIST")) return;
      throw thrown;
    }
  }
}

/** A disk store with the predecessor's folder below it. */
export class LegacyLayoutStore implements BlobStore {
  readonly kind = "disk";
  readonly place: string;
  readonly #disk: DiskStore;
  readonly #folder: string;
  /** What should be gone but lies where this program may not write. */
  readonly #hidden = new Set<Key>();

  /** `root` is what the predecessor was given; see {@link legacyFolder}. Closing it closes the disk store. */
  constructor(disk: DiskStore, root: string) {
    this.#disk = disk;
    this.#folder = legacyFolder(root);
    this.place = `${disk.place} over ${this.#folder}`;
  }

  async create(sizeHintBytes?: number): Promise<BlobWriter> {
    const writer = await this.#disk.create(sizeHintBytes);
    return {
      write: (chunk) => writer.write(chunk),
      reread: () => writer.reread(),
      abort: () => writer.abort(),
      commit: async (key, options) => {
        const stat = await writer.commit(key, options);
        await this.#dropOld(key);
        return stat;
      },
    };
  }

  find(key: Key): BlobStat | undefined {
    return this.#disk.find(key) ?? this.#findOld(key)?.stat;
  }

  read(key: Key, range?: ByteRange): AsyncIterable<Uint8Array> {
    const old = this.#disk.find(key) ? undefined : this.#findOld(key);
    return old ? this.#disk.reader.chunks(key, old.path, range) : this.#disk.read(key, range);
  }

  body(key: Key, stat: BlobStat, range?: ByteRange): Uint8Array<ArrayBuffer> | Blob {
    const old = algorithmOf(key) === "sha256" || this.#disk.find(key) ? undefined : this.#findOld(key);
    return old ? this.#disk.reader.body(key, old.path, stat, range) : this.#disk.body(key, stat, range);
  }

  async quarantine(key: Key, reason: string): Promise<void> {
    // One copy at a time: what was found bad is the one that is found.
    if (this.#disk.find(key)) return this.#disk.quarantine(key, reason);
    const old = this.#findOld(key);
    if (!old) return;
    try {
      await this.#disk.setAside(key, old.path, reason);
      pruneLegacy(this.#folder, old.path);
    } catch (thrown) {
      this.#hide(key, thrown);
    }
  }

  async remove(key: Key): Promise<void> {
    await this.#disk.remove(key);
    await this.#dropOld(key);
  }

  async *list(bucket: number): AsyncGenerator<Key[]> {
    yield* this.#disk.list(bucket);
    let page: Key[] = [];
    for await (const { key } of legacyBlobs(this.#folder, { bucket })) {
      if (this.#hidden.has(key) || this.#disk.find(key)) continue;
      page.push(key);
      if (page.length < 1000) continue;
      yield page;
      page = [];
    }
    if (page.length > 0) yield page;
  }

  space(): Promise<{ freeBytes: number; totalBytes: number }> {
    return this.#disk.space();
  }

  sweep(olderThanMs: number): Promise<number> {
    return this.#disk.sweep(olderThanMs);
  }

  close(): void {
    this.#disk.close();
  }

  #findOld(key: Key): { path: string; stat: BlobStat } | undefined {
    if (algorithmOf(key) !== "sha1" || this.#hidden.has(key)) return undefined;
    const path = legacyPath(this.#folder, key);
    try {
      const stat = findFile(path);
      if (stat) return realpathSync(path) === path ? { path, stat } : undefined;
      if (!existsSync(this.#folder))
        throw Object.assign(new Error(`There is no "${this.#folder}"`), { code: "ENOENT" });
      return undefined;
    } catch (thrown) {
      throw diskFault(thrown, `look for "${key}"`, this.#folder);
    }
  }

  async #dropOld(key: Key): Promise<void> {
    const old = this.#findOld(key);
    if (!old) return;
    this.#disk.reader.forget(old.path);
    try {
      removeLegacy(this.#folder, old.path);
    } catch (thrown) {
      this.#hide(key, diskFault(thrown, `remove "${key}"`, this.#folder));
    }
  }

  #hide(key: Key, thrown: unknown): void {
    if (!(thrown instanceof Fault && thrown.code === "cask/store-forbidden")) throw thrown;
    this.#hidden.add(key);
  }
}
