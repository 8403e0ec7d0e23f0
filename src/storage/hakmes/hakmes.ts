/**
 * A node of Hakmes as a value: takes files, gives them back, and says what there is. Everything that speaks to the outside
 * (routes, tus, pages, commands on the server's side, nodes among each other) stands on this and never on what lies below.
 */
import type { Algorithm, Key } from "../cask/client.ts";
import type { Chunk, Cut, FileLabel, FileName, StoredFile } from "./record.ts";

/** What became of an upload. */
export interface Taken {
  readonly file: StoredFile;
  /** The content was here before; nothing but perhaps a name was added. */
  readonly existed: boolean;
  /** Chunks that this upload brought, and those that Cask had already, as far as was seen. */
  readonly newChunks: number;
}

/**
 * A file on its way in, in pieces as they come. Bytes are cut, hashed and stored while they arrive; `write` waits when too
 * much is under way. What it was given must not be written over. After any failure the intake is dead; what was stored stays in Cask and is used again by a retry.
 */
export interface Intake {
  /** Bytes taken so far. */
  readonly sizeBytes: number;
  write(bytes: Uint8Array): Promise<void>;
  /**
   * Waits until every whole chunk is in Cask; what is left over is less than one chunk. With `after` only the chunks from
   * that place on are told, for those who know the others.
   */
  settle(options?: { after?: number }): Promise<Suspended>;
  /** Remembers where the file stands. What it gives takes the file back there, as if what came since had not come. */
  mark(): () => Promise<void>;
  /**
   * Ends the file: stores the last chunk and the manifest, enters it in the catalog and tells the other nodes. Throws
   * `hakmes/wrong-bytes` when `expected` is given and the content is not that key's; nothing is entered then.
   */
  finish(label: FileLabel, expected?: Key): Promise<Taken>;
  /** Lets go of memory and transfers under way. */
  abandon(): void;
}

/** An unfinished file that can be put aside and taken up again, also by another run of the program. */
export interface Suspended {
  readonly sizeBytes: number;
  readonly chunks: readonly Chunk[];
  /** The bytes after the last whole chunk; below the maximal length of a chunk. */
  readonly tail: Uint8Array;
}

/** A page of files. */
export interface FilePage {
  readonly files: readonly { file: StoredFile; names: readonly FileName[] }[];
  /** To ask for the page after this one; absent at the end. */
  readonly next?: string;
  readonly total: number;
}

/** What to list. */
export interface ListQuery {
  /** Part of a name, case-insensitive, or the beginning of a key. */
  readonly search?: string;
  readonly sort?: "newest" | "name" | "size";
  readonly limit?: number;
  readonly after?: string;
}

/** Hakmes. All methods that take a key answer for either kind of key. */
export interface Hakmes {
  /**
   * Begins an upload; `from` takes up a suspended one, whose bytes are read back from Cask to hash the whole. The algorithm
   * names the file and its new chunks; the configured one when absent.
   */
  begin(options?: { from?: Suspended; algorithm?: Algorithm; signal?: AbortSignal }): Promise<Intake>;
  /** Takes a whole file: `begin`, `write` and `finish` in one. Named by the algorithm of `expected` when that is given. */
  take(
    source: AsyncIterable<Uint8Array>,
    label: FileLabel,
    options?: { expected?: Key; signal?: AbortSignal },
  ): Promise<Taken>;
  /** Makes one file of several unfinished ones, in this order, by their chunks; all is read once to hash the whole. */
  join(parts: readonly Suspended[], label: FileLabel, options?: { signal?: AbortSignal }): Promise<Taken>;
  /**
   * The file of a key: from the catalog here, otherwise from the other nodes. Undefined when all who could know say no;
   * throws `hakmes/not-sure` (unavailable, with a time to wait) while that is not certain.
   */
  find(key: Key, options?: { signal?: AbortSignal }): Promise<StoredFile | undefined>;
  /**
   * The bytes of the half-open range `[start, end)`, verified chunk by chunk and read ahead within bounds; only the chunks
   * touched are fetched. The first chunk is verified before the promise resolves, so that a failure can still be answered.
   * With `isLent` what is given out is to be used up before anything is waited for, which saves copying it.
   */
  read(
    file: StoredFile,
    range?: { start: number; end: number },
    options?: { signal?: AbortSignal; isLent?: boolean },
  ): Promise<AsyncGenerator<Uint8Array, void, void>>;
  /** The chunks of a file in order. */
  chunks(file: StoredFile, options?: { signal?: AbortSignal }): AsyncGenerator<Chunk, void, void>;
  names(key: Key): readonly FileName[];
  list(query?: ListQuery): FilePage;
  counts(): { files: number; names: number; bytes: number };
  /** Enters a file whose chunks are known from elsewhere (import); a size of 0 of a chunk other than an empty file means unknown. */
  enter(file: ImportedFile): Promise<"entered" | "existed">;
  /** How new files are cut. */
  readonly cut: Cut;
}

/** What happens to files, for whoever counts. */
export const hakmesEvents = [
  "taken",
  "existed",
  "upload-failed",
  "chunk-retried",
  "anchored",
  "proven",
  "refuted",
] as const;
/** Hears of one of {@link hakmesEvents}, with the size of the file it is about. */
export type HakmesEvents = (event: (typeof hakmesEvents)[number], sizeBytes: number) => void;

/** A record as the predecessor wrote it, or as ours is exported. */
export interface ImportedFile {
  readonly key: Key;
  readonly extension: string;
  readonly mimetype: string;
  readonly sizeBytes: number;
  readonly chunkKeys: readonly Key[];
  /** As many as there are chunks; absent in a record of the predecessor. */
  readonly chunkSizes?: readonly number[];
  readonly cut?: Cut;
  readonly names?: readonly string[];
}
