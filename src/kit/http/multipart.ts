/**
 * `multipart/form-data` (RFC 7578) read as it arrives: parts come one after another, each body as chunks that are handed
 * on without copying. Memory is one chunk and one head of a part, whatever the size; the sender waits for the reader.
 * A body counts only if its closing delimiter came. Meaning of names and file names as browsers and curl write them.
 *
 * Written here although @fastify/busboy streams as fast: it shortens what exceeds a limit and sets a flag, passes over
 * heads that are too large, and hands parts out by events, so that the glue would be as long as this. The others, and
 * `request.formData()`, gather each part in memory. The heads are read in `part-head.ts`.
 */
import { Fault } from "../fault.ts";
import { type BodyLimits, type BodySource, requestBody } from "./body.ts";
import { boundaryOf, parsePartHead } from "./part-head.ts";

/** Limits of a whole form. `maxBytes` covers all of it, delimiters and heads included. */
export interface MultipartLimits extends BodyLimits {
  /** @default 32 */
  maxParts?: number;
  /** For the head of one part, and for what may stand before the first. @default 16_384 */
  maxHeaderBytes?: number;
}

/** One part of a form. */
export interface MultipartPart {
  /** The name of the field. */
  name: string;
  /** The last segment of the file name given; undefined for a part that is no file. Chosen by the client: quote it, never open it. */
  filename: string | undefined;
  /** As given, or `text/plain` for a field and `application/octet-stream` for a file. */
  contentType: string;
  /** The bytes, to be read once and before the next part is asked for; what is not read by then is skipped. */
  body: AsyncIterable<Uint8Array<ArrayBuffer>>;
}

/**
 * The parts of a form, in order. Leaving the loop early gives the rest of the request up.
 * Faults, from the loop or from a part's body: `http/not-multipart`, `http/boundary-missing`, `http/multipart-cut`,
 * `http/multipart-malformed`, `http/part-missing` (no part at all), `http/too-many-parts`, `http/part-head-too-large`,
 * and those of `limitBody`.
 */
export async function* readMultipart(request: BodySource, limits: MultipartLimits): AsyncGenerator<MultipartPart> {
  const boundary = boundaryOf(request.headers.get("content-type"));
  const maxParts = limits.maxParts ?? 32;
  const form = new FormReader(requestBody(request, limits), boundary, limits.maxHeaderBytes ?? 16_384);
  try {
    let count = 0;
    for (await form.skipPreamble(); !(await form.atEnd()); count++) {
      if (count === maxParts) {
        throw new Fault("too-large", "http/too-many-parts", `Cannot take the form: it has more than ${maxParts} parts`);
      }
      const head = parsePartHead(await form.readHead());
      const body = form.readBody();
      yield { ...head, body };
      // Whoever left the part's loop early has ended that generator; the rest of the part is still ahead.
      await form.skipBody();
    }
    if (count === 0) throw new Fault("invalid", "http/part-missing", "Cannot take the form: it has no parts");
    await form.skipEpilogue();
  } finally {
    await form.giveUp();
  }
}

const carriageReturn = 0x0d;
const dash = 0x2d;
const emptyLine = Buffer.from("\r\n\r\n");
/** Blanks that some senders leave after a delimiter. */
const maxPaddingBytes = 256;

/** A cursor over the chunks of a form. `#held` is what came and was not handed on yet. */
class FormReader {
  readonly #chunks: AsyncGenerator<Uint8Array<ArrayBuffer>>;
  /** Line break, two dashes and the boundary: what ends a body. */
  readonly #delimiter: Buffer;
  readonly #maxHeaderBytes: number;
  #held: Buffer<ArrayBuffer> = Buffer.from("\r\n");
  /**
   * How many bytes at the start of `#held` are no content: the line break before the first delimiter is lent, and the
   * one that ends a head may at the same time begin the delimiter of a part without a body.
   */
  #lentBytes = 2;
  #inBody = true;
  /** Which body `#held` is in; what stands before the first delimiter is number 0. */
  #bodyNumber = 0;

  constructor(chunks: AsyncGenerator<Uint8Array<ArrayBuffer>>, boundary: string, maxHeaderBytes: number) {
    this.#chunks = chunks;
    this.#delimiter = Buffer.from(`\r\n--${boundary}`);
    this.#maxHeaderBytes = maxHeaderBytes;
  }

