/**
 * Records as lines of JSON, to and from the predecessor (its modes "serialize" and "ingest") and other nodes: one record a
 * line, in the order of keys. What comes in is hostile: a line that is no record is skipped and told of, one that is too
 * long for memory likewise, and nothing that is here is ever overwritten. The predecessor's own limit of 64 KiB a line
 * (about 1,360 chunks) does not hold here.
 */
import { z } from "zod";

import { Fault, reasonOf } from "../../kit/fault.ts";
import { parseKey } from "../cask/client.ts";
import type { Catalog } from "./catalog.ts";
import type { Hakmes, ImportedFile } from "./hakmes.ts";
import { faultInShape } from "./line-shape.ts";
import { recordText } from "./record-json.ts";
import { isExtension, isMediaType, isName, type StoredFile } from "./record.ts";

/** A line may be this long: at 76 characters a chunk over three million chunks. */
export const maxLineBytes = 256 * 1024 * 1024;
const newline = 0x0a;

/** A line that was not entered, and why. */
export interface SkippedLine {
  /** From 1. */
  readonly line: number;
  readonly reason: string;
}

/** What became of lines. */
export interface Ingested {
  lines: number;
  entered: number;
  existed: number;
  skipped: number;
}

/** Of a file that was merely found more chunks than this are not written down: it may be a lie that has no end. */
const unprovenChunksMax = 100_000;

/**
 * All files as lines, each with its line break, in the order of their keys. A file whose chunks cannot be read is told of by
 * `failed`; one that was merely found in Cask, and about which nobody knows whether it is one, by `leftOut`.
 */
export async function* recordLines(
  hakmes: Pick<Hakmes, "chunks" | "names">,
  catalog: Pick<Catalog, "all">,
  options: {
    signal?: AbortSignal;
    failed(key: string, reason: string): void;
    leftOut(key: string, reason: string): void;
  },
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  const encoder = new TextEncoder();
  let ready = "";
  for (const file of catalog.all()) {
    options.signal?.throwIfAborted();
    const isFound = !file.isProven && file.manifest !== undefined;
    const record = isFound ? foundText(hakmes, file, options.signal) : recordText(hakmes, file, options.signal);
    try {
      // A line that has begun can only be ended, so its chunks are asked for before it begins; only long records go on.
      const first = await record.next();
      if (first.done) continue;
      ready += first.value;
    } catch (thrown) {
      options.signal?.throwIfAborted();
      options[isFound ? "leftOut" : "failed"](file.key, reasonOf(thrown));
      continue;
    }
    for await (const piece of record) {
      yield encoder.encode(ready);
      ready = piece;
    }
    ready += "\n";
    if (ready.length < 64 * 1024) continue;
    yield encoder.encode(ready);
    ready = "";
  }
  if (ready !== "") yield encoder.encode(ready);
}

/** The record of a file that was merely found, in one piece: nothing of it is written before all of it could be read. */
async function* foundText(
  hakmes: Pick<Hakmes, "chunks" | "names">,
  file: StoredFile,
  signal: AbortSignal | undefined,
): AsyncGenerator<string, void, void> {
  if (file.chunkCount > unprovenChunksMax) {
    throw new Fault("unavailable", "hakmes/unproven", `Cannot list its ${file.chunkCount} chunks before it is proven`);
  }
  yield (await Array.fromAsync(recordText(hakmes, file, signal))).join("");
}

/** Enters the records of a stream of lines. Throws when they cannot be entered for a reason that is not the line's. */
export async function ingestLines(
  bytes: AsyncIterable<Uint8Array>,
  hakmes: Pick<Hakmes, "enter">,
  options: { signal?: AbortSignal; skipped(line: SkippedLine): void; maxLineBytes?: number },
): Promise<Ingested> {
  const count: Ingested = { lines: 0, entered: 0, existed: 0, skipped: 0 };
  for await (const line of linesOf(bytes, options.maxLineBytes ?? maxLineBytes)) {
    options.signal?.throwIfAborted();
    count.lines++;
    const skip = (reason: string) => {
      count.skipped++;
      options.skipped({ line: count.lines, reason });
    };
    if (typeof line === "number") {
      skip(`it is longer than ${line} bytes`);
      continue;
    }
    const parsed = parseRecord(line);
    if (parsed === undefined) continue;
    if (typeof parsed === "string") {
      skip(parsed);
      continue;
    }
    try {
      count[await hakmes.enter(parsed)]++;
    } catch (thrown) {
      // What is wrong with one record says nothing of the next; a Cask that cannot be reached does.
      if (!(thrown instanceof Fault) || !isOfOneRecord(thrown)) throw thrown;
      skip(thrown.message);
    }
  }
  return count;
}

