/**
 * What Hakmes knows of a file: the hash of the whole, and the chunks it is made of. The record in JSON is the predecessor's,
 * field for field and in its order; what it did not have comes after, and it ignores that.
 */
import type { Algorithm, Key } from "../cask/client.ts";

/** A run of bytes of a file, stored as a blob under the hash of itself. */
export interface Chunk {
  readonly key: Key;
  readonly sizeBytes: number;
}

/** How a file was cut: the rule of `lib/chunker` and its lengths in bytes; a fixed cut has all three alike. */
export interface Cut {
  readonly rule: string;
  readonly minBytes: number;
  readonly averageBytes: number;
  readonly maxBytes: number;
}

/** What an uploader says of a file. */
export interface FileLabel {
  /** The name it was given, without folders; empty when none was given. At most 255 bytes of UTF-8, no control characters. */
  readonly name: string;
  /** The last suffix of the name, with its dot and in its case; empty when there is none. */
  readonly extension: string;
  /** A media type that is safe to send as a header. @default "application/octet-stream" */
  readonly mimetype: string;
}

/** A file as the catalog holds it. */
export interface StoredFile {
  /** The hash of the whole content. */
  readonly key: Key;
  readonly sizeBytes: number;
  /** Of the first upload; later ones only add names. */
  readonly extension: string;
  readonly mimetype: string;
  /** Of the first upload, epoch ms. */
  readonly createdAt: number;
  readonly chunkCount: number;
  /** Absent for a record of the predecessor, which did not say. */
  readonly cut?: Cut;
  /** The blob in Cask that is the root of the file's manifest; absent until one is written (imported records). */
  readonly manifest?: Key;
  /**
   * Whether the chunks are known to make up the key: they were hashed here, or a node of this cluster vouches for them.
   * A manifest that was merely found is not believed before its file was read and hashed.
   */
  readonly isProven: boolean;
}

/** One of the names that a content was uploaded under. */
export interface FileName {
  readonly key: Key;
  readonly name: string;
  readonly mimetype: string;
  /** When it was first uploaded under this name, epoch ms. */
  readonly addedAt: number;
}

/** The algorithms that new content may be named by. */
export type NamedBy = Algorithm;
