/**
 * The results that are kept: which there are, what each is, when it was last asked for. Bounded by bytes, counting equal
 * contents once; what was unused for longest goes first. It survives a restart. Losing any of it costs nothing but making
 * it again, so nothing is synced, entries are written down a moment later and many at a time, and whatever is doubtful is
 * dropped.
 */
import type { Database } from "bun:sqlite";

import type { Clock } from "../../kit/clock.ts";
import { closeDatabase, inTransaction, openDatabase } from "../../kit/disk/sqlite.ts";
import type { Key } from "../cask/client.ts";
import type { ImageFormat, Rendered } from "./engine.ts";
import { digestOfBytes, ResultFiles } from "./result-files.ts";
import { isWriteRefused } from "./write-refused.ts";

/** A result that is kept. */
export interface KeptResult {
  /** What it is of and how it was made; whoever asks puts it together. */
  readonly name: string;
  readonly image: Key;
  /** SHA-256 of its bytes, hex. */
  readonly digest: string;
  readonly sizeBytes: number;
  readonly format: ImageFormat;
  readonly width: number;
  readonly height: number;
  readonly pages: number;
  /** Whether the encoder took all the time it needed. */
  readonly isRefined: boolean;
}

/** How much is kept, and how it fares. */
export interface ResultsState {
  readonly results: number;
  readonly contents: number;
  /** On disk, in whole blocks and with what the index takes. */
  readonly sizeBytes: number;
  readonly maxBytes: number;
  readonly evicted: number;
  /** Files that were not what they should have been. */
  readonly torn: number;
}

/** What a result takes on disk beside its bytes. */
export interface DiskCosts {
  /** Files take whole blocks. */
  readonly blockBytes: number;
  /** The index, for each name; without it names without end could lead to one small content. */
  readonly entryBytes: number;
}

const usualCosts: DiskCosts = { blockBytes: 4096, entryBytes: 1024 };

const migrations = [
  `CREATE TABLE results (
     name TEXT PRIMARY KEY, image TEXT NOT NULL, digest TEXT NOT NULL, size_bytes INTEGER NOT NULL, format TEXT NOT NULL,
     width INTEGER NOT NULL, height INTEGER NOT NULL, pages INTEGER NOT NULL, refined INTEGER NOT NULL,
     used_at INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX results_by_image ON results (image);
   CREATE INDEX results_by_use ON results (used_at);
   CREATE INDEX results_by_digest ON results (digest);`,
];

interface Row {
  name: string;
  image: string;
  digest: string;
  size_bytes: number;
  format: string;
  width: number;
  height: number;
  pages: number;
  refined: number;
}

/** What is longer is sent from its file, and not held. */
const heldBytesMax = 2 * 1024 * 1024;
/** After the bound was reached, room is made for a while. */
const keptShare = 0.95;
/** Uses are written down at the latest when so many were noted. */
const usesMax = 1000;
/** Entries are written down when so many were made, or the first of them so long ago. */
const entriesMax = 64;
const entriesMs = 100;

interface Entry {
  readonly result: KeptResult;
  readonly usedAt: number;
}

/** The results of this node. */
export class Results {
  readonly #database: Database;
  readonly #files: ResultFiles;
  readonly #clock: Clock;
  readonly #maxBytes: number;
  /** Uses not yet written down: name and when. */
  readonly #uses = new Map<string, number>();
  /** Entries not yet written down, by name. */
  readonly #entries = new Map<string, Entry>();
  #cancelWriting: (() => void) | undefined;
  /** Contents that are being written. */
  readonly #arriving = new Map<string, number>();
  readonly #costs: DiskCosts;
  #sizeBytes: number;
  #evicted = 0;
  #torn = 0;

  /** Opens the index at `path`; contents lie in `folder`. Throws the Faults of `openDatabase`. */
  constructor(options: { path: string; folder: string; maxBytes: number; clock: Clock; costs?: DiskCosts }) {
    this.#database = openDatabase(options.path, { migrations, synchronous: "normal" });
    this.#files = new ResultFiles(options.folder);
    this.#clock = options.clock;
    this.#maxBytes = options.maxBytes;
    this.#costs = options.costs ?? usualCosts;
    const rows = this.#database.query<{ count: number }, []>("SELECT COUNT(*) AS count FROM results").get();
    this.#sizeBytes = (rows?.count ?? 0) * this.#costs.entryBytes;
    for (const { size_bytes } of this.#database
      .query<{ size_bytes: number }, []>("SELECT DISTINCT digest, size_bytes FROM results")
      .iterate())
      this.#sizeBytes += this.#contentCost(size_bytes);
  }

