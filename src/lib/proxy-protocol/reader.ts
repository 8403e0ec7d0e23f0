/**
 * Takes the beginning of a connection as it comes, in pieces of any size, until the header is whole. Bytes that cannot
 * become a header are refused at once, not when more of them have come, and no more is kept than the limit. How long to
 * wait and whom to believe is the caller's to decide.
 */
import { headBytes, readBlock, signature, wholeBytes } from "./block.ts";
import { type ProxyHeader, ProxyHeaderError } from "./header.ts";
import { lineMaxBytes, readLine } from "./line.ts";

/** What a reader accepts. */
export interface HeaderReaderOptions {
  /** @default [1, 2] */
  readonly versions?: readonly (1 | 2)[];
  /** Longest header of version 2. From 16 to 65,551. @default 4096 */
  readonly maxBytes?: number;
}

/** A header, and what came after it in the same piece: the first bytes of the client. */
export interface WholeHeader {
  readonly header: ProxyHeader;
  /** May be empty. Its memory is the reader's own or that of the last piece. */
  readonly rest: Uint8Array;
}

const lineStart = Buffer.from("PROXY ");
const lineFeed = 0x0a;

/** Reads one header. Of no use any more after it has thrown or given a header. */
export class HeaderReader {
  readonly #versions: readonly (1 | 2)[];
  readonly #maxBytes: number;
  #kept: Uint8Array = new Uint8Array(0);

  constructor(options: HeaderReaderOptions = {}) {
    this.#versions = options.versions ?? [1, 2];
    this.#maxBytes = options.maxBytes ?? 4096;
  }

  /** Whether anything has come. */
  get hasBegun(): boolean {
    return this.#kept.length > 0;
  }

  /** Takes the next piece; gives the header once it is whole. Throws {@link ProxyHeaderError}. */
  take(piece: Uint8Array): WholeHeader | undefined {
    const bytes = this.#kept.length === 0 ? piece : Buffer.concat([this.#kept, piece]);
    if (bytes.length === 0) return undefined;
    const found =
      this.#versions.includes(2) && beginsAlike(bytes, signature)
        ? this.#block(bytes)
        : this.#versions.includes(1) && beginsAlike(bytes, lineStart)
          ? line(bytes)
          : refuse(bytes);
    // A copy: the piece belongs to its socket, which may write over it. It is shorter than the limits above.
    this.#kept = found ? this.#kept : Uint8Array.from(bytes);
    return found;
  }

  #block(bytes: Uint8Array): WholeHeader | undefined {
    if (bytes.length < headBytes) return undefined;
    const size = wholeBytes(bytes);
    if (size > this.#maxBytes) {
      throw new ProxyHeaderError(`Cannot take a PROXY header of ${size} bytes: ${this.#maxBytes} at most`);
    }
    if (bytes.length < size) return undefined;
    return { header: readBlock(Uint8Array.from(bytes.subarray(0, size))), rest: bytes.subarray(size) };
  }
}

function line(bytes: Uint8Array): WholeHeader | undefined {
  const end = bytes.indexOf(lineFeed);
  const size = end < 0 ? bytes.length : end + 1;
  if (size > lineMaxBytes || (end < 0 && size === lineMaxBytes)) {
    throw new ProxyHeaderError(`Cannot take a PROXY line that does not end within ${lineMaxBytes} bytes`);
  }
  if (end < 0) return undefined;
  const text = Buffer.from(bytes.subarray(0, size)).toString("latin1");
  if (!text.endsWith("\r\n")) throw new ProxyHeaderError("Cannot read PROXY line: wanted CR and LF at its end");
  return { header: readLine(text.slice(0, -2)), rest: bytes.subarray(size) };
}

/** Whether the bytes are the beginning of `start`, or begin with it. */
function beginsAlike(bytes: Uint8Array, start: Uint8Array): boolean {
  const length = Math.min(bytes.length, start.length);
  for (let index = 0; index < length; index++) if (bytes[index] !== start[index]) return false;
  return true;
}

function refuse(bytes: Uint8Array): never {
  const shown = Buffer.from(bytes.subarray(0, 12)).toString("latin1");
  throw new ProxyHeaderError(`Cannot read PROXY header: the connection begins with ${JSON.stringify(shown)}`);
}
