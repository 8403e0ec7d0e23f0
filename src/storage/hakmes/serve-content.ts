/**
 * A file as an answer: whole, in parts, or not at all because the client has it. Conditions are weighed before anything is
 * read from Cask, a HEAD reads nothing, and a range fetches only its chunks. Bytes that cannot be had fail the request
 * while it can still be answered; later the connection is cut, so that a short answer is never taken for a whole one.
 *
 * What fits into {@link wholeBytesMax} is answered from memory, with its length. The runtime leaves the length off streams;
 * HEAD tells it for those.
 */
import { rangeResponse } from "../../kit/http/range.ts";
import { sentStreamOf, streamOf } from "../../kit/http/stream.ts";
import type { Hakmes } from "./hakmes.ts";
import type { StoredFile } from "./record.ts";
import { labelOf } from "./record.ts";
import { servedHeaders } from "./served-type.ts";

const wholeBytesMax = 1024 * 1024;

/** How a file is to be answered. */
export interface ServeOptions {
  /** Whether caches in between may keep it. */
  readonly cacheControl: string;
  /** Waits until a file that was merely found is known to be what its key says; called before any of its bytes are read. */
  readonly prove?: (file: StoredFile) => Promise<StoredFile>;
  /** Hears of bytes that are about to be sent. */
  readonly served?: (sizeBytes: number) => void;
}

/** The answer to GET or HEAD for a file. */
export async function serveContent(
  request: Request,
  hakmes: Pick<Hakmes, "read" | "names">,
  file: StoredFile,
  options: ServeOptions,
): Promise<Response> {
  const query = new URL(request.url).searchParams;
  const name = labelOf({ name: query.get("name") ?? nameOf(hakmes, file) }).name;
  const { contentType, headers } = servedHeaders(
    { mimetype: file.mimetype, name, isDownload: isWanted(query.get("download")) },
    request,
  );
  return rangeResponse(request, {
    sizeBytes: file.sizeBytes,
    etag: `"${file.key}"`,
    contentType,
    headers: { "Cache-Control": options.cacheControl, ...headers },
    async body(start, end) {
      if (start === end) return new Uint8Array(0);
      const proven = file.isProven ? file : await (options.prove?.(file) ?? file);
      const isWhole = end - start <= wholeBytesMax;
      // Of several ranges each is read as a part of an answer, whose pieces lie in its queue for a while.
      const isLent = isWhole || !(request.headers.get("range") ?? "").includes(",");
      const bytes = await hakmes.read(proven, { start, end }, { signal: request.signal, isLent });
      options.served?.(end - start);
      if (isWhole) return gathered(bytes, end - start);
      return isLent ? sentStreamOf(bytes) : streamOf(bytes);
    },
  });
}

/** What a browser would save a file as: the name it was first stored under. */
export function nameOf(hakmes: Pick<Hakmes, "names">, file: StoredFile): string {
  const [first] = hakmes.names(file.key);
  return first?.name ?? "";
}

function isWanted(flag: string | null): boolean {
  return flag !== null && flag !== "0" && flag !== "false";
}

async function gathered(bytes: AsyncIterable<Uint8Array>, sizeBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const whole = new Uint8Array(sizeBytes);
  let at = 0;
  for await (const piece of bytes) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  if (at !== sizeBytes) throw new Error(`a reading gave ${at} of ${sizeBytes} bytes`);
  return whole;
}