  find(name: string): KeptResult | undefined {
    const entry = this.#entries.get(name);
    if (entry !== undefined) return entry.result;
    const row = this.#database.query<Row, [string]>("SELECT * FROM results WHERE name = ?").get(name);
    return row === null ? undefined : fromRow(row);
  }

  /**
   * The bytes of a result, or the file they are in when they are many: whoever reads slowly would hold them for long.
   * Undefined when they are lost; the result is then forgotten.
   */
  async read(result: KeptResult): Promise<Uint8Array<ArrayBuffer> | Blob | undefined> {
    const { digest, sizeBytes } = result;
    const bytes =
      sizeBytes > heldBytesMax
        ? await this.#files.checked(digest, sizeBytes)
        : await this.#files.read(digest, sizeBytes);
    if (bytes === undefined) {
      this.#torn++;
      unlessRefused(() => this.#removeContent(digest));
      return undefined;
    }
    this.used(result.name);
    return bytes;
  }

  /** The file of a result that has just been kept and is worth no memory; undefined for all others. */
  fileOf({ digest, name, sizeBytes }: KeptResult): Blob | undefined {
    return sizeBytes > heldBytesMax && this.find(name)?.digest === digest ? this.#files.file(digest) : undefined;
  }

  /** Notes that a result was used now. */
  used(name: string): void {
    this.#uses.set(name, this.#clock.now());
    if (this.#uses.size >= usesMax) this.flush();
  }

  /** Keeps a result, in place of an earlier one of that name. Throws the system's error when it cannot be written. */
  async keep(name: string, image: Key, rendered: Rendered, options: { isRefined?: boolean } = {}): Promise<KeptResult> {
    const { bytes, format, width, height, pages } = rendered;
    const digest = digestOfBytes(bytes);
    const sizeBytes = bytes.byteLength;
    const isRefined = options.isRefined ?? false;
    const result: KeptResult = { name, image, digest, sizeBytes, format, width, height, pages, isRefined };
    if (this.#contentCost(sizeBytes) + this.#costs.entryBytes > this.#maxBytes) return result;
    this.#arriving.set(digest, (this.#arriving.get(digest) ?? 0) + 1);
    let isEntered = false;
    try {
      if (!this.#hasContent(digest)) await this.#files.keep(digest, bytes);
      this.#enter(result);
      isEntered = true;
    } finally {
      const others = (this.#arriving.get(digest) ?? 1) - 1;
      if (others === 0) this.#arriving.delete(digest);
      else this.#arriving.set(digest, others);
      // The index did not take it: nobody would find the file, nor remove it.
      if (others === 0 && !isEntered && !this.#hasContent(digest)) this.#files.remove(digest);
    }
    this.#makeRoom();
    return result;
  }

  /** Forgets all results of an image; how many there were. */
  purge(image: Key): number {
    this.#writeEntries();
    const rows = this.#database.query<Row, [string]>("SELECT * FROM results WHERE image = ?").all(image);
    for (const row of rows) this.#remove(row);
    return rows.length;
  }

  /** Results of a format that could be made better, most recently used first. */
  unrefined(format: ImageFormat, limit: number): KeptResult[] {
    this.#writeEntries();
    return this.#database
      .query<Row, [string, number]>(
        "SELECT * FROM results WHERE refined = 0 AND format = ? ORDER BY used_at DESC LIMIT ?",
      )
      .all(format, limit)
      .map(fromRow);
  }

  /** The results of an image that are kept. */
  of(image: Key): KeptResult[] {
    this.#writeEntries();
    return this.#database
      .query<Row, [string]>("SELECT * FROM results WHERE image = ? ORDER BY name")
      .all(image)
      .map(fromRow);
  }

  state(): ResultsState {
    this.#writeEntries();
    const counts = this.#database
      .query<{ results: number; contents: number }, []>(
        "SELECT COUNT(*) AS results, COUNT(DISTINCT digest) AS contents FROM results",
      )
      .get();
    return {
      results: counts?.results ?? 0,
      contents: counts?.contents ?? 0,
      sizeBytes: this.#sizeBytes,
      maxBytes: this.#maxBytes,
      evicted: this.#evicted,
      torn: this.#torn,
    };
  }

  /** Removes files that no result names, as a crash may leave them; how many. */
  sweep(): Promise<number> {
    return this.#files.sweep((digest) => this.#arriving.has(digest) || this.#hasContent(digest));
  }

  /** Writes down what was used when; a disk that takes no more forgets it. */
  flush(): void {
    this.#writeEntries();
    if (this.#uses.size === 0) return;
    const update = this.#database.query<unknown, [number, string]>("UPDATE results SET used_at = ? WHERE name = ?");
    const uses = [...this.#uses];
    this.#uses.clear();
    unlessRefused(() =>
      inTransaction(this.#database, () => {
        for (const [name, usedAt] of uses) update.run(usedAt, name);
      }),
    );
  }

  close(): void {
    this.flush();
    closeDatabase(this.#database);
  }

  #enter(result: KeptResult): void {
    const former = this.find(result.name);
    if (former !== undefined && former.digest !== result.digest) this.#remove(former);
    const isNew = !this.#hasContent(result.digest);
    const isNamed = former?.digest === result.digest;
    this.#entries.set(result.name, { result, usedAt: this.#clock.now() });
    this.#uses.delete(result.name);
    if (isNew) this.#sizeBytes += this.#contentCost(result.sizeBytes);
    if (!isNamed) this.#sizeBytes += this.#costs.entryBytes;
    if (this.#entries.size >= entriesMax) this.#writeEntries();
    else this.#cancelWriting ??= this.#clock.schedule(entriesMs, () => this.#writeEntries());
  }

  /** Writes down what was kept lately; what the disk does not take is forgotten with its files. */
  #writeEntries(): void {
    this.#cancelWriting?.();
    this.#cancelWriting = undefined;
    if (this.#entries.size === 0) return;
    const entries = [...this.#entries.values()];
    const insert = this.#database.query<
      unknown,
      [string, string, string, number, string, number, number, number, number, number]
    >("INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    const write = () => {
      for (const { result, usedAt } of entries) {
        const { name, image, digest, sizeBytes, format, width, height, pages, isRefined } = result;
        insert.run(name, image, digest, sizeBytes, format, width, height, pages, isRefined ? 1 : 0, usedAt);
      }
    };
    let isWritten = false;
    unlessRefused(() => {
      inTransaction(this.#database, write);
      isWritten = true;
    });
    this.#entries.clear();
    if (isWritten) return;
    for (const { result } of entries) {
      // In its place there may be one of before.
      if (this.find(result.name) === undefined) this.#sizeBytes -= this.#costs.entryBytes;
    }
    for (const [digest, sizeBytes] of new Map(entries.map(({ result }) => [result.digest, result.sizeBytes]))) {
      this.#letContentGo(digest, sizeBytes);
    }
  }

  #makeRoom(): void {
    if (this.#sizeBytes <= this.#maxBytes) return;
    this.flush();
    const oldest = this.#database.query<Row, []>("SELECT * FROM results ORDER BY used_at, rowid LIMIT 64");
    while (this.#sizeBytes > this.#maxBytes * keptShare) {
      const rows = oldest.all();
      if (rows.length === 0) return;
      for (const row of rows) {
        if (this.#sizeBytes <= this.#maxBytes * keptShare) break;
        this.#remove(row);
        this.#evicted++;
      }
    }
  }

  #remove(row: { name: string; digest: string } & ({ size_bytes: number } | { sizeBytes: number })): void {
    this.#entries.delete(row.name);
    this.#database.query<unknown, [string]>("DELETE FROM results WHERE name = ?").run(row.name);
    this.#uses.delete(row.name);
    this.#sizeBytes -= this.#costs.entryBytes;
    this.#letContentGo(row.digest, "size_bytes" in row ? row.size_bytes : row.sizeBytes);
  }

  /** Removes a content when no name leads to it any more; called once for each. */
  #letContentGo(digest: string, sizeBytes: number): void {
    if (this.#hasContent(digest)) return;
    this.#sizeBytes -= this.#contentCost(sizeBytes);
    if (!this.#arriving.has(digest)) this.#files.remove(digest);
  }

  #removeContent(digest: string): void {
    this.#writeEntries();
    for (const row of this.#database.query<Row, [string]>("SELECT * FROM results WHERE digest = ?").all(digest))
      this.#remove(row);
  }

  #contentCost(sizeBytes: number): number {
    return Math.ceil(sizeBytes / this.#costs.blockBytes) * this.#costs.blockBytes;
  }

  #hasContent(digest: string): boolean {
    for (const { result } of this.#entries.values()) if (result.digest === digest) return true;
    return this.#database.query("SELECT 1 FROM results WHERE digest = ? LIMIT 1").get(digest) !== null;
  }
}

/** Does what may be left undone when the disk takes no more. */
function unlessRefused(work: () => void): void {
  try {
    work();
  } catch (thrown) {
    if (!isWriteRefused(thrown)) throw thrown;
  }
}

function fromRow(row: Row): KeptResult {
  return {
    name: row.name,
    image: row.image as Key,
    digest: row.digest,
    sizeBytes: row.size_bytes,
    format: row.format as ImageFormat,
    width: row.width,
    height: row.height,
    pages: row.pages,
    isRefined: row.refined === 1,
  };
}
