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

const maxNameBytes = 255;
const defaultMediaType = "application/octet-stream";

/** Whether a text may be a name: no folders, no control characters, whole characters, at most 255 bytes. May be empty. */
export function isName(text: string): boolean {
  return text === nameIn(text);
}

/** Whether a text may be an extension: empty, or the end of a name from its last dot on. */
export function isExtension(text: string): boolean {
  // A lone dot is no name, but it is where a name such as "notes." ends.
  return text === "" || text === "." || (isName(text) && text.lastIndexOf(".") === 0);
}

/** Whether a text is a media type with its parameters, safe to send as a header. */
export function isMediaType(text: string): boolean {
  return text.length <= 255 && /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?: ?;[\t\x20-\x7e]*)?$/.test(text);
}

/** What an uploader said, made fit to be kept: folders and control characters taken out, too long a name cut, a type no header takes dropped. */
export function labelOf(offered: { name?: string | undefined; mimetype?: string | undefined }): FileLabel {
  const name = nameIn(offered.name ?? "");
  const mimetype = (offered.mimetype ?? "").trim();
  return { name, extension: extensionOf(name), mimetype: isMediaType(mimetype) ? mimetype : defaultMediaType };
}

/** The last suffix of a name, with its dot; empty when there is none. */
export function extensionOf(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot < 0 ? "" : name.slice(dot);
}

function nameIn(text: string): string {
  const bare = text.slice(Math.max(text.lastIndexOf("/"), text.lastIndexOf("\\")) + 1);
  // eslint-disable-next-line no-control-regex
  const name = bare.toWellFormed().replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, "");
  if (name === "." || name === "..") return "";
  if (Buffer.byteLength(name) <= maxNameBytes) return name;
  let room = maxNameBytes;
  let end = 0;
  for (const character of name) {
    room -= Buffer.byteLength(character);
    if (room < 0) break;
    end += character.length;
  }
  return name.slice(0, end);
}
