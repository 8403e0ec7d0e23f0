/**
 * A manifest: what a file is made of, as a text that lies in Cask beside its chunks. First a line that says what it is, then
 * one line of JSON. A root names a file with its chunks, or with parts that name them; a name says under which other name
 * the same content came. Each is short enough that whoever looks for manifests needs to look at small blobs only.
 *
 * Anybody may store such a text as ordinary content. What it says of a file is believed only when it bears a seal (HMAC with
 * the cluster's secret over the text without it) or once the whole file was read and hashed. Reading is strict: one value has
 * one text, to the byte.
 */
import { z } from "zod";

import { Fault } from "../../kit/fault.ts";
import { type Key, parseKey } from "../cask/client.ts";
import { type Cut, isExtension, isMediaType, isName, type StoredFile } from "./record.ts";

/** No manifest blob is larger. */
export const maxManifestBytes = 64 * 1024;
/** Entries in one root or part; as many as always fit. */
export const maxEntries = 640;
/** A tree this high has room for more than can be counted. */
export const maxLevel = 5;
const maxFileBytes = Number.MAX_SAFE_INTEGER;
const maxCutBytes = 2 ** 30;
const sealDigits = 64;

/** A chunk or a part, and how many bytes of the file it covers. */
export type ManifestEntry = readonly [key: Key, sizeBytes: number];

/** What both a root and a part have. */
export interface ManifestBranch {
  /** 0: the entries are chunks; n: they are parts of level n - 1. */
  readonly level: number;
  readonly entries: readonly ManifestEntry[];
}

/** The root of a file. */
export interface ManifestRoot extends ManifestBranch {
  readonly key: Key;
  readonly sizeBytes: number;
  readonly chunkCount: number;
  readonly extension: string;
  readonly mimetype: string;
  /** Of the upload, epoch ms. */
  readonly createdAt: number;
  readonly name: string;
  readonly cut?: Cut;
}

/** A further name of a content. */
export interface ManifestName {
  readonly key: Key;
  readonly name: string;
  readonly mimetype: string;
  /** Epoch ms. */
  readonly addedAt: number;
}

/** A blob that is one of ours; `seal` as it stands there, not checked. */
export type Manifest =
  | { readonly kind: "root"; readonly root: ManifestRoot; readonly seal: string | undefined }
  | { readonly kind: "part"; readonly part: ManifestBranch }
  | { readonly kind: "name"; readonly name: ManifestName; readonly seal: string | undefined };

const heads = {
  root: "warren hakmes file 1\n",
  part: "warren hakmes part 1\n",
  name: "warren hakmes name 1\n",
} as const;
/** How many bytes tell whether a blob may be a manifest; all heads are of this length. */
export const headBytes = heads.root.length;

/** Whether a blob that begins so may be a manifest. */
export function isManifestHead(bytes: Uint8Array): boolean {
  return kindOf(bytes) !== undefined;
}

function kindOf(bytes: Uint8Array): keyof typeof heads | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, headBytes)).toString("latin1");
  if (head === heads.root) return "root";
  if (head === heads.part) return "part";
  return head === heads.name ? "name" : undefined;
}

const keyShape = z.string().transform((text, context): Key => {
  const key = parseKey(text);
  if (key !== undefined) return key;
  context.addIssue("is no key");
  return z.NEVER;
});
const count = z.int().min(0).max(maxFileBytes);
const size = z.int().min(1).max(maxFileBytes);
const time = z.int().min(0).max(8.64e15);
const level = z.int().min(0).max(maxLevel);
const cutSize = z.int().min(1).max(maxCutBytes);
const entries = z.array(z.tuple([keyShape, size])).max(maxEntries);
const name = z.string().refine(isName, "is no name");
const mimetype = z.string().refine(isMediaType, "is no media type");
const seal = z.string().regex(/^[0-9a-f]{64}$/);

const rootShape = z.strictObject({
  key: keyShape,
  size: count,
  chunks: count,
  extension: z.string().refine(isExtension, "is no extension"),
  mimetype,
  at: time,
  name,
  cut: z
    .strictObject({ rule: z.string().regex(/^[a-z0-9-]{1,40}$/), min: cutSize, avg: cutSize, max: cutSize })
    .optional(),
  level,
  entries,
  seal: seal.optional(),
});
const partShape = z.strictObject({ level, entries: entries.min(1) });
const nameShape = z.strictObject({ key: keyShape, name, mimetype, at: time, seal: seal.optional() });

/**
 * Reads a blob; undefined when it does not begin like one of ours. Throws `hakmes/damaged-manifest` when it does and is not
 * one in every detail.
 */
export function decodeManifest(bytes: Uint8Array): Manifest | undefined {
  const kind = kindOf(bytes);
  if (kind === undefined) return undefined;
  if (bytes.byteLength > maxManifestBytes) throw damaged(`it has ${bytes.byteLength} bytes`);
  const manifest = decodeBody(kind, parseBody(bytes));
  if (!Buffer.from(encode(manifest)).equals(bytes)) throw damaged("it is not written as it has to be");
  return manifest;
}

function parseBody(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(headBytes)));
  } catch (thrown) {
    throw damaged("its second line is not JSON", thrown);
  }
}

