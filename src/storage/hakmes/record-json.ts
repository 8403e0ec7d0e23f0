/**
 * The record of a file as JSON text. First the predecessor's five fields in its order, which is all that its clients know;
 * then ours, which it ignores: the length of each chunk, how the file was cut, when it came, and its names. A record is as
 * long as its file has chunks, so the text is made in pieces and never stands whole in memory.
 */
import { Fault } from "../../kit/fault.ts";
import { streamOf } from "../../kit/http/stream.ts";
import type { Hakmes } from "./hakmes.ts";
import type { FileName, StoredFile } from "./record.ts";

/** Records of up to so many chunks are put together whole, so that their length can be told. */
const wholeChunksMax = 4096;
/** Pieces of a long record are about so many characters long. */
const pieceCharacters = 64 * 1024;

/** What a list says of a file: its record without the chunks. */
export function summaryOf(file: StoredFile, names: readonly FileName[]) {
  return {
    key: file.key,
    extension: file.extension,
    mimetype: file.mimetype,
    size: file.sizeBytes,
    chunkCount: file.chunkCount,
    createdAt: file.createdAt,
    names: names.map(({ name, mimetype, addedAt }) => ({ name, mimetype, addedAt })),
  };
}

/** The record as text, in pieces. Throws what reading the chunks throws. */
export async function* recordText(
  hakmes: Pick<Hakmes, "chunks" | "names">,
  file: StoredFile,
  signal?: AbortSignal,
): AsyncGenerator<string, void, void> {
  const { key, extension, mimetype, sizeBytes, cut, createdAt } = file;
  const head = JSON.stringify({ key, extension, mimetype, size: sizeBytes }).slice(0, -1);
  const sizes: number[] = [];
  let piece = `${head},"chunks":`;
  for await (const chunk of hakmes.chunks(file, signal === undefined ? {} : { signal })) {
    if (sizes.length === file.chunkCount) throw wrongCount(file, "more");
    piece += `${sizes.length === 0 ? "[" : ","}"${chunk.key}"`;
    sizes.push(chunk.sizeBytes);
    if (piece.length < pieceCharacters) continue;
    yield piece;
    piece = "";
  }
  if (sizes.length !== file.chunkCount) throw wrongCount(file, String(sizes.length));
  piece += sizes.length === 0 ? 'null,"sizes":null' : '],"sizes":[';
  for (const [position, size] of sizes.entries()) {
    piece += `${position === 0 ? "" : ","}${size}`;
    if (piece.length < pieceCharacters) continue;
    yield piece;
    piece = "";
  }
  const tail = JSON.stringify({
    ...(cut === undefined ? {} : { cut }),
    createdAt,
    names: summaryOf(file, hakmes.names(key)).names,
  });
  yield `${piece}${sizes.length === 0 ? "" : "]"},${tail.slice(1)}`;
}

function wrongCount({ key, chunkCount }: StoredFile, found: string): Fault {
  return new Fault(
    "unavailable",
    "hakmes/manifest",
    `Cannot list the chunks of ${key}: wanted ${chunkCount}, and ${found} are there`,
  );
}

/** The record as an answer; a short one has its length. What cannot be read is thrown before the answer begins. */
export async function recordResponse(
  hakmes: Pick<Hakmes, "chunks" | "names">,
  file: StoredFile,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<Response> {
  const text = recordText(hakmes, file, signal);
  const all = { "Content-Type": "application/json", ...headers };
  if (file.chunkCount <= wholeChunksMax) {
    let whole = "";
    for await (const piece of text) whole += piece;
    return new Response(whole, { headers: all });
  }
  const first = await text.next();
  const encoder = new TextEncoder();
  const bytes = async function* () {
    try {
      if (!first.done) yield encoder.encode(first.value);
      for await (const piece of text) yield encoder.encode(piece);
    } finally {
      await text.return();
    }
  };
  return new Response(streamOf(bytes()), { headers: all });
}
