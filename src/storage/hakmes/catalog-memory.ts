/**
 * The catalog in memory: for tests, and to say plainly what the one on disk has to do.
 */
import type { Key } from "../cask/client.ts";
import type { Catalog, Change } from "./catalog.ts";
import { folded, formatMark, type PageMark, pageLimit, parseMark, searchOf, wins } from "./catalog-order.ts";
import type { FilePage, ListQuery } from "./hakmes.ts";
import type { FileName, StoredFile } from "./record.ts";

interface Held {
  file: StoredFile;
  root: Uint8Array;
  sequence: number;
}

/** A {@link Catalog} that lives as long as its process. */
export class MemoryCatalog implements Catalog {
  readonly id: string;
  #files = new Map<Key, Held>();
  #names = new Map<Key, Map<string, { name: FileName; sequence: number }>>();
  #followed = new Map<string, number>();
  #examined = new Set<Key>();
  #sequence = 0;

  constructor(id = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("hex")) {
    this.id = id;
  }

  together<T>(work: () => T): T {
    const before = {
      files: new Map(this.#files),
      names: new Map([...this.#names].map(([key, names]) => [key, new Map(names)])),
      followed: new Map(this.#followed),
      examined: new Set(this.#examined),
      sequence: this.#sequence,
    };
    try {
      return work();
    } catch (thrown) {
      this.#files = before.files;
      this.#names = before.names;
      this.#followed = before.followed;
      this.#examined = before.examined;
      this.#sequence = before.sequence;
      throw thrown;
    }
  }

  find(key: Key): StoredFile | undefined {
    return this.#files.get(key)?.file;
  }

  root(key: Key): Uint8Array | undefined {
    return this.#files.get(key)?.root.slice();
  }

  add(file: StoredFile, root: Uint8Array): boolean {
    const kept = this.#files.get(file.key);
    if (kept && !wins(file, kept.file)) return false;
    if (!file.isProven && file.manifest !== undefined && this.#examined.has(file.manifest)) return false;
    this.#files.set(file.key, { file: { ...file }, root: root.slice(), sequence: ++this.#sequence });
    return true;
  }

  addName(name: FileName): boolean {
    const names = this.#names.get(name.key) ?? new Map<string, { name: FileName; sequence: number }>();
    if (names.has(name.name)) return false;
    names.set(name.name, { name: { ...name }, sequence: ++this.#sequence });
    this.#names.set(name.key, names);
    return true;
  }

  prove(key: Key): void {
    const held = this.#files.get(key);
    if (!held || held.file.isProven) return;
    this.#files.set(key, { ...held, file: { ...held.file, isProven: true }, sequence: ++this.#sequence });
  }

  drop(key: Key): void {
    const manifest = this.#files.get(key)?.file.manifest;
    if (manifest !== undefined) this.#examined.add(manifest);
    if (!this.#files.delete(key)) return;
    this.#names.delete(key);
  }

  names(key: Key): readonly FileName[] {
    return [...(this.#names.get(key)?.values() ?? [])]
      .map(({ name }) => name)
      .toSorted((a, b) => a.addedAt - b.addedAt || compare(a.name, b.name));
  }

  list(query: ListQuery): FilePage {
    const sort = query.sort ?? "newest";
    const after = query.after === undefined ? undefined : parseMark(sort, query.after);
    const search = searchOf(query);
    const found = [...this.#files.values()]
      .map(({ file }) => ({ file, names: this.names(file.key) }))
      .filter(
        ({ file, names }) =>
          search === undefined ||
          names.some(({ name }) => folded(name).includes(search.part)) ||
          search.keyStarts.some((start) => file.key.startsWith(start)),
      )
      .map((entry) => ({ ...entry, mark: { value: valueOf(sort, entry), key: entry.file.key } }))
      .toSorted((a, b) => order(sort, a.mark, b.mark));
    const rest = after === undefined ? found : found.filter(({ mark }) => order(sort, mark, after) > 0);
    const limit = pageLimit(query);
    const page = rest.slice(0, limit);
    const last = page.at(-1);
    return {
      files: page.map(({ file, names }) => ({ file, names })),
      total: found.length,
      ...(rest.length > limit && last ? { next: formatMark(sort, last.mark) } : {}),
    };
  }

  *all(): IterableIterator<StoredFile> {
    for (const key of [...this.#files.keys()].toSorted()) {
      const held = this.#files.get(key);
      if (held) yield held.file;
    }
  }

  counts(): { files: number; names: number; bytes: number; unproven: number; unanchored: number } {
    const files = [...this.#files.values()].map(({ file }) => file);
    return {
      files: files.length,
      names: [...this.#names.values()].reduce((sum, names) => sum + names.size, 0),
      bytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      unproven: files.filter(({ isProven }) => !isProven).length,
      unanchored: files.filter(({ manifest }) => manifest === undefined).length,
    };
  }

  changes(sequence: number, limit: number): readonly Change[] {
    const files = [...this.#files.values()].map((held): Change => ({
      sequence: held.sequence,
      kind: "file",
      file: held.file,
      root: held.root.slice(),
    }));
    const names = [...this.#names.values()].flatMap((byName) =>
      [...byName.values()].map((held): Change => ({ sequence: held.sequence, kind: "name", name: held.name })),
    );
    return [...files, ...names]
      .filter((change) => change.sequence > sequence)
      .toSorted((a, b) => a.sequence - b.sequence)
      .slice(0, limit);
  }

  sequence(): number {
    return this.#sequence;
  }

  unanchored(limit: number): readonly StoredFile[] {
    return this.#some(limit, (file) => file.manifest === undefined);
  }

  unproven(limit: number): readonly StoredFile[] {
    return this.#some(limit, (file) => !file.isProven);
  }

  followed(catalogId: string): number {
    return this.#followed.get(catalogId) ?? 0;
  }

  follow(catalogId: string, sequence: number): void {
    this.#followed.set(catalogId, sequence);
  }

  isExamined(key: Key): boolean {
    return this.#examined.has(key);
  }

  examined(keys: readonly Key[]): void {
    for (const key of keys) this.#examined.add(key);
  }

  close(): void {
    this.#files.clear();
  }

  #some(limit: number, isWanted: (file: StoredFile) => boolean): readonly StoredFile[] {
    return [...this.#files.values()]
      .map(({ file }) => file)
      .filter(isWanted)
      .slice(0, limit);
  }
}

function valueOf(
  sort: NonNullable<ListQuery["sort"]>,
  { file, names }: { file: StoredFile; names: readonly FileName[] },
): string | number {
  if (sort === "name") return folded(names[0]?.name ?? "");
  return sort === "size" ? file.sizeBytes : file.createdAt;
}

/** Names rise, sizes and times fall; equal ones by key. */
function order(sort: NonNullable<ListQuery["sort"]>, a: PageMark, b: PageMark): number {
  const byValue = compare(a.value, b.value);
  return (sort === "name" ? byValue : -byValue) || compare(a.key, b.key);
}

function compare(a: string | number, b: string | number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