function decodeBody(kind: keyof typeof heads, body: unknown): Manifest {
  switch (kind) {
    case "root": {
      const { at, size: sizeBytes, chunks: chunkCount, seal: sealed, cut, ...rest } = shaped(rootShape, body);
      checkSum(rest.entries, sizeBytes);
      if (rest.level === 0 ? chunkCount !== rest.entries.length : chunkCount < rest.entries.length) {
        throw damaged("its number of chunks is another");
      }
      if (rest.level > 0 && rest.entries.length === 0) throw damaged("it has a level and no parts");
      const root = {
        ...rest,
        sizeBytes,
        chunkCount,
        createdAt: at,
        ...(cut === undefined
          ? {}
          : { cut: { rule: cut.rule, minBytes: cut.min, averageBytes: cut.avg, maxBytes: cut.max } }),
      };
      return { kind, root, seal: sealed };
    }
    case "part":
      return { kind, part: shaped(partShape, body) };
    case "name": {
      const { at, seal: sealed, ...rest } = shaped(nameShape, body);
      return { kind, name: { ...rest, addedAt: at }, seal: sealed };
    }
  }
}

function shaped<T>(shape: z.ZodType<T>, body: unknown): T {
  const parsed = shape.safeParse(body);
  if (parsed.success) return parsed.data;
  throw damaged(z.prettifyError(parsed.error).slice(0, 300));
}

function checkSum(list: readonly ManifestEntry[], sizeBytes: number): void {
  const sum = sumOf(list);
  if (sum !== sizeBytes) throw damaged(`its entries have ${sum} bytes and the file ${sizeBytes}`);
}

/** The bytes that entries cover. Beyond 2^53 it is no longer exact, but also never equal to a size that is allowed. */
export function sumOf(list: readonly ManifestEntry[]): number {
  return list.reduce((sum, [, sizeBytes]) => sum + sizeBytes, 0);
}

/** The part in a blob. Throws `hakmes/damaged-manifest` when it is none. */
export function decodePart(bytes: Uint8Array): ManifestBranch {
  const manifest = decodeManifest(bytes);
  if (manifest?.kind !== "part") throw damaged("a part is none");
  return manifest.part;
}

/** Throws `hakmes/damaged-manifest` unless a part is of this level and covers so many bytes, as the one above it says. */
export function checkPart(part: ManifestBranch, level: number, sizeBytes: number): void {
  if (part.level !== level) throw damaged("a part has another level");
  checkSum(part.entries, sizeBytes);
}

/** The root in a blob. Throws `hakmes/damaged-manifest` when it is none. */
export function decodeRoot(bytes: Uint8Array): { root: ManifestRoot; seal: string | undefined } {
  const manifest = decodeManifest(bytes);
  if (manifest?.kind !== "root") throw damaged("it is no root");
  return manifest;
}

/** The blob of a part. */
export function encodePart(part: ManifestBranch): Uint8Array<ArrayBuffer> {
  return encode({ kind: "part", part });
}

/** The blob of a root, sealed when `secret` is not empty. */
export function encodeRoot(root: ManifestRoot, secret: string): Uint8Array<ArrayBuffer> {
  const plain: Manifest = { kind: "root", root, seal: undefined };
  return encode(secret === "" ? plain : { ...plain, seal: sealFor(plain, secret) });
}

/** The blob of a further name, sealed when `secret` is not empty. */
export function encodeName(further: ManifestName, secret: string): Uint8Array<ArrayBuffer> {
  const plain: Manifest = { kind: "name", name: further, seal: undefined };
  return encode(secret === "" ? plain : { ...plain, seal: sealFor(plain, secret) });
}

/** Whether a manifest bears the right seal. Without a secret nothing does. */
export function isSealed(manifest: Manifest, secret: string): boolean {
  if (secret === "" || manifest.kind === "part" || manifest.seal === undefined) return false;
  const wanted = sealFor({ ...manifest, seal: undefined }, secret);
  return crypto.timingSafeEqual(Buffer.from(wanted), Buffer.from(manifest.seal));
}

/** The file that a root tells of. */
export function fileOfRoot(root: ManifestRoot, manifest: Key, isProven: boolean): StoredFile {
  const { key, sizeBytes, extension, mimetype, createdAt, chunkCount, cut } = root;
  const optional = cut === undefined ? {} : { cut };
  return { key, sizeBytes, extension, mimetype, createdAt, chunkCount, ...optional, manifest, isProven };
}

function sealFor(manifest: Manifest, secret: string): string {
  return new Bun.CryptoHasher("sha256", secret).update(encode(manifest)).digest("hex").slice(0, sealDigits);
}

/** One value, one text: the order of the fields is part of the format. */
function encode(manifest: Manifest): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${heads[manifest.kind]}${JSON.stringify(bodyOf(manifest))}\n`);
}

function bodyOf(manifest: Manifest): object {
  switch (manifest.kind) {
    case "root": {
      const { root, seal: sealed } = manifest;
      const { cut } = root;
      return {
        key: root.key,
        size: root.sizeBytes,
        chunks: root.chunkCount,
        extension: root.extension,
        mimetype: root.mimetype,
        at: root.createdAt,
        name: root.name,
        ...(cut && { cut: { rule: cut.rule, min: cut.minBytes, avg: cut.averageBytes, max: cut.maxBytes } }),
        level: root.level,
        entries: root.entries,
        ...(sealed === undefined ? {} : { seal: sealed }),
      };
    }
    case "part":
      return { level: manifest.part.level, entries: manifest.part.entries };
    case "name": {
      const { key, name: text, mimetype: type, addedAt } = manifest.name;
      return {
        key,
        name: text,
        mimetype: type,
        at: addedAt,
        ...(manifest.seal === undefined ? {} : { seal: manifest.seal }),
      };
    }
  }
}

function damaged(reason: string, cause?: unknown): Fault {
  return new Fault("unavailable", "hakmes/damaged-manifest", `Cannot read the manifest: ${reason}`, { cause });
}
