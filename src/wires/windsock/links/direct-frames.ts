/**
 * Texts between nodes in websocket messages of bounded size: each begins with a byte that says whether more of the same text
 * follows, so that a long message never meets a limit of the listener.
 */

/** The most that one websocket message holds, in bytes. */
const pieceBytes = 60_000;
const more = 1;
const last = 0;

/** The messages of a text. */
export function* piecesOf(text: string): Generator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; ; at += pieceBytes) {
    const isLast = at + pieceBytes >= bytes.length;
    yield Buffer.concat([Buffer.of(isLast ? last : more), bytes.subarray(at, at + pieceBytes)]);
    if (isLast) return;
  }
}

/** Puts texts together again. */
export class Pieces {
  readonly #maxBytes: number;
  #held: Uint8Array[] = [];
  #sizeBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * The text that a message completes; undefined while more of it follows. The bytes are copied. Throws RangeError for a
   * text that is too long and SyntaxError for a message that is none.
   */
  take(message: Uint8Array): string | undefined {
    const [kind] = message;
    if (kind !== more && kind !== last)
      throw new SyntaxError("Cannot read a message of a node: wanted 0 or 1 at first");
    this.#sizeBytes += message.length - 1;
    if (this.#sizeBytes > this.#maxBytes)
      throw new RangeError(`Cannot read a message of a node: over ${this.#maxBytes} bytes`);
    this.#held.push(Uint8Array.from(message.subarray(1)));
    if (kind === more) return undefined;
    const text = Buffer.concat(this.#held).toString();
    this.#held = [];
    this.#sizeBytes = 0;
    return text;
  }
}