/** Whether a failure says nothing about the next record. Chunks of other lengths than the file's are the record's own fault. */
function isOfOneRecord({ code, kind }: Fault): boolean {
  return code === "hakmes/damaged-manifest" || (kind !== "unavailable" && kind !== "internal");
}

/**
 * Lines without their breaks; the last may lack one. Of a line that is longer than `maxBytes` only that limit is given,
 * and none of it is kept.
 */
export async function* linesOf(
  bytes: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<Uint8Array | number, void, void> {
  let pieces: Uint8Array[] = [];
  let heldBytes = 0;
  let isTooLong = false;
  const keep = (piece: Uint8Array) => {
    heldBytes += piece.byteLength;
    isTooLong ||= heldBytes > maxBytes;
    if (isTooLong) pieces = [];
    else if (piece.byteLength > 0) pieces.push(piece.slice());
  };
  const take = (): Uint8Array | number => {
    const line = isTooLong ? maxBytes : pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces);
    pieces = [];
    heldBytes = 0;
    isTooLong = false;
    return line;
  };
  for await (const chunk of bytes) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      keep(chunk.subarray(start, end));
      yield take();
      start = end + 1;
    }
    keep(chunk.subarray(start));
  }
  if (heldBytes > 0) yield take();
}

const keyShape = z.string().transform((text, context) => {
  const key = parseKey(text);
  if (key !== undefined) return key;
  context.addIssue({ code: "custom", message: "wanted sha256: and 64, or sha1: and 40, lower-case hex digits" });
  return z.NEVER;
});
const byteCount = z.int().nonnegative();
const textOf = (accepts: (text: string) => boolean, otherwise: string) =>
  z
    .string()
    .nullish()
    .transform((text) => (text != null && accepts(text) ? text : otherwise));
const cutShape = z.object({
  rule: z.string().regex(/^[a-z0-9-]{1,32}$/),
  minBytes: byteCount,
  averageBytes: byteCount,
  maxBytes: byteCount,
});
const recordShape = z.object({
  key: keyShape,
  // What an uploader of old said is kept where it can be; it never decides whether a file is had.
  extension: textOf(isExtension, ""),
  mimetype: textOf(isMediaType, "application/octet-stream"),
  size: byteCount,
  chunks: z.array(keyShape).nullish(),
  sizes: z.array(byteCount).nullish(),
  cut: cutShape.optional(),
  names: z.array(z.union([z.string(), z.object({ name: z.string() }).transform(({ name }) => name)])).nullish(),
});

/** A record as it stands in a line; a text that says why it is none; undefined for an empty line. */
export function parseRecord(line: Uint8Array): ImportedFile | string | undefined {
  const misshape = faultInShape(line);
  if (misshape !== undefined) return `it is no record: ${misshape}`;
  let value: unknown;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(line).trim();
    if (text === "") return undefined;
    value = JSON.parse(text);
  } catch (thrown) {
    return `it is no JSON: ${reasonOf(thrown)}`;
  }
  const parsed = recordShape.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return `it is no record: ${issue?.path.length ? `${issue.path.join(".")}: ` : ""}${issue?.message ?? "unreadable"}`;
  }
  const { key, extension, mimetype, size, chunks, sizes, cut, names } = parsed.data;
  const chunkKeys = chunks ?? [];
  if ((size === 0) !== (chunkKeys.length === 0)) {
    return `it is no record: a size of ${size} with ${chunkKeys.length} chunks`;
  }
  if (sizes && chunkKeys.length > 0) {
    const sum = sizes.reduce((total, next) => total + next, 0);
    if (sizes.length !== chunkKeys.length || sum !== size) {
      return `it is no record: ${sizes.length} sizes of ${sum} bytes in all, for ${chunkKeys.length} chunks of ${size} bytes`;
    }
  }
  return {
    key,
    extension,
    mimetype,
    sizeBytes: size,
    chunkKeys,
    ...(sizes && chunkKeys.length > 0 ? { chunkSizes: sizes } : {}),
    ...(cut === undefined ? {} : { cut }),
    names: (names ?? []).filter((name) => name !== "" && isName(name)),
  };
}
