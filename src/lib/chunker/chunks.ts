/**
 * From pieces as they come to whole chunks. A chunk that lies in one piece is handed out as a view of it, uncopied; one that
 * does not is gathered. Kept are at most the unfinished chunk and the piece at hand, however small the pieces are.
 */
import type { Cutter } from "./cutter.ts";

const firstRoomBytes = 64 * 1024;

/**
 * Cuts a source into chunks; none is empty, and together they are the source. A chunk may be a view of a piece, so the source
 * must not write over pieces it has given while chunks are in use. Leaving the loop early closes the source.
 * @throws whatever the source throws; an unfinished chunk is then not handed out
 */
export async function* chunksOf<B extends ArrayBufferLike>(
  source: AsyncIterable<Uint8Array<B>>,
  cutter: Cutter,
): AsyncGenerator<Uint8Array<B | ArrayBuffer>, void, void> {
  const unfinished = new UnfinishedChunk(cutter.maxBytes);
  try {
    for await (const piece of source) {
      let start = 0;
      for (const end of cutter.push(piece)) {
        const rest = piece.subarray(start, end);
        start = end;
        yield unfinished.isEmpty ? rest : unfinished.takeWith(rest);
      }
      if (start < piece.length) unfinished.add(piece.subarray(start));
    }
    if (!unfinished.isEmpty) yield unfinished.takeWith(new Uint8Array(0));
  } finally {
    cutter.finish();
  }
}

/** The bytes since the last cut, in one buffer that is used again. */
class UnfinishedChunk {
  readonly #maxBytes: number;
  #room = new Uint8Array(0);
  #usedBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get isEmpty(): boolean {
    return this.#usedBytes === 0;
  }

  add(bytes: Uint8Array): void {
    const neededBytes = this.#usedBytes + bytes.length;
    if (neededBytes > this.#room.length) {
      const doubled = Math.max(firstRoomBytes, 2 * this.#room.length, neededBytes);
      const room = new Uint8Array(Math.min(doubled, this.#maxBytes));
      room.set(this.#room.subarray(0, this.#usedBytes));
      this.#room = room;
    }
    this.#room.set(bytes, this.#usedBytes);
    this.#usedBytes = neededBytes;
  }

  /** A chunk of its own, with `rest` as its end. */
  takeWith(rest: Uint8Array): Uint8Array<ArrayBuffer> {
    this.add(rest);
    const chunk = this.#room.slice(0, this.#usedBytes);
    this.#usedBytes = 0;
    return chunk;
  }
}