  /** Goes behind the first delimiter, over little else. */
  async skipPreamble(): Promise<void> {
    let skippedBytes = 0;
    for await (const chunk of this.#untilDelimiter()) {
      skippedBytes += chunk.length;
      if (skippedBytes > this.#maxHeaderBytes) throw this.#boundaryMissing();
    }
  }

  /** After a delimiter: whether it was the closing one. Otherwise goes to the head of the next part. */
  async atEnd(): Promise<boolean> {
    await this.#holdAtLeast(2);
    if (this.#held[0] === dash && this.#held[1] === dash) return true;
    let at = 0;
    while (this.#held[at] === 0x20 || this.#held[at] === 0x09) {
      if (++at > maxPaddingBytes) throw malformed("the line of a delimiter goes on");
      await this.#holdAtLeast(at + 2);
    }
    if (this.#held[at] !== carriageReturn || this.#held[at + 1] !== 0x0a) {
      throw malformed("a delimiter is not followed by a line break");
    }
    // The line break is kept: a head without fields is then an empty line as well.
    this.#held = this.#held.subarray(at);
    return false;
  }

  /** The head of a part, without the line breaks around it. */
  async readHead(): Promise<string> {
    let searchFrom = 0;
    for (;;) {
      const at = this.#held.indexOf(emptyLine, searchFrom);
      if (at > this.#maxHeaderBytes || (at < 0 && this.#held.length > this.#maxHeaderBytes + emptyLine.length)) {
        throw new Fault(
          "too-large",
          "http/part-head-too-large",
          `Cannot take the form: the head of a part exceeds ${this.#maxHeaderBytes} bytes`,
        );
      }
      if (at >= 0) {
        const head = this.#held.toString("utf8", 2, Math.max(2, at));
        this.#held = this.#held.subarray(at + 2);
        this.#lentBytes = 2;
        this.#inBody = true;
        this.#bodyNumber++;
        return head;
      }
      searchFrom = Math.max(0, this.#held.length - emptyLine.length);
      await this.#holdAtLeast(this.#held.length + 1);
    }
  }

  /** The body of the part at hand. */
  readBody(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    return this.#untilDelimiter();
  }

  /** Goes behind the delimiter that ends the part at hand, if that has not happened yet. */
  async skipBody(): Promise<void> {
    for await (const _ of this.#untilDelimiter());
  }

  /** Reads what stands after the closing delimiter, so that the connection can be used again. */
  async skipEpilogue(): Promise<void> {
    this.#held = Buffer.alloc(0);
    for await (const _ of this.#chunks);
  }

  async giveUp(): Promise<void> {
    this.#inBody = false;
    await this.#chunks.return(undefined);
  }

  /** Everything up to the next delimiter, which is taken but not given. Ends at once when the delimiter was taken before. */
  async *#untilDelimiter(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const delimiter = this.#delimiter;
    const number = this.#bodyNumber;
    // While a chunk is out, the reader may ask for the next part and so move the cursor.
    while (this.#inBody && this.#bodyNumber === number) {
      let searchFrom = 0;
      let found = this.#held.indexOf(delimiter);
      while (found >= 0) {
        // Only what follows tells a delimiter from data that begins like one.
        await this.#holdAtLeast(found + delimiter.length + 2);
        if (endsDelimiter(this.#held, found + delimiter.length)) break;
        searchFrom = found + 1;
        found = this.#held.indexOf(delimiter, searchFrom);
      }
      if (found >= 0) {
        const last = this.#held.subarray(Math.min(this.#lentBytes, found), found);
        this.#held = this.#held.subarray(found + delimiter.length);
        this.#inBody = false;
        if (last.length > 0) yield last;
        return;
      }
      const keepFrom = partialMatch(this.#held, delimiter, searchFrom);
      if (keepFrom > this.#lentBytes) {
        const ready = this.#held.subarray(this.#lentBytes, keepFrom);
        this.#held = this.#held.subarray(keepFrom);
        this.#lentBytes = 0;
        yield ready;
      } else {
        await this.#holdAtLeast(this.#held.length + 1);
      }
    }
  }

  async #holdAtLeast(sizeBytes: number): Promise<void> {
    while (this.#held.length < sizeBytes) {
      const next = await this.#chunks.next();
      if (next.done) {
        if (this.#bodyNumber === 0 && this.#inBody) throw this.#boundaryMissing();
        throw new Fault("invalid", "http/multipart-cut", "Cannot take the form: it ends before its closing delimiter");
      }
      const { buffer, byteOffset, byteLength } = next.value;
      const chunk = Buffer.from(buffer, byteOffset, byteLength);
      this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    }
  }

  #boundaryMissing(): Fault {
    const boundary = this.#delimiter.toString("utf8", 4);
    return new Fault(
      "invalid",
      "http/boundary-missing",
      `Cannot take the form: the boundary "${boundary}" of its Content-Type does not occur at its beginning`,
    );
  }
}

function endsDelimiter(bytes: Buffer, at: number): boolean {
  const next = bytes[at];
  const after = bytes[at + 1];
  if (next === carriageReturn) return after === 0x0a;
  return next === 0x20 || next === 0x09 || (next === dash && after === dash);
}

/** Where a beginning of `delimiter` that reaches to the end of `bytes` starts, or the length of `bytes`. */
function partialMatch(bytes: Buffer, delimiter: Buffer, searchFrom: number): number {
  let at = Math.max(searchFrom, bytes.length - delimiter.length + 1);
  for (;;) {
    at = bytes.indexOf(carriageReturn, at);
    if (at < 0) return bytes.length;
    if (bytes.compare(delimiter, 0, bytes.length - at, at) === 0) return at;
    at++;
  }
}

function malformed(reason: string): Fault {
  return new Fault("invalid", "http/multipart-malformed", `Cannot take the form: ${reason}`);
}
